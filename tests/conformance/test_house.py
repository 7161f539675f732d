"""Rules of the house that no linter knows: lengths, names, and the one door to Numba."""

import ast
from collections.abc import Iterator
from pathlib import Path

import sonde

ROOT = Path(sonde.__file__).parent
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}
MOST_LINES, MOST_KERNEL_LINES, MOST_KERNEL_ARGUMENTS = 600, 70, 8
DRAWERS = {"utils", "common", "core", "helpers", "misc", "util", "helper", "tools"}
UNKNOWN_TO_NUMBA = ast.Raise | ast.Try | ast.Dict | ast.ListComp | ast.JoinedStr | ast.With


def kernels() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]
                if any(isinstance(mark, ast.Name) and mark.id == "kernel" for mark in marks):
                    yield f"{path.relative_to(ROOT)}: {node.name}", node


def test_a_file_is_short_enough_to_be_read() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_there_are_no_drawers() -> None:
    assert [path for path in SOURCES if DRAWERS & set(path.relative_to(ROOT).with_suffix("").parts)] == []


def test_a_kernel_is_a_short_sentence() -> None:
    long = [name for name, node in kernels() if (node.end_lineno or 0) - node.lineno >= MOST_KERNEL_LINES]
    wide = [name for name, node in kernels() if len(node.args.args) > MOST_KERNEL_ARGUMENTS]
    assert (long, wide) == ([], [])


def test_a_kernel_raises_and_allocates_nothing() -> None:
    assert [
        name
        for name, node in kernels()
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, UNKNOWN_TO_NUMBA)
    ] == []


def test_loops_count_nouns() -> None:
    assert [
        name
        for name, node in kernels()
        for inner in ast.walk(node)
        if isinstance(inner, ast.For)
        and {"i", "j", "k"} & {each.id for each in ast.walk(inner.target) if isinstance(each, ast.Name)}
    ] == []


def test_numba_is_named_in_wire_alone() -> None:
    found = []
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and path.parent.name != "wire":
                names = [each.name for each in node.names] + [getattr(node, "module", None) or ""]
                found += [str(path) for name in names if name.split(".")[0] in {"numba", "llvmlite"}]
    assert found == []

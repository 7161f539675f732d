"""Whole runs over every dissector's samples: what the policy does not keep is in no output, of no format."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sonde.cli.main import main
from sonde.pipeline.plan import all_records, table_columns
from sonde.schema import Privacy
from sonde.sink import FORMATS
from tests.conformance.samples import NAMES, capture_of_all, samples_of
from tests.maker import write_pcap

SHORTEST, WORD = 4, 8  # shorter values stand in outputs by chance, and as parts of longer words


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pcap(tmp_path_factory.mktemp("canaries") / "all.pcap", capture_of_all()[0])


@pytest.fixture(scope="module")
def clear(capture: Path) -> dict[str, list[dict[str, Any]]]:
    folder = capture.with_name("clear")
    assert main(["read", str(capture), "-o", str(folder), "--policy", "clear", "--quiet"]) == 0
    return {table: pq.read_table(folder / table).to_pylist() for table in all_records()}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str):
        yield value


def of_class(rows: dict[str, list[dict[str, Any]]], wanted: set[Privacy]) -> set[str]:
    """Collect the texts of columns of some classes."""
    return {
        text
        for table, found in rows.items()
        for name, (_, field) in table_columns(table).items()
        if field.privacy in wanted
        for row in found
        for text in texts(row.get(name))
    }


def everything(folder: Path) -> str:
    """Give all that a dataset holds as one text, Parquet spelled out."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            found.append("\n".join(text for row in pq.read_table(path).to_pylist() for text in spelled(row)))
        elif path.is_file():
            found.append(path.read_bytes().decode("latin-1"))
            found.append(path.read_text(encoding="utf-8"))
    return "\n".join(found)


def spelled(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        yield name
        yield from texts(value)


def leaked(canaries: set[str], out: str) -> list[str]:
    """Give the canaries that stand in a text; short ones only where they are words of their own."""
    return [
        canary
        for canary in sorted(canaries)
        if canary in out and (len(canary) >= WORD or re.search(rf"(?<!\w){re.escape(canary)}(?!\w)", out))
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("policy", ["default", "clear"])
def test_no_secret_is_in_any_output(capture: Path, capfd: pytest.CaptureFixture[str], form: str, policy: str) -> None:
    secrets = {secret.decode("latin-1") for name in NAMES for sample in samples_of(name) for secret in sample.secrets}
    assert secrets
    out = run(capture, capfd, form, policy)
    assert leaked(secrets, out) == []


@pytest.mark.parametrize("form", FORMATS)
def test_no_person_is_in_clear_by_default(
    capture: Path, clear: dict[str, list[dict[str, Any]]], capfd: pytest.CaptureFixture[str], form: str
) -> None:
    names = {name for table in clear for name in table_columns(table)}
    allowed = "\n".join([*of_class(clear, {Privacy.PROTOCOL, Privacy.ENDPOINT}), *names])
    canaries = {text for text in of_class(clear, {Privacy.PERSON}) if len(text) >= SHORTEST and text not in allowed}
    assert canaries
    out = run(capture, capfd, form, "default")
    assert leaked(canaries, out) == []


def test_what_was_applied_to_each_column_stands_in_the_manifest(capture: Path, tmp_path: Path) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    applied = json.loads((tmp_path / "out/manifest.json").read_text())["policy"]["techniques"]
    for table, techniques in applied.items():
        classes = {name: field.privacy for name, (_, field) in table_columns(table).items()}
        for name, technique in techniques.items():
            expected = {Privacy.PERSON: "pseudonymise", Privacy.CONTENT: "drop", Privacy.SECRET: "drop"}
            assert technique == expected.get(classes[name], "keep"), f"{table}.{name}"


def test_every_protocol_with_a_dissector_is_identified(clear: dict[str, list[dict[str, Any]]]) -> None:
    clients = capture_of_all()[1]
    found = {clients[row["orig_ip"]] for row in clear["flows"] if row["protocol"] == clients.get(row["orig_ip"])}
    assert set(NAMES) - found == set()


def run(capture: Path, capfd: pytest.CaptureFixture[str], form: str, policy: str) -> str:
    """Read the capture; give files, standard output and standard error as one text."""
    folder = capture.with_name(f"{form}-{policy}")
    if not folder.exists():
        capfd.readouterr()
        assert main(["read", str(capture), "-o", str(folder), "--format", form, "--policy", policy]) == 0
        shown = capfd.readouterr()
        folder.with_suffix(".shown").write_text(shown.out + shown.err, encoding="utf-8")
    return everything(folder) + folder.with_suffix(".shown").read_text(encoding="utf-8")

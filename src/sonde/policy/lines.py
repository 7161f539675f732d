r"""Which line of a TOML file says what: `tomllib` keeps no places, so keys are found here.

    places = key_lines('[classes]\nPERSON = "keep"\n')
    places["classes", "PERSON"]        # 2

Read after `tomllib` accepted the text, so that only well-formed files are met (TOML v1.0.0).
"""

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

Path: TypeAlias = "tuple[str | int, ...]"
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_SPLIT = re.compile(_PART)
_OPENS = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#|[\[\]{}]')


def key_lines(text: str) -> dict[Path, int]:
    """Give the line, counted from 1, of each table and each key that begins a line."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    depth, quotes = 0, ""
    for number, line in enumerate(toml_lines(text), 1):
        if not quotes and depth == 0:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _parts(header[2])
                if header[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    found.setdefault(table, number)
                    table = (*table, counts[table])
                found[table] = number
                continue
            if key:
                found.setdefault((*table, *_parts(key[1])), number)
                line = line[key.end() :]  # noqa: PLW2901 - a key's quotes and dots are behind us
        depth, quotes = _carried_on(line, depth, quotes)
    return found


def toml_lines(text: str) -> list[str]:
    r"""Cut a text where TOML does: at \n and \r\n, and not at what Python takes for the end of a line besides."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def _parts(dotted: str) -> Path:
    return tuple(next(iter(tomllib.loads(f"{part} = 0"))) for part in _SPLIT.findall(dotted))


def _carried_on(line: str, depth: int, quotes: str) -> tuple[int, str]:
    """Say how many brackets, and which quotes of several lines, are open behind a line."""
    at = 0
    while True:
        if quotes:
            end = line.find(quotes, at)
            if end < 0:
                return depth, quotes
            at, quotes = end + 3, ""
        mark = _OPENS.search(line, at)
        if mark is None or mark[0] == "#":
            return depth, quotes
        at = mark.end()
        if mark[0] in ('"""', "'''"):
            quotes = mark[0]
        elif mark[0] in "[{":
            depth += 1
        elif mark[0] in "]}":
            depth -= 1


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Give the line of a key, or of the nearest table that holds it; the first line if none does."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


__all__ = ["Path", "key_lines", "line_of", "toml_lines"]

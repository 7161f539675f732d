"""Messages in files: a Maildir, a folder of .eml files, or single ones.

    for found in find_messages(Path("Maildir")): found.path, found.kind, found.name

A Maildir is a folder with `new` and `cur`; its subfolders (Maildir++) are looked into, `tmp` never. A message
keeps its name but for the flags behind the colon, which readers change, and may move from `new` to `cur`.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sonde.source.captures import SourceError

MAILDIR, FILE = "maildir", "file"
ENDING = ".eml"
MOST_LEVELS = 16  # of folders inside each other


@dataclass(frozen=True)
class Found:
    """A message in a file: where, of which kind, and how it is told from others, whatever its reader does to it."""

    path: Path
    kind: str
    name: str

    @property
    def digest(self) -> str:
        """Give what is remembered of one that was taken: names of files may tell of persons."""
        return hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def find_messages(place: Path) -> list[Found]:
    """List the messages in a place, by name; SourceError where it cannot be looked into."""
    try:
        if place.is_file():
            return [Found(place, FILE, _name_of(place))]
        if not place.is_dir():
            raise SourceError(f"{place}: there is no such file or folder.")
        return list(_inside(place, MOST_LEVELS))
    except PermissionError as error:
        raise SourceError(f"{place} cannot be read ({error.strerror}).") from None


def _inside(folder: Path, levels: int) -> Iterator[Found]:
    """Go through a folder; what vanishes meanwhile was moved, and is met where it is now."""
    is_maildir = (folder / "new").is_dir() and (folder / "cur").is_dir()
    if is_maildir:
        for box in ("new", "cur"):
            yield from _in_box(folder, box)
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if entry.is_dir(follow_symlinks=False):
            if levels and not (is_maildir and entry.name in ("new", "cur", "tmp")):
                yield from _inside(Path(entry.path), levels - 1)
        elif entry.name.lower().endswith(ENDING) and entry.is_file():
            yield Found(Path(entry.path), FILE, _name_of(Path(entry.path)))


def _in_box(folder: Path, box: str) -> Iterator[Found]:
    for entry in sorted(os.scandir(folder / box), key=lambda each: each.name):
        if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
            yield Found(Path(entry.path), MAILDIR, f"{folder.resolve()}/{entry.name.partition(':')[0]}")


def _name_of(path: Path) -> str:
    """Name a file that another of the same name may replace."""
    try:
        told = path.stat()
    except OSError:
        return str(path.resolve())
    return f"{path.resolve()} {told.st_size} {told.st_mtime_ns}"


__all__ = ["Found", "find_messages"]

r"""Digests of folders, such that `sha256sum` gives the same: of the installed package, and of datasets.

    find . -type f -not -path '*/__pycache__/*' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum

in the folder gives what `digest_folder` does.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sonde.audit.error import AuditError

COMPILED = "__pycache__"


class Digest(NamedTuple):
    """The SHA-256 over a folder's files in hexadecimal, how many they are, and their octets."""

    digest: str
    files: int
    octets: int


def digest_folder(folder: Path) -> Digest:
    """Digest the names and contents of a folder's files; AuditError where one cannot be read or is a link."""
    whole, files, octets = hashlib.sha256(), 0, 0
    for name, path in sorted(_files(folder)):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
                octets += file.tell()
        except OSError as error:
            raise AuditError(f"{path} cannot be read: {error.strerror}.") from None
        whole.update(content.encode() + b"  " + name + b"\n")
        files += 1
    return Digest(whole.hexdigest(), files, octets)


def _files(folder: Path) -> Iterator[tuple[bytes, Path]]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if COMPILED in parts or (path.is_dir() and not path.is_symlink()):
            continue
        name = "/".join([".", *parts])
        if path.is_symlink() or not path.is_file():
            raise AuditError(f"{path} is no plain file; a digest covers plain files alone.")
        if "\\" in name or "\n" in name or "\r" in name:
            raise AuditError(f"{str(path)!r} has a name that is listed differently by different tools; rename it.")
        yield name.encode("utf-8", "surrogateescape"), path


@cache
def code_digest() -> str:
    """Digest the installed package: sources and data, as they were when first asked."""
    return digest_folder(Path(__file__).resolve().parent.parent).digest


__all__ = ["Digest", "code_digest", "digest_folder"]

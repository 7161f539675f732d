"""A dataset that appears whole or not at all: prepared beside its place, told to the audit log, renamed.

with whole(Path("office.sonde"), audit) as prepared:
    ...                                    # files into prepared.aside
    prepared.manifest = manifest           # written last; then the dataset appears
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.pipeline.account import tell_output
from sonde.pipeline.places import MANIFEST

if TYPE_CHECKING:
    from sonde.audit import AuditLog


class OutputError(ValueError):
    """Output that cannot be made; the message is for the user."""


@dataclass
class Prepared:
    """Where a dataset is prepared, and what its manifest will say."""

    aside: Path
    manifest: dict[str, Any] = field(default_factory=dict)


@contextmanager
def whole(out: Path, audit: "AuditLog | None") -> Iterator[Prepared]:
    """Give the folder for a dataset's files; OutputError where it cannot be made, and then nothing of it is left."""
    prepared = Prepared(_make_aside(out))
    try:
        yield prepared
        text = json.dumps(prepared.manifest, indent=1) + "\n"
        (prepared.aside / MANIFEST).write_text(text, encoding="utf-8")
        if audit is not None:
            tell_output(audit, prepared.aside, out.name, prepared.manifest)
        _commit(prepared.aside, out, audit)
    except BaseException as error:
        shutil.rmtree(prepared.aside, ignore_errors=True)
        if isinstance(error, OSError):  # what cannot be read of an input is damage, and no error
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OutputError(f"{out} cannot be written: {reason}; nothing of it is left.") from None
        raise


def _make_aside(out: Path) -> Path:
    """Make the folder in which output is prepared, beside its final place."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"{out} exists already; remove it or choose another place with -o.")
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror}); choose another place with -o.") from None


def _commit(aside: Path, out: Path, audit: "AuditLog | None") -> None:
    try:
        aside.chmod(0o755)
        aside.rename(out)
    except OSError:
        if audit is not None:
            audit.append("degraded", {"what": "output", "reason": "the dataset could not be renamed to its place"})
        raise


__all__ = ["MANIFEST", "OutputError", "Prepared", "whole"]

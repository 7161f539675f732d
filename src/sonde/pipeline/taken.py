"""Which files were taken, across restarts: each once, though a run was killed at any moment.

taken = Taken(folder, parts)
if found.digest not in taken: ...; taken.add(found.digest)
taken.keep([found.digest])                    # once the part that holds it is there
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from sonde.pipeline.places import MANIFEST

NAME = ".taken"
MODE = 0o600


class Taken:
    """Digests of files; what parts say is believed first, and `.taken` keeps it when parts are deleted."""

    def __init__(self, folder: Path, parts: Iterable[Path]) -> None:
        """Read what is known."""
        self.path = folder / NAME
        self.known: set[str] = set()
        if self.path.exists():
            self.known.update(self.path.read_text(encoding="ascii", errors="replace").split())
        for part in parts:
            self.known.update(_told(part / MANIFEST))

    def __contains__(self, digest: str) -> bool:
        """Say whether a file was taken."""
        return digest in self.known

    def add(self, digest: str) -> None:
        """Know a file as taken; lost with the process unless it is kept."""
        self.known.add(digest)

    def remove(self, digests: Iterable[str]) -> None:
        """Know files as not taken."""
        self.known.difference_update(digests)

    def keep(self, digests: Iterable[str]) -> None:
        """Write digests to the disk; a part that holds them is there already, and says so too."""
        lines = "".join(f"{each}\n" for each in digests)
        if lines:
            number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            with os.fdopen(number, "w", encoding="ascii") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())

    def forget_all_but(self, present: set[str]) -> None:
        """Forget files that are gone, once they are many."""
        if len(self.known) < 2 * len(present) + 1000:
            return
        self.known &= present
        aside = self.path.with_suffix(".new")
        aside.write_text("".join(f"{each}\n" for each in sorted(self.known)), encoding="ascii")
        aside.chmod(MODE)
        aside.rename(self.path)


def _told(manifest: Path) -> Iterable[str]:
    """Give the digests that a part's manifest tells."""
    try:
        inputs = json.loads(manifest.read_text(encoding="utf-8"))["inputs"]
        return [each for entry in inputs for each in entry.get("taken", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


__all__ = ["Taken"]

"""Retention: what a policy no longer lets be kept is deleted, and said.

    for each in enforce([Path("office.sonde")], policy, now_ns): ...

A dataset's age is that of its last packet, or of its writing where that is later: an old
capture read today is a record made today. What is deleted is what the dataset's manifest
lists, and the manifest last, so that an interrupted deletion is finished by the next.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.pipeline.read import MANIFEST
from sonde.policy import Policy, PolicyError, Told


@dataclass(frozen=True)
class Kept:
    """A dataset, since when it counts, and whether its time is over; what lies beside its records is left."""

    folder: Path
    since_ns: int
    due_ns: int
    is_over: bool
    octets: int
    left: list[str]


def find_datasets(places: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Find datasets: folders with a manifest, or folders of such; PolicyError for a place that is neither."""
    for place in places:
        inside = (
            [place] if (place / MANIFEST).is_file() else sorted(path.parent for path in place.glob(f"*/{MANIFEST}"))
        )
        if not inside:
            raise PolicyError(f"{place} is no dataset of Sonde's and holds none; name the folder that was written.")
        for folder in inside:
            yield folder, _manifest(folder)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        _, last, tables = found["sonde"], int(found["last_ns"]), found["tables"]
        files = [file for entry in tables.values() for file in entry["files"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PolicyError(f"{folder} has a damaged {MANIFEST}; look at it and remove the folder yourself.") from None
    if not all(isinstance(file, str) for file in files) or last < 0:
        raise PolicyError(f"{folder} has a damaged {MANIFEST}; look at it and remove the folder yourself.")
    return dict(found)


def enforce(
    places: Iterable[Path],
    policy: Policy,
    now_ns: int,
    *,
    dry_run: bool = False,
    told: Told = lambda kind, said: None,
) -> list[Kept]:
    """Delete datasets whose time is over; say of each what was, or would be, done. `told` hears of it before."""
    limit = policy.retention.records_ns
    if not limit:
        raise PolicyError(
            f'{policy.name} does not say how long records are kept; write records = "30d" in [retention].'
        )
    found = []
    for folder, manifest in list(find_datasets(places)):
        since = max(int(manifest["last_ns"]), (folder / MANIFEST).stat().st_mtime_ns)
        files = _files(folder, manifest)
        octets = sum(path.stat().st_size for path in files if path.is_file())
        is_over = since + limit <= now_ns
        left = _others(folder, files)
        if is_over and not dry_run:
            told("retention.delete", {"dataset": folder.name, "octets": octets, "since_ns": since})
            _delete(folder, files)
        found.append(Kept(folder, since, since + limit, is_over, octets, left))
    return found


def _files(folder: Path, manifest: dict[str, Any]) -> list[Path]:
    """Give the files that a manifest lists; PolicyError for one outside of the folder."""
    root = folder.resolve()
    found = []
    for entry in manifest["tables"].values():
        for name in entry["files"]:
            path = folder / name
            if not path.resolve().is_relative_to(root) or path.resolve() == root:
                raise PolicyError(f"{folder / MANIFEST} names {name!r}, which lies outside; nothing is deleted.")
            found.append(path)
    return list(dict.fromkeys(found))


def _others(folder: Path, files: list[Path]) -> list[str]:
    known = {*files, folder / MANIFEST}
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path not in known)


def _delete(folder: Path, files: list[Path]) -> None:
    try:
        for path in files:
            path.unlink(missing_ok=True)
        (folder / MANIFEST).unlink()
        for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            if not any(inner.iterdir()):
                inner.rmdir()
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    except OSError as error:
        raise PolicyError(f"{folder} must be deleted and cannot be: {error.strerror}; remove it.") from None


__all__ = ["Kept", "enforce", "find_datasets"]

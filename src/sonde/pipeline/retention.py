"""Retention: what a policy no longer lets be kept is deleted, and said.

    for each in enforce([Path("office.sonde")], policy, now_ns): ...

A dataset's age is that of its writing: an old capture read today is a record made today, and who
sends packets, or stamps them with the year 2100, decides nothing. What is deleted is what the
dataset's manifest lists, and the manifest last, so that an interrupted deletion is finished by the next.
Of a vault each object has its own age, that of its storing.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sonde.pipeline.places import MANIFEST
from sonde.policy import Policy, PolicyError, Told
from sonde.policy.terms import SECOND_NS
from sonde.sink.vault import INDEX, LOCK, OBJECT, PART


@dataclass(frozen=True)
class Kept:
    """A dataset or an object of a vault, since when it counts, and whether its time is over; what is left beside."""

    folder: Path
    since_ns: int
    due_ns: int
    is_over: bool
    octets: int
    left: list[str]


class Found(NamedTuple):
    """What may have to go: its files, since when it counts, and how long it may be kept."""

    folder: Path
    files: list[Path]
    since_ns: int
    limit_ns: int


def find_datasets(places: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Find datasets: folders with a manifest, or folders of such; PolicyError for a place that is neither."""
    for place in places:
        inside = (
            [place] if (place / MANIFEST).is_file() else sorted(path.parent for path in place.glob(f"*/{MANIFEST}"))
        )
        if not inside:
            raise PolicyError(f"{place} is no dataset of Sonde's, nor a vault, and holds none; name what was written.")
        for folder in inside:
            yield folder, _manifest(folder)


def is_vault(place: Path) -> bool:
    """Say whether a folder is a vault: no dataset, and with the lock of its writer."""
    return (place / LOCK).is_file() and not (place / MANIFEST).exists()


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        _, tables = found["sonde"], found["tables"]
        files = [file for entry in tables.values() for file in entry["files"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PolicyError(f"{folder} has a damaged {MANIFEST}; look at it and remove the folder yourself.") from None
    if not all(isinstance(file, str) for file in files):
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
    """Delete datasets, and objects of vaults, whose time is over; say of each what was, or would be, done.

    `told` hears of each deletion before it begins.
    """
    named = list(places)
    vaults = [place for place in named if is_vault(place)]
    datasets = [place for place in named if place not in vaults]
    found = [*_of_datasets(datasets, policy), *_of_vaults(vaults, policy)]
    kept = []
    for folder, files, since, limit in found:
        is_object = folder.is_file()
        octets = sum(path.stat().st_size for path in files if path.is_file())
        is_over = since + limit <= now_ns
        if is_over and not dry_run:
            name = folder.stem if is_object else folder.resolve().name
            told("retention.delete", {"dataset": name, "octets": octets, "since_ns": since})
            (_delete_object if is_object else _delete)(folder, files)
        kept.append(Kept(folder, since, since + limit, is_over, octets, [] if is_object else _others(folder, files)))
    if not dry_run:
        for place in vaults:
            _sweep(place)
    return kept


class Cleared(NamedTuple):
    """Parts that were deleted because their time was over, and because the disk was nearly full."""

    over: int
    for_space: int


def clear_parts(
    parts: Iterable[Path],
    policy: Policy,
    now_ns: int,
    *,
    keep_free: float,
    told: Callable[[str, dict[str, str | int]], bool],
) -> Cleared:
    """Delete parts of a probe at work, given the oldest first: those whose time is over, then for a share of free disk.

    `told` says whether a deletion is in the log; without that nothing is deleted. The newest part
    stays, however full the disk is. What cannot be deleted is passed over, and tried again the next time.
    """
    found = list(parts)
    over = for_space = 0
    for place, folder in enumerate(found):
        since = (folder / MANIFEST).stat().st_mtime_ns
        is_over = policy.retention.records_ns and since + policy.retention.records_ns <= now_ns
        if not is_over and (place == len(found) - 1 or free_share(folder) >= keep_free):
            break
        files = _files(folder, _manifest(folder))
        octets = sum(path.stat().st_size for path in files if path.is_file())
        if not told("retention.delete", {"dataset": folder.name, "octets": octets, "since_ns": since}):
            break
        _delete(folder, files)
        over, for_space = (over + 1, for_space) if is_over else (over, for_space + 1)
    return Cleared(over, for_space)


def free_share(folder: Path) -> float:
    """Give which share of a folder's disk is free for us."""
    found = os.statvfs(folder)
    return found.f_bavail / max(found.f_blocks, 1)


def _limit(limit_ns: int, policy: Policy, example: str) -> int:
    if not limit_ns:
        what = example.partition(" ")[0]
        raise PolicyError(f"{policy.name} does not say how long {what} are kept; write {example} in [retention].")
    return limit_ns


def _of_datasets(places: list[Path], policy: Policy) -> list[Found]:
    """Give datasets with the files of each, all of them looked at before any is deleted."""
    found = []
    for folder, manifest in find_datasets(places):
        limit = _limit(policy.retention.records_ns, policy, 'records = "30d"')
        since = (folder / MANIFEST).stat().st_mtime_ns
        found.append(Found(folder, _files(folder, manifest), since, limit))
    return found


def _of_vaults(places: list[Path], policy: Policy) -> list[Found]:
    """Give the objects of vaults, each with its index."""
    found = []
    for place in places:
        limit = _limit(policy.retention.content_ns, policy, 'content = "72h"')
        for path in sorted(place.glob("*" + OBJECT)):
            index = path.with_suffix(INDEX)
            found.append(Found(path, [path, index], min(_stored_ns(index), path.stat().st_mtime_ns), limit))
    return found


def _stored_ns(index: Path) -> int:
    """Give when an object was stored, as its index says; far in the future where that cannot be read."""
    try:
        said = datetime.fromisoformat(json.loads(index.read_bytes())["stored"])
        return int(said.replace(tzinfo=said.tzinfo or UTC).timestamp()) * SECOND_NS
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return sys.maxsize  # the object's own time counts, or a damaged index would keep it for good


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


def _delete_object(path: Path, files: list[Path]) -> None:
    """Remove an object before its index: without the object the index means nothing, and `_sweep` finds it."""
    try:
        for each in files:
            each.unlink(missing_ok=True)
    except OSError as error:
        raise PolicyError(f"{path} must be deleted and cannot be: {error.strerror}; remove it.") from None


def _sweep(vault: Path) -> None:
    """Remove what an interrupted deletion left: an index without an object, whole or being written."""
    for index in vault.glob("*" + INDEX):
        if not index.with_suffix(OBJECT).exists() and not index.with_suffix(PART).exists():
            index.unlink(missing_ok=True)


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


__all__ = ["Cleared", "Kept", "clear_parts", "enforce", "find_datasets", "is_vault"]

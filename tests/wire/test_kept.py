"""What is kept is read again, and goes when nobody used it for long; what is not ours stays."""

import os
import time
from pathlib import Path

from sonde.wire.kept import TOLD_S, UNUSED_S, clear_unused, keep, recall


def aged(path: Path, seconds: float, octets: bytes = b"code") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_what_was_kept_is_read_again_and_known_to_be_of_use(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    keep(path, b"machine code")
    assert recall(path) == b"machine code"
    aged(path, TOLD_S + 100)
    assert recall(path) == b"code"
    assert time.time() - path.stat().st_mtime < 100
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kernel"]


def test_what_nobody_used_for_long_goes_with_its_folder(tmp_path: Path) -> None:
    base = tmp_path / "sonde"
    old = aged(base / ("0" * 16) / "carry", UNUSED_S + 100)
    mixed = aged(base / ("1" * 16) / "old", UNUSED_S + 100)
    fresh = aged(base / ("1" * 16) / "fresh", UNUSED_S - 1000)
    foreign = aged(base / "notes" / "mine", UNUSED_S + 100)
    beside = aged(base / "README", UNUSED_S + 100)
    (base / ("2" * 16)).symlink_to(foreign.parent)
    clear_unused(base)
    assert not old.parent.exists()
    assert not mixed.exists()
    assert fresh.exists()
    assert foreign.exists()
    assert beside.exists()


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    clear_unused(tmp_path / "nothing")

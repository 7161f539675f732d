"""Where a run finds and keeps things: the folder of keys, a dataset, the parts of a probe at work."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

KEYS_VARIABLE = "SONDE_KEYS"
MANIFEST = "manifest.json"  # in every dataset
ASIDE, LOCK = ".partial", ".lock"  # in a folder of parts: what is being written, and that somebody writes


def keys_folder(option: str | None = None) -> Path:
    """Give the folder of keys: the option, else $SONDE_KEYS, else the user's state folder.

    The last is `$XDG_STATE_HOME/sonde/keys`, or `~/.local/state/sonde/keys` where the
    variable is unset or relative (XDG Base Directory Specification 0.8). Nothing is made
    here, and nothing is checked: who keeps a key there does both.
    """
    chosen = option or os.environ.get(KEYS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path.home() / ".local/state"
    return state / "sonde/keys"


def name_of(time_ns: int) -> str:
    """Name a part by when it began, so that names sort by time."""
    whole, rest = divmod(time_ns // 1_000_000, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y%m%dT%H%M%S}.{rest:03d}Z"


def parts_of(folder: Path) -> Iterator[Path]:
    """Go through the parts in a folder, the oldest first."""
    try:
        names = sorted(each.name for each in os.scandir(folder) if each.name[:1].isdigit() and each.is_dir())
    except OSError:
        return
    for name in names:
        if (folder / name / MANIFEST).is_file():
            yield folder / name

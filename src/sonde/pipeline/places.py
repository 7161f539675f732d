"""Where a run finds and keeps what is not output: the folder of keys."""

import os
from pathlib import Path

KEYS_VARIABLE = "SONDE_KEYS"


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

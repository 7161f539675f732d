"""What goes wrong, in one sentence on standard error, and nothing in it of what was read.

Our own errors are written for the user. Any other's text may repeat a value that it could not
deal with: such an error says only what it is and where in the code, for nothing passes around
the egress gate (ACCOUNTABILITY §4). For the same reason no memory is dumped into a core file.
"""

import os
import sys
import threading
from contextlib import suppress

from sonde.pipeline.losses import OURS, defect


def fail(text: str, status: int) -> int:
    """Say on standard error what went wrong; give the exit status."""
    print(f"sonde: {text}", file=sys.stderr)
    return status


def sentence(error: BaseException) -> str:
    """Say in one sentence what went wrong."""
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        return f"{error.filename}: {reason}." if error.filename else f"{reason}."
    if type(error).__module__.partition(".")[0] == OURS:
        return str(error)
    return defect(error)


def contain() -> None:
    """Let threads tell no more of an error than `sentence` does, and let no crash write memory to a file."""
    threading.excepthook = _tell_of_thread
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        fail(sentence(args.exc_value), 1)


__all__ = ["contain", "fail", "sentence"]

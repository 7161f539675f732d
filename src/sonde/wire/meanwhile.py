"""Kernels as plain Python, where their machine code is not there yet and there is little to do.

    meanwhile = Meanwhile()
    with interpreting(meanwhile.allows(kernel, args, octets)):
        kernel(*args)

Compiling a dissector takes seconds; reading the few octets that a small capture has for it takes
milliseconds without. The same function runs either way, and conformance holds both to one result.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sonde.wire.jit import INTERPRETED, Kernel, here

MOST_INTERPRETED = 1 << 17  # octets in a run; some seconds at most
COST_OF_CALL = 256  # octets that one message more is worth


class Meanwhile:
    """Whether one kernel has machine code, and how much was read without."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.is_ready = INTERPRETED
        self.read = 0
        self.lock = threading.Lock()

    def allows(self, kernel: Kernel[..., Any], args: tuple[Any, ...], octets: int, calls: int = 1) -> bool:
        """Say whether to do without machine code this time."""
        with self.lock:
            if self.is_ready:
                return False
            self.read += octets + calls * COST_OF_CALL
            self.is_ready = self.read > MOST_INTERPRETED or kernel.is_at_hand(args)
            return not self.is_ready


@contextmanager
def interpreting(is_wanted: bool) -> Iterator[None]:
    """Run the kernels that this thread calls as plain Python, if that is wanted."""
    if not is_wanted:
        yield
        return
    here.interprets = True
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        here.interprets = False


__all__ = ["Meanwhile", "interpreting"]

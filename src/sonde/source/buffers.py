"""Memory that a stream is read into, used again when all are through with what it held.

    buffers = Buffers()
    wire = buffers.take(octets)
    buffers.lend(wire, until)                # what it holds ends there in the input
    buffers.release(offset)                  # all are through with what lies before: from any thread

The system clears each page that it gives: to ask for a new array for every piece took longer than to read the piece.
"""

import threading
from collections import deque

import numpy as np

from sonde.wire import Wire

MOST_LENT = 8  # that are remembered: whoever never releases is given new ones, and the old go when nobody looks at them


class Buffers:
    """The buffers of one input."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._lent: deque[tuple[int, Wire]] = deque(maxlen=MOST_LENT)
        self._free: list[Wire] = []

    def take(self, octets: int) -> Wire:
        """Give a buffer of at least so many octets; what it held before is still in it."""
        with self._lock:
            while self._free:
                found = self._free.pop()
                if len(found) >= octets:
                    return found
        return np.empty(octets, np.uint8)

    def lend(self, wire: Wire, until: int) -> None:
        """Give a buffer away until all are through with what lies before an offset of the input."""
        with self._lock:
            self._lent.append((until, wire))

    def release(self, offset: int) -> None:
        """Take back what all are through with."""
        with self._lock:
            while self._lent and self._lent[0][0] <= offset:
                self._free.append(self._lent.popleft()[1])


__all__ = ["Buffers"]

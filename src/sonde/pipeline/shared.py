"""Memory that two processes share: one fills pieces of it and says where, the other looks at them and lets them go.

    shared = Shared(1 << 26)                   # before the fork
    piece = shared.piece(200)                  # in the one that fills; then it tells the other, in its own way,
    shared.place_of(piece)                     # where the piece lies
    octets = shared.look(place, 200)           # in the other: nothing is copied
    del octets                                 # with the last view of it the piece is free again

Arrays between processes would else go through a pipe: two copies more, and pages that the system clears anew.
"""

import mmap
import threading
import weakref
from contextlib import suppress

import numpy as np

from sonde.wire import Wire

UNIT = mmap.PAGESIZE  # pieces begin at multiples of it
KEPT_UNITS = (64 << 20) // UNIT  # what lies behind, in peaks, goes back to the system when it is let go
SMALL = 1 << 16  # octets; what is copied rather than kept in a unit of its own


class Shared:
    """Pieces come back in any order, and the lowest that is free is used first. Any thread of one process may fill."""

    def __init__(self, octets: int) -> None:
        """Make memory of so many octets, a multiple of UNIT, for this process and those that are forked from now on."""
        self._map = mmap.mmap(-1, octets)
        self.memory = np.frombuffer(self._map, np.uint8)
        self._base = self.memory.ctypes.data
        #: For each unit whether the piece that begins there was let go: set by who looks, cleared by who fills.
        self._left = np.frombuffer(mmap.mmap(-1, octets // UNIT), np.uint8)
        self._free = [(0, octets // UNIT)]  # first unit and number of units of what is free, in order; of who fills
        self._given: dict[int, int] = {}  # likewise of pieces that the other may look at
        self._looked_at: dict[int, weakref.ref[Wire]] = {}
        self._lock = threading.Lock()

    def piece(self, octets: int) -> Wire:
        """Give memory; where none is left in common, of this process alone."""
        with self._lock:
            return self._piece(octets)

    def _piece(self, octets: int) -> Wire:
        self._take_back()
        units = -(-octets // UNIT)
        for place, (first, count) in enumerate(self._free if units else ()):
            if count >= units:
                if count == units:
                    del self._free[place]
                else:
                    self._free[place] = (first + units, count - units)
                self._given[first] = units
                return self.memory[first * UNIT : first * UNIT + octets]
        return np.empty(octets, np.uint8)

    def place_of(self, piece: Wire) -> int:
        """Say where memory lies; -1 if it is not in common."""
        place = piece.ctypes.data - self._base
        return place if 0 <= place < len(self.memory) else -1

    def look(self, place: int, octets: int) -> Wire:
        """Give a view of a piece, or a copy of a small one, for it may be looked at for long; once."""
        found, first = np.frombuffer(self._map, np.uint8, octets, place), place // UNIT
        if octets < SMALL:
            found = found.copy()
            self._left[first] = 1
            return found

        def let_go(_: object) -> None:
            self._looked_at.pop(first, None)
            self._left[first] = 1

        self._looked_at[first] = weakref.ref(found, let_go)
        return found

    def _take_back(self) -> None:
        """Have what was let go free again, together with what is free beside it."""
        left = np.flatnonzero(self._left.copy()).tolist()  # the other sets more meanwhile
        if not left:
            return
        self._left[left] = 0
        for first in left:
            if first >= KEPT_UNITS:
                with suppress(OSError):  # a system that keeps them all
                    self._map.madvise(mmap.MADV_REMOVE, first * UNIT, self._given[first] * UNIT)
        merged: list[tuple[int, int]] = []
        for first, count in sorted(self._free + [(first, self._given.pop(first)) for first in left]):
            if merged and sum(merged[-1]) == first:
                merged[-1] = (merged[-1][0], merged[-1][1] + count)
            else:
                merged.append((first, count))
        self._free = merged


__all__ = ["UNIT", "Shared"]

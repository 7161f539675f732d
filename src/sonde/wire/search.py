"""Searches of octets, eight at a time."""

import numpy as np

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Wire, u64

#: One in each octet of a word, and all bits of each but its highest.
EACH, LOWS = np.uint64(0x0101010101010101), np.uint64(0x7F7F7F7F7F7F7F7F)


@kernel
def find_like(wire: Wire, at: Int, end: Int, wanted: Int, mask: Int) -> Int:
    """Give where an octet first is as wanted under a mask, in wire[at:end], or a place not before `end`."""
    wide, like = np.uint64(mask) * EACH, np.uint64(wanted) * EACH
    while at + 8 <= end:
        left = (u64(wire, at) & wide) ^ like
        if ~((left & LOWS) + LOWS | left | LOWS) != np.uint64(0):  # one of the eight is
            break
        at += 8
    while at < end and np.int64(wire[at]) & mask != wanted:
        at += 1
    return at


@kernel
def find_octet(wire: Wire, at: Int, end: Int, octet: Int) -> Int:
    """Give where an octet first stands in wire[at:end], or a place not before `end`."""
    return find_like(wire, at, end, octet, 255)

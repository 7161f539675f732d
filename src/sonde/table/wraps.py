"""How far the frames were read that a protocol wraps around another (WebSocket): what a stream holds in them goes on.

Few streams are of this kind, so what is remembered of their frames has a table of its own.
"""

from typing import NamedTuple

import numpy as np

from sonde.wire import Int, Ints, Rows, kernel

MOST_WRAPS = 1 << 12  # streams read through frames at the same time (below 1 << 15); more are named, not looked into
LONGEST_HEAD = 14  # octets of a frame's head (RFC 6455 §5.2)

WRAP_ROW = np.dtype(
    [
        ("left", "i8", (2,)),  # octets of the frame's payload yet to come, or ASTRAY
        ("mask", "u1", (2, 4)),  # what they are masked with
        ("turned", "u1", (2,)),  # place in the mask
        ("head", "u1", (2, LONGEST_HEAD)),  # of a frame's head so far
        ("headed", "u1", (2,)),  # octets of it
        ("passed", "u1", (2,)),  # 1: the payload is not for the protocol inside
        ("which", "u1"),  # number of the kernel that unwraps: what is inside may switch, and the frames stay
    ],
    align=True,
)

ASTRAY = -1  # where the next frame begins is not known
FREE, REFUSED = range(2)  # places in the counters


class Wraps(NamedTuple):
    """What is remembered of the frames of streams."""

    rows: Rows
    free: Ints
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted


def new_wraps(capacity: int = MOST_WRAPS) -> Wraps:
    """Make room for the frames of so many streams."""
    free = np.arange(capacity, dtype=np.int64)
    return Wraps(np.zeros(capacity, WRAP_ROW), free, np.array([capacity, 0], np.int64))


@kernel
def take_wrap(wraps: Wraps, which: Int) -> Int:
    """Take a row, at the beginning of a frame on both sides; -1 where none is left."""
    if wraps.count[FREE] == 0:
        wraps.count[REFUSED] += 1
        return -1
    wraps.count[FREE] -= 1
    place = wraps.free[wraps.count[FREE]]
    row = wraps.rows[place]
    row["which"] = which
    for side in range(2):
        row["left"][side] = 0
        row["headed"][side] = 0
        row["passed"][side] = 0
    return place


@kernel
def give_wrap(wraps: Wraps, place: Int) -> None:
    """Give a row back."""
    wraps.free[wraps.count[FREE]] = place
    wraps.count[FREE] += 1

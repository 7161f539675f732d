"""Frames as `source` finds them, and blocks of them."""

from dataclasses import dataclass, field

import numpy as np

from sonde.wire import Rows, Wire

FRAME = np.dtype(
    [
        ("ts", "i8"),  # ns since 1970
        ("at", "i8"),  # first octet in the block's wire
        ("length", "i4"),  # octets captured
        ("original", "i4"),  # octets on the link
        ("link", "i4"),  # link type (tcpdump.org/linktypes)
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Block:
    """Some frames in the order of capture, and the octets that they lie in."""

    wire: Wire
    frames: Rows
    #: Number of the first of them in the whole input, counted from 0.
    first: int
    #: Octets of input read so far, for progress and for `release`.
    offset: int = 0
    #: The time, in ns since 1970, up to which nothing more will come; 0: only frames tell the time.
    now_ns: int = 0


@dataclass(slots=True)
class Damage:
    """A place in an input where reading had to stop or skip, and why."""

    path: str
    offset: int
    reason: str


@dataclass(slots=True)
class SourceReport:
    """What a source can say of itself once it was read."""

    path: str
    octets: int = 0
    frames: int = 0
    comments: int = 0
    kind: str = ""
    damage: list[Damage] = field(default_factory=list)

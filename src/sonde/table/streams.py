"""What is remembered of a flow while its octets are looked at.

One row for each flow under inspection: how far each side was read, what is held back
for it, and which protocol it is taken for.
"""

from typing import NamedTuple

import numpy as np

from sonde.table.pool import Pool, give, new_pool, size_class, take
from sonde.table.wraps import Wraps, give_wrap, new_wraps
from sonde.wire import Int, Ints, Row, Rows, Wire, copy, kernel

CANDIDATE_WORDS = 8  # of 64 protocols each

STREAM_ROW = np.dtype(
    [
        ("flow", "i8"),
        ("held_at", "i8", (2,)),  # place in the pool; -1 none
        ("ahead_at", "i8", (2,)),  # first chunk of segments that came early; -1 none
        ("read", "i8", (2,)),  # octets of each side shown so far
        ("held_length", "i4", (2,)),
        ("ahead_octets", "i4", (2,)),
        ("expected", "u4", (2,)),  # sequence number of the next octet to show
        ("conn", "i4"),  # row of the dissector's own state; -1 none
        ("protocol", "i2"),  # number in the catalogue; -1 unknown
        ("outer", "i2"),  # the protocol around this one (STARTTLS, CONNECT); -1 none
        ("candidates", "u8", (2, CANDIDATE_WORDS)),  # protocols that each side may be, as bits
        ("held_class", "i1", (2,)),
        ("looked", "u1", (2,)),  # payloads that identification has seen of each side
        ("alike", "u1", (2,)),  # datagrams in a row of each side that may be the same protocol
        ("known", "u1", (2,)),  # `expected` is set
        ("wrap", "i2"),  # row of what is remembered of the frames around the octets; -1: there are none
        ("state", "u1"),  # 0 free, or one of the states below
        ("midstream", "u1"),
        ("confirmed", "u1"),
        ("violated", "u1"),
    ],
    align=True,
)

# Counters. Rows from FRESH on were never used: their memory is untouched.
FREE, HELD_REFUSED, TOO_LONG, AHEAD, AHEAD_REFUSED, NO_STREAM, FRESH = range(7)
# States. A stream is watched when no dissector reads it but TLS may begin in it.
IDENTIFYING, DISSECTING, FINISHED, WATCHED = 1, 2, 3, 4


class Streams(NamedTuple):
    """All flows under inspection, the pool of what they hold back, and the frames around what some carry."""

    rows: Rows
    free: Ints
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted
    pool: Pool
    wraps: Wraps


def new_streams(capacity: int, budget: int) -> Streams:
    """Make room for so many flows, and so many octets held back; memory is touched as it is used."""
    rows, free = np.zeros(capacity, STREAM_ROW), np.empty(capacity, np.int64)
    return Streams(rows, free, np.zeros(8, np.int64), new_pool(budget), new_wraps())


@kernel
def open_stream(streams: Streams, flow: Int) -> Int:
    """Take a row for a flow; -1 where none is left."""
    if streams.count[FREE] > 0:
        streams.count[FREE] -= 1
        place = streams.free[streams.count[FREE]]
    elif streams.count[FRESH] < len(streams.rows):
        place = streams.count[FRESH]
        streams.count[FRESH] += 1
    else:
        streams.count[NO_STREAM] += 1
        return -1
    row = streams.rows[place]
    row["flow"] = flow
    row["conn"] = -1
    row["wrap"] = -1
    row["protocol"] = -1
    row["outer"] = -1
    row["midstream"] = 0
    begin_identifying(row)
    for side in range(2):
        row["held_at"][side] = -1
        row["ahead_at"][side] = -1
        row["read"][side] = 0
        row["held_length"][side] = 0
        row["ahead_octets"][side] = 0
        row["known"][side] = 0
    return place


@kernel
def begin_identifying(row: Row) -> None:
    """Know nothing of what a stream carries."""
    row["state"] = IDENTIFYING
    row["confirmed"] = 0
    row["violated"] = 0
    for side in range(2):
        for word in range(CANDIDATE_WORDS):
            row["candidates"][side][word] = np.uint64(0)
        row["looked"][side] = 0
        row["alike"][side] = 0


@kernel
def switch_stream(row: Row) -> None:
    """Begin anew: what follows in a stream is another protocol."""
    row["outer"] = row["protocol"]
    row["protocol"] = -1
    begin_identifying(row)


@kernel
def close_stream(streams: Streams, place: Int) -> None:
    """Give back a row; what it held must have been released."""
    row = streams.rows[place]
    for side in range(2):
        release_held(streams, row, side)
    if row["wrap"] >= 0:
        give_wrap(streams.wraps, np.int64(row["wrap"]))
    row["state"] = 0
    streams.free[streams.count[FREE]] = place
    streams.count[FREE] += 1


@kernel
def release_held(streams: Streams, row: Row, side: Int) -> None:
    """Forget what is held back for one side."""
    if row["held_at"][side] >= 0:
        give(streams.pool, row["held_at"][side], np.int64(row["held_class"][side]))
    row["held_at"][side] = -1
    row["held_length"][side] = 0


@kernel
def hold(streams: Streams, row: Row, side: Int, octets: Wire, at: Int, end: Int) -> bool:
    """Append octets[at:end] to what is held back for a side; False where there is no room."""
    pool = streams.pool
    length = np.int64(row["held_length"][side])
    held = row["held_at"][side]
    needed = length + end - at
    if held < 0 or needed > 1 << (9 + np.int64(row["held_class"][side])):
        which = size_class(needed)
        larger = take(pool, which)
        if larger < 0:
            streams.count[HELD_REFUSED] += 1
            return False
        if held >= 0:
            copy(pool.octets, held, held + length, pool.octets, larger)
            give(pool, held, np.int64(row["held_class"][side]))
        held = larger
        row["held_at"][side] = held
        row["held_class"][side] = which
    copy(octets, at, end, pool.octets, held + length)
    row["held_length"][side] = needed
    return True


@kernel
def consume_held(streams: Streams, row: Row, side: Int, used: Int) -> None:
    """Drop the first `used` octets held back for a side."""
    rest = np.int64(row["held_length"][side]) - used
    if rest <= 0:
        release_held(streams, row, side)
        return
    held = row["held_at"][side]
    copy(streams.pool.octets, held + used, held + used + rest, streams.pool.octets, held)
    row["held_length"][side] = rest

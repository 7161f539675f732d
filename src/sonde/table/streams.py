"""What is remembered of a flow while its octets are looked at.

One row for each flow under inspection: how far each side was read, what is held back
for it, and which protocol it is taken for.
"""

from typing import NamedTuple

import numpy as np

from sonde.table.pool import Pool, give, new_pool, size_class, take
from sonde.wire import Int, Ints, Row, Rows, Wire, kernel

CANDIDATE_WORDS = 4  # of 64 protocols each

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
        ("candidates", "u8", (2, CANDIDATE_WORDS)),  # protocols that each side may be, as bits
        ("held_class", "i1", (2,)),
        ("looked", "u1", (2,)),  # payloads that identification has seen of each side
        ("known", "u1", (2,)),  # `expected` is set
        ("state", "u1"),  # 0 free, 1 identifying, 2 dissecting, 3 finished
        ("midstream", "u1"),
        ("confirmed", "u1"),
        ("violated", "u1"),
    ],
    align=True,
)

# Counters.
FREE, HELD_REFUSED, TOO_LONG, AHEAD, AHEAD_REFUSED, NO_STREAM = range(6)
IDENTIFYING, DISSECTING, FINISHED = 1, 2, 3


class Streams(NamedTuple):
    """All flows under inspection, and the pool of what they hold back."""

    rows: Rows
    free: Ints
    count: Ints
    pool: Pool


def new_streams(capacity: int, budget: int) -> Streams:
    """Make room for so many flows, and so many octets held back."""
    count = np.zeros(8, np.int64)
    count[FREE] = capacity
    free = np.arange(capacity - 1, -1, -1, dtype=np.int64)
    return Streams(np.zeros(capacity, STREAM_ROW), free, count, new_pool(budget))


@kernel
def open_stream(streams: Streams, flow: Int) -> Int:
    """Take a row for a flow; -1 where none is left."""
    if streams.count[FREE] == 0:
        streams.count[NO_STREAM] += 1
        return -1
    streams.count[FREE] -= 1
    place = streams.free[streams.count[FREE]]
    row = streams.rows[place]
    row["flow"] = flow
    row["conn"] = -1
    row["protocol"] = -1
    row["state"] = IDENTIFYING
    row["midstream"] = 0
    row["confirmed"] = 0
    row["violated"] = 0
    for side in range(2):
        row["held_at"][side] = -1
        row["ahead_at"][side] = -1
        row["read"][side] = 0
        row["held_length"][side] = 0
        row["ahead_octets"][side] = 0
        row["known"][side] = 0
        for word in range(CANDIDATE_WORDS):
            row["candidates"][side][word] = np.uint64(0)
        row["looked"][side] = 0
    return place


@kernel
def close_stream(streams: Streams, place: Int) -> None:
    """Give back a row; what it held must have been released."""
    row = streams.rows[place]
    for side in range(2):
        release_held(streams, row, side)
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
            for offset in range(length):
                pool.octets[larger + offset] = pool.octets[held + offset]
            give(pool, held, np.int64(row["held_class"][side]))
        held = larger
        row["held_at"][side] = held
        row["held_class"][side] = which
    for offset in range(end - at):
        pool.octets[held + length + offset] = octets[at + offset]
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
    for offset in range(rest):
        streams.pool.octets[held + offset] = streams.pool.octets[held + used + offset]
    row["held_length"][side] = rest


def grow_streams(streams: Streams, wanted: int, most: int) -> Streams:
    """See to it that so many rows are free, with at most `most` rows in all."""
    old = len(streams.rows)
    lacking = wanted - int(streams.count[FREE])
    if lacking <= 0 or old >= most:
        return streams
    capacity = min(max(old * 2, old + lacking), most)
    rows = np.zeros(capacity, STREAM_ROW)
    rows[:old] = streams.rows
    free = np.empty(capacity, np.int64)
    held = int(streams.count[FREE])
    free[:held] = streams.free[:held]
    free[held : held + capacity - old] = np.arange(old, capacity)
    streams.count[FREE] = held + capacity - old
    return Streams(rows, free, streams.count, streams.pool)

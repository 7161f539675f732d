"""One bounded arena for the octets that streams hold back, in power-of-two chunks.

`octets` is the arena; `heads` keeps a list of free chunks for each size, how far the
arena was carved, and what is in use. A free chunk's first 8 octets point to the next.
The budget is the arena's size: where nothing is left, `take` says -1 and the caller
counts what it had to drop.
"""

from typing import NamedTuple

import numpy as np

from sonde.wire import Int, Ints, Wire, kernel

SMALLEST_BITS = 9  # 512 octets
CLASSES = 9  # up to 128 KiB
CARVED, IN_USE, REFUSED = CLASSES, CLASSES + 1, CLASSES + 2


class Pool(NamedTuple):
    """The arena and its bookkeeping."""

    octets: Wire
    heads: Ints


def new_pool(budget: int) -> Pool:
    """Make a pool of so many octets; memory is touched only as it is used."""
    heads = np.full(CLASSES + 3, -1, np.int64)
    heads[CLASSES:] = 0
    return Pool(np.empty(budget, np.uint8), heads)


@kernel
def size_class(length: Int) -> Int:
    """Give the smallest class that holds so many octets, or -1."""
    for which in range(CLASSES):
        if length <= 1 << (SMALLEST_BITS + which):
            return which
    return -1


@kernel
def take(pool: Pool, which: Int) -> Int:
    """Give the place of a free chunk of a class, or -1."""
    if which < 0:
        pool.heads[REFUSED] += 1
        return -1
    size = 1 << (SMALLEST_BITS + which)
    at = pool.heads[which]
    if at >= 0:
        following = np.int64(0)
        for octet in range(8):
            following |= np.int64(pool.octets[at + octet]) << 8 * octet
        pool.heads[which] = following
    else:
        at = pool.heads[CARVED]
        if at + size > len(pool.octets):
            pool.heads[REFUSED] += 1
            return -1
        pool.heads[CARVED] = at + size
    pool.heads[IN_USE] += size
    return at


@kernel
def give(pool: Pool, at: Int, which: Int) -> None:
    """Return a chunk of a class."""
    following = pool.heads[which]
    for octet in range(8):
        pool.octets[at + octet] = following >> 8 * octet & 255
    pool.heads[which] = at
    pool.heads[IN_USE] -= 1 << (SMALLEST_BITS + which)

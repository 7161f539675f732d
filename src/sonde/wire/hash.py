"""Keyed hashing of fixed-width words: a sender must not choose the bucket.

Each word is folded in by a 64 x 64 multiplication with a secret odd key, both halves of
the product kept by xor ("multiply and fold"). This is no MAC. It keeps an attacker who
does not know the process's random key from aiming at one bucket.
"""

import numpy as np

from sonde.wire.jit import kernel
from sonde.wire.read import Ints, Wire, u64

LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
ODD = np.uint64(0x9E3779B97F4A7C15)
EIGHT = np.uint64(8)


@kernel(wraps=True, emit="fold")
def fold(a: np.uint64, b: np.uint64) -> np.uint64:
    """Multiply two words to 128 bits and xor the halves."""
    a_low, a_high = a & LOW_32, a >> SHIFT_32
    b_low, b_high = b & LOW_32, b >> SHIFT_32
    low, cross = a_low * b_low, a_high * b_low
    middle = (low >> SHIFT_32) + (cross & LOW_32) + a_low * b_high
    high = a_high * b_high + (cross >> SHIFT_32) + (middle >> SHIFT_32)
    return np.uint64((middle << SHIFT_32 | low & LOW_32) ^ high)


@kernel(wraps=True)
def mix(state: np.uint64, word: np.uint64, key: np.uint64) -> np.uint64:
    """Fold one more word into a running hash under a key."""
    return np.uint64(fold(state ^ word ^ ODD, key ^ (word + ODD)))


@kernel(wraps=True)
def hash_octets(wire: Wire, at: int, end: int, key: np.uint64) -> np.uint64:
    """Hash wire[at:end] under a key."""
    state = key ^ np.uint64(end - at)
    place = at
    while place + 8 <= end:
        state = mix(state, u64(wire, place), key)
        place += 8
    word = np.uint64(1)
    while place < end:
        word = word << EIGHT | np.uint64(wire[place])
        place += 1
    return mix(state, word, key)


@kernel(wraps=True)
def hash_all(wire: Wire, at: Ints, end: Ints, key: int, out: Ints) -> None:
    """Hash many pieces; the results are the words' bits in signed columns."""
    for row in range(len(at)):
        out[row] = np.int64(hash_octets(wire, at[row], end[row], np.uint64(key)))

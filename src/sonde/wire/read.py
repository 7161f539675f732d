"""Bounded reads of big-endian numbers. The only place where octets are widened.

Each reader widens before it shifts, because Numba and NumPy disagree on what
`buf[0] << 8` is for uint8. Callers check the length first. Compiled, a reader is one
bounds check, one load and one swap (`emit`); the Python here says what it means.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sonde.wire.jit import kernel

Wire: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = Any  # a structured array; NumPy has no static type for its fields
Row: TypeAlias = Any  # one row of it
Int: TypeAlias = int | np.int64  # what kernels compute with; both are 64 bits wide there

NO_TIME = -(1 << 63)
CACHE_LINE = 64  # octets
WARM_OCTETS = 1 << 16  # that are touched ahead at a time


@kernel(emit="u8")
def u8(wire: Wire, at: Int) -> Int:
    """Read one octet."""
    return np.int64(wire[at])


@kernel
def i8(wire: Wire, at: Int) -> Int:
    """Read one signed octet."""
    value = np.int64(wire[at])
    return value - 256 if value > 127 else value


@kernel(emit="u16")
def u16(wire: Wire, at: Int) -> Int:
    """Read a 16-bit number."""
    return np.int64(wire[at]) << 8 | np.int64(wire[at + 1])


@kernel(emit="u24")
def u24(wire: Wire, at: Int) -> Int:
    """Read a 24-bit number."""
    return np.int64(wire[at]) << 16 | np.int64(wire[at + 1]) << 8 | np.int64(wire[at + 2])


@kernel(emit="u32")
def u32(wire: Wire, at: Int) -> Int:
    """Read a 32-bit number."""
    return u16(wire, at) << 16 | u16(wire, at + 2)


@kernel(emit="u48")
def u48(wire: Wire, at: Int) -> Int:
    """Read a 48-bit number."""
    return u16(wire, at) << 32 | u32(wire, at + 2)


@kernel(emit="u64")
def u64(wire: Wire, at: Int) -> np.uint64:
    """Read a 64-bit number; it meets only other np.uint64."""
    return np.uint64(u32(wire, at)) << np.uint64(32) | np.uint64(u32(wire, at + 4))


@kernel(emit="le16")
def le16(wire: Wire, at: Int) -> Int:
    """Read a little-endian 16-bit number."""
    return np.int64(wire[at + 1]) << 8 | np.int64(wire[at])


@kernel(emit="le32")
def le32(wire: Wire, at: Int) -> Int:
    """Read a little-endian 32-bit number."""
    return le16(wire, at + 2) << 16 | le16(wire, at)


@kernel
def equal(wire: Wire, at: Int, end: Int, text: Wire) -> bool:
    """Say whether wire[at:end] is exactly `text`."""
    if end - at != len(text):
        return False
    for offset in range(len(text)):
        if wire[at + offset] != text[offset]:
            return False
    return True


@kernel
def starts(wire: Wire, at: Int, end: Int, text: Wire) -> bool:
    """Say whether wire[at:end] begins with `text`."""
    if end - at < len(text):
        return False
    for offset in range(len(text)):
        if wire[at + offset] != text[offset]:
            return False
    return True


@kernel
def starts_folded(wire: Wire, at: Int, end: Int, text: Wire) -> bool:
    """Say whether wire[at:end] begins with `text` (given in lower case), whatever its case."""
    if end - at < len(text):
        return False
    for offset in range(len(text)):
        if lower(wire[at + offset]) != text[offset]:
            return False
    return True


@kernel
def lower(octet: Int) -> Int:
    """Fold an ASCII capital."""
    value = np.int64(octet)
    return value + 32 if 65 <= value <= 90 else value


@kernel
def warm(wire: Wire, at: Int, end: Int) -> Int:
    """Touch each cache line of wire[at:end], so that scattered reads soon find them near.

    In order, the processor fetches ahead by itself; frame by frame it cannot, and a read
    would wait for memory. The sum is worthless; giving it keeps the compiler from leaving
    the reads out.
    """
    total = np.int64(0)
    for place in range(at, min(end, len(wire)), CACHE_LINE):
        total += np.int64(wire[place])
    return total


@kernel(emit="prefetch")
def prefetch(wire: Wire, at: Int) -> None:
    """Have the processor fetch the cache line of an octet that will be read soon: a hint, which changes nothing."""


@kernel(emit="put64")
def put64(target: Wire, at: Int, value: np.uint64) -> Int:
    """Write a 64-bit number; give the place behind."""
    for place in range(8):
        target[at + place] = value >> np.uint64(56 - 8 * place) & np.uint64(255)
    return at + 8


@kernel(emit="copy")
def copy(source: Wire, at: Int, end: Int, target: Wire, put: Int) -> Int:
    """Copy source[at:end] to target[put:]; give the place behind it. Within one array, only downwards."""
    for offset in range(end - at):
        target[put + offset] = source[at + offset]
    return put + max(end - at, 0)


@kernel(emit="pick")
def pick(
    source: Ints, rows: Ints, some: tuple[Int, Int], size: Int, offset: Int, target: Ints, put: Int, step: Int
) -> None:
    """Copy element `offset` of rows, of so many elements each, to every `step`th place of a target from `put` on.

    `rows` are their numbers, of which `some` says the first and the one behind the last.
    """
    for number in range(some[1] - some[0]):
        target[put + number * step] = source[rows[some[0] + number] * size + offset]


@kernel
def wrap32(value: Int) -> Int:
    """Keep the low 32 bits, as sequence numbers do (RFC 9293 §3.4)."""
    return value & 0xFFFFFFFF


@kernel
def seq_diff(a: Int, b: Int) -> Int:
    """Give a - b of two sequence numbers as a signed 32-bit distance (RFC 1982)."""
    return ((a - b + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def octets(text: str | bytes) -> Wire:
    """Make a constant that kernels can compare with."""
    raw = text.encode("latin-1") if isinstance(text, str) else text
    return np.frombuffer(raw, np.uint8)

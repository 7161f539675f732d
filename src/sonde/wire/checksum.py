"""The Internet checksum (RFC 1071)."""

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Wire, u8, u16


@kernel
def ones_sum(wire: Wire, at: Int, end: Int) -> Int:
    """Add wire[at:end] as 16-bit words; an odd last octet is padded with zero."""
    total = 0
    place = at
    while place + 1 < end:
        total += u16(wire, place)
        place += 2
    if place < end:
        total += u8(wire, place) << 8
    return total


@kernel
def folded(total: Int) -> Int:
    """Fold the carries of a sum into 16 bits."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total

"""IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers."""

from sonde.decode import cursor as c
from sonde.decode.link import stop
from sonde.table.packets import BAD_CHECKSUM, BAD_HEADER, TRUNCATED
from sonde.wire import Int, Ints, Row, Wire, kernel, u8, u16, u32
from sonde.wire.checksum import folded, ones_sum

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY = 0, 43, 44, 51, 60, 135
MAX_EXTENSIONS = 16
V4_MAPPED = 0xFFFF << 32
CUT_SEGMENT_OFFLOAD = 0  # a total length of zero: the sender's card was to fill it in


@kernel
def decode_ipv4(wire: Wire, at: Ints, packet: Row, verify: Int) -> Int:
    """Read an IPv4 header into `packet`; give the protocol number behind it, or -1."""
    place, end = at[c.AT], at[c.END]
    if end - place < 20:
        stop(at, TRUNCATED)
        return -1
    size = (u8(wire, place) & 15) * 4
    total = u16(wire, place + 2)
    if total == CUT_SEGMENT_OFFLOAD:
        total = end - place
    if u8(wire, place) >> 4 != 4 or size < 20 or total < size:
        stop(at, BAD_HEADER)
        return -1
    if size > end - place:
        stop(at, TRUNCATED)
        return -1
    if verify and folded(ones_sum(wire, place, place + size)) != 0xFFFF:
        stop(at, BAD_CHECKSUM)
        return -1
    packet["version"] = 4
    packet["src_high"] = 0
    packet["dst_high"] = 0
    packet["src_low"] = V4_MAPPED | u32(wire, place + 12)
    packet["dst_low"] = V4_MAPPED | u32(wire, place + 16)
    packet["ip_octets"] = total
    packet["ip_at"] = place
    packet["ttl"] = u8(wire, place + 8)
    packet["fragment"] = 1 if u16(wire, place + 6) & 0x3FFF else 0
    at[c.WIRE_END] = place + total
    at[c.END] = min(end, place + total)
    at[c.AT] = place + size
    return u8(wire, place + 9)


@kernel
def decode_ipv6(wire: Wire, at: Ints, packet: Row) -> Int:
    """Read an IPv6 header and its extensions into `packet`; give the protocol number, or -1."""
    place, end = at[c.AT], at[c.END]
    if end - place < 40:
        stop(at, TRUNCATED)
        return -1
    if u8(wire, place) >> 4 != 6:
        stop(at, BAD_HEADER)
        return -1
    length = u16(wire, place + 4)
    total = 40 + length if length else end - place  # zero: jumbo (RFC 2675) or offload
    packet["version"] = 6
    packet["src_high"] = u32(wire, place + 8) << 32 | u32(wire, place + 12)
    packet["src_low"] = u32(wire, place + 16) << 32 | u32(wire, place + 20)
    packet["dst_high"] = u32(wire, place + 24) << 32 | u32(wire, place + 28)
    packet["dst_low"] = u32(wire, place + 32) << 32 | u32(wire, place + 36)
    packet["ip_octets"] = total
    packet["ip_at"] = place
    packet["ttl"] = u8(wire, place + 7)
    packet["fragment"] = 0
    at[c.WIRE_END] = place + total
    at[c.END] = min(end, place + total)
    at[c.AT] = place + 40
    return skip_extensions(wire, at, packet, u8(wire, place + 6))


@kernel
def skip_extensions(wire: Wire, at: Ints, packet: Row, following: Int) -> Int:
    """Pass over extension headers (RFC 8200 §4); give the upper protocol, or -1."""
    for _ in range(MAX_EXTENSIONS):
        if following not in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY):
            return following
        if at[c.END] - at[c.AT] < 8:
            stop(at, TRUNCATED)
            return -1
        place = at[c.AT]
        if following == FRAGMENT:
            # An atomic fragment is whole (RFC 6946).
            if u16(wire, place + 2) & 0xFFF9:
                packet["fragment"] = 1
                return FRAGMENT
            size = 8
        elif following == AUTHENTICATION:
            size = (u8(wire, place + 1) + 2) * 4
        else:
            size = (u8(wire, place + 1) + 1) * 8
        if following == MOBILITY and u8(wire, place) == 59:
            return MOBILITY  # nothing but the mobility message itself
        following = u8(wire, place)
        if size > at[c.END] - place:
            stop(at, TRUNCATED)
            return -1
        at[c.AT] = place + size
    stop(at, BAD_HEADER)
    return -1

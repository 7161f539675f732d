"""Tunnels, by IP protocol number or UDP port.

GRE (RFC 2784, 2890) with ERSPAN and PPTP, VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U
(TS 29.281), Teredo (RFC 4380), L2TP (RFC 2661), AYIYA, and IP in IP (RFC 2003, 4213).

Those on UDP are known by port and believed only when their header holds together.
"""

from sonde.decode import cursor as c
from sonde.decode.link import by_ethertype
from sonde.table.packets import (
    AYIYA,
    ERSPAN,
    FOUR_IN_SIX,
    GENEVE,
    GRE,
    GTP_U,
    IPIP,
    L2TP,
    NO_TUNNEL,
    SIX_IN_FOUR,
    TEREDO,
    VXLAN,
)
from sonde.wire import Int, Ints, Wire, kernel, u8, u16, u24, u32

PROTOCOL_IPIP, PROTOCOL_IPV6, PROTOCOL_GRE = 4, 41, 47


@kernel
def enter_ip_tunnel(wire: Wire, at: Ints, protocol: Int, version: Int) -> Int:
    """Go on inside IP-in-IP or GRE; give the kind of tunnel, or NO_TUNNEL."""
    place = at[c.AT]
    if protocol == PROTOCOL_IPIP:
        if at[c.END] - place < 20 or u8(wire, place) >> 4 != 4:
            return NO_TUNNEL
        at[c.LAYER] = c.IPV4
        return IPIP if version == 4 else FOUR_IN_SIX
    if protocol == PROTOCOL_IPV6:
        if at[c.END] - place < 40 or u8(wire, place) >> 4 != 6:
            return NO_TUNNEL
        at[c.LAYER] = c.IPV6
        return SIX_IN_FOUR if version == 4 else IPIP
    return enter_gre(wire, at)


@kernel
def enter_gre(wire: Wire, at: Ints) -> Int:
    """Read a GRE header of version 0 or 1."""
    place, end = at[c.AT], at[c.END]
    if end - place < 4:
        return NO_TUNNEL
    flags, kind = u16(wire, place), u16(wire, place + 2)
    version = flags & 7
    if version > 1 or flags & 0x4000:  # source routing is long obsolete (RFC 2784 §5.2)
        return NO_TUNNEL
    size = 4
    if flags & 0x8000:
        size += 4
    if flags & 0x2000:
        size += 4
    if flags & 0x1000:
        size += 4
    if version == 1 and flags & 0x0080:
        size += 4  # acknowledgment number (RFC 2637 §4.1)
    if size > end - place:
        return NO_TUNNEL
    if flags & 0x2000 and size >= 8:
        key_at = place + 4 + (4 if flags & 0x8000 else 0)
        at[c.TUNNEL_ID] = u32(wire, key_at) & 0x7FFFFFFF
    found = GRE
    if kind == 0x88BE:  # ERSPAN I without, II with a sequence number
        size += 8 if flags & 0x1000 else 0
        found, kind = ERSPAN, 0x6558
    elif kind == 0x22EB:  # ERSPAN III
        if end - place < size + 12:
            return NO_TUNNEL
        size += 20 if u8(wire, place + size + 11) & 1 else 12
        found, kind = ERSPAN, 0x6558
    elif kind == 0x0000:  # keepalive
        return NO_TUNNEL
    if size >= end - place:
        return NO_TUNNEL
    at[c.AT] = place + size
    # Aruba and others use the wildcard types 0x8200-0x8280 and 0x9000 for 802.11 frames.
    if 0x8200 <= kind <= 0x8280 or kind == 0x9000:
        at[c.LAYER] = c.WIFI
    else:
        by_ethertype(at, kind)
    return found


@kernel
def enter_udp_tunnel(wire: Wire, at: Ints, src_port: Int, dst_port: Int) -> Int:
    """Go on inside a UDP payload if its ports and its header say that it is a tunnel."""
    if dst_port in (4789, 8472):
        return enter_vxlan(wire, at)
    if dst_port == 6081:
        return enter_geneve(wire, at)
    if dst_port == 2152 or src_port == 2152:
        return enter_gtp(wire, at)
    if dst_port == 3544 or src_port == 3544:
        return enter_teredo(wire, at)
    if dst_port == 1701 and src_port == 1701:
        return enter_l2tp(wire, at)
    if dst_port == 5072 or src_port == 5072:
        return enter_ayiya(wire, at)
    return NO_TUNNEL


@kernel
def is_tunnel_port(src_port: Int, dst_port: Int) -> bool:
    """Say whether `enter_udp_tunnel` would look at a payload between these ports."""
    if dst_port in (4789, 8472, 6081, 2152, 3544, 1701, 5072):
        return True
    return src_port in (2152, 3544, 5072)


@kernel
def enter_vxlan(wire: Wire, at: Ints) -> Int:
    """Read a VXLAN header: the I flag set (RFC 7348 §5), or GPE's next protocol."""
    place = at[c.AT]
    if at[c.END] - place < 8 + 14 or u8(wire, place) & 0x08 == 0 or u8(wire, place + 7) != 0:
        return NO_TUNNEL
    at[c.TUNNEL_ID] = u24(wire, place + 4)
    at[c.AT] = place + 8
    at[c.LAYER] = c.ETHERNET
    return VXLAN


@kernel
def enter_geneve(wire: Wire, at: Ints) -> Int:
    """Read a Geneve header and pass over its options (RFC 8926 §3.4)."""
    place = at[c.AT]
    if at[c.END] - place < 8 or u8(wire, place) >> 6 != 0:
        return NO_TUNNEL
    size = 8 + (u8(wire, place) & 0x3F) * 4
    kind = u16(wire, place + 2)
    if size >= at[c.END] - place or kind not in (0x6558, 0x0800, 0x86DD, 0x8847):
        return NO_TUNNEL
    at[c.TUNNEL_ID] = u24(wire, place + 4)
    at[c.AT] = place + size
    by_ethertype(at, kind)
    return GENEVE


@kernel
def enter_gtp(wire: Wire, at: Ints) -> Int:
    """Read a GTP-U G-PDU header with its extension headers (TS 29.281 §5)."""
    place, end = at[c.AT], at[c.END]
    if end - place < 8:
        return NO_TUNNEL
    flags = u8(wire, place)
    if flags >> 4 & 0xF != 3 or u8(wire, place + 1) != 0xFF:
        return NO_TUNNEL
    if u16(wire, place + 2) > at[c.WIRE_END] - place - 8:
        return NO_TUNNEL
    inner = place + 8
    if flags & 7:
        if end - inner < 4:
            return NO_TUNNEL
        following = u8(wire, inner + 3)
        inner += 4
        if flags & 4:
            for _ in range(8):
                if following == 0 or inner >= end:
                    break
                size = u8(wire, inner) * 4
                if size == 0 or size > end - inner:
                    return NO_TUNNEL
                following = u8(wire, inner + size - 1)
                inner += size
    if end - inner < 20 or u8(wire, inner) >> 4 not in (4, 6):
        return NO_TUNNEL
    at[c.TUNNEL_ID] = u32(wire, place + 4) & 0x7FFFFFFF
    at[c.AT] = inner
    at[c.LAYER] = c.IP
    return GTP_U


@kernel
def enter_teredo(wire: Wire, at: Ints) -> Int:
    """Read Teredo's indications (RFC 4380 §5.1.1), then an IPv6 header that fits exactly."""
    place, end = at[c.AT], at[c.END]
    if end - place >= 13 and u16(wire, place) == 0x0001:
        place += 13 + u8(wire, place + 2) + u8(wire, place + 3)
    if end - place >= 8 and u16(wire, place) == 0x0000:
        place += 8
    if end - place < 40 or u8(wire, place) >> 4 != 6:
        return NO_TUNNEL
    if u16(wire, place + 4) + 40 > at[c.WIRE_END] - place:
        return NO_TUNNEL
    at[c.AT] = place
    at[c.LAYER] = c.IPV6
    return TEREDO


@kernel
def enter_l2tp(wire: Wire, at: Ints) -> Int:
    """Read an L2TPv2 data message (RFC 2661 §3.1)."""
    place, end = at[c.AT], at[c.END]
    if end - place < 6:
        return NO_TUNNEL
    flags = u16(wire, place)
    if flags & 0x8000 or flags & 0x000F != 2:
        return NO_TUNNEL
    size = 6 + (2 if flags & 0x4000 else 0) + (4 if flags & 0x0800 else 0)
    session_at = place + 4 + (2 if flags & 0x4000 else 0)
    if flags & 0x0200:
        if end - place < size + 2:
            return NO_TUNNEL
        size += 2 + u16(wire, place + size)
    if end - place < size + 4:
        return NO_TUNNEL
    at[c.TUNNEL_ID] = u16(wire, session_at)
    at[c.AT] = place + size
    at[c.LAYER] = c.PPP
    return L2TP


@kernel
def enter_ayiya(wire: Wire, at: Ints) -> Int:
    """Read an AYIYA forward message (draft-massar-v6ops-ayiya-02 §3)."""
    place = at[c.AT]
    if at[c.END] - place < 8:
        return NO_TUNNEL
    size = 8 + (1 << (u8(wire, place) >> 4)) + (u8(wire, place + 1) >> 4) * 4
    opcode, following = u8(wire, place + 2) & 15, u8(wire, place + 3)
    if opcode != 1 or following not in (4, 41) or at[c.END] - place < size + 20:
        return NO_TUNNEL
    at[c.AT] = place + size
    at[c.LAYER] = c.IP
    return AYIYA

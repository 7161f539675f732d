"""The usual frame in one step: Ethernet, IPv4 or IPv6 without options, whole TCP or UDP.

Nine frames of ten look so. Everything else, and every doubt, goes through the layers one by
one (`frames`), which also read these; tests hold that both give the same rows.
"""

from sonde.decode.network import V4_MAPPED
from sonde.decode.transport import TCP, UDP, only_servers_say
from sonde.decode.tunnel import is_tunnel_port
from sonde.table.packets import NO_TUNNEL
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u32

ETHERNET_LINK = 1
NETWORK = 14  # offset of the IP header
SHORTEST = NETWORK + 20 + 8


@kernel
def decode_plain(wire: Wire, frame: Row, packet: Row) -> bool:
    """Read the frame into `packet` if it is a usual one."""
    at, end = frame["at"], frame["at"] + frame["length"]
    if frame["link"] != ETHERNET_LINK or end - at < SHORTEST:
        return False
    kind = u16(wire, at + 12)
    if kind == 0x0800:
        return plain_ipv4(wire, at + NETWORK, end, packet)
    if kind == 0x86DD:
        return plain_ipv6(wire, at + NETWORK, end, packet)
    return False


@kernel
def plain_ipv4(wire: Wire, at: Int, end: Int, packet: Row) -> bool:
    """Read IPv4 without options and fragments."""
    total = u16(wire, at + 2)
    if u8(wire, at) != 0x45 or total < 28 or total > end - at or u16(wire, at + 6) & 0x3FFF:
        return False
    packet["version"] = 4
    packet["src_high"] = 0
    packet["dst_high"] = 0
    packet["src_low"] = V4_MAPPED | u32(wire, at + 12)
    packet["dst_low"] = V4_MAPPED | u32(wire, at + 16)
    packet["ip_octets"] = total
    packet["ip_at"] = at
    packet["ttl"] = u8(wire, at + 8)
    return plain_transport(wire, at + 20, at + total, packet, u8(wire, at + 9))


@kernel
def plain_ipv6(wire: Wire, at: Int, end: Int, packet: Row) -> bool:
    """Read IPv6 without extension headers."""
    if end - at < 48 or u8(wire, at) >> 4 != 6:
        return False
    length = u16(wire, at + 4)
    if length < 8 or length > end - at - 40:
        return False
    packet["version"] = 6
    packet["src_high"] = u32(wire, at + 8) << 32 | u32(wire, at + 12)
    packet["src_low"] = u32(wire, at + 16) << 32 | u32(wire, at + 20)
    packet["dst_high"] = u32(wire, at + 24) << 32 | u32(wire, at + 28)
    packet["dst_low"] = u32(wire, at + 32) << 32 | u32(wire, at + 36)
    packet["ip_octets"] = length + 40
    packet["ip_at"] = at
    packet["ttl"] = u8(wire, at + 7)
    return plain_transport(wire, at + 40, at + 40 + length, packet, u8(wire, at + 6))


@kernel
def plain_transport(wire: Wire, at: Int, end: Int, packet: Row, protocol: Int) -> bool:
    """Read TCP, or UDP outside tunnels' ports."""
    src_port, dst_port = u16(wire, at), u16(wire, at + 2)
    size = 8
    packet["tcp_flags"] = 0
    packet["answers"] = 0
    if protocol == TCP:
        if end - at < 20:
            return False
        size = (u8(wire, at + 12) >> 4) * 4
        if size < 20 or size > end - at:
            return False
        packet["seq"] = u32(wire, at + 4)
        packet["ack"] = u32(wire, at + 8)
        packet["tcp_flags"] = u8(wire, at + 13)
        packet["window"] = u16(wire, at + 14)
    elif protocol == UDP:
        if is_tunnel_port(src_port, dst_port):
            return False
        length = u16(wire, at + 4)
        if 8 <= length < end - at:
            end = at + length
        if src_port == dst_port:
            packet["answers"] = 1 if only_servers_say(wire, at + 8, end, src_port) else 0
    else:
        return False
    packet["transport"] = protocol
    packet["src_port"] = src_port
    packet["dst_port"] = dst_port
    packet["payload_at"] = at + size
    packet["payload_length"] = end - at - size
    packet["payload_wire"] = end - at - size
    begin_plain(packet)
    return True


@kernel
def begin_plain(packet: Row) -> None:
    """Say what a usual frame is not."""
    packet["outer"] = 0
    packet["carries"] = NO_TUNNEL
    packet["flow"] = -1
    packet["source"] = 0
    packet["side"] = 0
    packet["vlan"] = -1
    packet["inner_vlan"] = -1
    packet["tunnels"] = 0
    packet["tunnel_id"] = -1
    packet["fragment"] = 0
    packet["one_way"] = 0
    packet["bad_checksum"] = 0

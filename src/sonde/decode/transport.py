"""TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), ICMP (RFC 792) and ICMPv6 (RFC 4443)."""

import numpy as np

from sonde.decode import cursor as c
from sonde.decode.link import stop
from sonde.schema.icmp import COUNTERPART_V4, COUNTERPART_V6
from sonde.table.packets import BAD_HEADER, TRUNCATED
from sonde.wire import Int, Ints, Row, Wire, kernel, u8, u16, u32
from sonde.wire.checksum import folded, ones_sum

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
DNS, NTP, MDNS = 53, 123, 5353
DNS_HEADER, NTP_HEADER, NTP_SERVER = 12, 48, 4


@kernel
def decode_transport(wire: Wire, at: Ints, packet: Row, protocol: Int, verify: Int) -> None:
    """Read the transport header into `packet`; what has no ports has none."""
    packet["transport"] = protocol
    packet["src_port"] = 0
    packet["dst_port"] = 0
    packet["tcp_flags"] = 0
    packet["one_way"] = 0
    packet["answers"] = 0
    packet["bad_checksum"] = 0
    place, end = at[c.AT], at[c.END]
    size = 0
    if protocol == TCP:
        size = decode_tcp(wire, at, packet)
    elif protocol == UDP:
        size = decode_udp(wire, at, packet)
    elif (protocol == ICMP and packet["version"] == 4) or (protocol == ICMPV6 and packet["version"] == 6):
        size = decode_icmp(wire, at, packet)
    elif protocol == SCTP and end - place >= 12:
        packet["src_port"] = u16(wire, place)
        packet["dst_port"] = u16(wire, place + 2)
        size = 12
    if size < 0:
        return
    if verify and at[c.WIRE_END] <= end and protocol in (TCP, UDP, ICMP, ICMPV6):
        packet["bad_checksum"] = checksum_fails(wire, place, at[c.WIRE_END], packet, protocol)
    packet["payload_at"] = place + size
    packet["payload_length"] = max(at[c.END] - place - size, 0)  # UDP may have moved the end
    packet["payload_wire"] = max(at[c.WIRE_END] - place - size, 0)


@kernel
def decode_tcp(wire: Wire, at: Ints, packet: Row) -> Int:
    """Read a TCP header; give its size, or -1."""
    place = at[c.AT]
    if at[c.END] - place < 20:
        stop(at, TRUNCATED if at[c.WIRE_END] - place >= 20 else BAD_HEADER)
        return -1
    size = (u8(wire, place + 12) >> 4) * 4
    if size < 20 or size > at[c.WIRE_END] - place:
        stop(at, BAD_HEADER)
        return -1
    packet["src_port"] = u16(wire, place)
    packet["dst_port"] = u16(wire, place + 2)
    packet["seq"] = u32(wire, place + 4)
    packet["ack"] = u32(wire, place + 8)
    packet["tcp_flags"] = u8(wire, place + 13)
    packet["window"] = u16(wire, place + 14)
    return size


@kernel
def decode_udp(wire: Wire, at: Ints, packet: Row) -> Int:
    """Read a UDP header; its length may say less than IP's."""
    place = at[c.AT]
    if at[c.END] - place < 8:
        stop(at, TRUNCATED if at[c.WIRE_END] - place >= 8 else BAD_HEADER)
        return -1
    packet["src_port"] = u16(wire, place)
    packet["dst_port"] = u16(wire, place + 2)
    length = u16(wire, place + 4)
    if 8 <= length < at[c.WIRE_END] - place:
        at[c.WIRE_END] = place + length
        at[c.END] = min(at[c.END], place + length)
    port = u16(wire, place)
    if port == u16(wire, place + 2):
        packet["answers"] = 1 if only_servers_say(wire, place + 8, at[c.END], port) else 0
    return 8


@kernel
def only_servers_say(wire: Wire, at: Int, end: Int, port: Int) -> bool:
    """Say whether a payload is an answer, where the ports do not tell who is the server.

    DNS by its QR bit (RFC 1035 §4.1.1), NTP by mode 4 (RFC 5905 §7.3).
    """
    if port == DNS or port == MDNS:
        return bool(end - at >= DNS_HEADER and u8(wire, at + 2) & 0x80 != 0)
    return bool(port == NTP and end - at >= NTP_HEADER and u8(wire, at) & 7 == NTP_SERVER)


@kernel
def decode_icmp(wire: Wire, at: Ints, packet: Row) -> Int:
    """Read type and code; the answer's type, or the code, stands for the other port."""
    place = at[c.AT]
    if at[c.END] - place < 8:
        stop(at, TRUNCATED if at[c.WIRE_END] - place >= 8 else BAD_HEADER)
        return -1
    kind = u8(wire, place)
    table = COUNTERPART_V4 if packet["version"] == 4 else COUNTERPART_V6
    packet["src_port"] = kind
    if table[kind] >= 0:
        packet["dst_port"] = table[kind]
    else:
        packet["dst_port"] = u8(wire, place + 1)
        packet["one_way"] = 1
    return 8


@kernel
def checksum_fails(wire: Wire, at: Int, end: Int, packet: Row, protocol: Int) -> Int:
    """Verify the transport checksum with its pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1)."""
    if protocol == UDP and u16(wire, at + 6) == 0 and packet["version"] == 4:
        return 0
    total = ones_sum(wire, at, end)
    if protocol != ICMP:
        total += protocol + (end - at)
        for word in (packet["src_high"], packet["src_low"], packet["dst_high"], packet["dst_low"]):
            for shift in range(4):
                total += np.int64(word >> np.uint64(16 * shift) & np.uint64(0xFFFF))
        if packet["version"] == 4:
            total -= 2 * 0xFFFF  # the two mapped prefixes
    return 0 if folded(total) == 0xFFFF else 1

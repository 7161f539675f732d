"""Captures made by hand: headers of RFC 791, 8200, 768 and 9293, in files of libpcap.

write_pcap(path, conversation([(0, b"GET / ..."), (1, b"HTTP/1.1 200 ...")], stream=True))
"""

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

CLIENT, SERVER = "192.0.2.1", "198.51.100.2"
START_NS = 1_700_000_000_000_000_000
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
Frame = tuple[int, bytes]


def checksum(octets: bytes) -> int:
    """Sum 16-bit words in ones' complement (RFC 1071 §1)."""
    total = sum(struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + b"\0" * (len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ip(src: str, dst: str, protocol: int, payload: bytes, *, number: int = 0, place: int = 0, ttl: int = 64) -> bytes:
    """Put an IP header before a payload; `place` is flags and fragment offset of IPv4."""
    source, target = ip_address(src).packed, ip_address(dst).packed
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + source + target + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number, place, ttl, protocol, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def summed(src: str, dst: str, protocol: int, segment: bytes, at: int) -> bytes:
    """Write the checksum over the pseudo-header to its place (RFC 9293 §3.1)."""
    source, target = ip_address(src).packed, ip_address(dst).packed
    wide = "!IHBB" if len(source) == 16 else "!HBB"
    numbers = (len(segment), 0, 0, protocol) if len(source) == 16 else (len(segment), 0, protocol)
    found = checksum(source + target + struct.pack(wide, *numbers) + segment)
    return segment[:at] + struct.pack("!H", found or 0xFFFF) + segment[at + 2 :]


def udp(payload: bytes, src: str = CLIENT, dst: str = SERVER, ports: tuple[int, int] = (40000, 53)) -> bytes:
    """Compose an IP packet with one datagram."""
    return ip(src, dst, 17, summed(src, dst, 17, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload, 6))


def tcp(
    payload: bytes = b"", src: str = CLIENT, dst: str = SERVER, ports: tuple[int, int] = (40000, 80),
    *, flags: int = ACK, seq: int = 0, ack: int = 0, window: int = 65535,
) -> bytes:  # fmt: skip
    """Compose an IP packet with one segment."""
    head = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, window, 0, 0)
    return ip(src, dst, 6, summed(src, dst, 6, head + payload, 16))


def ethernet(packet: bytes) -> bytes:
    """Put an Ethernet header before an IP packet."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return bytes.fromhex("02000000000b 02000000000a") + kind.to_bytes(2, "big") + packet


def conversation(
    messages: Sequence[tuple[int, bytes | int]],
    *,
    stream: bool,
    ports: tuple[int, int] = (40000, 80),
    hosts: tuple[str, str] = (CLIENT, SERVER),
    start_ns: int = START_NS,
) -> list[Frame]:
    """Carry messages in a TCP connection or in datagrams, a millisecond apart."""
    packets: list[bytes] = []
    if not stream:
        for side, octets in messages:
            assert isinstance(octets, bytes)
            a, b = (0, 1) if side == 0 else (1, 0)
            packets.append(udp(octets, hosts[a], hosts[b], (ports[a], ports[b])))
    else:
        packets = _connection(messages, ports, hosts)
    return [(start_ns + number * 1_000_000, ethernet(packet)) for number, packet in enumerate(packets)]


def _connection(
    messages: Sequence[tuple[int, bytes | int]], ports: tuple[int, int], hosts: tuple[str, str]
) -> list[bytes]:
    following = [1000, 2_000_000_000]

    def send(side: int, payload: bytes, flags: int) -> bytes:
        a, b = (0, 1) if side == 0 else (1, 0)
        made = tcp(
            payload, hosts[a], hosts[b], (ports[a], ports[b]),
            flags=flags, seq=following[side], ack=following[1 - side] if flags & ACK else 0,
        )  # fmt: skip
        following[side] += len(payload) + bool(flags & (SYN | FIN))
        return made

    packets = [send(0, b"", SYN), send(1, b"", SYN | ACK), send(0, b"", ACK)]
    for side, octets in messages:
        if isinstance(octets, int):
            following[side] += octets
            continue
        packets += [send(side, octets[at : at + 1400], ACK | PSH) for at in range(0, len(octets), 1400)]
    return [*packets, send(0, b"", FIN | ACK), send(1, b"", FIN | ACK), send(0, b"", ACK)]


def pcap(frames: Iterable[Frame], *, link: int = 1, order: str = "<", nano: bool = True, snap: int = 262144) -> bytes:
    """Compose a capture file (draft-ietf-opsawg-pcap §4, §5)."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    unit = 1 if nano else 1000
    found = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)
    for ts, octets in frames:
        kept = octets[:snap]
        found += struct.pack(order + "IIII", ts // 10**9, ts % 10**9 // unit, len(kept), len(octets)) + kept
    return found


def write_pcap(path: Path, frames: Iterable[Frame]) -> Path:
    """Write a capture file."""
    path.write_bytes(pcap(frames))
    return path

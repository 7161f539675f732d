"""Frames in every wrapping, made by scapy: the innermost packet is found, and what was around it."""

import struct
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, RadioTap
from scapy.layers.inet import GRE, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether, Loopback
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN

from sonde.decode import decode
from sonde.decode import settings as decode_settings
from sonde.table.frames import FRAME, Block
from sonde.table.packets import DROPS, PACKET, TUNNELS
from tests.maker import ethernet, ip, tcp, udp

PAYLOAD = b"who is there?"
V4 = IP(src="192.0.2.1", dst="198.51.100.2")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2")
DATAGRAM = UDP(sport=1111, dport=5353) / PAYLOAD
INNER, INNER_6 = V4 / DATAGRAM, V6 / DATAGRAM
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
OUTER = ETHER / IP(src="192.0.2.101", dst="192.0.2.102")


class Case(NamedTuple):
    """A frame, its link type, the tunnels around its innermost packet and its VLANs."""

    frame: Any
    link: int = 1
    tunnels: tuple[str, ...] = ()
    vlans: tuple[int, int] = (-1, -1)


CASES = {
    "Ethernet": Case(ETHER / INNER),
    "IPv6": Case(ETHER / INNER_6),
    "VLAN": Case(ETHER / Dot1Q(vlan=7) / INNER, vlans=(7, -1)),
    "QinQ": Case(ETHER / Dot1AD(vlan=100) / Dot1Q(vlan=7) / INNER, vlans=(100, 7)),
    "LLC and SNAP": Case(Dot3(dst="02:00:00:00:00:02") / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800) / INNER),
    "MPLS": Case(ETHER / MPLS(label=16, s=0) / MPLS(label=17, s=1) / INNER),
    "PPPoE": Case(ETHER / PPPoE(sessionid=1) / PPP(proto=0x21) / INNER),
    "IPv6 extension headers": Case(ETHER / V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / DATAGRAM),
    "Linux cooked": Case(CookedLinux(proto=0x0800) / INNER, link=113),
    "Linux cooked, version 2": Case(CookedLinuxV2(proto=0x0800) / INNER, link=276),
    "raw IP": Case(INNER, link=101),
    "raw IPv6": Case(INNER_6, link=101),
    "BSD loopback": Case(Loopback(type=2) / INNER, link=0),
    "PPP": Case(PPP(proto=0x21) / INNER, link=9),
    "802.11": Case(
        RadioTap()
        / Dot11(type=2, subtype=0, FCfield="to_DS")
        / LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
        / SNAP(code=0x0800)
        / INNER,
        link=127,
    ),
    "IP in IP": Case(OUTER / INNER, tunnels=("ipip",)),
    "6in4": Case(OUTER / INNER_6, tunnels=("6in4",)),
    "GRE": Case(OUTER / GRE() / INNER, tunnels=("gre",)),
    "GRE with key and sequence number": Case(
        OUTER / GRE(key_present=1, seqnum_present=1, key=5) / INNER, tunnels=("gre",)
    ),
    "GRE with Ethernet": Case(OUTER / GRE(proto=0x6558) / ETHER / INNER, tunnels=("gre",)),
    "VXLAN": Case(OUTER / UDP(sport=50000, dport=4789) / VXLAN(vni=42) / ETHER / INNER, tunnels=("vxlan",)),
    "Geneve": Case(
        OUTER / UDP(sport=50000, dport=6081) / GENEVE(vni=42, proto=0x6558) / ETHER / INNER, tunnels=("geneve",)
    ),
    "GTP-U": Case(OUTER / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=9) / INNER, tunnels=("gtp-u",)),
    "Teredo": Case(OUTER / UDP(sport=3544, dport=50000) / INNER_6, tunnels=("teredo",)),
    "VXLAN in GRE": Case(
        OUTER / GRE() / IP(src="192.0.2.9", dst="192.0.2.8") / UDP(sport=1, dport=4789) / VXLAN() / ETHER / INNER,
        tunnels=("gre", "vxlan"),
    ),
}  # fmt: skip


def decoded(frame: bytes, link: int = 1, *, verify: bool = False) -> tuple[np.ndarray, dict[str, int]]:
    rows = np.zeros(1, FRAME)
    rows["length"] = rows["original"] = len(frame)
    rows["link"] = link
    wire = np.frombuffer(frame or b"\0", np.uint8)
    packets, drops = decode(Block(wire, rows, 0), decode_settings(verify=verify, lanes=1, key=3))
    return packets, {name: int(count) for name, count in zip(DROPS, drops, strict=True) if count}


@pytest.mark.parametrize("name", CASES)
def test_the_innermost_packet_is_found(name: str) -> None:
    case = CASES[name]
    raw = bytes(case.frame)
    packets, drops = decoded(raw, case.link, verify=True)
    assert drops == {}
    (inner,) = packets[packets["outer"] == 0]
    assert (inner["src_port"], inner["dst_port"], inner["transport"]) == (1111, 5353, 17)
    at, length = int(inner["payload_at"]), int(inner["payload_length"])
    assert raw[at : at + length] == PAYLOAD
    found = [TUNNELS[int(inner["tunnels"]) >> shift & 255] for shift in (24, 16, 8, 0)]
    assert tuple(filter(None, found)) == case.tunnels
    assert len(packets) == 1 + len(case.tunnels)
    assert (inner["vlan"], inner["inner_vlan"]) == case.vlans
    assert inner["bad_checksum"] == 0


@pytest.mark.parametrize("name", CASES)
def test_every_prefix_is_recorded_or_counted(name: str) -> None:
    """A frame gives one innermost packet or one reason; never both, never neither."""
    case = CASES[name]
    raw = bytes(case.frame)
    for length in range(len(raw)):
        packets, drops = decoded(raw[:length], case.link)
        assert int((packets["outer"] == 0).sum()) + sum(drops.values()) == 1


@given(st.sampled_from(sorted(CASES)), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_frames_are_recorded_or_counted(name: str, data: st.DataObject) -> None:
    raw = bytearray(bytes(CASES[name].frame))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packets, drops = decoded(bytes(raw), CASES[name].link)
    assert int((packets["outer"] == 0).sum()) + sum(drops.values()) == 1


def rows_of(frame: bytes, *, by_layers: bool) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Decode one frame by one of the two ways; a VLAN tag makes it an unusual one."""
    tag = b"\x81\x00\x00\x05" if by_layers else b""
    packets, drops = decoded(frame[:12] + tag + frame[12:])
    packets["payload_at"] -= len(tag)
    packets["ip_at"] -= len(tag)
    packets["vlan"] = -1
    only_tcp = {"seq", "ack", "window"}
    names = PACKET.names or ()
    rows = [
        {name: row[name].item() for name in names if row["transport"] == 6 or name not in only_tcp} for row in packets
    ]
    return rows, drops


usual = st.builds(
    lambda payload, ports, v6, is_tcp, trailer, flags: (
        ethernet(
            (tcp if is_tcp else udp)(
                payload,
                "2001:db8::1" if v6 else "192.0.2.1",
                "2001:db8::2" if v6 else "198.51.100.2",
                ports,
                **({"flags": flags, "seq": 77, "ack": 88} if is_tcp else {}),
            )
        )
        + trailer
    ),
    st.binary(max_size=20),
    st.tuples(st.sampled_from([1, 53, 4789, 6081, 2152, 3544, 65535]), st.integers(0, 65535)),
    st.booleans(),
    st.booleans(),
    st.sampled_from([b"", b"\0" * 6]),
    st.integers(0, 255),
)


@given(usual, st.one_of(st.none(), st.tuples(st.integers(14, 60), st.integers(0, 255))))
@settings(max_examples=500, deadline=None)
def test_the_short_way_gives_the_rows_of_the_long_one(frame: bytes, change: tuple[int, int] | None) -> None:
    raw = bytearray(frame)
    if change is not None and change[0] < len(raw):
        raw[change[0]] = change[1]
    assert rows_of(bytes(raw), by_layers=False) == rows_of(bytes(raw), by_layers=True)


def test_a_udp_length_shorter_than_ip_says_where_the_payload_ends() -> None:
    datagram = struct.pack("!HHHH", 1111, 53, 8 + 5, 0) + b"hello" + b"surplus"
    for packet in (ip("192.0.2.1", "198.51.100.2", 17, datagram), ip("2001:db8::1", "2001:db8::2", 17, datagram)):
        for frame in (ethernet(packet), bytes(ETHER / Dot1Q(vlan=1) / (IP if packet[0] >> 4 == 4 else IPv6)(packet))):
            packets, _ = decoded(frame)
            at, length = int(packets[0]["payload_at"]), int(packets[0]["payload_length"])
            assert frame[at : at + length] == b"hello"


def test_a_wrong_checksum_is_found_only_when_asked() -> None:
    frame = bytearray(bytes(ETHER / V4 / TCP(sport=1, dport=80) / b"x"))
    frame[-1] ^= 1
    assert decoded(bytes(frame), verify=True)[0][0]["bad_checksum"] == 1
    assert decoded(bytes(frame))[0][0]["bad_checksum"] == 0


@pytest.mark.parametrize(
    ("frame", "link", "reason"),
    [
        (bytes(ETHER) + b"\x08\x06" + bytes(28), 1, "not_ip"),
        (ETHER.build()[:12] + b"\x08\x06" + bytes(28), 1, "arp"),
        (bytes(ETHER / INNER), 65000, "unknown_link"),
        (bytes(ETHER / INNER)[:20], 1, "truncated"),
        (ETHER.build()[:12] + b"\x08\x00" + b"\x42" + bytes(40), 1, "bad_header"),
    ],
)
def test_what_is_not_recorded_has_a_reason(frame: bytes, link: int, reason: str) -> None:
    packets, drops = decoded(frame, link)
    assert (len(packets), drops) == (0, {reason: 1})

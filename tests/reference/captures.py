"""Twins of the capture readers, in plain Python: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng."""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

BILLION = 10**9
MOST = 1 << 18
MOST_LENGTH = 0x7FFFFFFF
LATEST = 9 * BILLION * BILLION


class Found(NamedTuple):
    """A frame: when, its octets as captured, its length on the link, the link type."""

    ts: int
    octets: bytes
    original: int
    link: int


@dataclass
class Reading:
    """All frames before the first damage, and where that is."""

    frames: list[Found] = field(default_factory=list)
    damage: int | None = None


def read_pcap(octets: bytes) -> Reading:
    """Read a classic capture file."""
    order = "<" if octets[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1 if struct.unpack(order + "I", octets[:4])[0] == 0xA1B23C4D else 1000
    snap, link = struct.unpack(order + "II", octets[16:24])
    most = max(min(snap, 1 << 24), MOST)
    found, at = Reading(), 24
    while len(octets) - at >= 16:
        seconds, fraction, length, original = struct.unpack(order + "IIII", octets[at : at + 16])
        if length > most or length > len(octets) - at - 16:
            found.damage = at
            return found
        frame = octets[at + 16 : at + 16 + length]
        found.frames.append(
            Found(seconds * BILLION + fraction * unit, frame, min(original, MOST_LENGTH), link & 0xFFFF)
        )
        at += 16 + length
    if at < len(octets):
        found.damage = at
    return found


@dataclass
class Interface:
    """What an interface description block says."""

    link: int
    snap: int
    unit: Fraction = Fraction(1, 10**6)
    offset_s: int = 0


def read_pcapng(octets: bytes) -> Reading:
    """Read a capture of the next generation, all sections of it."""
    found, at, order = Reading(), 0, "<"
    interfaces: list[Interface] = []
    while len(octets) - at >= 12:
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            orders = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
            magic = octets[at + 8 : at + 12]
            if magic not in orders:
                break
            order, interfaces = orders[magic], []
        kind, size = struct.unpack(order + "II", octets[at : at + 8])
        block = octets[at : at + size]
        if size < 12 or size % 4 or size > 1 << 24 or len(block) < size:
            break
        if struct.unpack(order + "I", block[-4:])[0] != size:
            break
        read_block(order, kind, block[8:-4], interfaces, found.frames)
        at += size
    if at < len(octets):
        found.damage = at
    return found


def read_block(order: str, kind: int, body: bytes, interfaces: list[Interface], frames: list[Found]) -> None:
    """Read one block whose length holds together."""
    if kind == 1 and len(body) >= 8:
        link, _, snap = struct.unpack(order + "HHI", body[:8])
        interfaces.append(describe(order, Interface(link, snap), body[8:]))
    elif kind == 6 and len(body) >= 20:
        number, high, low, length, original = struct.unpack(order + "IIIII", body[:20])
        add(interfaces, number, high << 32 | low, body[20:], length, original, frames)
    elif kind == 2 and len(body) >= 20:
        number, _, high, low, length, original = struct.unpack(order + "HHIIII", body[:20])
        add(interfaces, number, high << 32 | low, body[20:], length, original, frames)
    elif kind == 3 and len(body) >= 4 and interfaces:
        (original,) = struct.unpack(order + "I", body[:4])
        length = min(original, len(body) - 4, interfaces[0].snap or original)
        frames.append(Found(0, body[4 : 4 + length], min(original, MOST_LENGTH), interfaces[0].link))


def add(
    interfaces: list[Interface], number: int, stamp: int, octets: bytes, length: int, original: int, frames: list[Found]
) -> None:
    if number < len(interfaces) and length <= len(octets):
        interface = interfaces[number]
        ts = min(stamp * interface.unit * BILLION // 1, LATEST)
        ts = min(ts + interface.offset_s * BILLION, LATEST)
        frames.append(Found(ts, octets[:length], min(original, MOST_LENGTH), interface.link))


def describe(order: str, interface: Interface, options: bytes) -> Interface:
    """Read if_tsresol (9) and if_tsoffset (14)."""
    at = 0
    while len(options) - at >= 4:
        code, length = struct.unpack(order + "HH", options[at : at + 4])
        value = options[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            break
        if code == 9 and length == 1:
            interface.unit = Fraction(1, 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0])
        elif code == 14 and length == 8:
            (interface.offset_s,) = struct.unpack(order + "q", value)
        at += 4 + (length + 3 & ~3)
    return interface

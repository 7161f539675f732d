"""Captures of what is meant to bring a probe down: floods of SYNs, handshakes left half open, chosen collisions.

    write_capture(Path("flood.pcap"), flood(5_000_000, real(500)), tick_ns=5_000)

Real conversations go on in the midst of them, so that one sees whether these are recorded.
"""

import random
import struct
import zlib
from collections.abc import Iterable, Iterator

from lab.crowd import CLIENTS, SERVERS, SYN, SYN_ACK, UDP, Frames, backwards, datagram, lookup, segment, web, woven

VICTIM = SERVERS + (1 << 19)
SPOOFED = CLIENTS + (1 << 23)
SOURCES = 1 << 22
REAL = 5 << 20  # their numbers begin here, clear of what is made up
UNDER_WAY = 20  # real conversations that go on at the same moment
WORD = 0xFFFFFFFF


def real(count: int) -> Iterator[Frames]:
    """Give so many real conversations: HTTP and DNS in turn, all of which end."""
    for number in range(REAL, REAL + count):
        yield web(number) if number % 2 else lookup(number)


def spoofed(number: int) -> tuple[int, int, int, int]:
    """Give the ends of a made-up connection to one victim, distinct for each number."""
    return SPOOFED + number % SOURCES, 1024 + number // SOURCES, VICTIM, 80


def flood(count: int, among: Iterable[Frames]) -> Iterator[bytes]:
    """Give SYNs of so many distinct flows, with real conversations spread evenly among them."""
    return amid((segment(spoofed(number), SYN, number, 0) for number in range(count)), count, among)


def half_open(count: int, among: Iterable[Frames]) -> Iterator[bytes]:
    """Give so many handshakes that were answered and never finished, with real conversations among them."""

    def opened() -> Iterator[bytes]:
        for number in range(count):
            there = spoofed(number)
            yield segment(there, SYN, number, 0)
            yield segment(backwards(there), SYN_ACK, number, number + 1)

    return amid(opened(), 2 * count, among)


def amid(hostile: Iterable[bytes], count: int, among: Iterable[Frames]) -> Iterator[bytes]:
    """Give the hostile frames with others spread evenly among them."""
    others = list(woven(among, UNDER_WAY))
    every = max(1, count // (len(others) + 1))
    left = iter(others)
    for number, frame in enumerate(hostile):
        yield frame
        if number % every == every - 1:
            yield from (each for each in (next(left, None),) if each is not None)
    yield from left


def crc_of(source: int, destination: int, source_port: int, port: int) -> int:
    """Give the CRC-32 (ISO-HDLC) of a UDP flow's key in the usual order of its octets."""
    return zlib.crc32(struct.pack("!IIHHB", source, destination, source_port, port, UDP))


def solve_crc() -> list[int]:
    """Give, for each bit of a wanted difference of CRC-32, the difference of destination that makes it.

    A CRC is linear in exclusive or, and four octets in a row reach every value of 32 bits once: Gauss and Jordan.
    """
    zero = crc_of(0, 0, 0, 0)
    rows = [(crc_of(0, 1 << bit, 0, 0) ^ zero, 1 << bit) for bit in range(32)]
    for bit in range(32):
        pivot = next(place for place in range(bit, 32) if rows[place][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        made, by = rows[bit]
        rows = [
            (value ^ made, how ^ by) if place != bit and value >> bit & 1 else (value, how)
            for place, (value, how) in enumerate(rows)
        ]
    return [how for _, how in rows]


def crc_collisions(count: int, target: int = 0x50DE50DE) -> Iterator[tuple[int, int, int, int]]:
    """Give ends of distinct UDP flows whose keys all have the same CRC-32."""
    bits = solve_crc()
    found, number = 0, 0
    while found < count:
        number += 1
        source, source_port, port = CLIENTS + number, 1024 + number % 60_000, 9000
        wanted, destination = crc_of(source, 0, source_port, port) ^ target, 0
        for bit in range(32):
            if wanted >> bit & 1:
                destination ^= bits[bit]
        if usual(destination):
            found += 1
            yield source, source_port, destination, port


def xor_collisions(count: int) -> Iterator[tuple[int, int, int, int]]:
    """Give ends of distinct UDP flows whose addresses and ports, taken as words, are the same by exclusive or."""
    for number in range(1, count + 1):
        source, source_port, port = CLIENTS + number, 1024 + number % 256, 9000
        yield source, source_port, 0xA6A6A6A6 ^ source ^ (source_port << 16 | port), port


def no_collisions(count: int) -> Iterator[tuple[int, int, int, int]]:
    """Give ends of as many UDP flows that nobody chose."""
    chance = random.Random(7)
    found = 0
    while found < count:
        destination = chance.getrandbits(32)
        if usual(destination):
            found += 1
            yield CLIENTS + found, chance.randrange(1024, 65_536), destination, 9000


def usual(address: int) -> bool:
    """Say whether an address could be a host's on the Internet, and is none of our clients'."""
    return 0 < address >> 24 < 224 and address >> 24 not in {10, 127}


def rounds(ends: Iterable[tuple[int, int, int, int]], times: int) -> Iterator[bytes]:
    """Give a datagram of each flow, so many times over: each but the first is looked up among all."""
    frames = [datagram(each, b"sonde lab") for each in ends]
    for _ in range(times):
        yield from frames

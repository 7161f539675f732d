"""IP fragments -> whole datagrams (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722).

Theory of operation. A slot holds one datagram in the making: its octets, and a bit for
each 8-octet unit seen. When the last fragment told the length and every unit is there,
the datagram is written out with a header that says "not fragmented", and is decoded like
any other packet. With all slots taken, the oldest one gives way. Overlaps are an oddity;
whose octets count is chosen as for TCP.
"""

from typing import NamedTuple

import numpy as np

from sonde.table.packets import FRAGMENT_BAD, FRAGMENT_INCOMPLETE, MERGED_FRAGMENT
from sonde.wire import Int, Ints, Row, Rows, Wire, copy, kernel, u8, u16, u32

SLOTS = 256  # datagrams in the making; 64 KiB each, touched only as needed
MOST = 65536  # octets of a datagram's payload
UNITS = MOST // 8
HEADER_ROOM = 64
TIMEOUT_NS = 60_000_000_000  # RFC 8200 §4.5

SLOT = np.dtype(
    [
        ("src_high", "u8"),
        ("src_low", "u8"),
        ("dst_high", "u8"),
        ("dst_low", "u8"),
        ("began", "i8"),
        ("total", "i4"),  # payload octets; -1 until the last fragment came
        ("filled", "i4"),  # units seen
        ("reach", "i4"),  # end of the furthest fragment
        ("fragments", "i4"),
        ("identification", "i8"),
        ("header", "i4"),  # octets of header kept; 0 until the first fragment came
        ("protocol", "u1"),
        ("version", "u1"),
        ("used", "u1"),
        ("overlap", "u1"),
        ("units", "u1", (UNITS // 8,)),
        ("head", "u1", (HEADER_ROOM,)),
    ],
    align=True,
)


class Fragments(NamedTuple):
    """Datagrams in the making."""

    slots: Rows
    octets: Wire
    #: [1 if octets of a later fragment win, 1 if those of the datagram made whole last overlapped]
    choice: Ints


LATER_WINS, OVERLAPPED = range(2)


def new_fragments(*, later_wins: bool = False) -> Fragments:
    """Make an empty table."""
    choice = np.array([later_wins, 0], np.int64)
    return Fragments(np.zeros(SLOTS, SLOT), np.empty(SLOTS * MOST, np.uint8), choice)


@kernel
def add_fragment(wire: Wire, packet: Row, fragments: Fragments, whole: Wire, drops: Ints) -> Int:
    """Take in one fragment; give the length of the datagram that it made whole, or 0.

    The whole datagram, IP header included, is then at the beginning of `whole`, which has
    room for MOST octets.
    """
    at, length = packet["payload_at"], np.int64(packet["payload_length"])
    start, more, identification, protocol, header_at = place_of(wire, packet)
    if packet["version"] == 6:
        at, length = at + 8, length - 8
    cut = packet["payload_length"] != packet["payload_wire"]
    if length <= 0 or cut or start + length > MOST - HEADER_ROOM or (more and length % 8):
        drops[FRAGMENT_BAD] += 1
        return 0
    place = find_slot(packet, fragments, identification, protocol, drops)
    slot = fragments.slots[place]
    slot["fragments"] += 1
    if contradicts(slot, start + length, more):
        drops[FRAGMENT_BAD] += np.int64(slot["fragments"])
        slot["used"] = 0
        return 0
    slot["reach"] = max(np.int64(slot["reach"]), start + length)
    if not more:
        slot["total"] = start + length
    if start == 0:
        keep_header(wire, packet, slot, header_at)
    fill(wire, at, length, (start, place), fragments)
    if slot["total"] < 0 or slot["header"] == 0 or slot["filled"] * 8 < slot["total"]:
        return 0
    drops[MERGED_FRAGMENT] += np.int64(slot["fragments"]) - 1
    slot["used"] = 0
    fragments.choice[OVERLAPPED] = slot["overlap"]
    return write_out(fragments, place, whole)


@kernel
def contradicts(slot: Row, end: Int, more: Int) -> bool:
    """Say whether a fragment reaches beyond the end that the last one tells, or tells another end."""
    total = np.int64(slot["total"])
    if more:
        return bool(0 <= total < end)
    return bool(end < slot["reach"] or (total >= 0 and total != end))


@kernel
def place_of(wire: Wire, packet: Row) -> tuple[Int, Int, Int, Int, Int]:
    """Give offset, more-fragments, identification, protocol and where the headers begin."""
    at = packet["payload_at"]
    if packet["version"] == 4:
        head = packet["ip_at"]
        word = u16(wire, head + 6)
        return (word & 0x1FFF) * 8, word >> 13 & 1, u16(wire, head + 4), u8(wire, head + 9), head
    word = u16(wire, at + 2)
    return word & 0xFFF8, word & 1, u32(wire, at + 4), u8(wire, at), at


@kernel
def find_slot(packet: Row, fragments: Fragments, identification: Int, protocol: Int, drops: Ints) -> Int:
    """Give the slot of a fragment's datagram; a new one may push out the oldest."""
    free, oldest = -1, 0
    for place in range(len(fragments.slots)):
        slot = fragments.slots[place]
        if slot["used"] == 1 and packet["ts"] - slot["began"] > TIMEOUT_NS:
            drops[FRAGMENT_INCOMPLETE] += np.int64(slot["fragments"])
            slot["used"] = 0
        if slot["used"] == 0:
            if free < 0:
                free = place
            continue
        if (
            slot["identification"] == identification
            and slot["src_low"] == packet["src_low"]
            and slot["dst_low"] == packet["dst_low"]
            and slot["src_high"] == packet["src_high"]
            and slot["dst_high"] == packet["dst_high"]
            and (slot["protocol"] == protocol or packet["version"] == 6)
        ):
            return place
        if slot["began"] < fragments.slots[oldest]["began"]:
            oldest = place
    if free < 0:
        drops[FRAGMENT_INCOMPLETE] += np.int64(fragments.slots[oldest]["fragments"])
        free = oldest
    slot = fragments.slots[free]
    slot["used"] = 1
    slot["identification"] = identification
    slot["protocol"] = protocol
    slot["version"] = packet["version"]
    slot["src_high"], slot["src_low"] = packet["src_high"], packet["src_low"]
    slot["dst_high"], slot["dst_low"] = packet["dst_high"], packet["dst_low"]
    slot["began"] = packet["ts"]
    slot["total"] = -1
    slot["filled"] = 0
    slot["reach"] = 0
    slot["fragments"] = 0
    slot["header"] = 0
    slot["overlap"] = 0
    for place in range(UNITS // 8):
        slot["units"][place] = 0
    return free


@kernel
def keep_header(wire: Wire, packet: Row, slot: Row, header_at: Int) -> None:
    """Keep a plain IP header for the whole datagram; IPv6 extensions before it are not kept."""
    if packet["version"] == 4:
        slot["header"] = 20
        for place in range(20):
            slot["head"][place] = wire[header_at + place]
        slot["head"][0] = 0x45
        slot["head"][6], slot["head"][7] = 0, 0
        return
    slot["protocol"] = u8(wire, header_at)
    slot["header"] = 40
    slot["head"][0] = 0x60
    for place in range(1, 8):
        slot["head"][place] = 0
    slot["head"][6] = slot["protocol"]
    slot["head"][7] = packet["ttl"]
    for word in range(8):
        shift = np.uint64(56 - 8 * word)
        slot["head"][8 + word] = np.int64(packet["src_high"] >> shift & np.uint64(255))
        slot["head"][16 + word] = np.int64(packet["src_low"] >> shift & np.uint64(255))
        slot["head"][24 + word] = np.int64(packet["dst_high"] >> shift & np.uint64(255))
        slot["head"][32 + word] = np.int64(packet["dst_low"] >> shift & np.uint64(255))


@kernel
def fill(wire: Wire, at: Int, length: Int, where: tuple[Int, Int], fragments: Fragments) -> None:
    """Copy a fragment's octets, unit by unit, and mark what was there before."""
    start, place = where
    slot = fragments.slots[place]
    base = place * MOST
    for offset in range(0, length, 8):
        unit = (start + offset) >> 3
        bit = 1 << (unit & 7)
        have = slot["units"][unit >> 3] & bit
        if have:
            slot["overlap"] = 1
            if fragments.choice[LATER_WINS] == 0:
                continue
        else:
            slot["units"][unit >> 3] |= bit
            slot["filled"] += 1
        for octet in range(offset, min(offset + 8, length)):
            fragments.octets[base + start + octet] = wire[at + octet]


@kernel
def write_out(fragments: Fragments, place: Int, whole: Wire) -> Int:
    """Write a whole datagram; give its length."""
    slot = fragments.slots[place]
    head, total = np.int64(slot["header"]), np.int64(slot["total"])
    for octet in range(head):
        whole[octet] = slot["head"][octet]
    length_at, length = (2, head + total) if head == 20 else (4, total)
    whole[length_at] = length >> 8 & 255
    whole[length_at + 1] = length & 255
    if head == 20:
        write_checksum(whole)
    copy(fragments.octets, place * MOST, place * MOST + total, whole, head)
    return head + total


@kernel
def write_checksum(whole: Wire) -> None:
    """Write the checksum of an IPv4 header made here."""
    whole[10], whole[11] = 0, 0
    total = 0
    for word in range(10):
        total += u16(whole, 2 * word)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    whole[10] = (total ^ 0xFFFF) >> 8
    whole[11] = (total ^ 0xFFFF) & 255


@kernel
def count_pending(fragments: Fragments) -> Int:
    """Count the fragments of datagrams that never became whole."""
    pending = 0
    for place in range(len(fragments.slots)):
        if fragments.slots[place]["used"] == 1:
            pending += np.int64(fragments.slots[place]["fragments"])
    return pending

"""Columns of text in bulk: spans of the arena, addresses, identifiers.

Each kernel writes octets and offsets as Arrow lays out a string column.
"""

from __future__ import annotations

import numpy as np

from sonde.table.arrow import numbers, validity
from sonde.table.late import pa
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Int, Ints, Rows, Wire, copy, find_like, kernel, u16, u32
from sonde.wire.sha1 import WORDS, sha1_short

UID_LENGTH = 18
BASE_62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
PAIRS = 62 * 62
PAIRS_62 = np.stack([np.tile(BASE_62, 62), np.repeat(BASE_62, 62)], 1).reshape(-1)  # two digits of each, low one first
BASE_64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
NOT_ASCII = 0x80  # the bit that octets of ASCII lack
SPELLED = 4  # octets for each number below 256: in decimal, a dot behind, and scratch
DECIMALS = np.frombuffer(b"".join(f"{octet}.".encode().ljust(SPELLED) for octet in range(256)), np.uint8)
LENGTHS = np.array([len(f"{octet}.") for octet in range(256)])
ROOM_OF_V4 = 16  # "255.255.255.255" and a dot
LONGEST_ADDRESS = 45
MAC_LENGTH = 17


@kernel
def utf8_length(text: Wire, at: Int, end: Int) -> Int:
    """Give the octets of the UTF-8 character at a place, or 0 if there is none (RFC 3629 §4)."""
    first = np.int64(text[at])
    if first < 0x80:
        return 1
    if first < 0xC2 or first > 0xF4:
        return 0
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end:
        return 0
    second = np.int64(text[at + 1])
    if second & 0xC0 != 0x80:
        return 0
    if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F):
        return 0
    if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F):
        return 0
    for place in range(at + 2, at + size):
        if np.int64(text[place]) & 0xC0 != 0x80:
            return 0
    return size


@kernel
def copy_text(text: Wire, at: Int, end: Int, out: Wire, put: Int) -> Int:
    r"""Copy text as UTF-8, other octets as \xNN; give the place behind it. `out` has room."""
    while at < end:
        plain = find_like(text, at, end, NOT_ASCII, NOT_ASCII)
        put = copy(text, at, plain, out, put)
        at = plain
        if at == end:
            break
        size = utf8_length(text, at, end)
        if size == 0:
            octet = np.int64(text[at])
            out[put], out[put + 1] = 92, 120
            out[put + 2], out[put + 3] = HEX[octet >> 4], HEX[octet & 15]
            put += 4
            at += 1
            continue
        for _ in range(size):
            out[put] = text[at]
            put += 1
            at += 1
    return put


@kernel
def spans_size(text: Wire, spans: Ints) -> Int:
    """Give the most octets that the spans can take as UTF-8."""
    total = 0
    for span in spans:
        if span >= 0:
            at, end = span >> LENGTH_BITS, (span >> LENGTH_BITS) + (span & LENGTH_MASK)
            total += end - at
            at = find_like(text, at, end, NOT_ASCII, NOT_ASCII)
            while at < end:
                total += 3
                at = find_like(text, at + 1, end, NOT_ASCII, NOT_ASCII)
    return total


@kernel
def gather_texts(text: Wire, spans: Ints, offsets: Ints, out: Wire) -> None:
    """Lay the texts of spans one behind the other."""
    put = 0
    for row in range(len(spans)):
        offsets[row] = put
        if spans[row] >= 0:
            start = spans[row] >> LENGTH_BITS
            put = copy_text(text, start, start + (spans[row] & LENGTH_MASK), out, put)
    offsets[len(spans)] = put


@kernel
def gather_octets(text: Wire, spans: Ints, offsets: Ints, out: Wire) -> None:
    """Lay the octets of spans one behind the other, as they are."""
    put = 0
    for row in range(len(spans)):
        offsets[row] = put
        if spans[row] >= 0:
            start = spans[row] >> LENGTH_BITS
            put = copy(text, start, start + (spans[row] & LENGTH_MASK), out, put)
    offsets[len(spans)] = put


@kernel
def gather_numbers(text: Wire, spans: Ints, lists: Ints, out: Rows) -> None:
    """Read big-endian 32-bit numbers of spans one behind the other; octets at the end that are no number are left."""
    put = 0
    for row in range(len(spans)):
        lists[row] = put
        if spans[row] >= 0:
            at, end = spans[row] >> LENGTH_BITS, (spans[row] >> LENGTH_BITS) + (spans[row] & LENGTH_MASK)
            while end - at >= 4:
                out[put] = u32(text, at)
                put += 1
                at += 4
    lists[len(spans)] = put


@kernel
def count_items(text: Wire, spans: Ints) -> Int:
    """Count the items of text lists."""
    count = 0
    for span in spans:
        if span >= 0:
            at, end = span >> LENGTH_BITS, (span >> LENGTH_BITS) + (span & LENGTH_MASK)
            while end - at >= 2:
                at += 2 + u16(text, at)
                count += 1
    return count


@kernel
def split_items(text: Wire, spans: Ints, lists: Ints, items: Ints) -> None:
    """Write the span of each item of text lists, and where each list begins."""
    count = 0
    for row in range(len(spans)):
        lists[row] = count
        if spans[row] >= 0:
            at = spans[row] >> LENGTH_BITS
            end = at + (spans[row] & LENGTH_MASK)
            while end - at >= 2:
                length = min(u16(text, at), end - at - 2)
                items[count] = (at + 2) << LENGTH_BITS | length
                at += 2 + length
                count += 1
    lists[len(spans)] = count


@kernel
def put_v6(out: Wire, put: Int, high: Int, low: Int) -> Int:
    """Write an IPv6 address (RFC 5952 §4)."""
    best, best_length, run = -1, 1, 0
    for group in range(8):
        value = (high if group < 4 else low) >> (48 - 16 * (group & 3)) & 0xFFFF
        run = run + 1 if value == 0 else 0
        if run > best_length:
            best, best_length = group - run + 1, run
    group = 0
    while group < 8:
        if group == best:
            out[put] = 58
            put += 1
            if group == 0:
                out[put] = 58
                put += 1
            group += best_length
            continue
        value = (high if group < 4 else low) >> (48 - 16 * (group & 3)) & 0xFFFF
        started = False
        for shift in (12, 8, 4, 0):
            nibble = value >> shift & 15
            if nibble or started or shift == 0:
                out[put] = HEX[nibble]
                put += 1
                started = True
        group += 1
        if group < 8:
            out[put] = 58
            put += 1
    return put


@kernel
def format_addresses(high: Ints, low: Ints, offsets: Ints, out: Wire) -> None:
    """Write addresses as text; those in ::ffff:0:0/96 as IPv4."""
    put = 0
    for row in range(len(high)):
        offsets[row] = put
        if high[row] == 0 and low[row] >> 32 == 0xFFFF:
            put = put_v4(out, put, low[row])
        else:
            put = put_v6(out, put, high[row], low[row])
    offsets[len(high)] = put


@kernel
def format_v4(values: Ints, offsets: Ints, out: Wire) -> None:
    """Write IPv4 addresses as text; nothing for negative numbers."""
    put = 0
    for row in range(len(values)):
        offsets[row] = put
        if values[row] >= 0:
            put = put_v4(out, put, values[row])
    offsets[len(values)] = put


@kernel
def put_v4(out: Wire, put: Int, value: Int) -> Int:
    """Write an IPv4 address, and scratch behind it; give the place behind."""
    for shift in (24, 16, 8, 0):
        octet = value >> shift & 255
        for place in range(SPELLED):
            out[put + place] = DECIMALS[SPELLED * octet + place]
        put += LENGTHS[octet]
    return put - 1


@kernel
def format_macs(values: Ints, offsets: Ints, out: Wire) -> None:
    """Write hardware addresses as six pairs of digits; nothing for negative numbers."""
    put = 0
    for row in range(len(values)):
        offsets[row] = put
        if values[row] < 0:
            continue
        for shift in (40, 32, 24, 16, 8, 0):
            octet = values[row] >> shift & 255
            if shift < 40:
                out[put] = 58
                put += 1
            out[put], out[put + 1] = HEX[octet >> 4], HEX[octet & 15]
            put += 2
    offsets[len(values)] = put


@kernel(wraps=True)
def scramble(value: np.uint64) -> np.uint64:
    """Spread the bits of a number (the finaliser of SplitMix64)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ value >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.uint64(value ^ value >> np.uint64(31))


@kernel(wraps=True)
def format_uids(frames: Ints, seed: int, out: Wire) -> None:
    """Name flows by where they began (`frame` of a flow) and the input's seed: C and 17 of base 62."""
    for row in range(len(frames)):
        a = scramble(np.uint64(frames[row]) ^ np.uint64(seed))
        b = scramble(a ^ np.uint64(frames[row]))
        at = row * UID_LENGTH
        out[at] = 67
        for place in range(1, 9, 2):  # two digits for a division, which is what takes the time
            low, high = np.int64(a % np.uint64(PAIRS)), np.int64(b % np.uint64(PAIRS))
            out[at + place], out[at + place + 1] = PAIRS_62[2 * low], PAIRS_62[2 * low + 1]
            out[at + place + 9], out[at + place + 10] = PAIRS_62[2 * high], PAIRS_62[2 * high + 1]
            a, b = a // np.uint64(PAIRS), b // np.uint64(PAIRS)
        out[at + 9] = BASE_62[np.int64(a % np.uint64(62))]


COMMUNITY_LENGTH = 30  # "1:" and 28 octets of base 64


@kernel
def format_community_ids(
    words: tuple[Ints, Ints, Ints, Ints], ports: Ints, work: tuple[Wire, Ints, Ints, Wire], out: Wire
) -> None:
    """Write Community ID v1 (seed 0) of flows; ports are orig << 32 | resp << 16 | one-way << 8 | transport."""
    orig_high, orig_low, resp_high, resp_low = words
    message, schedule, state, digest = work
    for row in range(len(ports)):
        orig_port, resp_port = ports[row] >> 32 & 0xFFFF, ports[row] >> 16 & 0xFFFF
        transport, one_way = ports[row] & 255, ports[row] >> 8 & 1
        four = orig_high[row] == 0 and orig_low[row] >> 32 == 0xFFFF
        size = 4 if four else 16
        message[0], message[1] = 0, 0
        swap = False
        if one_way == 0:
            swap = comes_later(orig_high[row], orig_low[row], resp_high[row], resp_low[row])
            if orig_high[row] == resp_high[row] and orig_low[row] == resp_low[row]:
                swap = orig_port > resp_port
        a, b = (2 + size, 2) if swap else (2, 2 + size)
        put_address(message, a, size, orig_high[row], orig_low[row])
        put_address(message, b, size, resp_high[row], resp_low[row])
        at = 2 + 2 * size
        message[at], message[at + 1] = transport, 0
        at += 2
        if transport in (1, 6, 17, 58, 132):
            first, second = (resp_port, orig_port) if swap else (orig_port, resp_port)
            message[at], message[at + 1] = first >> 8, first & 255
            message[at + 2], message[at + 3] = second >> 8, second & 255
            at += 4
        sha1_short(message, at, schedule, state, digest)
        put_base64(digest, out, row * COMMUNITY_LENGTH)


@kernel
def comes_later(high: Int, low: Int, other_high: Int, other_low: Int) -> bool:
    """Say whether one address is above another, as unsigned numbers."""
    flip = np.int64(-0x8000000000000000)
    if high != other_high:
        return bool((high ^ flip) > (other_high ^ flip))
    return bool((low ^ flip) > (other_low ^ flip))


@kernel
def put_address(message: Wire, at: Int, size: Int, high: Int, low: Int) -> None:
    """Write an address of 4 or 16 octets."""
    if size == 4:
        for octet in range(4):
            message[at + octet] = low >> (24 - 8 * octet) & 255
        return
    for octet in range(8):
        message[at + octet] = high >> (56 - 8 * octet) & 255
        message[at + 8 + octet] = low >> (56 - 8 * octet) & 255


@kernel
def put_base64(digest: Wire, out: Wire, at: Int) -> None:
    """Write "1:" and 20 octets in base 64 (RFC 4648 §4)."""
    out[at], out[at + 1] = 49, 58
    put = at + 2
    for group in range(7):
        last = group == 6
        word = np.int64(digest[3 * group]) << 16 | np.int64(digest[3 * group + 1]) << 8
        if not last:
            word |= np.int64(digest[3 * group + 2])
        for place in range(4):
            out[put] = BASE_64[word >> (18 - 6 * place) & 63]
            put += 1
        if last:
            out[put - 1] = 61


def text_column(text: Wire, spans: Ints) -> pa.Array:
    """Make a string column of spans; null where there is none."""
    offsets = np.empty(len(spans) + 1, np.int64)
    out = np.empty(max(int(spans_size(text, spans)), 1), np.uint8)
    gather_texts(text, spans, offsets, out)
    return string_array(offsets, out, spans < 0)


def octets_column(text: Wire, spans: Ints) -> pa.Array:
    """Make a binary column of spans."""
    offsets = np.empty(len(spans) + 1, np.int64)
    out = np.empty(max(int((spans[spans >= 0] & LENGTH_MASK).sum()), 1), np.uint8)
    gather_octets(text, spans, offsets, out)
    return string_array(offsets, out, spans < 0, pa.binary())


def text_list_column(text: Wire, spans: Ints) -> pa.Array:
    """Make a list-of-strings column of spans of length-prefixed texts."""
    lists = np.empty(len(spans) + 1, np.int64)
    items = np.empty(int(count_items(text, spans)), np.int64)
    split_items(text, spans, lists, items)
    return list_array(lists, text_column(text, items), spans < 0)


def u32_list_column(text: Wire, spans: Ints) -> pa.Array:
    """Make a list column of spans of big-endian 32-bit numbers."""
    lists = np.empty(len(spans) + 1, np.int64)
    values = np.empty(int((spans[spans >= 0] & LENGTH_MASK).sum()) // 4, np.uint32)
    gather_numbers(text, spans, lists, values)
    return list_array(lists, numbers(values[: lists[-1]], pa.uint32()), spans < 0)


def string_array(offsets: Ints, out: Wire, null: np.ndarray, kind: pa.DataType | None = None) -> pa.Array:
    """Wrap offsets and octets as an Arrow column, of strings by default, without copying them again."""
    count = len(offsets) - 1
    buffers = [validity(null), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out[: max(int(offsets[-1]), 1)])]
    return pa.Array.from_buffers(kind or pa.string(), count, buffers)


def list_array(lists: Ints, values: pa.Array, null: np.ndarray) -> pa.Array:
    """Wrap list beginnings and values as an Arrow list column."""
    kind = pa.list_(values.type)
    buffers = [validity(null), pa.py_buffer(lists.astype(np.int32))]
    return pa.Array.from_buffers(kind, len(lists) - 1, buffers, children=[values])


def fixed_text(out: Wire, length: int) -> pa.Array:
    """Make a string column whose texts all have one length."""
    count = len(out) // length
    offsets = np.arange(count + 1, dtype=np.int64) * length
    return string_array(offsets, out, np.zeros(count, bool))


def address_column(high: Ints, low: Ints) -> pa.Array:
    """Make a text column of addresses, given as the two halves of 128 bits."""
    offsets = np.empty(len(high) + 1, np.int64)
    out = np.empty(max(len(high) * LONGEST_ADDRESS, 1), np.uint8)
    format_addresses(high, low, offsets, out)
    return string_array(offsets, out, np.zeros(len(high), bool))


def ipv4_column(values: Ints) -> pa.Array:
    """Make a text column of IPv4 addresses, given as numbers; negative ones are null."""
    offsets = np.empty(len(values) + 1, np.int64)
    out = np.empty(max(len(values) * ROOM_OF_V4, 1), np.uint8)
    format_v4(values, offsets, out)
    return string_array(offsets, out, values < 0)


def mac_column(values: Ints) -> pa.Array:
    """Make a text column of hardware addresses, given as numbers; negative ones are null."""
    offsets = np.empty(len(values) + 1, np.int64)
    out = np.empty(max(len(values) * MAC_LENGTH, 1), np.uint8)
    format_macs(values, offsets, out)
    return string_array(offsets, out, values < 0)


def uid_column(frames: Ints, seed: int) -> pa.Array:
    """Make the column of flow names."""
    out = np.empty(len(frames) * UID_LENGTH, np.uint8)
    format_uids(np.ascontiguousarray(frames), seed, out)
    return fixed_text(out, UID_LENGTH)


def community_column(words: tuple[Ints, Ints, Ints, Ints], ports: Ints) -> pa.Array:
    """Make the column of Community IDs."""
    out = np.empty(len(ports) * COMMUNITY_LENGTH, np.uint8)
    work = (np.zeros(64, np.uint8), np.zeros(WORDS, np.int64), np.zeros(8, np.int64), np.zeros(20, np.uint8))
    format_community_ids(words, ports, work, out)
    return fixed_text(out, COMMUNITY_LENGTH)


__all__ = [
    "address_column",
    "community_column",
    "ipv4_column",
    "mac_column",
    "octets_column",
    "text_column",
    "text_list_column",
    "u32_list_column",
    "uid_column",
]

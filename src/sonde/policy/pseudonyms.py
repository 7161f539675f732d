"""Pseudonyms in bulk: HMAC-SHA-256 of field and value, 128 bits of it in hexadecimal.

    pseudonyms(column_of_text, "http.username", key_states(secret), keep_domain=True)

The message is the field's name, a zero octet, and the value as UTF-8 (RFC 2104, FIPS 180-4), so
that one value has another name in another field. The key's own blocks are hashed once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sonde.table.late import pa
from sonde.wire import Int, Ints, Wire, copy, kernel
from sonde.wire.digest import BLOCK, MASK, SHA256_START, WORDS, load_block, sha256_block

PSEUDONYM_OCTETS = 16  # 128 bits
PSEUDONYM_WORDS = PSEUDONYM_OCTETS // 4
PSEUDONYM_LENGTH = 2 + 2 * PSEUDONYM_OCTETS  # "p:" and digits
LONGEST_DOMAIN = 253  # octets, RFC 1035 §2.3.4
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
INNER, OUTER = 0x36, 0x5C


class KeyStates(NamedTuple):
    """SHA-256 after the key's inner and outer block (RFC 2104 §2)."""

    inner: Ints
    outer: Ints


def key_states(secret: bytes) -> KeyStates:
    """Hash a key's blocks; it has 64 octets at most."""
    if len(secret) > BLOCK:
        raise ValueError(f"a key of pseudonyms has {BLOCK} octets at most")
    made = []
    for mark in (INNER, OUTER):
        block = np.frombuffer(bytes(octet ^ mark for octet in secret.ljust(BLOCK, b"\0")), ">u4").astype(np.int64)
        state = SHA256_START.copy()
        sha256_block(state, block)
        made.append(state)
    return KeyStates(*made)


@kernel
def hmac_from(states: KeyStates, message: Wire, length: Int, state: Ints, words: Ints) -> None:
    """Give the HMAC of message[:length] in `state`."""
    for word in range(8):
        state[word] = states.inner[word]
    blocks = (length + 9 + BLOCK - 1) // BLOCK
    for block in range(blocks):
        if BLOCK * block <= length:
            load_block(message, BLOCK * block, length, words)
        else:
            for word in range(WORDS):
                words[word] = 0
        if block == blocks - 1:
            bits = (BLOCK + length) * 8  # the key's block counts
            words[14], words[15] = bits >> 32, bits & MASK
        sha256_block(state, words)
    for word in range(8):
        words[word] = state[word]
        state[word] = states.outer[word]
    words[8] = 0x80000000
    for word in range(9, WORDS - 1):
        words[word] = 0
    words[15] = (BLOCK + 32) * 8
    sha256_block(state, words)


@kernel
def domain_at(text: Wire, at: Int, end: Int) -> Int:
    """Give where the domain of a mail address begins, its @ included; `end` where the text is no address."""
    place = end
    while place > at and text[place - 1] != 64:
        place -= 1
    if place <= at + 1 or place == end or end - place > LONGEST_DOMAIN:
        return end
    dots = 0
    for octet in range(place, end):
        value = np.int64(text[octet])
        folded = value | 0x20
        if value == 46:
            dots += 1
        elif not (97 <= folded <= 122 or 48 <= value <= 57 or value == 45):
            return end  # not even an odd domain: it could be anything
    if dots == 0 or text[place] == 46 or text[end - 1] == 46:
        return end
    for octet in range(at, place):
        if text[octet] == 32:
            return end
    return place - 1


class Desk(NamedTuple):
    """What pseudonyms are made with: the name of the field, a zero octet, and room for the longest text."""

    message: Wire
    name_length: Ints  # one number
    keeps_domain: Ints  # one number
    state: Ints
    words: Ints


@kernel
def write_pseudonyms(text: Wire, offsets: Ints, states: KeyStates, desk: Desk, out: Wire, begins: Ints) -> None:
    """Write the pseudonym of each text one behind the other, and where each begins."""
    put = 0
    for row in range(len(begins) - 1):
        at, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        length = copy(text, at, end, desk.message, desk.name_length[0])
        hmac_from(states, desk.message, length, desk.state, desk.words)
        begins[row] = put
        out[put], out[put + 1] = 112, 58
        put += 2
        for word in range(PSEUDONYM_WORDS):
            for shift in (28, 24, 20, 16, 12, 8, 4, 0):
                out[put] = HEX[desk.state[word] >> shift & 15]
                put += 1
        if desk.keeps_domain[0] == 1:
            put = copy(text, domain_at(text, at, end), end, out, put)
    begins[len(begins) - 1] = put


def pseudonyms(column: pa.StringArray, place: str, states: KeyStates, *, keep_domain: bool) -> pa.StringArray:
    """Give the pseudonym of each text of a column without nulls; a mail address may keep its domain."""
    count = len(column)
    if count == 0:
        return column
    raw = column.buffers()
    offsets = np.frombuffer(raw[1], np.int32)[column.offset : column.offset + count + 1]
    text = np.frombuffer(raw[2], np.uint8) if raw[2] is not None and raw[2].size else np.zeros(1, np.uint8)
    lengths = np.diff(offsets)
    name = np.frombuffer(place.encode() + b"\0", np.uint8)
    message = np.zeros(len(name) + int(lengths.max()), np.uint8)
    message[: len(name)] = name
    desk = Desk(
        message,
        np.array([len(name)], np.int64),
        np.array([keep_domain], np.int64),
        np.zeros(8, np.int64),
        np.zeros(WORDS, np.int64),
    )
    room = PSEUDONYM_LENGTH * count + (int(np.minimum(lengths, LONGEST_DOMAIN + 1).sum()) if keep_domain else 0)
    out, begins = np.empty(room, np.uint8), np.empty(count + 1, np.int64)
    write_pseudonyms(text, np.ascontiguousarray(offsets), states, desk, out, begins)
    buffers = [None, pa.py_buffer(begins.astype(np.int32)), pa.py_buffer(out[: int(begins[-1])])]
    return pa.Array.from_buffers(pa.string(), count, buffers)


__all__ = ["PSEUDONYM_LENGTH", "PSEUDONYM_OCTETS", "KeyStates", "key_states", "pseudonyms"]

"""Texts -> numbers of applications: a hash table that kernels look up in, whatever the case.

Names are hashed from their end or from their beginning, User-Agents product by product;
the table is the same for all of them.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sonde.wire import Int, Ints, Wire, kernel, lower

FNV_OFFSET, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


class Ends(NamedTuple):
    """A hash table of texts: for each place the text's span, its application, and what must stand at the other end."""

    at: Ints
    length: Ints
    application: Ints
    rest_at: Ints
    rest_length: Ints
    text: Wire


def make_table(texts: dict[tuple[bytes, bytes], int], *, backwards: bool) -> Ends:
    """Make a table of texts in lower case, each with what must stand at the other end."""
    size = 16
    while size < 2 * len(texts):
        size *= 2
    table = np.zeros((5, size), np.int64)
    table[0] = -1
    text = bytearray()
    for (key, rest), number in texts.items():
        place = _hash(reversed(key) if backwards else key) & (size - 1)
        while table[0, place] >= 0:
            place = (place + 1) & (size - 1)
        table[:, place] = (len(text), len(key), number, len(text) + len(key), len(rest))
        text += key + rest
    octets = np.frombuffer(bytes(text) or b"\0", np.uint8)
    return Ends(*(table[row] for row in range(len(table))), octets)  # type: ignore[call-arg]


def _hash(octets: Iterable[int]) -> int:
    value = 0xCBF29CE484222325
    for octet in octets:
        value = ((value ^ octet) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


@kernel(wraps=True)
def look_up(ends: Ends, text: Wire, at: Int, stop: Int, value: np.uint64, end: Int) -> Int:
    """Give the application of exactly text[at:stop] in a name that ends at `end`, or -1."""
    mask = np.uint64(len(ends.at) - 1)
    place = np.int64(value & mask)
    for _ in range(len(ends.at)):
        if ends.at[place] < 0:
            return -1
        rest = ends.rest_length[place]
        if ends.length[place] == stop - at and (rest == 0 or rest < end - stop):
            same = same_text(text, at, stop, ends.text, ends.at[place])
            if same and same_text(text, end - rest, end, ends.text, ends.rest_at[place]):
                return ends.application[place]
        place = (place + 1) & (len(ends.at) - 1)
    return -1


@kernel
def same_text(text: Wire, at: Int, end: Int, known: Wire, place: Int) -> bool:
    """Compare text[at:end], whatever its case, with known text from a place on."""
    for offset in range(end - at):
        if lower(text[at + offset]) != np.int64(known[place + offset]):
            return False
    return True

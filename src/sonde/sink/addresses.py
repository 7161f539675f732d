"""Addresses as text -> as octets, in bulk: what formats for machines want of columns that people read.

    octets, form = parse_addresses(batch["orig_ip"])     # (rows, 16) octets, and 4, 6 or 0 for each

IPv4 is dotted decimal (RFC 3986 §3.2.2), IPv6 as in RFC 4291 §2.2, with `::` and an embedded IPv4
address. All else, a pseudonym or nothing, has form 0.
"""

import numpy as np
import pyarrow as pa

from sonde.table.arrow import spans
from sonde.wire import Int, Ints, Wire, kernel

V4, V6, NO_ADDRESS = 4, 6, 0
SIZE, GROUPS = 16, 8
DOT, COLON, ZERO = 46, 58, 48


def parse_addresses(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Give the octets of each address, IPv4 in the first four of sixteen, and its form."""
    text, at = spans(column)
    out = np.zeros(len(column) * SIZE, np.uint8)
    form = np.zeros(len(column), np.int64)
    parse_all(text, at, out, form)
    return out.reshape(-1, SIZE), form


@kernel
def parse_all(text: Wire, at: Ints, out: Wire, form: Ints) -> None:
    """Read one address for each row; `at` has one place more than there are rows."""
    for row in range(len(form)):
        begin, end, put = at[row], at[row + 1], row * SIZE
        if parse_v4(text, begin, end, out, put):
            form[row] = V4
        elif parse_v6(text, begin, end, out, put):
            form[row] = V6
        if form[row] == NO_ADDRESS:
            out[put : put + SIZE] = 0


@kernel
def parse_v4(text: Wire, at: Int, end: Int, out: Wire, put: Int) -> Int:
    """Read text[at:end] as four decimal numbers; give 1 if that is what it is."""
    value, digits, parts = 0, 0, 0
    for place in range(at, end + 1):
        letter = np.int64(text[place]) if place < end else DOT
        if letter == DOT:
            if digits == 0 or parts == 4:
                return 0
            out[put + parts] = value
            value, digits, parts = 0, 0, parts + 1
        elif ZERO <= letter <= ZERO + 9 and not (digits > 0 and value == 0):
            value, digits = value * 10 + letter - ZERO, digits + 1
            if value > 255:
                return 0
        else:
            return 0
    return 1 if parts == 4 else 0


@kernel
def parse_v6(text: Wire, at: Int, end: Int, out: Wire, put: Int) -> Int:
    """Read text[at:end] as eight groups, or fewer around `::`; give 1 if that is what it is."""
    groups, gap = 0, -1
    if at + 1 < end and text[at] == COLON and text[at + 1] == COLON:
        at, gap = at + 2, 0
    while at < end:
        if groups == GROUPS:
            return 0
        last = at
        while last < end and text[last] != COLON:
            last += 1
        if last == end and groups <= GROUPS - 2 and parse_v4(text, at, end, out, put + 2 * groups):
            groups, at = groups + 2, end
            break
        value = group_value(text, at, last)
        if value < 0:
            return 0
        out[put + 2 * groups], out[put + 2 * groups + 1] = value >> 8, value & 0xFF
        groups, at = groups + 1, last
        if at < end:  # a colon: another group must follow, or the gap
            at += 1
            if at < end and text[at] == COLON:
                if gap >= 0:
                    return 0
                gap, at = groups, at + 1
            elif at == end:
                return 0
    return close_gap(out, put, groups, gap)


@kernel
def group_value(text: Wire, at: Int, end: Int) -> Int:
    """Read one to four hexadecimal digits; -1 for anything else."""
    if end - at < 1 or end - at > 4:
        return -1
    value = 0
    for place in range(at, end):
        letter = np.int64(text[place])
        if ZERO <= letter <= ZERO + 9:
            value = value << 4 | letter - ZERO
        elif 97 <= letter | 0x20 <= 102:
            value = value << 4 | (letter | 0x20) - 87
        else:
            return -1
    return value


@kernel
def close_gap(out: Wire, put: Int, groups: Int, gap: Int) -> Int:
    """Move what stands behind `::` to the end, zeros before it; give 1 if the address is whole."""
    if gap < 0:
        return 1 if groups == GROUPS else 0
    if groups == GROUPS:
        return 0
    shift = 2 * (GROUPS - groups)
    for place in range(2 * groups - 1, 2 * gap - 1, -1):
        out[put + place + shift] = out[put + place]
    for place in range(2 * gap, 2 * gap + shift):
        out[put + place] = 0
    return 1


__all__ = ["NO_ADDRESS", "V4", "V6", "parse_addresses"]

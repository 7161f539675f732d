"""Names and resource data as text (RFC 1035 §3.1, §4.1.4).

A name in a message may go on elsewhere: a pointer must lead backwards, so it ends. What
a reader finds odd comes back in the low bits of the place behind: `place << 2 | odd`.
"""

import numpy as np

from sonde.dissect.names.registry import (
    ALPN,
    BINDS,
    BINDS_READING,
    ECH,
    HEX,
    IPV4,
    IPV4_HINT,
    IPV6,
    IPV6_HINT,
    KIND,
    LITERAL,
    NAME,
    NAME_OR_ROOT,
    NUMBER,
    OWNER,
    PARAM_NAMES,
    PARAM_WIDTH,
    PARAMS,
    PARAMS_KNOWN,
    PORT,
    READING_OF,
    READINGS,
    REST,
    SKIP,
    STRING,
    STRINGS,
)  # fmt: skip
from sonde.table.out import TEXT, Out, put_hex, put_ipv4, put_ipv6, put_number, put_octet, put_octets
from sonde.wire import Int, Wire, kernel, lower, octets, u8, u16

SHORT = -1  # the message ends first
BAD_POINTER, BAD_LABEL = 1, 2
MAX_STEPS = 255  # labels and pointers of one name
MAX_NAME = 512  # octets of a name as text
MAX_LABEL = 63
MAX_STRINGS = 255
POINTER = 0xC0
ROOT, KEY, ESCAPE = octets("<Root>"), octets("key"), octets("\\x")
NETBIOS_LABEL = 32  # a name of 16 octets, a letter for each half (RFC 1001 §14.1)


@kernel
def skip_name(wire: Wire, at: Int, end: Int) -> Int:
    """Give the place behind a name, or SHORT."""
    for _ in range(MAX_STEPS):
        if at >= end:
            return SHORT
        length = u8(wire, at)
        if length == 0:
            return at + 1
        if length >= POINTER:
            return at + 2 if at + 2 <= end else SHORT
        at += 1 + length
    return SHORT


@kernel
def put_plain(out: Out, wire: Wire, at: Int, end: Int, folded: Int) -> None:
    r"""Append text; control octets as \xNN, capitals in lower case where `folded`."""
    for place in range(at, end):
        octet = np.int64(wire[place])
        small = lower(octet)
        if octet < 32 or octet == 127:
            put_octets(out, ESCAPE, 0, len(ESCAPE))
            put_hex(out, octet, 2)
        else:
            put_octet(out, small if folded else octet)


@kernel
def put_name(wire: Wire, start: Int, at: Int, end: Int, out: Out) -> Int:
    """Append the name at a place of the message that begins at `start`; give place << 2 | odd, or SHORT."""
    first = out.count[TEXT]
    after, odd = -1, 0
    for _ in range(MAX_STEPS):
        if at >= end:
            odd |= BAD_POINTER
            break
        length = u8(wire, at)
        if length == 0:
            at += 1
            break
        if length >= POINTER:
            if at + 2 > end:
                return SHORT
            if after < 0:
                after = at + 2
            target = start + (u16(wire, at) & 0x3FFF)
            if target >= at:
                odd |= BAD_POINTER
                break
            end = at
            at = target
            continue
        if length > MAX_LABEL or out.count[TEXT] - first > MAX_NAME:
            odd |= BAD_LABEL
            at += 1
            break
        if at + 1 + length > end:
            return SHORT
        if out.count[TEXT] > first:
            put_octet(out, 46)
        put_plain(out, wire, at + 1, at + 1 + length, 1)
        at += 1 + length
    if after < 0 and odd & BAD_POINTER:
        return SHORT
    return (at if after < 0 else after) << 2 | odd


@kernel
def is_netbios(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether a name begins with a label of the NetBIOS name service."""
    if end - at < NETBIOS_LABEL + 2 or wire[at] != NETBIOS_LABEL:
        return False
    for place in range(at + 1, at + 1 + NETBIOS_LABEL):
        if not 65 <= wire[place] <= 80:
            return False
    return True


@kernel
def put_netbios(out: Out, wire: Wire, at: Int) -> None:
    """Append the 15 octets that name a node, without the blanks that pad them (RFC 1001 §14.1)."""
    last = 0
    for place in range(15):
        if not (wire[at + 2 * place] == 67 and wire[at + 2 * place + 1] == 65):
            last = place + 1
    for place in range(last):
        octet = (np.int64(wire[at + 2 * place]) - 65) << 4 | (np.int64(wire[at + 2 * place + 1]) - 65)
        if octet < 32 or octet >= 127:
            put_octets(out, ESCAPE, 0, len(ESCAPE))
            put_hex(out, octet, 2)
        else:
            put_octet(out, octet)


@kernel
def put_rdata(wire: Wire, start: Int, owner: Int, at: Int, end: Int, kind: Int, out: Out) -> Int:
    """Append how the data wire[at:end] of a record reads; give what is odd, or SHORT.

    `owner` is the place of the record's own name. READINGS holds what is to do, by type.
    """
    step = BINDS_READING if kind == BINDS else READING_OF[kind] if kind < len(READING_OF) else 0
    odd = 0
    while READINGS[step] != 0:
        todo, operand = np.int64(READINGS[step]), np.int64(READINGS[step + 1])
        step += 1
        found = at << 2
        if todo == LITERAL:
            put_octets(out, READINGS, step + 1, step + 1 + operand)
            step += 1 + operand
        elif todo == NUMBER or todo == SKIP:
            step += 1
            if end - at < operand:
                return SHORT
            if todo == NUMBER:
                put_number(out, u8(wire, at) if operand == 1 else u16(wire, at))
            found = (at + operand) << 2
        elif todo == NAME or todo == NAME_OR_ROOT or todo == OWNER:
            begun = out.count[TEXT]
            found = put_name(wire, start, owner if todo == OWNER else at, at if todo == OWNER else end, out)
            if todo == NAME_OR_ROOT and out.count[TEXT] == begun:
                put_octets(out, ROOT, 0, len(ROOT))  # as Zeek spells it
            if todo == OWNER:
                found = at << 2
        elif todo == KIND:
            put_number(out, kind)
        else:
            found = put_opaque(wire, at, end, todo, step, out)
            if todo == STRINGS:
                step += 3
        if found < 0:
            return SHORT
        odd |= found & 3
        at = found >> 2
    return odd


@kernel
def put_opaque(wire: Wire, at: Int, end: Int, todo: Int, step: Int, out: Out) -> Int:
    """Append an address, character strings or hexadecimal digits; give place << 2, or SHORT."""
    if todo == IPV4 or todo == IPV6:
        length = 4 if todo == IPV4 else 16
        if end - at < length:
            return SHORT
        if todo == IPV4:
            put_ipv4(out, wire, at)
        else:
            put_ipv6(out, wire, at)
        return (at + length) << 2
    if todo == STRING or todo == STRINGS:
        return put_strings(wire, at, end, 1 if todo == STRING else MAX_STRINGS, step, out)
    if todo == HEX:
        for place in range(at, end):
            put_hex(out, u8(wire, place), 2)
    elif todo == REST:
        put_plain(out, wire, at, end, 0)
    elif todo == PARAMS:
        put_params(wire, at, end, out)
    return end << 2


@kernel
def put_strings(wire: Wire, at: Int, end: Int, most: Int, step: Int, out: Out) -> Int:
    """Append one character string, or all of them with their lengths; give place << 2, or SHORT (RFC 1035 §3.3)."""
    for count in range(most):
        if at >= end:
            break
        length = u8(wire, at)
        if at + 1 + length > end:
            return SHORT
        if most > 1:
            if count:
                put_octet(out, 32)
            put_octets(out, READINGS, step, step + 3)
            put_octet(out, 32)
            put_number(out, length)
            put_octet(out, 32)
        put_plain(out, wire, at + 1, at + 1 + length, 0)
        at += 1 + length
    return at << 2


@kernel
def put_params(wire: Wire, at: Int, end: Int, out: Out) -> None:
    """Append service parameters as ` key=value`, those without reading by key alone (RFC 9460 §2.1)."""
    while end - at >= 4:
        key, stop = u16(wire, at), at + 4 + u16(wire, at + 2)
        at += 4
        if stop > end:
            return
        put_octet(out, 32)
        if key < PARAMS_KNOWN:
            for place in range(key * PARAM_WIDTH, (key + 1) * PARAM_WIDTH):
                if PARAM_NAMES[place] != 32:
                    put_octet(out, np.int64(PARAM_NAMES[place]))
        else:
            put_octets(out, KEY, 0, len(KEY))
            put_number(out, key)
        width = 4 if key == IPV4_HINT else 16 if key == IPV6_HINT else 2
        separator = 61
        while (key == ALPN and at < stop) or (IPV6_HINT >= key >= PORT and key != ECH and stop - at >= width):
            put_octet(out, separator)
            separator = 44
            if key == ALPN:
                width = min(1 + u8(wire, at), stop - at)
                put_plain(out, wire, at + 1, at + width, 0)
            elif key == IPV4_HINT:
                put_ipv4(out, wire, at)
            elif key == IPV6_HINT:
                put_ipv6(out, wire, at)
            else:
                put_number(out, u16(wire, at))
            at += width
        at = stop

"""Lines of mail protocols: words, replies, paths, and where data in lines ends (RFC 5321 §4)."""

import numpy as np

from sonde.table.out import OWN_ANOMALY
from sonde.wire import Int, Row, Wire, find, find_octet, kernel, lower, u8

CR, LF, SP, TAB, DOT, DASH, COLON, LESS, GREATER, QUOTE, BACKSLASH, AT_SIGN, EQUALS, STAR = (
    13, 10, 32, 9, 46, 45, 58, 60, 62, 34, 92, 64, 61, 42,
)  # fmt: skip
MAX_WORD = 8

#: What can be odd in a line of any of the protocols; their own names come behind these.
LINE_ANOMALIES = ("long_line", "bare_lf")
LONG_LINE, BARE_LF = 1 << OWN_ANOMALY, 1 << (OWN_ANOMALY + 1)
WAIT, NO_LINE = -1, -2  # instead of where a line ends: more is needed; it is too long, and passed over

# How data in lines may look to end: as it should, or as only some servers take it.
NOT_AN_END, WAITING, END, LOOKALIKE = range(4)


def word(text: str) -> int:
    """Give the key of a word of at most eight letters, as `word_key` makes it."""
    return int.from_bytes(text.lower().encode(), "big")


@kernel
def word_key(wire: Wire, at: Int, end: Int) -> Int:
    """Give a word of at most eight octets as a number, whatever its case; 0 for a longer one or none."""
    if end - at > MAX_WORD:
        return 0
    key = np.int64(0)
    for place in range(at, end):
        key = key << 8 | lower(wire[place])
    return key


@kernel
def word_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a word ends: at a blank, or at the end."""
    while at < end and wire[at] != SP and wire[at] != TAB:
        at += 1
    return at


@kernel
def skip_spaces(wire: Wire, at: Int, end: Int) -> Int:
    """Give the first place that is no blank."""
    while at < end and (wire[at] == SP or wire[at] == TAB):
        at += 1
    return at


@kernel
def drop_spaces(wire: Wire, at: Int, end: Int) -> Int:
    """Give the end without the blanks before it."""
    while end > at and (wire[end - 1] == SP or wire[end - 1] == TAB):
        end -= 1
    return end


@kernel
def find_line(wire: Wire, at: Int, end: Int, conn: Row, side: Int, record: Row, most: Int) -> Int:
    """Give where the LF of a line stands, WAIT, or NO_LINE for one of more than `most` octets.

    `conn["scanned"]` keeps octets from being looked at again; the rest of a line that is too long
    is a line that `conn["discard"]` says to pass over.
    """
    stop = find(wire, at + np.int64(conn["scanned"][side]), end, LF)
    conn["scanned"][side] = 0
    if stop >= 0:
        return stop
    if end - at < most:
        conn["scanned"][side] = end - at
        return WAIT
    record["anomaly"] |= np.uint64(LONG_LINE)
    conn["discard"][side] = 1
    return NO_LINE


@kernel
def text_end(wire: Wire, at: Int, stop: Int, record: Row) -> Int:
    """Give where the text of a line ends whose LF stands at `stop`."""
    if stop > at and wire[stop - 1] == CR:
        return stop - 1
    record["anomaly"] |= np.uint64(BARE_LF)
    return stop


@kernel
def read_number(wire: Wire, at: Int, end: Int, most: Int) -> Int:
    """Read decimal digits; -1 where there are others or none, or the number is above `most`."""
    if at >= end:
        return -1
    number = np.int64(0)
    for place in range(at, end):
        digit = u8(wire, place) - 48
        if digit < 0 or digit > 9 or number > most:
            return -1
        number = number * 10 + digit
    return number if number <= most else -1


@kernel
def reply_code(wire: Wire, at: Int, end: Int) -> Int:
    """Read the code of a reply line (RFC 5321 §4.2); -1 where it is none."""
    if end - at < 3 or (end - at > 3 and wire[at + 3] != SP and wire[at + 3] != DASH):
        return -1
    code = read_number(wire, at, at + 3, 599)
    return code if code >= 200 else -1


@kernel
def path_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the path that begins at `at` ends, at its `>` or, without brackets, at a blank.

    Quoted local parts may hold both (RFC 5321 §4.1.2).
    """
    bracketed = at < end and wire[at] == LESS
    quoted, place = False, at
    while place < end:
        octet = wire[place]
        if octet == BACKSLASH:
            place += 1
        elif octet == QUOTE:
            quoted = not quoted
        elif not quoted and ((bracketed and octet == GREATER) or (not bracketed and (octet == SP or octet == TAB))):
            return place
        place += 1
    return end


@kernel
def mailbox_start(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the mailbox of a path begins, behind a source route (RFC 5321 §4.1.1.3 and appendix C)."""
    if at < end and wire[at] == AT_SIGN:
        for place in range(at, end):
            if wire[place] == COLON:
                return place + 1
    return at


@kernel
def find_dot(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a dot first stands in wire[at:end], or -1."""
    place = find_octet(wire, at, end, DOT)
    return place if place < end else -1


@kernel
def kind_of_end(wire: Wire, dot: Int, end: Int, before: Int) -> Int:
    """Say whether a dot, behind the two octets `before` (16 bits), ends data in lines.

    Only CR LF dot CR LF does (RFC 5321 §4.1.1.4). What has one of the line ends wrong is taken
    for the end by some servers and not by others, which smugglers use.
    """
    lead = 2 if before == 0x0D0A else 1 if before & 255 == LF or before & 255 == CR else 0
    if lead == 0:
        return NOT_AN_END
    if dot + 1 >= end:
        return WAITING
    if wire[dot + 1] == LF:
        return LOOKALIKE
    if wire[dot + 1] != CR:
        return NOT_AN_END
    if dot + 2 >= end:
        return WAITING
    return END if lead == 2 and wire[dot + 2] == LF else LOOKALIKE


@kernel
def two_before(wire: Wire, at: Int, start: Int, before: Int) -> Int:
    """Give the two octets before `at` as 16 bits; what lies before `start` is in `before`."""
    if at - start >= 2:
        return u8(wire, at - 2) << 8 | u8(wire, at - 1)
    if at - start == 1:
        return (before & 255) << 8 | u8(wire, at - 1)
    return before


@kernel
def data_end(wire: Wire, at: Int, end: Int, before: Int, found: Row) -> Int:
    """Give where the content of data in lines ends within wire[at:end], or `end`.

    `found["ended"]` is 1 where the content ends there (the dot stands next), 2 where more octets
    must tell; `found["dotted"]` is 1 where a line of it begins with a dot (RFC 5321 §4.5.2);
    `found["lookalikes"]` counts what looks like an end and is none.
    """
    found["ended"] = 0
    found["dotted"] = 0
    place = at
    while True:
        dot = find_dot(wire, place, end)
        if dot < 0:
            return end
        lead = two_before(wire, dot, at, before)
        kind = kind_of_end(wire, dot, end, lead)
        if kind == END or kind == WAITING:
            found["ended"] = 1 if kind == END else 2
            return dot
        if lead & 255 == LF:
            found["dotted"] = 1
        if kind == LOOKALIKE:
            found["lookalikes"] += 1
        place = dot + 1

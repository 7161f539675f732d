"""Heads in one pass: fields of known names, unfolded; and of Received and Date what most of them say (RFC 5322).

Theory of operation. `index_head` goes through a head field by field. Of a field whose name is known it writes the
value, unfolded and without blanks around it, to `text`, and a row to `fields` that says where. A date in the usual form
becomes seconds, and the address of a hop in the usual form a place in `text`; whatever is written otherwise is ASK,
and Python's library is asked, which is the measure of both. Heads that are not all ASCII are left alone.
"""

from typing import NamedTuple

import numpy as np

from sonde.content.body import COLON, CR, LF, SP, TAB, find_feed
from sonde.wire import Int, Ints, Wire, copy, kernel, lower

MOST_FIELDS = 1000  # of one head
MOST_INDEXED = 256 << 10  # octets of a head
LONGEST_NAME = 128  # of a field
LONGEST_DATE = 256
LONGEST_CLAUSE = 2000  # of a hop, in which its address is looked for

#: Names of the fields that anything is told of.
NAMES = (
    "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
    "user-agent", "x-mailer", "list-id", "list-unsubscribe", "auto-submitted", "received", "return-path",
    "authentication-results", "received-spf", "dkim-signature", "arc-seal", "x-originating-ip", "x-sender-ip",
    "x-client-ip", "x-source-ip", "content-type", "content-transfer-encoding", "content-disposition",
)  # fmt: skip
DATE, RECEIVED = NAMES.index("date"), NAMES.index("received")

# Words of a row of `fields`, and of `hops`: a row for each Received.
CODE, START, END = range(3)
SECONDS, ADDRESS, ADDRESS_END, SPELLED, SPELLED_END = range(5)
FIELD_ROW, HOP_ROW = 3, 5
# Words of `told`.
COUNT, USED, HOPS, DATES, DATED, BAD_LINES, TOO_MANY = range(7)
ASK = -(1 << 62)  # it is written otherwise
NONE = -1  # of an address: there is none


def _spell(texts: tuple[str, ...]) -> tuple[Wire, Ints]:
    """Lay texts one behind the other; give them, and where each begins and the last ends."""
    ends = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8), ends


SPELLED_NAMES, NAME_ENDS = _spell(NAMES)
SLOTS = 128
BY_HASH = np.full(SLOTS, -1, np.int64)
for _code, _name in enumerate(NAMES):
    _hash = 0
    for _letter in _name.encode():
        _hash = (_hash * 33 + _letter) & 0xFFFF
    while BY_HASH[_hash % SLOTS] >= 0:
        _hash += 1
    BY_HASH[_hash % SLOTS] = _code
MONTHS = np.array([int.from_bytes(each, "big") for each in (
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
)], np.int64)  # fmt: skip
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


class Slate(NamedTuple):
    """What heads are indexed with: rows of fields and of hops, what is told of a head as a whole, and texts."""

    fields: Ints
    hops: Ints
    told: Ints
    text: Wire


def new_slate() -> Slate:
    """Make a slate; it serves one head after the other."""
    return Slate(
        np.empty(MOST_FIELDS * FIELD_ROW, np.int64),
        np.empty(MOST_FIELDS * HOP_ROW, np.int64),
        np.zeros(7, np.int64),
        np.empty(2 * MOST_INDEXED + 64, np.uint8),  # a hop stands there as it is and with its blanks made one
    )


@kernel
def is_white(octet: Int) -> bool:
    """Say whether an octet is one that `str.strip` takes away."""
    return bool(octet == SP or 9 <= octet <= 13 or 28 <= octet <= 31)


@kernel
def is_digit(octet: Int) -> bool:
    """Say whether an octet is a decimal digit."""
    return bool(48 <= octet <= 57)


@kernel
def is_word(octet: Int) -> bool:
    r"""Say whether an octet belongs to a word, as `\w` has it."""
    return bool(48 <= octet <= 57 or 97 <= octet | 32 <= 122 or octet == 95)


@kernel
def index_head(wire: Wire, end: Int, slate: Slate) -> Int:
    """Find the fields of the head wire[:end], all of it ASCII; give how many have a known name."""
    told = slate.told
    told[:] = 0
    told[DATED] = ASK
    at, found = np.int64(0), np.int64(0)
    while at < end:
        if wire[at] == LF:
            at += 1
            continue
        stop = end_of_field(wire, at, end)
        name_end = at
        while name_end < min(stop, at + LONGEST_NAME + 1) and SP < wire[name_end] < 127 and wire[name_end] != COLON:
            name_end += 1
        colon = name_end
        while colon < stop and (wire[colon] == SP or wire[colon] == TAB):
            colon += 1
        if name_end == at or name_end - at > LONGEST_NAME or colon == stop or wire[colon] != COLON:
            told[BAD_LINES] += skip_white(wire, at, stop) < stop
        elif told[COUNT] == MOST_FIELDS:
            told[TOO_MANY] = 1
        else:
            told[COUNT] += 1
            code = code_of(wire, at, name_end)
            if code >= 0:
                put_field(wire, colon + 1, stop, slate, found)
                base = found * FIELD_ROW
                start, used = slate.fields[base + START], slate.fields[base + END]
                slate.fields[base + CODE] = code
                if code == RECEIVED:
                    put_hop(slate.text, start, used, slate)
                elif code == DATE:
                    if told[DATES] == 0:
                        told[DATED] = seconds_of(slate.text, start, used)
                    told[DATES] += 1
                found += 1
        at = stop
    return found


@kernel
def end_of_field(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a field ends with the lines that go on with it (RFC 5322 §2.2.3)."""
    while True:
        at = find_feed(wire, at, end)
        if at + 1 >= end or (wire[at + 1] != SP and wire[at + 1] != TAB):
            return at
        at += 2


@kernel
def skip_white(wire: Wire, at: Int, end: Int) -> Int:
    """Give the first octet that is none of white space."""
    while at < end and is_white(wire[at]):
        at += 1
    return at


@kernel
def code_of(wire: Wire, at: Int, end: Int) -> Int:
    """Give the place of a field's name among NAMES, whatever its case, or -1."""
    hashed = np.int64(0)
    for place in range(at, end):
        hashed = (hashed * 33 + lower(wire[place])) & 0xFFFF
    while True:
        code = BY_HASH[hashed % SLOTS]
        if code < 0:
            return -1
        start = NAME_ENDS[code]
        length = NAME_ENDS[code + 1] - start
        if length == end - at:
            same = 0
            while same < length and lower(wire[at + same]) == SPELLED_NAMES[start + same]:
                same += 1
            if same == length:
                return code
        hashed += 1


@kernel
def put_field(wire: Wire, at: Int, end: Int, slate: Slate, row: Int) -> None:
    """Write the value wire[at:end] of a field, unfolded, and where it stands."""
    fields, told, text = slate.fields, slate.told, slate.text
    at = skip_white(wire, at, end)
    while end > at and is_white(wire[end - 1]):
        end -= 1
    start = used = told[USED]
    while at < end:
        feed = find_feed(wire, at, end)
        last = feed - 1 if feed < end and feed > at and wire[feed - 1] == CR else feed
        used = copy(wire, at, last, text, used)
        at = feed + 1
    told[USED] = used
    fields[row * FIELD_ROW + START], fields[row * FIELD_ROW + END] = start, used


@kernel
def put_hop(text: Wire, start: Int, end: Int, slate: Slate) -> None:
    """Write what a Received says, whose value is text[start:end]: date, address, and its text with single blanks."""
    hops, told = slate.hops, slate.told
    base = told[HOPS] * HOP_ROW
    told[HOPS] += 1
    date = end
    while date > start and text[date - 1] != 59:  # ;
        date -= 1
    hops[base + SECONDS] = seconds_of(text, skip_white(text, date, end), end)
    put_address(text, start, end, hops, base)
    hops[base + SPELLED] = used = told[USED]
    for place in range(start, end):
        if not is_white(text[place]):
            text[used] = text[place]
            used += 1
        elif not is_white(text[place - 1]):  # a value begins and ends with none
            text[used] = SP
            used += 1
    hops[base + SPELLED_END] = told[USED] = used


@kernel
def number_of(text: Wire, at: Int, end: Int, digits: Int) -> Int:
    """Read a number of so many digits; -1 where they are none, or not all there."""
    if at + digits > end:
        return -1
    number = np.int64(0)
    for place in range(at, at + digits):
        if not is_digit(text[place]):
            return -1
        number = number * 10 + text[place] - 48
    return number


@kernel
def skip_blanks(text: Wire, at: Int, end: Int) -> Int:
    """Give what stands behind one blank or more; `end` where there is none."""
    if at >= end or (text[at] != SP and text[at] != TAB):
        return end
    while at < end and (text[at] == SP or text[at] == TAB):
        at += 1
    return at


@kernel
def letters_of(text: Wire, at: Int, end: Int) -> Int:
    """Give three letters in lower case as a number; 0 where they are none."""
    if at + 3 > end:
        return 0
    number = np.int64(0)
    for place in range(at, at + 3):
        letter = lower(text[place])
        if not 97 <= letter <= 122:
            return 0
        number = number << 8 | letter
    return number


@kernel
def seconds_of(text: Wire, at: Int, end: Int) -> Int:
    """Give the seconds since 1970 of a date in the usual form (RFC 5322 §3.3), or ASK."""
    if end - at > LONGEST_DATE:
        return ASK
    if letters_of(text, at, end) > 0 and at + 3 < end and text[at + 3] == 44:  # the day's name, and a comma
        at = skip_blanks(text, at + 4, end)
    digits = 2 if number_of(text, at, end, 2) >= 0 else 1
    day = number_of(text, at, end, digits)
    at = skip_blanks(text, at + digits, end)
    letters, month = letters_of(text, at, end), 0
    while month < 12 and MONTHS[month] != letters:
        month += 1
    at = skip_blanks(text, at + 3, end)
    year = number_of(text, at, end, 4)
    at = skip_blanks(text, at + 4, end)
    if day < 1 or month == 12 or not 1000 <= year <= 2999 or at + 8 > end:
        return ASK
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > DAYS[month] + (is_leap and month == 1) or text[at + 2] != COLON or text[at + 5] != COLON:
        return ASK
    hour, minute, second = number_of(text, at, end, 2), number_of(text, at + 3, end, 2), number_of(text, at + 6, end, 2)
    at = skip_blanks(text, at + 8, end)
    if at + 5 > end or (text[at] != 43 and text[at] != 45):  # + or -
        return ASK
    zone_hour, zone_minute = number_of(text, at + 1, end, 2), number_of(text, at + 3, end, 2)
    if at + 5 < end and text[at + 5] != SP and text[at + 5] != TAB:
        return ASK
    if min(hour, minute, second, zone_hour, zone_minute) < 0 or max(hour, zone_hour) > 23:
        return ASK
    if max(minute, second, zone_minute) > 59:
        return ASK
    zone = zone_hour * 3600 + zone_minute * 60
    return (
        days_before(year, month, day) * 86400 + hour * 3600 + minute * 60 + second + (zone if text[at] == 45 else -zone)
    )


@kernel
def days_before(year: Int, month: Int, day: Int) -> Int:
    """Count the days from 1970 to a date of the Gregorian calendar; months begin with 0."""
    years = year - 1 if month < 2 else year  # years begin in March, so that leap days come last
    from_march = (month + 10) % 12
    return years * 365 + years // 4 - years // 100 + years // 400 + (from_march * 153 + 2) // 5 + day - 1 - 719468


@kernel
def put_address(text: Wire, at: Int, end: Int, hops: Ints, base: Int) -> None:
    """Say where the last IPv4 address stands in the `from` clause of a hop, which `by` ends; ASK of other forms."""
    hops[base + ADDRESS] = NONE
    clause, colons = at, 0
    while clause < end and not is_by(text, clause, at, end):
        colons += text[clause] == COLON
        clause += 1
    if clause - at > LONGEST_CLAUSE or colons > 1:
        hops[base + ADDRESS] = ASK
        return
    for place in range(at, clause):
        if is_digit(text[place]) and (place == at or not goes_on(text[place - 1])):
            stop = end_of_address(text, place, clause)
            if stop > place:
                hops[base + ADDRESS], hops[base + ADDRESS_END] = place, stop


@kernel
def is_by(text: Wire, at: Int, start: Int, end: Int) -> bool:
    """Say whether the word `by` stands there, within text[start:end]."""
    if text[at] != 98 or at + 1 == end or text[at + 1] != 121:
        return False
    return (at == start or not is_word(text[at - 1])) and (at + 2 == end or not is_word(text[at + 2]))


@kernel
def goes_on(octet: Int) -> bool:
    """Say whether an octet before or behind an address makes it a part of something longer."""
    return is_word(octet) or octet == 46 or octet == COLON


@kernel
def end_of_address(text: Wire, at: Int, end: Int) -> Int:
    """Give where an IPv4 address ends that begins there; 0 where it is none."""
    for group in range(4):
        number, start = np.int64(0), at
        while at < end and at < start + 3 and is_digit(text[at]):
            number = number * 10 + text[at] - 48
            at += 1
        if at == start or number > 255 or (text[start] == 48 and at > start + 1):
            return 0
        if group < 3:
            if at == end or text[at] != 46:
                return 0
            at += 1
    return 0 if at < end and goes_on(text[at]) else at


__all__ = ["NAMES", "Slate", "index_head", "new_slate"]

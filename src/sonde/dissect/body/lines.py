"""Lines of a head: blanks, tokens, versions, header names and values (RFC 9110 §5, RFC 9112 §2).

Values may hold folds (line ends followed by blanks); they are kept without the line ends.
"""

import numpy as np

from sonde.schema import ABSENT, NO_TEXT
from sonde.table.out import (
    CUT,
    LENGTH_BITS,
    LENGTH_MASK,
    MAX_TEXT,
    OWN_ANOMALY,
    TEXT,
    Out,
    begin_item,
    begin_text,
    end_item,
    end_text,
    put_octet,
    put_octets,
    save,
)
from sonde.wire import Int, Row, Wire, find, kernel, lower, octets, starts_folded

MAX_METHOD = 24
MAX_LIST = 4096  # octets of one text list
CR, LF, SP, TAB = 13, 10, 32, 9
COLON, SLASH, QUESTION, HASH, AT_SIGN, QUOTE, SEMICOLON = 58, 47, 63, 35, 64, 34, 59
HTTP_SLASH, ARROW = octets("http/"), octets(" -> ")
LEAST_STATUS, MOST_STATUS = 100, 999
NO_STATUS_LINE = -2
MOST_JUNK = 4  # octets before an answer that clients pass over

ANOMALIES = (
    "bare_lf",
    "folded_header",
    "space_before_colon",
    "no_colon",
    "unknown_method",
    "no_version",
    "bad_chunk",
    "two_framings",
    "bad_length",
    "too_many_pending",
    "not_a_message",
    "body_incomplete",
    "odd_status_line",
)
(
    BARE_LF, FOLDED, SPACE_BEFORE_COLON, NO_COLON, UNKNOWN_METHOD, NO_VERSION, BAD_CHUNK, TWO_FRAMINGS,
    BAD_LENGTH, TOO_MANY_PENDING, NOT_A_MESSAGE, BODY_INCOMPLETE, ODD_STATUS_LINE,
) = (1 << (OWN_ANOMALY + bit) for bit in range(len(ANOMALIES)))  # fmt: skip

# Words that mean something, in lower case: header names and methods.
(
    HOST, USER_AGENT, REFERER, ORIGIN, SERVER, UPGRADE, CONTENT_TYPE, CONTENT_ENCODING, CONTENT_DISPOSITION,
    CONTENT_LENGTH, TRANSFER_ENCODING, COOKIE, SET_COOKIE, AUTHORIZATION, PROXIED,
) = range(1, 16)  # fmt: skip
HEADERS = {
    b"host": HOST,
    b"user-agent": USER_AGENT,
    b"referer": REFERER,
    b"origin": ORIGIN,
    b"server": SERVER,
    b"upgrade": UPGRADE,
    b"content-type": CONTENT_TYPE,
    b"content-encoding": CONTENT_ENCODING,
    b"content-disposition": CONTENT_DISPOSITION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"cookie": COOKIE,
    b"set-cookie": SET_COOKIE,
    b"authorization": AUTHORIZATION,
    b"proxy-authorization": AUTHORIZATION,
    b"forwarded": PROXIED,
    b"x-forwarded-for": PROXIED,
    b"x-forwarded-from": PROXIED,
    b"client-ip": PROXIED,
    b"via": PROXIED,
    b"xroxy-connection": PROXIED,
    b"proxy-connection": PROXIED,
}
# Methods that a request line is believed by: even cut short, or only where its version follows.
COMMON_METHOD, HEAD_METHOD, CONNECT_METHOD, RARE_METHOD = range(32, 36)
METHODS = dict.fromkeys(
    b"get post put delete options trace patch propfind proppatch mkcol copy move lock unlock search report".split(),
    COMMON_METHOD,
) | dict.fromkeys(
    b"subscribe unsubscribe notify poll bmove bcopy bdelete bpropfind bproppatch rpc_in_data rpc_out_data bits_post "
    b"ccm_post version-control checkout checkin uncheckout merge mkworkspace mkactivity baseline-control acl "
    b"orderpatch mkcalendar unlink purge track debug update label".split(),
    RARE_METHOD,
)
WORDS = HEADERS | METHODS | {b"head": HEAD_METHOD, b"connect": CONNECT_METHOD}
SLOTS = 1024


def _slot(word: bytes, factor: int) -> int:
    """Place a word by its length and four of its letters."""
    return (len(word) + word[0] * factor + word[1] * 31 + word[len(word) // 2] * 11 + word[-1] * 7) % SLOTS


#: A factor for which no two words meet, and what stands in each slot.
FACTOR = next(n for n in range(1, 9999) if len({_slot(word, n) for word in WORDS}) == len(WORDS))
SPELLED = octets(b"".join(WORDS))
SLOT_LENGTH, SLOT_AT, SLOT_WORD = (np.zeros(SLOTS, np.int64) for _ in range(3))
for _place, _word in enumerate(WORDS):
    SLOT_LENGTH[_slot(_word, FACTOR)] = len(_word)
    SLOT_AT[_slot(_word, FACTOR)] = sum(len(word) for word in list(WORDS)[:_place])
    SLOT_WORD[_slot(_word, FACTOR)] = WORDS[_word]


@kernel
def word_of(wire: Wire, at: Int, end: Int) -> Int:
    """Give the number of a header name or method, whatever its case; 0 for one that means nothing here."""
    if end - at < 2:
        return 0
    length = end - at
    slot = length + lower(wire[at]) * FACTOR + lower(wire[at + 1]) * 31
    slot = (slot + lower(wire[at + length // 2]) * 11 + lower(wire[end - 1]) * 7) % SLOTS
    if SLOT_LENGTH[slot] != length:
        return 0
    spelled = SLOT_AT[slot]
    for offset in range(length):
        if lower(wire[at + offset]) != SPELLED[spelled + offset]:
            return 0
    return SLOT_WORD[slot]


@kernel
def is_blank(octet: Int) -> bool:
    """Say whether an octet separates words in a head; folds included."""
    return bool(octet == SP or octet == TAB or octet == CR or octet == LF)


@kernel
def skip_blanks(wire: Wire, at: Int, end: Int) -> Int:
    """Give the first place that is not blank."""
    while at < end and is_blank(wire[at]):
        at += 1
    return at


@kernel
def drop_blanks(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the text ends without its trailing blanks."""
    while end > at and is_blank(wire[end - 1]):
        end -= 1
    return end


@kernel
def drop_cr(wire: Wire, at: Int, stop: Int, conn: Row, side: Int) -> Int:
    """Give where the line that ends with the LF at `stop` ends without its CR, of which some send more."""
    if stop == at or wire[stop - 1] != CR:
        conn["odd"][side] |= BARE_LF
    while stop > at and wire[stop - 1] == CR:
        stop -= 1
    return stop


@kernel
def version_of(wire: Wire, at: Int, end: Int) -> Int:
    """Give ten times the version for `HTTP/1.1` and the like; 0 for anything else."""
    if end - at < 8 or not starts_folded(wire, at, end, HTTP_SLASH) or wire[at + 6] != 46:
        return 0
    major, minor = np.int64(wire[at + 5]) - 48, np.int64(wire[at + 7]) - 48
    return 10 * major + minor if 0 <= major <= 9 and 0 <= minor <= 9 else 0


@kernel
def answer_start(wire: Wire, at: Int, end: Int) -> Int:
    """Give where an answer begins: with `HTTP/`, perhaps some octets on, as clients look for it; -1 for nowhere.

    `end`: the octets at hand do not tell.
    """
    for place in range(at, at + MOST_JUNK + 1):
        known = min(end - place, len(HTTP_SLASH))
        if known <= 0:
            return end
        if starts_folded(wire, place, end, HTTP_SLASH[:known]):
            return place if known == len(HTTP_SLASH) else end
    return -1


@kernel
def status_line(wire: Wire, at: Int, end: Int, due: bool) -> tuple[Int, Int, Int, bool]:
    """Read a status line (RFC 9112 §4): version, status, where the reason begins, and whether it is as it should be.

    Version and status are ABSENT where they cannot be told. Clients take "HTTP/1.01", "20" or a
    line without status for an answer: where one is due, all are. Else the status is -2 for a
    line that is none.
    """
    version, past = version_of(wire, at, min(end, at + 8)), at + len(HTTP_SLASH)
    while past < end and not is_blank(wire[past]):
        past += 1
    first = skip_blanks(wire, past, end)
    stop = first
    while stop < end and 48 <= wire[stop] <= 57:
        stop += 1
    proper = version > 0 and past == at + 8
    if not proper:
        version = np.int64(ABSENT)
    status, glued = read_decimal(wire, first, stop, MOST_STATUS), stop < end and wire[stop] > SP
    clean = proper and stop - first == 3 and status >= LEAST_STATUS and (stop == end or is_blank(wire[stop]))
    if not due and not clean:
        return version, np.int64(NO_STATUS_LINE), first, False
    if status < 0 or glued:
        return version, np.int64(ABSENT), first, False
    while stop < end and wire[stop] <= SP:
        stop += 1
    return version, np.int64(status), stop, bool(clean)


@kernel
def method_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the token that begins a request line ends.

    -1: there is none; `end`: the octets at hand do not tell.
    """
    place = at
    while place < end and place - at < MAX_METHOD:
        octet = lower(wire[place])
        if octet == SP or octet == TAB:
            return place if place > at else -1
        if not (97 <= octet <= 122 or 48 <= octet <= 57 or octet == 45 or octet == 95):
            return -1
        place += 1
    return end if place == end else -1


@kernel
def surely_starts(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether octets after a gap begin with a version or a known method; the rest of a body seldom does."""
    if starts_folded(wire, at, end, HTTP_SLASH):
        return True
    stop = method_end(wire, at, end)
    return bool(at < stop < end and word_of(wire, at, stop) >= COMMON_METHOD)


@kernel
def find_folded(wire: Wire, at: Int, end: Int, word: Wire) -> Int:
    """Give the place behind the first `word`, whatever its case; -1 where it is not."""
    for place in range(at, end - len(word) + 1):
        if lower(wire[place]) == word[0] and starts_folded(wire, place, end, word):
            return place + len(word)
    return -1


@kernel
def read_decimal(wire: Wire, at: Int, end: Int, most: Int) -> Int:
    """Read wire[at:end] as digits only; -1 for anything else or more than `most`."""
    if at >= end:
        return -1
    number = 0
    for place in range(at, end):
        digit = np.int64(wire[place]) - 48
        if not 0 <= digit <= 9:
            return -1
        number = number * 10 + digit
        if number > most:
            return -1
    return number


@kernel
def is_hex(octet: Int) -> bool:
    """Say whether an octet is a hexadecimal digit."""
    return bool(48 <= octet <= 57 or 97 <= lower(octet) <= 102)


@kernel
def chunk_size(wire: Wire, at: Int, end: Int) -> tuple[Int, bool]:
    """Read the size of a chunk (RFC 9112 §7.1), -1 for none; and say whether nothing odd follows it."""
    size, first = 0, at
    while at < end and wire[at] == 48:
        at += 1
    digits = at
    while at < end and at - digits < 12 and is_hex(wire[at]):
        octet = lower(wire[at])
        size = size * 16 + octet - (48 if octet <= 57 else 87)
        at += 1
    if at == first:
        return -1, False
    return size, bool(at == end or wire[at] == SEMICOLON or is_blank(wire[at]))


@kernel
def save_text(wire: Wire, at: Int, end: Int, record: Row, field: Int, out: Out) -> Int:
    """Keep text, without the line ends of folds; note where it is cut."""
    if end - at > MAX_TEXT:
        record["anomaly"] |= np.uint64(CUT)
    if record["anomaly"] & np.uint64(FOLDED) == np.uint64(0):
        return save(out, field, wire, at, end)
    begun = begin_text(out)
    for place in range(at, min(end, at + MAX_TEXT)):
        if wire[place] != CR and wire[place] != LF:
            put_octet(out, np.int64(wire[place]))
    return end_text(out, field, begun)


@kernel
def user_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the user information of a URL ends, or `at` where it has none (RFC 3986 §3.2.1)."""
    after = at
    for place in range(at, end):
        if wire[place] == SLASH or wire[place] == QUESTION or wire[place] == HASH:
            break
        if wire[place] == AT_SIGN:
            after = place + 1
    return after


@kernel
def save_url(wire: Wire, at: Int, end: Int, record: Row, field: Int, out: Out) -> Int:
    """Keep a URL without the user and password that it may name; `password_seen` tells of one."""
    colon = find(wire, at, min(end, at + 8), COLON)
    first = colon + 3
    if colon < 0 or first > end or wire[colon + 1] != SLASH or wire[colon + 2] != SLASH:
        first = at
    after = first if first == at else user_end(wire, first, end)
    if after == first:
        return save_text(wire, at, end, record, field, out)
    if find(wire, first, after, COLON) >= 0:
        record["password_seen"] = 1
    begun = begin_text(out)
    put_octets(out, wire, at, first)
    put_octets(out, wire, after, min(end, after + MAX_TEXT))
    return end_text(out, field, begun)


@kernel
def sextet(octet: Int) -> Int:
    """Read one digit of base 64 (RFC 4648 §4); -1 for none."""
    value = np.int64(octet)
    if 65 <= value <= 90:
        return value - 65
    if 97 <= value <= 122:
        return value - 71
    if 48 <= value <= 57:
        return value + 4
    return 62 if value == 43 else 63 if value == 47 else -1


@kernel
def save_user(wire: Wire, at: Int, end: Int, record: Row, field: Int, out: Out) -> None:
    """Decode `user:password` up to the colon; of the password only that it was there (RFC 7617 §2)."""
    begun = begin_text(out)
    bits, held = 0, 0
    for place in range(at, min(end, at + MAX_TEXT)):
        digit = sextet(wire[place])
        if digit < 0:
            break
        bits = (bits << 6 | digit) & 0xFFFF
        held += 6
        if held >= 8:
            held -= 8
            octet = bits >> held & 255
            if octet == COLON:
                record["password_seen"] = 1
                record["username"] = end_text(out, field, begun)
                return
            put_octet(out, octet)
    out.count[TEXT] = begun  # without a colon it may be a token


@kernel
def unquote(wire: Wire, at: Int, end: Int) -> tuple[Int, Int]:
    """Give where the parameter value at wire[at] begins and ends, without its quotes (RFC 9110 §5.6.6)."""
    if at < end and wire[at] == QUOTE:
        stop = find(wire, at + 1, end, QUOTE)
        return at + 1, end if stop < 0 else stop
    stop = at
    while stop < end and wire[stop] != SEMICOLON and not is_blank(wire[stop]):
        stop += 1
    return at, stop


@kernel
def add_pair(wire: Wire, at: Int, name_end: Int, value: Int, end: Int, span: Int, field: Int, out: Out) -> Int:
    """Add `NAME -> value` to a text list; give its new span."""
    length = 0 if span == NO_TEXT else span & LENGTH_MASK
    if length > MAX_LIST:
        return span
    begun = begin_text(out)
    if length:
        put_octets(out, out.text, span >> LENGTH_BITS, (span >> LENGTH_BITS) + length)
    item = begin_item(out)
    for place in range(at, name_end):
        octet = np.int64(wire[place])
        put_octet(out, octet - 32 if 97 <= octet <= 122 else octet)
    put_octets(out, ARROW, 0, len(ARROW))
    for place in range(value, min(end, value + MAX_LIST)):
        if wire[place] != CR and wire[place] != LF:
            put_octet(out, np.int64(wire[place]))
    end_item(out, item)
    return end_text(out, field, begun)

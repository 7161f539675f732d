"""HTTP/1.0, 1.1 and what is left of 0.9 (RFC 9110, RFC 9112).

One record for each request and its response. Bodies are passed over; only their first
octets are looked at, for their kind. Not read: what multipart bodies hold, what content
codings hide, trailers, HTTP/2 and whatever follows CONNECT or an upgrade.

Theory of operation: each side is a machine of six states (`phase`). Lines are taken one
at a time; a line of a head is whole once the octet after it shows that no fold follows.
A request opens a row and queues it; a response takes the oldest. A row is closed when
both its messages have ended. Of a body all but the last octet is skipped, so that its
end is noticed when it comes and not with the next message.
"""

from typing import Annotated, Any

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.dissect.body.kinds import LOOKED_AT, MediaType, media_type
from sonde.schema import (
    ENDPOINT,
    FROM_RESP,
    NO_TEXT,
    OWN_PORT,
    PERSON,
    PROTOCOL,
    U16,
    U32,
    U64,
    Bool,
    Field,
    Protocol,
    Record,
    Text,
    TextList,
    Verdict,
    code,
)
from sonde.table.out import (
    CUT,
    GAP,
    LENGTH_MASK,
    LENGTH_BITS,
    MAX_TEXT,
    OWN_ANOMALY,
    TRUNCATED,
    UNANSWERED,
    UNASKED,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_octet,
    put_octets,
    save,
)
from sonde.wire import Int, Row, Wire, equal, find, kernel, lower, octets, starts, starts_folded

START, HEAD, CHUNK_SIZE, CHUNK_END, TRAILER, BODY, WAIT = range(7)
UNKNOWN, CLIENT, SERVER = range(3)  # conn["role"][side]
PLAIN_REQUEST, HEAD_REQUEST, CONNECT_REQUEST, OLD_REQUEST = range(4)
MAX_PENDING = 32  # requests without response, in one flow
MAX_METHOD = 24
ENDLESS = 1 << 60  # a body that ends with the stream
LARGEST = 1 << 50  # a declared length beyond this is no length
CR, LF, SP, TAB = 13, 10, 32, 9
HTTP_SLASH = octets("http/")
CHUNKED, BASIC, FILENAME, MULTIPART, IDENTITY = (
    octets(word) for word in ("chunked", "basic", "filename=", "multipart/", "identity")
)

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
    "nul_in_head",
)
(
    BARE_LF, FOLDED, SPACE_BEFORE_COLON, NO_COLON, UNKNOWN_METHOD, NO_VERSION, BAD_CHUNK, TWO_FRAMINGS,
    BAD_LENGTH, TOO_MANY_PENDING, NOT_A_MESSAGE, BODY_INCOMPLETE, NUL_IN_HEAD,
) = (1 << (OWN_ANOMALY + bit) for bit in range(len(ANOMALIES)))  # fmt: skip

Version = code({9: "0.9", 10: "1.0", 11: "1.1", 20: "2.0", 30: "3.0"})


class HttpRecord(Record):
    """One request with its response (RFC 9110 §3.4)."""

    trans_depth: Annotated[U32, Field("Number of this exchange in its connection, from 1", PROTOCOL)]
    method: Annotated[Text, Field("What is asked for", PROTOCOL, ref="§9")]
    host: Annotated[Text, Field("Host header", ENDPOINT, ref="§7.2", names_application=True)]
    # In absolute form it begins with the scheme; user information is left out.
    path: Annotated[Text, Field("Request target up to its query, as sent", ENDPOINT, ref="§7.1")]
    query: Annotated[Text, Field("Request target after the first question mark", PERSON)]
    referrer: Annotated[Text, Field("Referer header", PERSON, ref="§10.1.3")]
    request_version: Annotated[Version, Field("HTTP version of the request", PROTOCOL)]
    version: Annotated[Version, Field("HTTP version of the response", PROTOCOL)]
    user_agent: Annotated[Text, Field("User-Agent header", ENDPOINT, ref="§10.1.5")]
    origin: Annotated[Text, Field("Origin header", ENDPOINT, ref="RFC 6454 §7")]
    request_body_len: Annotated[U64, Field("Body sent, without chunk framing", PROTOCOL, unit="octets")]
    response_body_len: Annotated[U64, Field("Body received, without chunk framing", PROTOCOL, unit="octets")]
    status_code: Annotated[U16, Field("Status code of the last response", PROTOCOL, ref="§15")]
    status_msg: Annotated[Text, Field("Reason phrase of the last response", ENDPOINT)]
    info_code: Annotated[U16, Field("Last interim status code (1xx)", PROTOCOL, ref="§15.2")]
    info_msg: Annotated[Text, Field("Reason phrase of that interim response", ENDPOINT)]
    username: Annotated[Text, Field("User of Basic authentication", PERSON, ref="RFC 7617 §2")]
    password_seen: Annotated[Bool, Field("A password was sent with that user", PROTOCOL)]
    authorization_seen: Annotated[Bool, Field("Request carried credentials", PROTOCOL, ref="§11.6.2")]
    cookie_seen: Annotated[Bool, Field("Request carried cookies", PROTOCOL, ref="RFC 6265 §4.2")]
    set_cookie_seen: Annotated[Bool, Field("Response set cookies", PROTOCOL, ref="RFC 6265 §4.1")]
    proxied: Annotated[TextList, Field("Headers that tell of a proxy, name -> value", ENDPOINT)]
    request_content_type: Annotated[Text, Field("Declared media type of the request", PROTOCOL, ref="§8.3")]
    response_content_type: Annotated[Text, Field("Declared media type of the response", PROTOCOL, ref="§8.3")]
    orig_mime: Annotated[MediaType, Field("Media type the request's first octets tell", PROTOCOL)]
    resp_mime: Annotated[MediaType, Field("Media type the response's first octets tell", PROTOCOL)]
    orig_filename: Annotated[Text, Field("File name the request declares", PERSON, ref="RFC 6266 §4.3")]
    resp_filename: Annotated[Text, Field("File name the response declares", PERSON, ref="RFC 6266 §4.3")]
    server: Annotated[Text, Field("Server header", ENDPOINT, ref="§10.2.4")]
    request_encoding: Annotated[Text, Field("Content coding of the request", PROTOCOL, ref="§8.4")]
    response_encoding: Annotated[Text, Field("Content coding of the response", PROTOCOL, ref="§8.4")]
    request_chunked: Annotated[Bool, Field("Request was sent in chunks", PROTOCOL, ref="RFC 9112 §7.1")]
    response_chunked: Annotated[Bool, Field("Response was sent in chunks", PROTOCOL, ref="RFC 9112 §7.1")]
    upgrade: Annotated[Text, Field("Protocol to change to (websocket, h2c)", PROTOCOL, ref="§7.8")]
    tunnel: Annotated[Bool, Field("What follows is not HTTP (CONNECT, 101)", PROTOCOL)]


AT = places(HttpRecord)

STATE = state(
    ("row", "i8", (2,)),  # the row each side writes to; 0 none
    ("left", "i8", (2,)),  # octets left of a body or chunk
    ("length", "i8", (2,)),  # Content-Length; -1 none
    ("body", "i8", (2,)),  # octets of the body so far, with those yet to skip
    ("queue", "i8", (MAX_PENDING,)),  # rows that wait for a response
    ("odd", "i8", (2,)),  # anomalies for the row of a side
    ("depth", "i8"),
    ("scanned", "i4", (2,)),  # octets of the line that hold no LF
    ("looked", "i4", (2,)),  # octets kept in `first`
    ("oldest", "i4"),
    ("pending", "i4"),
    ("status", "i4"),  # of the response being read
    ("kind", "u1", (MAX_PENDING,)),
    ("phase", "u1", (2,)),
    ("role", "u1", (2,)),
    ("chunked", "u1", (2,)),
    ("opaque", "u1", (2,)),  # the body's first octets tell nothing
    ("answers", "u1"),  # kind of the request that is being answered
    ("answered", "u1"),  # the response ended before its request
    ("first", "u1", (2, LOOKED_AT)),
)

# Header names a record wants, in lower case.
(
    HOST, USER_AGENT, REFERER, ORIGIN, SERVER_NAME, UPGRADE, CONTENT_TYPE, CONTENT_ENCODING, CONTENT_DISPOSITION,
    CONTENT_LENGTH, TRANSFER_ENCODING, COOKIE, SET_COOKIE, AUTHORIZATION, PROXIED,
) = range(1, 16)  # fmt: skip
HEADERS = {
    b"host": HOST,
    b"user-agent": USER_AGENT,
    b"referer": REFERER,
    b"origin": ORIGIN,
    b"server": SERVER_NAME,
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
SLOTS = 128


def _slot(name: bytes, factor: int) -> int:
    """Place a name by its length and its first and last letter."""
    return (len(name) * factor + name[0] * 5 + name[-1]) % SLOTS


#: A factor for which no two names meet; places of the names, four numbers to a slot.
FACTOR = next(n for n in range(1, 99) if len({_slot(name, n) for name in HEADERS}) == len(HEADERS))
NAMES = octets(b"".join(HEADERS))
SLOT_LENGTH, SLOT_AT, SLOT_HEADER = (np.zeros(SLOTS, np.int64) for _ in range(3))
for _name, _header in HEADERS.items():
    SLOT_LENGTH[_slot(_name, FACTOR)] = len(_name)
    SLOT_AT[_slot(_name, FACTOR)] = NAMES.tobytes().index(_name)
    SLOT_HEADER[_slot(_name, FACTOR)] = _header

# Methods that a request line without version, or cut short, is believed by; each with its space.
METHODS = octets(
    "get post head put delete options connect trace patch "
    "propfind proppatch mkcol copy move lock unlock search report "
)
KNOWN_METHODS = octets(METHODS.tobytes() + b"subscribe unsubscribe notify poll bmove bcopy bdelete bpropfind "
    b"bproppatch rpc_in_data rpc_out_data bits_post ccm_post version-control checkout checkin uncheckout merge "
    b"mkworkspace mkactivity baseline-control acl orderpatch mkcalendar link unlink purge track debug update label "
)  # fmt: skip


@kernel
def is_among(wire: Wire, at: Int, end: Int, words: Wire) -> bool:
    """Say whether wire[at:end], whatever its case, is one of `words`, each followed by a space."""
    first = 0
    for place in range(len(words)):
        if words[place] != SP:
            continue
        if place - first == end - at and starts_folded(wire, at, end, words[first:place]):
            return True
        first = place + 1
    return False


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
def version_of(wire: Wire, at: Int, end: Int) -> Int:
    """Give ten times the version for `HTTP/1.1` and the like; 0 for anything else."""
    if end - at < 8 or not starts_folded(wire, at, end, HTTP_SLASH) or wire[at + 6] != 46:
        return 0
    major, minor = np.int64(wire[at + 5]) - 48, np.int64(wire[at + 7]) - 48
    return 10 * major + minor if 0 <= major <= 9 and 0 <= minor <= 9 else 0


@kernel
def method_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the token that begins a request line ends; -1 where there is none."""
    place = at
    while place < end and place - at < MAX_METHOD:
        octet = lower(wire[place])
        if octet == SP or octet == TAB:
            return place if place > at else -1
        if not (97 <= octet <= 122 or 48 <= octet <= 57 or octet == 45 or octet == 95):
            return -1
        place += 1
    return -1


@kernel
def identify(wire: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept status lines, request lines with their version, and the head of a long known request."""
    if starts_folded(wire, at, end, HTTP_SLASH):
        if end - at < 12 or version_of(wire, at, at + 8) not in (10, 11) or not is_blank(wire[at + 8]):
            return Verdict.NO
        digits = skip_blanks(wire, at + 9, end)
        return Verdict.YES if digits < end and 49 <= wire[digits] <= 57 else Verdict.NO
    stop = method_end(wire, at, end)
    if stop < 0:
        return Verdict.NO
    last = find(wire, stop, min(end, stop + 4096), LF)
    if last >= 0:
        line_end = drop_blanks(wire, stop, last)
        version = version_of(wire, line_end - 8, line_end) if line_end - 8 > stop else 0
        if version in (10, 11):
            return Verdict.YES
        old = version == 0 and starts_folded(wire, at, stop, METHODS[:3]) and wire[stop + 1] == 47
        return Verdict.MAYBE if old and hint & OWN_PORT and not hint & FROM_RESP else Verdict.NO
    if end - stop < 3 or not is_among(wire, at, stop, METHODS):
        return Verdict.NO
    target = np.int64(wire[stop + 1])
    if target == 47 or starts_folded(wire, stop + 1, end, HTTP_SLASH[:4]):
        return Verdict.YES if end - at > 64 or hint & OWN_PORT else Verdict.MAYBE
    return Verdict.NO


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Take lines and bodies of one side as far as they go."""
    side = np.int64(turn["side"])
    start = at
    if conn["lost"][side] == 1:
        find_again(conn, side, out)
    while at < end and conn["done"][side] == 0 and conn["skip"][side] == 0:
        phase = np.int64(conn["phase"][side])
        if phase == WAIT:
            break
        if phase == BODY:
            at += take_body(wire, at, end, conn, side, out)
            continue
        if phase == START and not may_start(wire, at, end, conn, side):
            if conn["phase"][side] == START:
                at = pass_over(wire, at, end, conn, side)
            continue
        stop = line_end(wire, at, end, conn, side)
        if stop < 0:
            break
        last = stop
        if last > at and wire[last - 1] == CR:
            last -= 1
        else:
            conn["odd"][side] |= BARE_LF
        take_line(wire, at, last, conn, turn, out)
        conn["scanned"][side] = 0
        at = stop + 1
    return at - start


@kernel
def find_again(conn: Row, side: Int, out: Out) -> None:
    """After a gap: give up the message that was being read, and wait for the start of another."""
    conn["lost"][side] = 0
    conn["scanned"][side] = 0
    if conn["phase"][side] == WAIT:
        return
    row = conn["row"][side]
    conn["odd"][side] |= GAP
    if row > 0:
        end_message(conn, side, out)
    conn["phase"][side] = START
    conn["odd"][side] |= GAP


@kernel
def may_start(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> bool:
    """Say whether what is at hand can begin a message; else see to an answer of HTTP/0.9."""
    role = np.int64(conn["role"][side])
    if is_blank(wire[at]):
        return True
    if role != CLIENT:
        seen = min(end - at, 5)
        if starts_folded(wire, at, end, HTTP_SLASH[:seen]):
            return True
        if role == SERVER and conn["pending"] > 0 and conn["kind"][conn["oldest"]] == OLD_REQUEST:
            conn["row"][side] = take_pending(conn)
            begin_message(conn, side)
            conn["length"][side] = -1
            conn["status"] = 0
            begin_body(conn, side, ENDLESS)
            return False
        if role == SERVER:
            return False
    place = at
    while place < end and place - at < MAX_METHOD:
        octet = lower(wire[place])
        if octet == SP or octet == TAB:
            return place > at
        if not (97 <= octet <= 122 or 48 <= octet <= 57 or octet == 45 or octet == 95):
            return False
        place += 1
    return place == end


@kernel
def pass_over(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> Int:
    """Leave out what is no message up to the next line."""
    conn["odd"][side] |= NOT_A_MESSAGE
    if conn["confirmed"] == 0 and conn["odd"][side] & GAP == 0:
        conn["violated"] = 1
        conn["done"][0] = 1
        conn["done"][1] = 1
        return end
    stop = find(wire, at, end, LF)
    return end if stop < 0 else stop + 1


@kernel
def line_end(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> Int:
    """Give where the LF of a line stands, behind all that is folded into it; -1: more is needed."""
    place = at + np.int64(conn["scanned"][side])
    while True:
        stop = find(wire, place, end, LF)
        if stop < 0:
            conn["scanned"][side] = end - at
            return -1
        empty = stop == at or (stop == at + 1 and wire[at] == CR)
        if conn["phase"][side] != HEAD or empty:
            return stop
        if stop + 1 == end:
            conn["scanned"][side] = stop - at
            return -1
        if wire[stop + 1] != SP and wire[stop + 1] != TAB:
            return stop
        conn["odd"][side] |= FOLDED
        place = stop + 1


@kernel
def take_line(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Let one line, without its end, move the machine of its side."""
    side = np.int64(turn["side"])
    phase = np.int64(conn["phase"][side])
    if phase == START:
        if at < end:
            start_message(wire, at, end, conn, turn, out)
    elif phase == HEAD:
        if at < end:
            take_header(wire, at, end, conn, side, out)
        else:
            end_head(conn, side, out)
    elif phase == TRAILER:
        if at == end:
            end_message(conn, side, out)
    elif phase == CHUNK_END and at == end:
        conn["phase"][side] = CHUNK_SIZE
    else:
        if phase == CHUNK_END:
            conn["odd"][side] |= BAD_CHUNK
        begin_chunk(wire, at, end, conn, side)


@kernel
def start_message(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read a request or status line, which also tells who is the client."""
    side = np.int64(turn["side"])
    at = skip_blanks(wire, at, end)
    role = np.int64(conn["role"][side])
    if role != CLIENT and version_of(wire, at, min(end, at + 8)) > 0:
        role = SERVER
        good = read_status(wire, at, end, conn, turn, out)
    elif role != SERVER:
        role = CLIENT
        good = read_request(wire, at, end, conn, turn, out)
    else:
        good = False
    if good:
        conn["role"][side] = role
        conn["role"][1 - side] = 3 - role
        conn["confirmed"] = 1
        begin_message(conn, side)
    else:
        pass_over(wire, end, end, conn, side)


@kernel
def begin_message(conn: Row, side: Int) -> None:
    """Forget the message before."""
    conn["phase"][side] = HEAD
    conn["length"][side] = -1
    conn["chunked"][side] = 0
    conn["body"][side] = 0
    conn["looked"][side] = 0
    conn["opaque"][side] = 0


@kernel
def new_row(conn: Row, turn: Row, out: Out, kind: Int) -> Int:
    """Open a row and queue it; where too many wait, the oldest is closed as unanswered."""
    if conn["pending"] == MAX_PENDING:
        old = take_pending(conn)
        out.rows[old]["anomaly"] |= np.uint64(UNANSWERED | TOO_MANY_PENDING)
        close_row(out, old)
    row = open_row(out, turn)
    conn["depth"] += 1
    out.rows[row]["trans_depth"] = conn["depth"]
    place = (np.int64(conn["oldest"]) + np.int64(conn["pending"])) % MAX_PENDING
    conn["queue"][place] = row
    conn["kind"][place] = kind
    conn["pending"] += 1
    return row


@kernel
def take_pending(conn: Row) -> Int:
    """Take the row that has waited longest."""
    oldest = np.int64(conn["oldest"])
    conn["answers"] = conn["kind"][oldest]
    conn["oldest"] = (oldest + 1) % MAX_PENDING
    conn["pending"] -= 1
    return np.int64(conn["queue"][oldest])


@kernel
def read_request(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> bool:
    """Read a request line (RFC 9112 §3); the target reaches to the last word that is a version."""
    stop = method_end(wire, at, end)
    if stop < 0:
        return False
    first, last = skip_blanks(wire, stop, end), drop_blanks(wire, stop, end)
    version = version_of(wire, last - 8, last) if last - 8 > stop and is_blank(wire[last - 9]) else 0
    known = is_among(wire, at, stop, KNOWN_METHODS)
    kind = PLAIN_REQUEST
    if version == 0:
        if not known or first >= last or not (wire[first] == 47 or conn["confirmed"] == 1):
            return False
        kind = OLD_REQUEST
    elif version >= 20:
        return False  # the preface of HTTP/2
    elif stop - at == 4 and starts_folded(wire, at, stop, METHODS[9:13]):
        kind = HEAD_REQUEST
    elif stop - at == 7 and starts_folded(wire, at, stop, METHODS[33:40]):
        kind = CONNECT_REQUEST
    row = new_row(conn, turn, out, kind)
    conn["row"][np.int64(turn["side"])] = row
    record = out.rows[row]
    record["method"] = save(out, AT.method, wire, at, stop)
    record["request_version"] = version if version else 9
    if not known:
        record["anomaly"] |= np.uint64(UNKNOWN_METHOD)
    if version:
        last = drop_blanks(wire, stop, last - 8)
    else:
        record["anomaly"] |= np.uint64(NO_VERSION)
    if first < last:
        save_target(wire, first, last, record, out)
    return True


@kernel
def save_target(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Part a request target into path and query; user information goes no further."""
    mark = find(wire, at, end, 63)
    stop = end if mark < 0 else mark
    record["path"] = save_url(wire, at, stop, record, AT.path, out)
    if mark >= 0:
        record["query"] = save_text(wire, mark + 1, end, record, AT.query, out)


@kernel
def save_url(wire: Wire, at: Int, end: Int, record: Row, field: Int, out: Out) -> Int:
    """Keep a URL without the user and password it may name (RFC 3986 §3.2.1)."""
    colon = find(wire, at, min(end, at + 8), 58)
    if colon < 0 or end - colon < 4 or wire[colon + 1] != 47 or wire[colon + 2] != 47:
        return save_text(wire, at, end, record, field, out)
    after = colon + 3
    for place in range(after, end):
        if wire[place] == 47 or wire[place] == 63 or wire[place] == 35:
            break
        if wire[place] == 64:
            after = place + 1
    if after == colon + 3:
        return save_text(wire, at, end, record, field, out)
    if find(wire, colon + 3, after, 58) >= 0:
        record["password_seen"] = 1
    begun = begin_text(out)
    put_octets(out, wire, at, colon + 3)
    put_octets(out, wire, after, min(end, after + MAX_TEXT))
    return end_text(out, field, begun)

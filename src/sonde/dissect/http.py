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

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.dissect.body.kinds import LOOKED_AT, MediaType, media_type
from sonde.dissect.body.lines import (
    AUTHORIZATION,
    COLON,
    COMMON_METHODS,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    COOKIE,
    CR,
    HOST,
    HTTP_SLASH,
    LF,
    METHODS,
    ORIGIN,
    PROXIED,
    QUESTION,
    REFERER,
    SEMICOLON,
    SERVER,
    SET_COOKIE,
    SLASH,
    SP,
    TAB,
    TRANSFER_ENCODING,
    UPGRADE,
    USER_AGENT,
    add_pair,
    drop_blanks,
    find_folded,
    header_of,
    is_among,
    is_blank,
    method_end,
    read_decimal,
    save_filename,
    save_text,
    save_url,
    save_user,
    skip_blanks,
    version_of,
)
from sonde.schema import (
    ENDPOINT,
    FROM_RESP,
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
from sonde.table.out import GAP, OWN_ANOMALY, TRUNCATED, UNANSWERED, UNASKED, close_row, open_row
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

START, HEAD, CHUNK_SIZE, CHUNK_END, TRAILER, BODY, WAIT = range(7)
UNKNOWN, ASKS, ANSWERS = range(3)  # conn["role"][side]
PLAIN_REQUEST, HEAD_REQUEST, CONNECT_REQUEST, OLD_REQUEST = range(4)
MAX_PENDING = 32  # requests without response, in one flow
ENDLESS = 1 << 60  # a body that ends with the stream
LARGEST = 1 << 50  # a declared length beyond this is no length
CHUNKED, BASIC, FILENAME, MULTIPART, IDENTITY = (
    octets(word) for word in ("chunked", "basic", "filename=", "multipart/", "identity")
)
HEAD_WORD, CONNECT_WORD = octets("head "), octets("connect ")
INTERIM_LAST, SWITCHING, NO_CONTENT, NOT_MODIFIED = 199, 101, 204, 304  # RFC 9110 §15

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

@kernel
def identify(wire: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept status lines, request lines with their version, and the head of a long known request."""
    if starts_folded(wire, at, end, HTTP_SLASH):
        if end - at < 12 or not 10 <= version_of(wire, at, at + 8) <= 11 or not is_blank(wire[at + 8]):
            return Verdict.NO
        digits = skip_blanks(wire, at + 9, end)
        return Verdict.YES if digits < end and 49 <= wire[digits] <= 57 else Verdict.NO
    stop = method_end(wire, at, end)
    if stop < 0 or end - stop < 3:
        return Verdict.NO
    last = find(wire, stop, min(end, stop + 4096), LF)
    target = np.int64(wire[stop + 1])
    if last >= 0:
        line_end = drop_blanks(wire, stop, last)
        version = version_of(wire, line_end - 8, line_end) if line_end - 8 > stop else 0
        if 10 <= version <= 11:
            return Verdict.YES
        old = version == 0 and target == SLASH and is_among(wire, at, stop, COMMON_METHODS)
        return Verdict.MAYBE if old and hint & OWN_PORT and not hint & FROM_RESP else Verdict.NO
    if not is_among(wire, at, stop, COMMON_METHODS):
        return Verdict.NO
    if target == SLASH or starts_folded(wire, stop + 1, end, HTTP_SLASH[:4]):
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
        if phase == START and conn["scanned"][side] == 0 and not may_start(wire, at, end, conn, side):
            if not begin_old_answer(conn, side, out):
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
        conn["scanned"][side] = 0
        take_line(wire, at, last, conn, turn, out)
        at = stop + 1
    return at - start


@kernel
def find_again(conn: Row, side: Int, out: Out) -> None:
    """After a gap: give up the message that was being read, and wait for the start of another."""
    conn["lost"][side] = 0
    conn["scanned"][side] = 0
    if conn["phase"][side] == WAIT:
        return
    conn["odd"][side] |= GAP
    if conn["phase"][side] != START:
        end_message(conn, side, out)
    conn["odd"][side] |= GAP


@kernel
def may_start(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> bool:
    """Say whether what is at hand can begin a message of this side."""
    if is_blank(wire[at]):
        return True
    role = conn["role"][side]
    if role != ASKS and starts_folded(wire, at, end, HTTP_SLASH[: min(end - at, 5)]):
        return True
    return bool(role != ANSWERS and method_end(wire, at, end) >= 0)


@kernel
def begin_old_answer(conn: Row, side: Int, out: Out) -> bool:
    """Take what follows as the answer to a request of HTTP/0.9, which has no head."""
    waits = conn["role"][side] == ANSWERS and conn["pending"] > 0
    if not waits or conn["kind"][conn["oldest"]] != OLD_REQUEST:
        return False
    row = take_pending(conn)
    conn["row"][side] = row
    out.rows[row]["version"] = 9
    begin_message(conn, side)
    begin_body(conn, side, ENDLESS)
    return True


@kernel
def pass_over(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> Int:
    """Leave out what is no message, up to the next line."""
    if conn["confirmed"] == 0 and conn["odd"][side] & GAP == 0:
        conn["violated"] = 1
        conn["done"][0] = 1
        conn["done"][1] = 1
        return end
    conn["odd"][side] |= NOT_A_MESSAGE
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
        if skip_blanks(wire, at, end) < end:
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
    good = False
    if role != ASKS and version_of(wire, at, min(end, at + 8)) > 0:
        role = ANSWERS
        good = read_status(wire, at, end, conn, turn, out)
    elif role != ANSWERS:
        role = ASKS
        good = read_request(wire, at, end, conn, turn, out)
    if not good:
        pass_over(wire, end, end, conn, side)
        return
    conn["role"][side] = role
    conn["role"][1 - side] = 3 - role
    conn["confirmed"] = 1
    begin_message(conn, side)
    if role == ASKS and out.rows[conn["row"][side]]["request_version"] == 9:
        end_head(conn, side, out)


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
    if stop < 0 or stop == end:
        return False
    first, last = skip_blanks(wire, stop, end), drop_blanks(wire, stop, end)
    version = version_of(wire, last - 8, last) if last - 8 > stop and is_blank(wire[last - 9]) else 0
    known = is_among(wire, at, stop, METHODS)
    kind = PLAIN_REQUEST
    if version >= 20:
        return False  # the preface of HTTP/2
    if version == 0:
        if not known or first >= last or not (wire[first] == SLASH or conn["confirmed"] == 1):
            return False
        kind = OLD_REQUEST
    elif is_among(wire, at, stop, HEAD_WORD):
        kind = HEAD_REQUEST
    elif is_among(wire, at, stop, CONNECT_WORD):
        kind = CONNECT_REQUEST
    row = new_row(conn, turn, out, kind)
    conn["row"][np.int64(turn["side"])] = row
    record = out.rows[row]
    record["method"] = save_text(wire, at, stop, record, AT.method, out)
    record["request_version"] = version if version else 9
    if not known:
        record["anomaly"] |= np.uint64(UNKNOWN_METHOD)
    if version:
        last = drop_blanks(wire, stop, last - 8)
    else:
        record["anomaly"] |= np.uint64(NO_VERSION)
    if first < last:
        mark = find(wire, first, last, QUESTION)
        record["path"] = save_url(wire, first, last if mark < 0 else mark, record, AT.path, out)
        if mark >= 0:
            record["query"] = save_text(wire, mark + 1, last, record, AT.query, out)
    return True


@kernel
def read_status(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> bool:
    """Read a status line (RFC 9112 §4) into the row that waits longest."""
    version = version_of(wire, at, at + 8)
    first = skip_blanks(wire, at + 8, end)
    stop = min(end, first + 3)
    status = read_decimal(wire, first, stop, 999)
    if status < 100 or (stop < end and not is_blank(wire[stop])):
        return False
    side = np.int64(turn["side"])
    conn["status"] = status
    if conn["pending"] == 0:
        out.rows[new_row(conn, turn, out, PLAIN_REQUEST)]["anomaly"] |= np.uint64(UNASKED)
    row = np.int64(conn["queue"][conn["oldest"]])
    if status > INTERIM_LAST or status == SWITCHING:
        take_pending(conn)
    conn["row"][side] = row
    record = out.rows[row]
    record["version"] = version
    record["status_code"] = status
    reason = skip_blanks(wire, stop, end)
    record["status_msg"] = save_text(wire, reason, drop_blanks(wire, reason, end), record, AT.status_msg, out)
    if status <= INTERIM_LAST:
        record["info_code"] = status
        record["info_msg"] = record["status_msg"]
    return True


@kernel
def take_header(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Out) -> None:
    """Read one header line and let its name decide (RFC 9110 §5)."""
    record = out.rows[conn["row"][side]]
    colon = find(wire, at, end, COLON)
    if colon < 0:
        conn["odd"][side] |= NO_COLON
        return
    at = skip_blanks(wire, at, colon)
    name_end = drop_blanks(wire, at, colon)
    header = header_of(wire, at, name_end)
    if name_end < colon:
        conn["odd"][side] |= SPACE_BEFORE_COLON
    if header == 0:
        return
    value, end = skip_blanks(wire, colon + 1, end), drop_blanks(wire, colon + 1, end)
    value = min(value, end)
    if header == CONTENT_LENGTH or header == TRANSFER_ENCODING:
        take_framing(wire, value, end, conn, side, header)
    elif conn["role"][side] == ANSWERS:
        take_response_header(wire, value, end, conn, record, header, out)
    elif header == PROXIED:
        record["proxied"] = add_pair(wire, at, name_end, value, end, record["proxied"], AT.proxied, out)
    else:
        take_request_header(wire, value, end, conn, record, header, out)


@kernel
def take_framing(wire: Wire, at: Int, end: Int, conn: Row, side: Int, header: Int) -> None:
    """Learn how the end of the body is told (RFC 9112 §6); chunks win over a length."""
    if header == TRANSFER_ENCODING:
        if find_folded(wire, at, end, CHUNKED) >= 0:
            conn["chunked"][side] = 1
    else:
        length = read_decimal(wire, at, end, LARGEST)
        before = conn["length"][side]
        if length < 0 or (before >= 0 and before != length):
            conn["odd"][side] |= BAD_LENGTH
        if before < 0:
            conn["length"][side] = length
    if conn["chunked"][side] == 1 and conn["length"][side] >= 0:
        conn["odd"][side] |= TWO_FRAMINGS

"""HTTP/1.0, 1.1 and what is left of 0.9 (RFC 9110, RFC 9112).

One record for each request and its response. Bodies are passed over; only their first
octets are looked at, for their kind. Not read: what multipart bodies hold, what content
codings hide, trailers, HTTP/2 and whatever follows CONNECT or an upgrade.

Theory of operation: each side is a machine of eight states (`phase`). Lines are taken one
at a time; a line of a head is whole once the octet after it shows that no fold follows.
A request opens a row and queues it; a response takes the oldest. A row is closed when
both its messages have ended.
"""

import numpy as np

from sonde.dissect.api import Dissector, Out, state
from sonde.dissect.body.applications import APPLICATIONS
from sonde.dissect.body.exchange import AT, HttpRecord, hides_kind, read_header
from sonde.dissect.body.framing import (
    ANSWERS,
    ASKS,
    BODY,
    CHUNK_END,
    CHUNK_SIZE,
    DISCARD,
    ENDLESS,
    HEAD,
    START,
    TRAILER,
    WAIT,
    begin_body,
    begin_chunk,
    leave_chunks,
    settle_message,
    take_body,
    take_framing,
)  # fmt: skip
from sonde.dissect.body.kinds import LOOKED_AT
from sonde.dissect.body.lines import (
    ANOMALIES,
    BAD_CHUNK,
    BODY_INCOMPLETE,
    COLON,
    COMMON_METHOD,
    CONNECT_METHOD,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    FOLDED,
    HEAD_METHOD,
    HTTP_SLASH,
    LEAST_STATUS,
    LF,
    MOST_STATUS,
    NO_COLON,
    NO_STATUS_LINE,
    NO_VERSION,
    NOT_A_MESSAGE,
    ODD_STATUS_LINE,
    PROXIED,
    QUESTION,
    RARE_METHOD,
    SLASH,
    SP,
    SPACE_BEFORE_COLON,
    TAB,
    TOO_MANY_PENDING,
    TRANSFER_ENCODING,
    UNKNOWN_METHOD,
    UPGRADE,
    add_pair,
    answer_start,
    drop_blanks,
    drop_cr,
    find_folded,
    is_blank,
    is_hex,
    method_end,
    save_text,
    save_url,
    skip_blanks,
    status_line,
    surely_starts,
    version_of,
    word_of,
)  # fmt: skip
from sonde.schema import FROM_RESP, OWN_PORT, Protocol, Verdict
from sonde.table.out import GAP, TRUNCATED, UNANSWERED, UNASKED, close_row, open_row
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

PLAIN_REQUEST, HEAD_REQUEST, CONNECT_REQUEST, OLD_REQUEST = range(4)
MAX_PENDING = 32  # requests without response, in one flow
INTERIM_LAST, SWITCHING, NO_CONTENT, NOT_MODIFIED = 199, 101, 204, 304  # RFC 9110 §15
GZIP = octets("gzip")

STATE = state(
    ("row", "i8", (2,)),  # the row each side writes to; 0 none
    ("left", "i8", (2,)),  # octets left of a body or chunk
    ("length", "i8", (2,)),  # Content-Length; -1 none
    ("body", "i8", (2,)),  # octets of the body so far, with those yet to skip
    ("queue", "i8", (MAX_PENDING,)),  # rows that wait for a response
    ("begun", "i8", (2,)),  # when the body's first octet came
    ("tail", "i8", (2,)),  # the last four octets of the body
    ("odd", "i8", (2,)),  # anomalies for the row of a side
    ("depth", "i8"),
    ("now", "i8"),
    ("scanned", "i4", (2,)),  # octets of the line that hold no LF
    ("looked", "i4", (2,)),  # octets kept in `first`
    ("oldest", "i4"),
    ("pending", "i4"),
    ("status", "i4"),  # of the response being read
    ("kind", "u1", (MAX_PENDING,)),
    ("phase", "u1", (2,)),
    ("role", "u1", (2,)),
    ("chunked", "u1", (2,)),
    ("gzip", "u1", (2,)),
    ("astray", "u1", (2,)),  # after a gap, no message found yet
    ("opaque", "u1", (2,)),  # the body's first octets tell nothing
    ("answers", "u1"),  # kind of the request that is being answered
    ("asked", "u1"),  # kind of the request being read
    ("upgrades", "u1"),  # it wants another protocol
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
        old = version == 0 and target == SLASH and COMMON_METHOD <= word_of(wire, at, stop) < RARE_METHOD
        return Verdict.MAYBE if old and hint & OWN_PORT and not hint & FROM_RESP else Verdict.NO
    if not COMMON_METHOD <= word_of(wire, at, stop) < RARE_METHOD:
        return Verdict.NO
    if target == SLASH or starts_folded(wire, stop + 1, end, HTTP_SLASH[:4]):
        return Verdict.YES if end - at > 64 or hint & OWN_PORT else Verdict.MAYBE
    return Verdict.NO


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Take lines and bodies of one side as far as they go."""
    side = np.int64(turn["side"])
    start = at
    conn["now"] = turn["ts"]
    if conn["lost"][side] == 1:
        find_again(conn, side, out)
    while at < end and conn["done"][side] == 0 and conn["skip"][side] == 0 and conn["switch"] == 0:
        phase = np.int64(conn["phase"][side])
        before = at
        if phase == START and conn["astray"][side] == 1 and not surely_starts(wire, at, end):
            return end - start
        if phase == HEAD:
            at = read_head(wire, at, end, conn, side, out)
        elif phase == BODY:
            if conn["body"][side] == 0:
                conn["begun"][side] = turn["ts"]
            at += take_body(wire, at, end, conn, side)
            if conn["left"][side] == 0:
                end_body(conn, side, out)
        elif phase == DISCARD:
            at = discard(wire, at, end, conn, side)
        elif phase != WAIT:
            at = read_line(wire, at, end, conn, turn, out)
        if at == before and phase == conn["phase"][side]:
            break
    return at - start


@kernel
def read_line(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Take a line that is not in a head, if it is whole; give the new place."""
    side = np.int64(turn["side"])
    phase = np.int64(conn["phase"][side])
    if phase == START and not may_start(wire, at, end, conn, side):
        if not begin_old_answer(conn, side, out):
            reject(conn, side, out)
        return at
    if phase == CHUNK_SIZE and conn["body"][side] == 0 and not is_blank(wire[at]) and not is_hex(wire[at]):
        leave_chunks(conn, side)
        return at
    stop = find(wire, at + np.int64(conn["scanned"][side]), end, LF)
    conn["scanned"][side] = end - at if stop < 0 else 0
    if stop < 0:
        return at
    last = drop_cr(wire, at, stop, conn, side)
    if phase == START:
        if skip_blanks(wire, at, last) < last:
            start_message(wire, at, last, conn, turn, out)
    elif phase == TRAILER:
        if at == last:
            end_message(conn, side, out)
    elif phase == CHUNK_END and at == last:
        conn["phase"][side] = CHUNK_SIZE
    else:
        if phase == CHUNK_END:
            conn["odd"][side] |= BAD_CHUNK
        begin_chunk(wire, at, last, conn, side)
    return stop + 1


@kernel
def read_head(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Out) -> Int:
    """Take the lines of a head that are whole; give the new place.

    A header line is whole when the octet behind it shows that nothing is folded into it.
    """
    place = at + np.int64(conn["scanned"][side])
    colon = -1
    while at < end:
        stop = find(wire, place, end, LF)
        if stop < 0:
            conn["scanned"][side] = end - at
            return at
        last = drop_cr(wire, at, stop, conn, side)
        if last == at:
            conn["scanned"][side] = 0
            end_head(conn, side, out)
            return stop + 1
        if stop + 1 == end:
            break
        place = stop + 1
        if wire[place] == SP or wire[place] == TAB:
            out.rows[conn["row"][side]]["anomaly"] |= np.uint64(FOLDED)
            continue
        colon = find(wire, at, last, COLON)
        if colon < 0:
            conn["odd"][side] |= NO_COLON
        elif is_blank(wire[at]) or is_blank(wire[colon - 1]) or 0 < word_of(wire, at, colon) < COMMON_METHOD:
            take_header(wire, at, colon, last, conn, side, out)
        at = place
    conn["scanned"][side] = 0
    return at


@kernel
def discard(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> Int:
    """Pass over the rest of a line that was no message."""
    stop = find(wire, at, end, LF)
    if stop < 0:
        return end
    conn["phase"][side] = START
    return stop + 1


@kernel
def find_again(conn: Row, side: Int, out: Out) -> None:
    """After a gap: give up the message that was being read, and wait for the start of another."""
    conn["lost"][side] = 0
    conn["scanned"][side] = 0
    if conn["phase"][side] == WAIT:
        return
    conn["astray"][side] = 1
    conn["odd"][side] |= GAP
    if conn["phase"][side] == DISCARD:
        conn["phase"][side] = START
    elif conn["phase"][side] != START:
        end_message(conn, side, out)
    conn["odd"][side] |= GAP


@kernel
def may_start(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> bool:
    """Say whether what is at hand can begin a message of this side."""
    role = conn["role"][side]
    if is_blank(wire[at]):
        return True
    if role == ANSWERS:
        return bool(answer_start(wire, at, end) >= 0)
    if role != ASKS and starts_folded(wire, at, end, HTTP_SLASH[: min(end - at, 5)]):
        return True
    return bool(method_end(wire, at, end) >= 0)


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
def reject(conn: Row, side: Int, out: Out) -> None:
    """Note what is no message; what was never HTTP is not looked at further."""
    if conn["role"][side] == ANSWERS and conn["pending"] > 0:
        out.rows[conn["queue"][conn["oldest"]]]["anomaly"] |= np.uint64(NOT_A_MESSAGE)
    if conn["confirmed"] == 0 and conn["odd"][side] & GAP == 0:
        conn["violated"] = 1
        conn["done"][0] = 1
        conn["done"][1] = 1
    conn["odd"][side] |= NOT_A_MESSAGE
    conn["scanned"][side] = 0
    conn["phase"][side] = DISCARD


@kernel
def start_message(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read a request or status line, which also tells who is the client."""
    side = np.int64(turn["side"])
    at = skip_blanks(wire, at, end)
    role = np.int64(conn["role"][side])
    good = False
    begin = answer_start(wire, at, end) if role == ANSWERS else np.int64(-1)
    due = at <= begin < end
    if due and begin > at:
        conn["odd"][side] |= ODD_STATUS_LINE
        at = begin
    if role != ASKS and (due or version_of(wire, at, min(end, at + 8)) > 0):
        role = ANSWERS
        good = read_status(wire, at, end, conn, turn, out)
    elif role != ANSWERS:
        role = ASKS
        good = read_request(wire, at, end, conn, turn, out)
    if not good:
        reject(conn, side, out)
        conn["phase"][side] = START  # the line is whole
        return
    conn["role"][side] = role
    conn["role"][1 - side] = 3 - role
    conn["confirmed"] = 1
    conn["astray"][side] = 0
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
    conn["gzip"][side] = 0


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
    method = word_of(wire, at, stop)
    known = method >= COMMON_METHOD
    kind = PLAIN_REQUEST
    if version >= 20:
        return False  # the preface of HTTP/2
    if version == 0:
        if not known or first >= last or not (wire[first] == SLASH or conn["confirmed"] == 1):
            return False
        kind = OLD_REQUEST
    elif method == HEAD_METHOD:
        kind = HEAD_REQUEST
    elif method == CONNECT_METHOD:
        kind = CONNECT_REQUEST
    row = new_row(conn, turn, out, kind)
    conn["row"][np.int64(turn["side"])] = row
    conn["asked"], conn["upgrades"] = kind, 0
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
    """Read a status line into the row that waits longest."""
    side = np.int64(turn["side"])
    version, status, reason, clean = status_line(wire, at, end, conn["role"][side] == ANSWERS)
    if status == NO_STATUS_LINE:
        return False
    conn["status"] = status if status >= LEAST_STATUS else MOST_STATUS
    asked = conn["pending"] > 0
    if not asked:
        out.rows[new_row(conn, turn, out, PLAIN_REQUEST)]["anomaly"] |= np.uint64(UNASKED)
    row = np.int64(conn["queue"][conn["oldest"]])
    interim = LEAST_STATUS <= status <= INTERIM_LAST
    if not interim or status == SWITCHING:
        take_pending(conn)
    conn["row"][side] = row
    record = out.rows[row]
    if not clean:
        record["anomaly"] |= np.uint64(ODD_STATUS_LINE)
    record["version"], record["status_code"] = version, status
    if asked:
        record["response_after"] = turn["ts"] - record["ts"]
    record["status_msg"] = save_text(wire, reason, drop_blanks(wire, reason, end), record, AT.status_msg, out)
    if interim:
        record["info_code"] = status
        record["info_msg"] = record["status_msg"]
    return True


@kernel
def take_header(wire: Wire, at: Int, colon: Int, end: Int, conn: Row, side: Int, out: Out) -> None:
    """Read one header line and let its name decide (RFC 9110 §5)."""
    record = out.rows[conn["row"][side]]
    at = skip_blanks(wire, at, colon)
    name_end = drop_blanks(wire, at, colon)
    if name_end < colon:
        conn["odd"][side] |= SPACE_BEFORE_COLON
    header = word_of(wire, at, name_end)
    if not 0 < header < COMMON_METHOD:
        return
    value, end = skip_blanks(wire, colon + 1, end), drop_blanks(wire, colon + 1, end)
    value = min(value, end)
    if header == CONTENT_LENGTH or header == TRANSFER_ENCODING:
        take_framing(wire, value, end, conn, side, header)
        return
    asks = 1 if conn["role"][side] == ASKS else 0
    if header == PROXIED:
        if asks:
            record["proxied"] = add_pair(wire, at, name_end, value, end, record["proxied"], AT.proxied, out)
        return
    read_header(wire, value, end, record, header, asks, out)
    if asks and header == UPGRADE:
        conn["upgrades"] = 1
    if hides_kind(wire, value, end, header):
        conn["opaque"][side] = 1
        if not asks and header == CONTENT_ENCODING and find_folded(wire, value, end, GZIP) >= 0:
            conn["gzip"][side] = 1


@kernel
def names_suffice(conn: Row) -> bool:
    """Say whether the names in a request are all that is wanted; behind CONNECT and upgrades others have their own."""
    return bool(conn["names_only"] == 1 and conn["asked"] != CONNECT_REQUEST and conn["upgrades"] == 0)


@kernel
def end_head(conn: Row, side: Int, out: Out) -> None:
    """Tell from the head how the body ends (RFC 9112 §6.3), and whether HTTP ends with it."""
    row = np.int64(conn["row"][side])
    record = out.rows[row]
    asks = conn["role"][side] == ASKS
    status = np.int64(conn["status"])
    if asks and names_suffice(conn):
        conn["done"][0] = 1
        conn["done"][1] = 1
        return
    if asks:
        record["request_body_len"] = 0
        record["request_chunked"] = conn["chunked"][side]
    elif status <= INTERIM_LAST and status != SWITCHING:
        conn["row"][side] = 0
        conn["phase"][side] = START
        return
    else:
        record["response_body_len"] = 0
        record["response_chunked"] = conn["chunked"][side]
        accepted = conn["answers"] == CONNECT_REQUEST and 200 <= status < 300
        if accepted or status == SWITCHING:
            record["tunnel"] = 1
            conn["switch"] = 1
            end_message(conn, side, out)
            return
        if conn["answers"] == CONNECT_REQUEST and conn["phase"][1 - side] == WAIT:
            conn["phase"][1 - side] = START
    bodiless = not asks and (conn["answers"] == HEAD_REQUEST or status == NO_CONTENT or status == NOT_MODIFIED)
    if not bodiless and conn["chunked"][side] == 1:
        conn["phase"][side] = CHUNK_SIZE
    elif not bodiless and conn["length"][side] > 0:
        begin_body(conn, side, conn["length"][side])
    elif not bodiless and not asks and conn["length"][side] < 0:
        begin_body(conn, side, ENDLESS)
    else:
        end_message(conn, side, out)


@kernel
def end_body(conn: Row, side: Int, out: Out) -> None:
    """Go on after the last octet of a body or chunk."""
    if conn["chunked"][side] == 1:
        conn["phase"][side] = CHUNK_END
    else:
        end_message(conn, side, out)


@kernel
def end_message(conn: Row, side: Int, out: Out) -> None:
    """Settle what is known of a message at its end; with the second one the row is closed."""
    row = np.int64(conn["row"][side])
    asks = conn["role"][side] == ASKS
    settle_message(conn, side, out.rows[row])
    conn["row"][side] = 0
    conn["phase"][side] = START
    if asks:
        if conn["asked"] == CONNECT_REQUEST:
            conn["phase"][side] = WAIT
        if conn["answered"] == 1:
            conn["answered"] = 0
            close_row(out, row)
    elif row > 0 and conn["row"][1 - side] == row:
        conn["answered"] = 1
    else:
        close_row(out, row)


@kernel
def finish(conn: Row, out: Out) -> None:
    """Close what is open: messages cut short, requests without response."""
    for side in range(2):
        row = np.int64(conn["row"][side])
        if row == 0:
            continue
        record = out.rows[row]
        phase = conn["phase"][side]
        settle_message(conn, side, record)
        if phase == HEAD and conn["names_only"] == 0:
            record["status"] = TRUNCATED
        elif phase > HEAD and np.int64(conn["left"][side]) + np.int64(conn["skip"][side]) < ENDLESS >> 1:
            record["anomaly"] |= np.uint64(BODY_INCOMPLETE)
        conn["row"][side] = 0
        if conn["role"][side] == ANSWERS or conn["answered"] == 1:
            close_row(out, row)
    while conn["pending"] > 0:
        row = take_pending(conn)
        if conn["names_only"] == 0:
            out.rows[row]["anomaly"] |= np.uint64(UNANSWERED)
        close_row(out, row)


HTTP = Protocol(
    "http",
    "Hypertext Transfer Protocol",
    "RFC 9112",
    tcp_ports=(80, 81, 591, 631, 1080, 3128, 5985, 8000, 8008, 8080, 8081, 8088, 8888),
    identify=identify,
    first_octets=bytes([*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]),
    transports=("tcp",),
    applications=APPLICATIONS,
    aliases={"ndpi": ("HTTP", "HTTP_Connect", "HTTP_Proxy"), "zeek": ("http",), "wireshark": ("http",)},
)

DISSECTOR = Dissector(HTTP, (HttpRecord,), STATE, advance=advance, finish=finish, anomalies=ANOMALIES)

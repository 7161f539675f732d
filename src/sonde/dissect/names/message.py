"""Queries and responses: one row for each pair (RFC 1035 §4.1).

Theory of operation: a query opens a row and waits; a response with its id closes that
row, whichever side sent it, for some resolvers ask and answer from the same port. A
response that no query announced waits too: captures show some in the wrong order. What
waits for nothing is closed at the end of the flow, or when too much waits.
"""

from typing import Annotated, ClassVar

import numpy as np

from sonde.dissect.api import Out, places, state
from sonde.dissect.names.registry import (
    IS_TYPE,
    NETBIOS,
    OPT,
    SRV,
    Opcode,
    QueryClass,
    QueryType,
    ResponseCode,
)  # fmt: skip
from sonde.dissect.names.text import (
    BAD_LABEL,
    BAD_POINTER,
    SHORT,
    is_netbios,
    put_name,
    put_netbios,
    put_rdata,
    skip_name,
)  # fmt: skip
from sonde.schema import (
    ENDPOINT,
    NO_TEXT,
    PROTOCOL,
    U8,
    U16,
    Bool,
    DurationNs,
    Field,
    Record,
    Text,
    TextList,
    U32List,
    code,
)  # fmt: skip
from sonde.table.out import CUT as TEXT_CUT
from sonde.table.out import (
    MALFORMED,
    OK,
    OWN_ANOMALY,
    TEXT,
    TRUNCATED,
    UNANSWERED,
    UNASKED,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_u32,
)  # fmt: skip
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u32

HEADER_END = 12
FLAGS, QUESTIONS, ANSWERS, AUTHORITIES, ADDITIONAL = 2, 4, 6, 8, 10  # offsets (RFC 1035 §4.1.1)
FIXED = 10  # octets of a record between its name and its data
MAX_QUESTIONS = 25
MAX_PENDING = 32  # messages of one flow that wait for their counterpart
MAX_LIST = 1 << 14  # octets of one text list
QUERY_WAITS, RESPONSE_WAITS = 1, 2
RESPONSE, OF_NETBIOS = 1, 2  # bits of `mode`
WORDLESS = 11  # a type whose data reads as nothing
LOOSE, STRICT = 0, 1
MAX_OPCODE, FEW_RECORDS = 8, 200
NEVER_SET, RESPONSE_FLAGS = 0x0040, 0x048F  # Z; AA, RA and the response code
CLIENT_SUBNET, DNSSEC_OK = 8, 0x8000  # RFC 7871, RFC 3225
NETBIOS_PORT, UDP = 137, 17

ANOMALIES = ("bad_pointer", "bad_label", "too_many_pending", "too_many_questions", "trailing_octets")
POINTER_SEEN, LABEL_SEEN, TOO_MANY_PENDING, TOO_MANY_QUESTIONS, TRAILING = (
    1 << (OWN_ANOMALY + bit) for bit in range(len(ANOMALIES))
)
Transport = code({6: "tcp", 17: "udp"})


class DnsRecord(Record):
    """One query with its response."""

    table: ClassVar[str] = "dns"
    transport: Annotated[Transport, Field("Transport of the messages", PROTOCOL)]  # type: ignore[valid-type]
    trans_id: Annotated[U16, Field("Number that pairs query and response", PROTOCOL, ref="RFC 1035 §4.1.1")]
    rtt: Annotated[DurationNs, Field("From query to response", PROTOCOL)]
    # In lower case. Of several questions the last; without any, the first record's name.
    query: Annotated[Text, Field("Name asked for", ENDPOINT, names_application="host")]
    qclass: Annotated[U16, Field("Class asked for", PROTOCOL)]
    qclass_name: Annotated[QueryClass, Field("Name of that class", PROTOCOL)]
    qtype: Annotated[U16, Field("Type asked for", PROTOCOL)]
    qtype_name: Annotated[QueryType, Field("Name of that type", PROTOCOL)]
    opcode: Annotated[U8, Field("Kind of query", PROTOCOL)]
    opcode_name: Annotated[Opcode, Field("Name of that kind", PROTOCOL)]
    rcode: Annotated[U16, Field("Response code", PROTOCOL)]
    rcode_name: Annotated[ResponseCode, Field("Name of that code", PROTOCOL)]
    aa: Annotated[Bool, Field("Response is authoritative", PROTOCOL)]
    tc: Annotated[Bool, Field("Query was cut short", PROTOCOL)]
    rd: Annotated[Bool, Field("Query wants recursion", PROTOCOL)]
    ra: Annotated[Bool, Field("Server offers recursion", PROTOCOL)]
    # The two low bits are AD and CD of DNSSEC.
    z: Annotated[U8, Field("Bits of the query once reserved", PROTOCOL, ref="RFC 4035 §3.2.2")]
    truncated: Annotated[Bool, Field("Response was cut short", PROTOCOL)]
    answers: Annotated[TextList, Field("Records of the answer, as text", ENDPOINT)]
    ttls: Annotated[U32List, Field("How long each answer may be kept", PROTOCOL, unit="s")]
    answer_types: Annotated[U32List, Field("Type of each answer", PROTOCOL)]
    auth: Annotated[TextList, Field("Records of the authority section, as text", ENDPOINT)]
    addl: Annotated[TextList, Field("Additional records, as text", ENDPOINT)]
    rejected: Annotated[Bool, Field("Response repeats the question at most", PROTOCOL)]
    questions: Annotated[U16, Field("Questions of the query", PROTOCOL)]
    total_answers: Annotated[U16, Field("Records of the answer, as declared", PROTOCOL)]
    auth_count: Annotated[U16, Field("Authority records, as declared", PROTOCOL)]
    addl_count: Annotated[U16, Field("Additional records, as declared", PROTOCOL)]
    edns_version: Annotated[U8, Field("Version of EDNS", PROTOCOL, ref="RFC 6891 §6.1.3")]
    edns_size: Annotated[U16, Field("UDP payload that the client takes", PROTOCOL, unit="octets")]
    dnssec_ok: Annotated[Bool, Field("Client wants DNSSEC records", PROTOCOL, ref="RFC 3225")]
    client_subnet_seen: Annotated[Bool, Field("Query names the client's network", PROTOCOL, ref="RFC 7871")]


AT = places(DnsRecord)
STATE = state(
    ("row", "i4", (MAX_PENDING,)),  # of what waits, oldest first
    ("id", "u2", (MAX_PENDING,)),
    ("waits", "u1", (MAX_PENDING,)),
    ("pending", "u1"),
    ("matched", "u1"),  # the message at hand completes its row
)


@kernel
def take_pending(conn: Row, place: Int) -> Int:
    """Take a row out of those that wait."""
    row = np.int64(conn["row"][place])
    conn["pending"] -= 1
    for later in range(place, np.int64(conn["pending"])):
        conn["row"][later] = conn["row"][later + 1]
        conn["id"][later] = conn["id"][later + 1]
        conn["waits"][later] = conn["waits"][later + 1]
    return row


@kernel
def close_oldest(conn: Row, out: Out, odd: Int) -> None:
    """Close what has waited longest as it is."""
    lacks = UNANSWERED if conn["waits"][0] == QUERY_WAITS else UNASKED
    if conn["names_only"] == 1:
        lacks = 0
    row = take_pending(conn, 0)
    out.rows[row]["anomaly"] |= np.uint64(lacks | odd)
    close_row(out, row)


@kernel
def row_of(conn: Row, turn: Row, number: Int, is_response: Int, out: Out) -> Int:
    """Give the row that a message belongs to: its counterpart's, or a new one that waits."""
    counterpart = QUERY_WAITS if is_response else RESPONSE_WAITS
    conn["matched"] = 0
    for place in range(np.int64(conn["pending"])):
        if conn["id"][place] == number and conn["waits"][place] == counterpart:
            conn["matched"] = 1
            return take_pending(conn, place)
    if conn["pending"] == MAX_PENDING:
        close_oldest(conn, out, TOO_MANY_PENDING)
    place = np.int64(conn["pending"])
    row = open_row(out, turn)
    conn["row"][place] = row
    conn["id"][place] = number
    conn["waits"][place] = RESPONSE_WAITS if is_response else QUERY_WAITS
    conn["pending"] += 1
    record = out.rows[row]
    record["transport"] = turn["transport"]
    record["trans_id"] = number
    return row


@kernel
def receive(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read one message."""
    if end - at < HEADER_END:
        row = open_row(out, turn)
        out.rows[row]["transport"] = turn["transport"]
        out.rows[row]["status"] = TRUNCATED
        close_row(out, row)
        return
    is_response = u8(octets, at + FLAGS) >> 7
    row = row_of(conn, turn, u16(octets, at), is_response, out)
    record = out.rows[row]
    is_nbns = turn["transport"] == UDP and (turn["orig_port"] == NETBIOS_PORT or turn["resp_port"] == NETBIOS_PORT)
    netbios = NETBIOS if is_nbns else 0
    read_header(octets, at, is_response, netbios, record)
    if is_response and conn["matched"] == 1:
        record["rtt"] = turn["ts"] - record["ts"]
    mode = (RESPONSE if is_response else 0) | (OF_NETBIOS if netbios else 0)
    status = read_sections(octets, at, end, mode, record, out)
    if status == OK:
        conn["confirmed"] = 1
    elif turn["missing"] > 0:
        status = TRUNCATED
    record["status"] = max(np.int64(record["status"]), status)
    if conn["names_only"] == 1:
        conn["done"][0] = 1
        conn["done"][1] = 1
    elif conn["matched"] == 1:
        close_row(out, row)


@kernel
def read_header(octets: Wire, at: Int, is_response: Int, netbios: Int, record: Row) -> None:
    """Read flags and counts into a record."""
    flags = u16(octets, at + FLAGS)
    opcode = flags >> 11 & 15
    record["opcode"] = opcode
    record["opcode_name"] = netbios + opcode
    if not is_response:
        record["tc"] = flags >> 9 & 1
        record["rd"] = flags >> 8 & 1
        record["z"] = flags >> 4 & 7
        record["questions"] = u16(octets, at + QUESTIONS)
        return
    record["rcode"] = flags & 15
    record["rcode_name"] = flags & 15
    record["aa"] = flags >> 10 & 1
    record["truncated"] = flags >> 9 & 1
    record["ra"] = flags >> 7 & 1
    answers, authorities = u16(octets, at + ANSWERS), u16(octets, at + AUTHORITIES)
    additional = u16(octets, at + ADDITIONAL)
    record["total_answers"] = answers
    record["auth_count"] = authorities
    record["addl_count"] = additional
    if u16(octets, at + QUESTIONS) == 0:
        record["rejected"] = 1 if flags & 15 else 0
    else:
        record["rejected"] = 1 if answers + authorities + additional == 0 else 0


@kernel
def read_sections(octets: Wire, start: Int, end: Int, mode: Int, record: Row, out: Out) -> Int:
    """Read the four sections that follow the header; give the message's status."""
    found = read_questions(octets, start, end, mode, record, out)
    for section in range(3):
        if found < 0 or found & BAD_LABEL:
            break
        count = u16(octets, start + ANSWERS + 2 * section)
        at, odd = found >> 2, found & 3
        if section == 0 and count and mode & RESPONSE and record["query"] == NO_TEXT:
            begun = begin_text(out)
            put_name(octets, start, at, end, out)
            record["query"] = end_text(out, AT.query, begun)
        begun = begin_text(out)
        found = read_records(octets, start, at, end, count << 2 | mode, record, out)
        if found >= 0:
            found |= odd
        if out.count[TEXT] == begun:
            continue
        if section == 0:
            record["answers"] = end_text(out, AT.answers, begun)
            put_numbers(octets, at, end, count, record, out)
        elif section == 1:
            record["auth"] = end_text(out, AT.auth, begun)
        else:
            record["addl"] = end_text(out, AT.addl, begun)
    if found < 0:
        return TRUNCATED
    if found & BAD_POINTER:
        record["anomaly"] |= np.uint64(POINTER_SEEN)
    if found & BAD_LABEL:
        record["anomaly"] |= np.uint64(LABEL_SEEN)
        return MALFORMED
    if found >> 2 < end:
        record["anomaly"] |= np.uint64(TRAILING)
    return OK


@kernel
def read_questions(octets: Wire, start: Int, end: Int, mode: Int, record: Row, out: Out) -> Int:
    """Read the questions, the last one into the record; give place << 2 | odd, or SHORT."""
    at, odd = start + HEADER_END, 0
    count = u16(octets, start + QUESTIONS)
    if count > MAX_QUESTIONS:
        record["anomaly"] |= np.uint64(TOO_MANY_QUESTIONS)
        return at << 2 | BAD_LABEL
    wanted = mode & RESPONSE == 0 or record["query"] == NO_TEXT
    for question in range(count):
        last = wanted and question == count - 1
        begun = begin_text(out)
        after = skip_name(octets, at, end)
        found = after << 2
        if last and mode & OF_NETBIOS and is_netbios(octets, at, end):
            put_netbios(out, octets, at + 1)
        elif last:
            found = put_name(octets, start, at, end, out)
        if after < 0 or found < 0:
            return SHORT
        at, odd = found >> 2, odd | found & 3
        if last:
            record["query"] = end_text(out, AT.query, begun)
        if at + 4 > end:
            return SHORT
        if last:
            kind = u16(octets, at)
            record["qtype"] = kind
            record["qtype_name"] = NETBIOS + SRV if mode & OF_NETBIOS and kind == SRV else kind
            record["qclass"] = u16(octets, at + 2)
            record["qclass_name"] = u16(octets, at + 2)
        at += 4
    return at << 2 | odd


@kernel
def read_records(octets: Wire, start: Int, at: Int, end: Int, task: Int, record: Row, out: Out) -> Int:
    """Read `task >> 2` records, those of a response as text items; give place << 2 | odd, or SHORT."""
    odd, begun = 0, out.count[TEXT]
    for _ in range(task >> 2):
        after = skip_name(octets, at, end)
        if after < 0 or after + FIXED > end:
            return SHORT
        kind, data = u16(octets, after), after + FIXED
        stop = data + u16(octets, after + 8)
        if stop > end:
            return SHORT
        if kind == OPT:
            if task & RESPONSE == 0:
                read_edns(octets, after, stop, record)
        elif task & RESPONSE and out.count[TEXT] - begun > MAX_LIST:
            record["anomaly"] |= np.uint64(TEXT_CUT)
        elif task & RESPONSE:
            # The NetBIOS name service gave type 33 another meaning (RFC 1002 §4.2.18).
            reading = WORDLESS if task & OF_NETBIOS and kind == SRV else kind
            item = begin_item(out)
            found = put_rdata(octets, start, at, data, stop, reading, out)
            end_item(out, item)
            odd |= BAD_LABEL if found < 0 else found
        at = stop
    return at << 2 | odd


@kernel
def read_edns(octets: Wire, at: Int, end: Int, record: Row) -> None:
    """Read the pseudo-record wire[at:end], which begins with its type (RFC 6891 §6.1)."""
    record["edns_size"] = u16(octets, at + 2)
    record["edns_version"] = u8(octets, at + 5)
    record["dnssec_ok"] = 1 if u16(octets, at + 6) & DNSSEC_OK else 0
    record["client_subnet_seen"] = 0
    at += FIXED
    while end - at >= 4:
        if u16(octets, at) == CLIENT_SUBNET:
            record["client_subnet_seen"] = 1
        at += 4 + u16(octets, at + 2)


@kernel
def put_numbers(octets: Wire, at: Int, end: Int, count: Int, record: Row, out: Out) -> None:
    """List the types and times to live of the answers."""
    for which in range(2):
        begun, place = begin_text(out), at
        for _ in range(count):
            after = skip_name(octets, place, end)
            if after < 0 or after + FIXED > end or after + FIXED + u16(octets, after + 8) > end:
                break
            kind = u16(octets, after)
            if kind != OPT:
                put_u32(out, u32(octets, after + 4) if which else kind)
            place = after + FIXED + u16(octets, after + 8)
        if which:
            record["ttls"] = end_text(out, AT.ttls, begun)
        else:
            record["answer_types"] = end_text(out, AT.answer_types, begun)


@kernel
def advance(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Read one message of a stream, behind its length (RFC 1035 §4.2.2)."""
    side = np.int64(turn["side"])
    if end - at < 2 + HEADER_END:
        return end - at if conn["lost"][side] == 1 else 0
    length = u16(octets, at)
    if conn["lost"][side] == 1:
        if plausible(octets, at + 2, min(end, at + 2 + length), LOOSE) == 0:
            return end - at  # until a message begins where octets begin to be shown
        conn["lost"][side] = 0
    if length < HEADER_END:
        conn["violated"] = 1 - conn["confirmed"]
        conn["done"][0] = 1
        conn["done"][1] = 1
        return end - at
    if end - at < 2 + length:
        return 0
    receive(octets, at + 2, at + 2 + length, conn, turn, out)
    return 2 + length


@kernel
def finish(conn: Row, out: Out) -> None:
    """Close what still waits."""
    while conn["pending"] > 0:
        close_oldest(conn, out, 0)


@kernel
def plausible(octets: Wire, at: Int, end: Int, care: Int) -> Int:
    """Say how much of a message fits: 0 nothing, 1 its beginning, 2 every record and the length too.

    STRICT demands one question of a known type and class, and few records. LOOSE, for the
    protocol's own port, believes an ordinary header whatever follows.
    """
    if end - at < HEADER_END:
        return 0
    flags, count = u16(octets, at + FLAGS), u16(octets, at + QUESTIONS)
    records = u16(octets, at + ANSWERS) + u16(octets, at + AUTHORITIES) + u16(octets, at + ADDITIONAL)
    is_response, opcode = flags >> 15, flags >> 11 & 15
    if opcode > MAX_OPCODE or count > MAX_QUESTIONS or count + records == 0:
        return 0
    if care == STRICT and (count != 1 or records > FEW_RECORDS or opcode or flags & NEVER_SET):
        return 0
    if care == STRICT and not is_response and (flags & RESPONSE_FLAGS or records > 1):
        return 0
    if care == LOOSE and count == 1 and records <= FEW_RECORDS and flags & NEVER_SET == 0:
        return 1
    place = at + HEADER_END
    for item in range(count + records):
        after = skip_name(octets, place, end)
        place = after + (4 if item < count else FIXED)
        if after < 0 or place > end:
            return 1 if item >= count and care != STRICT else 0
        if item >= count:
            place += u16(octets, place - 2)
        elif care == STRICT:
            kind, group = u16(octets, after), u16(octets, after + 2)
            if kind >= len(IS_TYPE) or IS_TYPE[kind] == 0 or group == 0 or (4 < group < 254) or group > 255:
                return 0
        elif u16(octets, after) == 0:
            return 0
    return 2 if place == end else 1

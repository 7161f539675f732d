"""Literals of IMAP (RFC 9051 §4.3): which of them are messages, and their octets on the way to the content stage."""

import numpy as np

from sonde.dissect.api import Outs
from sonde.dissect.mail.access import BAD_LITERAL
from sonde.dissect.mail.chunk import CREDENTIALS, FETCHED, FIRST, LAST, PARTIAL, put_chunk
from sonde.dissect.mail.lines import GREATER, SP, read_number
from sonde.wire import Int, Row, Wire, kernel, octets, starts_folded

MOST_LITERAL = 1 << 40
PLUS, OPEN, BRACE, BRACE_END, BRACKET, BRACKET_END = 43, 40, 123, 125, 91, 93
NOTHING, WHOLE, PIECE, HEADER = range(4)  # what a literal is
BODY_WHOLE, BODY_PIECE, BODY_HEADER = octets("body[]"), octets("body[]<"), octets("body[header]")
OLD_WHOLE, OLD_HEADER = octets("rfc822"), octets("rfc822.header")


@kernel
def follow_literal(wire: Wire, at: Int, end: Int, conn: Row, side: Int, record: Row, out: Outs) -> None:
    """See whether a literal follows the line (RFC 9051 §4.3), and whether anybody needs it."""
    conn["within"][side] = 0
    serves = side + 1 == conn["server"]
    brace = literal_start(wire, at, end)
    if brace < 0 or (serves and conn["fetches"] == 0) or (not serves and conn["exchanging"] == 1):
        return  # other text may end so too
    stop = end - 2 if wire[end - 2] == PLUS else end - 1
    size = read_number(wire, brace + 1, stop, MOST_LITERAL)
    if size < 0:
        record["anomaly"] |= np.uint64(BAD_LITERAL)
        return
    conn["within"][side] = 1
    kind = np.int64(NOTHING)
    if serves:
        kind = kind_of_literal(wire, at, brace, conn)
    elif conn["appends"] == 1:
        kind = np.int64(WHOLE)
    if size > 0 and kind != NOTHING:
        kind = begin_message(conn, side, kind, record, out)
    conn["literal"][side] = kind
    if kind == NOTHING:
        conn["skip"][side] = size
    else:
        conn["left"][side] = size


@kernel
def begin_message(conn: Row, side: Int, kind: Int, record: Row, out: Outs) -> Int:
    """Begin a message, or go on with one that is fetched in parts; NOTHING where a part before is missing."""
    if kind == PIECE and conn["piece_of"] == conn["sequence"] + 1 and conn["piece_at"] == conn["piece_next"]:
        return kind
    if kind == PIECE and conn["piece_at"] != 0:
        return np.int64(NOTHING)
    if side + 1 == conn["server"]:
        end_pieces(conn, side, out)
        record["fetched"] += kind != HEADER
        record["fetched_headers"] += kind == HEADER
    else:
        record["appended"] += 1
    conn["message"] += 1
    conn["number"][side] = conn["message"]
    conn["first"][side] = 1
    if kind == PIECE:
        conn["piece_of"] = conn["sequence"] + 1
        conn["piece_next"] = 0
    return kind


@kernel
def end_pieces(conn: Row, side: Int, out: Outs) -> None:
    """End a message that was fetched in parts; whether they are all, nobody says."""
    if conn["piece_of"] != 0:
        conn["piece_of"] = 0
        put_chunk(out.mail_chunk, conn, out.mail_chunk.text, 0, 0, conn["number"][side], LAST | PARTIAL)


@kernel
def take_literal(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> Int:
    """Hand octets of a message on to the content stage; give the new place."""
    stop = at + min(end - at, np.int64(conn["left"][side]))
    conn["left"][side] -= stop - at
    kind = conn["literal"][side]
    marks = FIRST if conn["first"][side] == 1 else 0
    marks |= CREDENTIALS if conn["credentials"] == 1 else 0
    if kind == PIECE:
        conn["piece_next"] += stop - at
    elif conn["left"][side] == 0:
        marks |= LAST
    if kind == HEADER:
        marks |= PARTIAL
    conn["first"][side] = 0
    if side + 1 == conn["server"]:
        marks |= FETCHED
        out.imap.rows[conn["row"]]["fetched_octets"] += stop - at
    put_chunk(out.mail_chunk, conn, wire, at, stop, conn["number"][side], marks)
    return stop


@kernel
def literal_start(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the brace stands with which a line announces a literal, or -1."""
    if end - at < 3 or wire[end - 1] != BRACE_END:
        return -1
    for place in range(end - 2, max(at - 1, end - 24), -1):
        if wire[place] == BRACE:
            return place
    return -1


@kernel
def kind_of_literal(wire: Wire, at: Int, brace: Int, conn: Row) -> Int:
    """Say what of a message a literal of FETCH is (RFC 9051 §7.5.2); its item stands before the brace."""
    stop = brace
    while stop > at and wire[stop - 1] == SP:
        stop -= 1
    first, within = stop, False
    while first > at:
        octet = wire[first - 1]
        if octet == BRACKET_END:
            within = True
        elif octet == BRACKET:
            within = False
        elif not within and (octet == SP or octet == OPEN):
            break
        first -= 1
    length = stop - first
    conn["piece_at"] = 0
    if (length == len(BODY_WHOLE) and starts_folded(wire, first, stop, BODY_WHOLE)) or (
        length == len(OLD_WHOLE) and starts_folded(wire, first, stop, OLD_WHOLE)
    ):
        return WHOLE
    if starts_folded(wire, first, stop, BODY_PIECE) and wire[stop - 1] == GREATER:
        conn["piece_at"] = read_number(wire, first + len(BODY_PIECE), stop - 1, MOST_LITERAL)
        return PIECE if conn["piece_at"] >= 0 else NOTHING
    if (length == len(BODY_HEADER) and starts_folded(wire, first, stop, BODY_HEADER)) or (
        length == len(OLD_HEADER) and starts_folded(wire, first, stop, OLD_HEADER)
    ):
        return HEADER
    return NOTHING

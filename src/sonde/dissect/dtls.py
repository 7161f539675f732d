"""DTLS 1.0, 1.2 and 1.3 (RFC 4347, RFC 6347, RFC 9147): the handshake of TLS in datagrams.

It fills the tables of TLS. Not read: what is encrypted, connection ids (RFC 9146), and
messages of more than 16 KiB.

Theory of operation: a datagram is a row of records, each of which is whole. Handshake
messages carry a number; one that was read is not read again, and fragments of one at a
time are put in order. What is no record is passed over, because STUN and media streams
share the flow (RFC 7983).
"""

import numpy as np

from sonde.dissect.api import Dissector, Outs, state
from sonde.dissect.handshake.derive import COMPLETE, DISTINCT
from sonde.dissect.handshake.hello import is_13
from sonde.dissect.handshake.messages import change_cipher, note_ciphertext, read_message
from sonde.dissect.handshake.pieces import hold_piece, release_pieces
from sonde.dissect.handshake.record import (
    ALERT,
    ANOMALIES,
    CLIENT_HELLO,
    HELLO_VERIFY,
    OVER_DTLS,
    SERVER_HELLO,
    STATE,
    CertificateRecord,
    TlsRecord,
    begin_session,
    begin_turn,
    end_session,
    end_turn,
    note,
)
from sonde.schema import OWN_PORT, Protocol, Verdict
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u24

CHANGE_RECORD, ALERT_RECORD, HANDSHAKE_RECORD, DATA_RECORD, LAST_RECORD = 20, 21, 22, 23, 26
RECORD_HEADER, FRAGMENT_HEADER = 13, 12
EPOCH, LENGTH = 3, 11  # offsets in a record header (RFC 6347 §4.1)
UNIFIED_MASK, UNIFIED = 0xE0, 0x20  # of the first octet, where 1.3 encrypts (RFC 9147 §4)
MAX_RECORD = (1 << 14) + 2048
MAX_MESSAGE = 1 << 14
MAX_RECORDS = 64  # of one datagram
MOST_STRANGE = 64  # datagrams of something else, before any hello


@kernel
def is_record(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether a whole record of DTLS stands here."""
    if end - at < RECORD_HEADER or not CHANGE_RECORD <= u8(wire, at) <= LAST_RECORD:
        return False
    version, length = u16(wire, at + 1), u16(wire, at + LENGTH)
    known = version == 0xFEFF or version == 0xFEFD or version == 0x0100
    return bool(known and 0 < length <= MAX_RECORD and length <= end - at - RECORD_HEADER)


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept hellos for sure; other records only where they fill the datagram."""
    if not is_record(octets, at, end):
        return Verdict.NO
    place = at + RECORD_HEADER
    epoch, length = u16(octets, at + EPOCH), u16(octets, at + LENGTH)
    if u8(octets, at) == HANDSHAKE_RECORD and epoch == 0:
        if length < FRAGMENT_HEADER:
            return Verdict.NO
        kind, size = u8(octets, place), u24(octets, place + 1)
        offset, part = u24(octets, place + 6), u24(octets, place + 9)
        if offset + part > size or part > length - FRAGMENT_HEADER:
            return Verdict.NO
        hello = kind == CLIENT_HELLO or kind == SERVER_HELLO or kind == HELLO_VERIFY
        return Verdict.YES if hello else Verdict.MAYBE
    for _ in range(MAX_RECORDS):
        at += RECORD_HEADER + u16(octets, at + LENGTH)
        if at >= end:
            return Verdict.MAYBE if epoch < 16 or hint & OWN_PORT else Verdict.NO
        if not is_record(octets, at, end):
            break
    return Verdict.NO


@kernel
def receive(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read the records of a datagram."""
    session, side = conn["session"], np.int64(turn["side"])
    begin_turn(conn, OVER_DTLS)
    if at < end and not is_record(octets, at, end) and session["begun"] == 0:
        conn["strange"] += 1
        if conn["strange"] == MOST_STRANGE:
            session["refused"] = 1
            end_session(session, out.tls)
    for _ in range(MAX_RECORDS):
        if at >= end or session["closed"] == 1:
            break
        if u8(octets, at) & UNIFIED_MASK == UNIFIED and is_13(np.int64(session["version"])):
            note_ciphertext(session, side, out.tls)
            break  # its length may be left out
        if not is_record(octets, at, end):
            break
        stop = at + RECORD_HEADER + u16(octets, at + LENGTH)
        read_record(octets, at, stop, conn, turn, out)
        at = stop
    end_turn(conn)


@kernel
def read_record(octets: Wire, at: Int, stop: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read one record that is whole."""
    session, side = conn["session"], np.int64(turn["side"])
    kind = u8(octets, at)
    if u16(octets, at + EPOCH) > 0 or kind == DATA_RECORD:
        if session["begun"] == 1 and u16(octets, at + EPOCH) > 0:
            session["encrypted"][side] = 1
            note_ciphertext(session, side, out.tls)
        return
    if kind == HANDSHAKE_RECORD:
        place = at + RECORD_HEADER
        while stop - place >= FRAGMENT_HEADER and session["closed"] == 0:
            part = u24(octets, place + 9)
            if part > stop - place - FRAGMENT_HEADER:
                break
            read_fragment(octets, place, conn, turn, out)
            place += FRAGMENT_HEADER + part
    elif session["begun"] == 0:
        return
    elif kind == CHANGE_RECORD:
        if session["encrypted"][side] == 0:  # or a flight is sent again
            change_cipher(session, side, out.tls)
    elif kind == ALERT_RECORD:
        note(session, side, ALERT)
        if stop - at - RECORD_HEADER >= 2:
            out.tls.rows[session["row"]]["last_alert"] = u8(octets, at + RECORD_HEADER + 1)


@kernel
def read_fragment(octets: Wire, at: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read a fragment (RFC 6347 §4.2.2): the message, if it is whole with it."""
    session, side = conn["session"], np.int64(turn["side"])
    kind, size, number = u8(octets, at), u24(octets, at + 1), u16(octets, at + 4)
    offset, part = u24(octets, at + 6), u24(octets, at + 9)
    if number < np.int64(conn["next"][side]) or offset + part > size or size > MAX_MESSAGE:
        return
    wire, begin = octets, at + FRAGMENT_HEADER
    if part < size:
        if session["begun"] == 0 and kind != CLIENT_HELLO and kind != SERVER_HELLO:
            return
        begin_session(session, turn, out.tls)
        begin = hold_piece(octets, begin, part, offset, side << 24 | number << 8 | kind, size, session, out.tls)
        if begin < 0 or session["prefix"] < size:
            return
        wire = out.tls.text
    conn["next"][side] = number + 1
    read_message(kind, wire, begin, begin + size, session, turn, out.tls, out.certificates)
    if part < size:
        release_pieces(session, out.tls)


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: the flow ended."""
    end_session(conn["session"], out.tls)


DTLS = Protocol(
    "dtls",
    "Datagram Transport Layer Security",
    "RFC 9147",
    udp_ports=(443, 853, 2221, 3391, 4433, 4740, 4755, 5061, 5349, 5684, 5868, 6514, 6636, 8232, 10161, 10162),
    identify=identify,
    first_octets=bytes(range(CHANGE_RECORD, LAST_RECORD + 1)),
    transports=("udp",),
    aliases={"ndpi": ("DTLS",), "zeek": ("dtls", "ssl"), "wireshark": ("dtls",)},
)

DISSECTOR = Dissector(
    DTLS,
    (TlsRecord, CertificateRecord),
    state(*STATE, ("next", "i4", (2,)), ("strange", "i4")),
    receive=receive,
    finish=finish,
    anomalies=ANOMALIES,
    complete=COMPLETE,
    distinct=DISTINCT,
)

"""TLS 1.0 to 1.3 (RFC 2246, RFC 4346, RFC 5246, RFC 8446), SSL 3.0 (RFC 6101), and hellos of SSL 2.0.

One row for each session, and one for each certificate that is sent in clear. Not read:
what is encrypted, compression, extensions that tell nothing of the session, and whether a
certificate is to be trusted.

Theory of operation: a stream is a row of records. A record that is encrypted, or carries
application data, is passed over by its length. A handshake message usually lies in one
record and is read where it lies; one that spans records is first laid together at the end
of the text arena. `within` counts the octets of a record that earlier messages have used,
because a record is given back whole. When both sides encrypt, the row is closed and
nothing more is read.
"""

import numpy as np

from sonde.dissect.api import Dissector, Outs, state
from sonde.dissect.handshake.derive import COMPLETE, DISTINCT
from sonde.dissect.handshake.hello import is_13
from sonde.dissect.handshake.messages import change_cipher, note_ciphertext, read_message
from sonde.dissect.handshake.names import SSL2
from sonde.dissect.handshake.record import (
    ALERT,
    ANOMALIES,
    APPLICATION,
    BAD_MESSAGE,
    BAD_RECORD,
    CLIENT_HELLO,
    HEARTBEAT,
    OVER_TLS,
    SERVER_HELLO,
    STATE,
    CertificateRecord,
    TlsRecord,
    begin_turn,
    end_session,
    end_turn,
    note,
)
from sonde.dissect.handshake.ssl2 import is_ssl2_hello, read_ssl2
from sonde.schema import FROM_RESP, Protocol, Verdict
from sonde.table.out import GAP, TEXT, put_octets
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u24

# Content types (RFC 8446 §5.1, RFC 6520).
CHANGE_RECORD, ALERT_RECORD, HANDSHAKE_RECORD, DATA_RECORD, HEARTBEAT_RECORD = 20, 21, 22, 23, 24
RECORD_HEADER, MESSAGE_HEADER = 5, 4
MAX_RECORD = (1 << 14) + 2048  # RFC 5246 §6.2.3
MAX_MESSAGE = 1 << 16
MAX_HELD = (1 << 16) + (1 << 13)
ENOUGH_RECORDS = 2  # of the right form, where the beginning was not seen


@kernel
def is_record(wire: Wire, at: Int) -> bool:
    """Say whether a record header stands here."""
    kind, length = u8(wire, at), u16(wire, at + 3)
    return bool(
        CHANGE_RECORD <= kind <= HEARTBEAT_RECORD
        and u8(wire, at + 1) == 3
        and u8(wire, at + 2) <= 4
        and (0 < length <= MAX_RECORD or (length == 0 and kind == DATA_RECORD))
    )


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept hellos for sure; other records only in a row that fits."""
    if end - at < RECORD_HEADER + 1:
        return Verdict.NO
    if u8(octets, at) >= 0x80:
        return Verdict.YES if is_ssl2_hello(octets, at, end) else Verdict.NO
    if not is_record(octets, at):
        return Verdict.NO
    kind, length = u8(octets, at), u16(octets, at + 3)
    if kind == HANDSHAKE_RECORD and end - at >= 11:
        message, size = u8(octets, at + 5), u24(octets, at + 6)
        if (message == CLIENT_HELLO or message == SERVER_HELLO) and 38 <= size < MAX_MESSAGE:
            known = u8(octets, at + 9) == 3 or (u8(octets, at + 9) == 0x7F and message == SERVER_HELLO)
            return Verdict.YES if known and length >= 6 else Verdict.NO
    if kind == ALERT_RECORD and length == 2 and end - at >= 7:
        return Verdict.MAYBE if 1 <= u8(octets, at + 5) <= 2 and end - at == 7 and hint & FROM_RESP else Verdict.NO
    if kind == CHANGE_RECORD and (length != 1 or u8(octets, at + 5) != 1):
        return Verdict.NO
    following = at + RECORD_HEADER + length
    if end - following >= RECORD_HEADER:
        return Verdict.MAYBE if is_record(octets, following) else Verdict.NO
    return Verdict.MAYBE if following <= end or length >= 17 else Verdict.NO


@kernel
def advance(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Read one record or as many as a message spans; give how many octets were used."""
    begin_turn(conn, OVER_TLS)
    used = read_record(octets, at, end, conn, turn, out)
    end_turn(conn)
    return used


@kernel
def read_record(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Read the record that begins here, as far as it is in clear."""
    side, session = np.int64(turn["side"]), conn["session"]
    if conn["lost"][side] == 1:
        return give_up(end - at, np.int64(GAP), session, out)  # lengths mean nothing from here
    if end - at < RECORD_HEADER:
        return 0
    if session["version"] == SSL2 or (u8(octets, at) >= 0x80 and session["answered"] == 0):
        return read_ssl2(octets, at, end, session, turn, out.tls, out.certificates)
    if not is_record(octets, at):
        return give_up(end - at, BAD_RECORD, session, out)
    kind, length = u8(octets, at), u16(octets, at + 3)
    stop = at + RECORD_HEADER + length
    if kind == DATA_RECORD or kind == HEARTBEAT_RECORD or is_ciphertext(session, side):
        pass_over(kind, conn, side, out)
        conn["skip"][side] = length
        return RECORD_HEADER
    if stop > end:
        return 0
    if kind == HANDSHAKE_RECORD:
        return read_handshake(octets, at, end, conn, turn, out)
    if session["begun"] == 0:
        count_record(conn, out)
    elif kind == CHANGE_RECORD:
        change_cipher(session, side, out.tls)
    else:
        note(session, side, ALERT)
        if length >= 2:
            out.tls.rows[session["row"]]["last_alert"] = u8(octets, stop - 1)
    return stop - at


@kernel
def is_ciphertext(session: Row, side: Int) -> bool:
    """Say whether handshake messages and alerts of a side are encrypted; in TLS 1.3 they look like data."""
    version = np.int64(session["version"])
    return bool(session["encrypted"][side] == 1 and version != 0 and not is_13(version))


@kernel
def pass_over(kind: Int, conn: Row, side: Int, out: Outs) -> None:
    """Note a record that is not read."""
    session = conn["session"]
    conn["within"][side] = 0
    version = np.int64(session["version"])
    if session["begun"] == 0:
        count_record(conn, out)
    elif session["encrypted"][side] == 1 or (kind == DATA_RECORD and (version == 0 or is_13(version))):
        note_ciphertext(session, side, out.tls)
    else:
        note(session, side, APPLICATION if kind == DATA_RECORD else HEARTBEAT)


@kernel
def count_record(conn: Row, out: Outs) -> None:
    """Count a record of a session whose beginning was not seen; a few of them are proof."""
    conn["records"] += 1
    if conn["records"] >= ENOUGH_RECORDS:
        conn["session"]["sure"] = 1
        end_session(conn["session"], out.tls)


@kernel
def give_up(used: Int, anomaly: Int, session: Row, out: Outs) -> Int:
    """Read no further, because what follows cannot be told."""
    if session["begun"] == 1:
        out.tls.rows[session["row"]]["anomaly"] |= np.uint64(anomaly)
    elif anomaly != GAP:
        session["refused"] = 1 - session["sure"]
    end_session(session, out.tls)
    return used


@kernel
def read_handshake(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Read the messages of a whole handshake record; the last may go on in the next ones."""
    side, session = np.int64(turn["side"]), conn["session"]
    stop = at + RECORD_HEADER + u16(octets, at + 3)
    place = at + RECORD_HEADER + np.int64(conn["within"][side])
    while place < stop:
        # A message that a record holds is read there; otherwise it is laid together.
        wire, begin, size, next_record, used = octets, place, np.int64(0), np.int64(0), np.int64(0)
        whole = stop - place >= MESSAGE_HEADER and stop - place >= MESSAGE_HEADER + u24(octets, place + 1)
        if whole:
            size = MESSAGE_HEADER + u24(octets, place + 1)
        else:
            begin = out.tls.count[TEXT]
            size, next_record, used = lay_together(octets, place, stop, end, out.tls)
            if size <= 0:
                out.tls.count[TEXT] = begin
                if size < 0:
                    return give_up(end - at, BAD_MESSAGE, session, out)
                conn["within"][side] = place - at - RECORD_HEADER
                return 0
            wire = out.tls.text
        kind = u8(wire, begin)
        if not read_message(kind, wire, begin + MESSAGE_HEADER, begin + size, session, turn, out.tls, out.certificates):
            conn["within"][side] = 0
            count_record(conn, out)  # encrypted, or none of TLS, before any hello was seen
            return stop - at
        if session["closed"] == 1:
            return end - at
        if not whole:
            conn["within"][side] = used
            return next_record - at
        place += size
    conn["within"][side] = 0
    return stop - at


@kernel
def lay_together(octets: Wire, place: Int, stop: Int, end: Int, out: Outs) -> tuple[Int, Int, Int]:
    """Copy a message that spans records behind the text; give its size, and where it ended.

    Size 0: more is needed; -1: it cannot be read. The end is a record and the octets used of it.
    """
    begun = out.count[TEXT]
    put_octets(out, octets, place, stop)
    while True:
        gathered = out.count[TEXT] - begun
        if end - stop < RECORD_HEADER:
            return np.int64(0), np.int64(0), np.int64(0)
        length, last = u16(octets, stop + 3), stop
        stop += RECORD_HEADER + length
        no_room = len(out.text) - out.count[TEXT] < length
        if u8(octets, last) != HANDSHAKE_RECORD or not is_record(octets, last) or no_room:
            return np.int64(-1), np.int64(0), np.int64(0)
        if stop > end:
            return np.int64(0), np.int64(0), np.int64(0)
        put_octets(out, octets, last + RECORD_HEADER, stop)
        if gathered + length < MESSAGE_HEADER:
            continue
        wanted = MESSAGE_HEADER + u24(out.text, begun + 1)
        if wanted > MAX_MESSAGE:
            return np.int64(-1), np.int64(0), np.int64(0)
        if gathered + length >= wanted:
            return wanted, last, wanted - gathered


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: the flow ended."""
    end_session(conn["session"], out.tls)


TLS = Protocol(
    "tls",
    "Transport Layer Security",
    "RFC 8446",
    tcp_ports=(
        443,
        465,
        563,
        614,
        636,
        832,
        853,
        989,
        990,
        992,
        993,
        994,
        995,
        1443,
        2376,
        3269,
        4433,
        4443,
        5061,
        5223,
        5349,
        5671,
        5986,
        6443,
        6514,
        6679,
        6697,
        8009,
        8243,
        8443,
        8883,
        9443,
    ),
    identify=identify,
    first_octets=bytes([*range(CHANGE_RECORD, HEARTBEAT_RECORD + 1), *range(0x80, 0x100)]),
    transports=("tcp",),
    aliases={"ndpi": ("TLS", "SMTPS", "IMAPS", "POPS", "FTPS"), "zeek": ("ssl",), "wireshark": ("tls", "ssl")},
)

DISSECTOR = Dissector(
    TLS,
    (TlsRecord, CertificateRecord),
    state(*STATE, ("within", "i4", (2,)), ("records", "i4")),
    advance=advance,
    finish=finish,
    anomalies=ANOMALIES,
    complete=COMPLETE,
    distinct=DISTINCT,
    max_held=MAX_HELD,
)

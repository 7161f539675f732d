"""Handshake messages of TLS and DTLS behind the hellos, and what the session's state makes of them."""

import numpy as np

from sonde.dissect.handshake.certificates import BY_CLIENT, BY_SERVER, read_certificates
from sonde.dissect.handshake.ciphers import CURVE_RUNS, HINT_RUNS
from sonde.dissect.handshake.hello import (
    is_13,
    is_retry,
    keep_client_hello,
    measure_client_hello,
    read_server_hello,
)
from sonde.dissect.handshake.record import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_STATUS,
    CIPHER_CHANGE,
    CLIENT_HELLO,
    CLIENT_KEY,
    FLIPPED,
    LETTERS,
    MALFORMED_HELLO,
    OVER_QUIC,
    RETRY,
    SERVER_HELLO,
    SERVER_KEY,
    begin_session,
    end_session,
    note,
)
from sonde.table.out import MALFORMED, Out
from sonde.wire import Int, Ints, Row, Wire, kernel, u8, u16

NAMED_CURVE, OCSP = 3, 1
CURVES_CHOSEN = np.array(CURVE_RUNS, np.int64)
HINTED = np.array(HINT_RUNS, np.int64)


@kernel
def in_runs(number: Int, runs: Ints) -> bool:
    """Say whether a number lies in one of several runs."""
    for run in range(len(runs)):
        if runs[run, 0] <= number <= runs[run, 1]:
            return True
    return False


@kernel
def names_suffice(session: Row, record: Row) -> bool:
    """Say whether only names are wanted and all are there: where no server is named, its certificate has some."""
    if session["names_only"] == 0:
        return False
    if record["server_name"] >= 0 or session["datagrams"] == OVER_QUIC:
        return True
    return bool(session["answered"] == 1 and is_13(np.int64(session["version"])))


@kernel
def take_client_hello(wire: Wire, at: Int, end: Int, session: Row, turn: Row, out: Out) -> bool:
    """Read a ClientHello, a second one only for the history; False where it is none."""
    side = np.int64(turn["side"])
    fits = measure_client_hello(wire, at, end, session)
    if not fits and session["begun"] == 0:
        return False
    session["sure"] = 1
    begin_session(session, turn, out)
    if session["asked"] == 0:
        session["client_side"] = side
        if side == 1:
            note(session, side, FLIPPED)
    note(session, side, np.int64(LETTERS[CLIENT_HELLO]))
    record = out.rows[session["row"]]
    if not fits:
        record["anomaly"] |= np.uint64(MALFORMED_HELLO)
        record["status"] = MALFORMED
    elif session["asked"] == 0:
        keep_client_hello(wire, at, session, out)
    session["asked"] = 1
    if names_suffice(session, record):
        end_session(session, out)
    return True


@kernel
def take_server_hello(wire: Wire, at: Int, end: Int, session: Row, turn: Row, out: Out) -> bool:
    """Read a ServerHello or HelloRetryRequest; False where it is none."""
    side = np.int64(turn["side"])
    if end - at < 38 or u8(wire, at) not in (0x03, 0xFE, 0x01, 0x7F):
        return session["begun"] == 1
    session["sure"] = 1
    if session["begun"] == 0:
        session["client_side"] = 1 - side
    begin_session(session, turn, out)
    record = out.rows[session["row"]]
    if not read_server_hello(wire, at, end, session, out):
        record["anomaly"] |= np.uint64(MALFORMED_HELLO)
        record["status"] = MALFORMED
    if is_retry(wire, at):
        record["hello_retry"] = 1
        note(session, side, RETRY)
    else:
        session["answered"] = 1
        note(session, side, np.int64(LETTERS[SERVER_HELLO]))
    if names_suffice(session, record):
        end_session(session, out)
    return True


@kernel
def read_server_key(wire: Wire, at: Int, end: Int, record: Row) -> None:
    """Read the curve of a ServerKeyExchange (RFC 8422 §5.4)."""
    cipher = np.int64(record["cipher"])
    if not in_runs(cipher, CURVES_CHOSEN):
        return
    if in_runs(cipher, HINTED) and end - at >= 2:
        at += 2 + u16(wire, at)
    if end - at >= 3 and u8(wire, at) == NAMED_CURVE:
        record["curve"] = u16(wire, at + 1)


@kernel
def read_message(kind: Int, wire: Wire, at: Int, end: Int, session: Row, turn: Row, out: Out, certs: Out) -> bool:
    """Read one handshake message, without its header; False where it cannot be this protocol."""
    if kind == CLIENT_HELLO:
        return take_client_hello(wire, at, end, session, turn, out)
    if kind == SERVER_HELLO:
        return take_server_hello(wire, at, end, session, turn, out)
    if session["begun"] == 0:
        return False
    side = np.int64(turn["side"])
    note(session, side, np.int64(LETTERS[kind & 255]))
    record = out.rows[session["row"]]
    if kind == CERTIFICATE and session["datagrams"] != OVER_QUIC and not is_13(np.int64(session["version"])):
        role = BY_CLIENT if side == np.int64(session["client_side"]) else BY_SERVER
        read_certificates(wire, at, end, role, session, turn, out, certs)
        if session["names_only"] == 1:
            end_session(session, out)
    elif kind == SERVER_KEY:
        read_server_key(wire, at, end, record)
    elif kind == CERTIFICATE_REQUEST:
        record["client_cert_asked"] = 1
    elif kind == CERTIFICATE_STATUS:
        if end > at and u8(wire, at) == OCSP:
            record["ocsp_seen"] = 1
    elif kind == CLIENT_KEY:
        session["keyed"] = 1
    return True


@kernel
def change_cipher(session: Row, side: Int, out: Out) -> None:
    """Note that a side begins to encrypt; in TLS 1.3 this means nothing yet (RFC 8446 §5)."""
    note(session, side, CIPHER_CHANGE)
    session["encrypted"][side] = 1
    if side == np.int64(session["client_side"]) and session["ticket"] == 1 and session["keyed"] == 0:
        # A ticket was taken up: the client need not send a key (RFC 5077 §3.4).
        if session["answered"] == 1 and not is_13(np.int64(session["version"])):
            out.rows[session["row"]]["resumed"] = 1


@kernel
def note_ciphertext(session: Row, side: Int, out: Out) -> None:
    """Close the session when both sides have come to encrypt."""
    if is_13(np.int64(session["version"])) or session["version"] == 0:
        session["encrypted"][side] = 1
    if session["answered"] == 1 and session["encrypted"][0] == 1 and session["encrypted"][1] == 1:
        out.rows[session["row"]]["established"] = 1
        end_session(session, out)


__all__ = ["change_cipher", "note_ciphertext", "read_message"]

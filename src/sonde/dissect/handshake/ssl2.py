"""SSL 2.0 hellos (draft-hickman-netscape-ssl-00; RFC 5246 appendix E.2 for those that lead to TLS)."""

import numpy as np

from sonde.dissect.handshake.certificates import BY_SERVER, read_one_certificate
from sonde.dissect.handshake.names import SSL2
from sonde.dissect.handshake.record import (
    AT,
    CLIENT_HELLO,
    CLIENT_KEY,
    LETTERS,
    SERVER_HELLO,
    begin_session,
    end_session,
    note,
)
from sonde.table.out import Out, begin_text, end_text, put_u32
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u24

CLIENT_HELLO_2, CLIENT_MASTER_KEY_2, SERVER_HELLO_2 = 1, 2, 4
HEADER, HELLO_FIXED, SERVER_FIXED = 2, 9, 11


@kernel
def is_ssl2_hello(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether a ClientHello in the old form begins here; its lengths must add up."""
    if end - at < HEADER + HELLO_FIXED or u8(wire, at) & 0x80 == 0 or u8(wire, at + 2) != CLIENT_HELLO_2:
        return False
    version, ciphers, session = u16(wire, at + 3), u16(wire, at + 5), u16(wire, at + 7)
    challenge = u16(wire, at + 9)
    known = version == SSL2 or 0x0300 <= version <= 0x0303
    fits = HELLO_FIXED + ciphers + session + challenge == u16(wire, at) & 0x7FFF
    return bool(
        known
        and fits
        and ciphers > 0
        and ciphers % 3 == 0
        and (session == 0 or session == 16)
        and 16 <= challenge <= 32
    )


@kernel
def read_ssl2(octets: Wire, at: Int, end: Int, session: Row, turn: Row, out: Out, certs: Out) -> Int:
    """Read one record in the old form; give how many octets were used."""
    short = u8(octets, at) & 0x80 != 0
    header = HEADER if short else HEADER + 1  # with padding (§1.1)
    stop = at + header + (u16(octets, at) & (0x7FFF if short else 0x3FFF))
    if session["encrypted"][0] == 1 and session["version"] == SSL2:
        out.rows[session["row"]]["established"] = 1
        end_session(session, out)
        return end - at
    if stop > end:
        return 0
    begin, side = at + header, np.int64(turn["side"])
    kind = u8(octets, begin) if stop > begin else -1
    if kind == CLIENT_HELLO_2 and is_ssl2_hello(octets, at, end) and session["asked"] == 0:
        read_client(octets, begin, session, turn, out)
    elif kind == SERVER_HELLO_2 and stop - begin >= SERVER_FIXED and u16(octets, begin + 3) == SSL2:
        read_server(octets, begin, stop, session, turn, out, certs)
    elif kind == CLIENT_MASTER_KEY_2 and stop - begin >= 10 and session["version"] == SSL2:
        out.rows[session["row"]]["cipher"] = u24(octets, begin + 1)
        note(session, side, np.int64(LETTERS[CLIENT_KEY]))
        session["encrypted"][0] = 1
    else:
        session["refused"] = 1 - session["sure"]
        end_session(session, out)
    return stop - at


@kernel
def read_client(wire: Wire, at: Int, session: Row, turn: Row, out: Out) -> None:
    """Read a ClientHello: versions and ciphers; names there are none."""
    session["client_side"] = turn["side"]
    session["sure"], session["asked"] = 1, 1
    begin_session(session, turn, out)
    note(session, np.int64(turn["side"]), np.int64(LETTERS[CLIENT_HELLO]))
    record = out.rows[session["row"]]
    record["client_version"] = u16(wire, at + 1)
    begun = begin_text(out)
    for place in range(at + HELLO_FIXED, at + HELLO_FIXED + u16(wire, at + 3), 3):
        put_u32(out, u24(wire, place))
    record["client_ciphers"] = end_text(out, AT.client_ciphers, begun)
    if session["names_only"] == 1:
        end_session(session, out)


@kernel
def read_server(wire: Wire, at: Int, end: Int, session: Row, turn: Row, out: Out, certs: Out) -> None:
    """Read a ServerHello: version and certificate; the client chooses the cipher."""
    side = np.int64(turn["side"])
    if session["begun"] == 0:
        session["client_side"] = 1 - side
    session["sure"], session["answered"] = 1, 1
    begin_session(session, turn, out)
    note(session, side, np.int64(LETTERS[SERVER_HELLO]))
    record = out.rows[session["row"]]
    record["version"] = session["version"] = SSL2
    record["resumed"] = 1 if u8(wire, at + 1) else 0
    length = u16(wire, at + 5)
    if 0 < length <= end - at - SERVER_FIXED:
        begin = at + SERVER_FIXED
        read_one_certificate(wire, begin, begin + length, BY_SERVER, session, turn, out, certs)
    if session["names_only"] == 1:
        end_session(session, out)

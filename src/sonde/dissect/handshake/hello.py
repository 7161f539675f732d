"""ClientHello and ServerHello of all versions (RFC 8446 §4.1, RFC 5246 §7.4.1, RFC 6347 §4.2.1).

Theory of operation: a first pass over a hello checks every length and notes in
`session["marks"]` where the parts stand; what is kept is copied from there, and the
fingerprints are made from there. A hello whose lengths do not fit is not read at all.
"""

import numpy as np

from sonde.dissect.handshake.fingerprints import is_grease, save_ja3, save_ja3s, save_ja4
from sonde.dissect.handshake.names import DRAFT_13, DTLS13, TLS13
from sonde.dissect.handshake.record import AT, MARK, MAX_SESSION_ID, ODD_NAME, OVER_DTLS
from sonde.schema import NO_TEXT
from sonde.table.out import CUT, MAX_TEXT, Out, begin_text, end_text, put_item, put_u32, save
from sonde.wire import Int, Row, Wire, kernel, octets, u8, u16

MAX_ALPN = 32  # protocols recorded
RANDOM_OCTETS = 32
LAST_SHORT_DRAFT = 0x7F15  # up to draft 21 a ServerHello has neither session id nor compression

# Extensions that are looked into (IANA, TLS ExtensionType Values).
SERVER_NAME, SUPPORTED_GROUPS, POINT_FORMATS, SIGNATURE_ALGORITHMS, ALPN_LIST = 0, 10, 11, 13, 16
SESSION_TICKET, PRE_SHARED_KEY, EARLY_DATA, SUPPORTED_VERSIONS, KEY_SHARE = 35, 41, 42, 43, 51
ENCRYPTED_HELLO, ENCRYPTED_SNI, KEY_SHARE_DRAFT = 0xFE0D, 0xFFCE, 40

#: The random that makes a ServerHello a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
RETRY_RANDOM = octets(bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"))


@kernel
def vector(wire: Wire, at: Int, end: Int, width: Int) -> Int:
    """Give where a vector with a length of `width` octets ends, or -1 where it does not fit."""
    if at < 0 or end - at < width:
        return -1
    stop = at + width + (u8(wire, at) if width == 1 else u16(wire, at))
    return stop if stop <= end else -1


@kernel
def measure_client_hello(wire: Wire, at: Int, end: Int, session: Row) -> bool:
    """Check the lengths of a ClientHello and note where its parts stand."""
    marks = session["marks"]
    for mark in range(len(marks)):
        marks[mark] = 0
    place = at + 2 + RANDOM_OCTETS
    if place > end or u8(wire, at) not in (0x03, 0xFE, 0x01, 0x7F):
        return False
    stop = vector(wire, place, end, 1)
    if stop < 0 or stop - place - 1 > MAX_SESSION_ID:
        return False
    keep_session_id(wire, place + 1, stop, session)
    if session["datagrams"] == OVER_DTLS:
        stop = vector(wire, stop, end, 1)  # the cookie (RFC 6347 §4.2.1)
    ciphers = vector(wire, stop, end, 2)
    if ciphers < 0 or (ciphers - stop) % 2:
        return False
    marks[MARK.ciphers], marks[MARK.ciphers + 1] = stop + 2, ciphers
    stop = vector(wire, ciphers, end, 1)  # compression methods
    if stop < 0:
        return False
    return measure_extensions(wire, stop, end, session)


@kernel
def measure_extensions(wire: Wire, at: Int, end: Int, session: Row) -> bool:
    """Check the lengths of all extensions, of which there may be none."""
    if at == end:
        return True
    stop = vector(wire, at, end, 2)
    if stop < 0:
        return False
    session["marks"][MARK.extensions], session["marks"][MARK.extensions + 1] = at + 2, stop
    place = at + 2
    while place < stop:
        if stop - place < 4:
            return False
        place = vector(wire, place + 2, stop, 2)
        if place < 0:
            return False
    return True


@kernel
def keep_session_id(wire: Wire, at: Int, end: Int, session: Row) -> None:
    """Remember the session id that the client offers, for the server may echo it."""
    used = np.int64(0)
    for place in range(at, end):
        session["offered"][place - at] = wire[place]
        used |= np.int64(wire[place])
    session["offered_length"] = end - at if used else 0


@kernel
def mark_list(wire: Wire, at: Int, end: Int, width: Int, session: Row, mark: Int) -> None:
    """Note where the list inside an extension stands, if its length fits."""
    stop = vector(wire, at, end, width)
    if stop >= 0:
        session["marks"][mark], session["marks"][mark + 1] = at + width, stop


@kernel
def look_into_client_extensions(wire: Wire, session: Row, record: Row) -> None:
    """Note the lists that matter, and what the presence of an extension tells."""
    place = session["marks"][MARK.extensions]
    while place < session["marks"][MARK.extensions + 1]:
        kind = u16(wire, place)
        at = place + 4
        place = at + u16(wire, place + 2)
        mark, width = -1, 2
        if kind == SERVER_NAME:
            mark = MARK.name
        elif kind == SUPPORTED_GROUPS:
            mark = MARK.groups
        elif kind == POINT_FORMATS:
            mark, width = MARK.formats, 1
        elif kind == SIGNATURE_ALGORITHMS:
            mark = MARK.signatures
        elif kind == ALPN_LIST:
            mark = MARK.alpn
        elif kind == SUPPORTED_VERSIONS:
            mark, width = MARK.versions, 1
        elif kind == SESSION_TICKET:
            if place > at:
                record["ticket_seen"] = 1
                session["ticket"] = 1 if session["offered_length"] == 0 else 0
        elif kind == PRE_SHARED_KEY:
            record["ticket_seen"] = 1
            session["psk"] = 1
        elif kind == EARLY_DATA:
            record["early_data_seen"] = 1
        elif kind == ENCRYPTED_HELLO or kind == ENCRYPTED_SNI:
            record["ech_seen"] = 1
        if mark >= 0:
            mark_list(wire, at, place, width, session, mark)


@kernel
def save_marked(wire: Wire, session: Row, mark: Int, field: Int, out: Out) -> Int:
    """Keep a list of 16-bit numbers, if there is one."""
    at, end = session["marks"][mark], session["marks"][mark + 1]
    if at == 0:
        return NO_TEXT
    begun = begin_text(out)
    for place in range(at, end - 1, 2):
        put_u32(out, u16(wire, place))
    return end_text(out, field, begun)


@kernel
def save_extension_types(wire: Wire, session: Row, field: Int, out: Out) -> Int:
    """Keep the types of all extensions, in order."""
    place = session["marks"][MARK.extensions]
    if place == 0:
        return NO_TEXT
    begun = begin_text(out)
    while place < session["marks"][MARK.extensions + 1]:
        put_u32(out, u16(wire, place))
        place += 4 + u16(wire, place + 2)
    return end_text(out, field, begun)


@kernel
def save_alpn(wire: Wire, session: Row, out: Out) -> Int:
    """Keep the protocols that a client offers (RFC 7301 §3.1)."""
    at, end = session["marks"][MARK.alpn], session["marks"][MARK.alpn + 1]
    if at == 0:
        return NO_TEXT
    begun = begin_text(out)
    for _ in range(MAX_ALPN):
        stop = vector(wire, at, end, 1) if at < end else -1
        if stop < 0:
            break
        put_item(out, wire, at + 1, stop)
        at = stop
    return end_text(out, AT.client_alpn, begun)


@kernel
def save_server_name(wire: Wire, session: Row, record: Row, out: Out) -> None:
    """Keep the first host name of the list (RFC 6066 §3)."""
    at, end = session["marks"][MARK.name], session["marks"][MARK.name + 1]
    while end - at >= 3:
        stop = vector(wire, at + 1, end, 2)
        if stop < 0:
            return
        if wire[at] == 0 and stop > at + 3:
            record["server_name"] = save(out, AT.server_name, wire, at + 3, stop)
            if stop - at - 3 > MAX_TEXT:
                record["anomaly"] |= np.uint64(CUT)
            for place in range(at + 3, stop):
                if not 33 <= wire[place] <= 126:
                    record["anomaly"] |= np.uint64(ODD_NAME)
                    break
            return
        at = stop


@kernel
def keep_client_hello(wire: Wire, at: Int, session: Row, out: Out) -> None:
    """Read a ClientHello that was measured into the open row."""
    record = out.rows[session["row"]]
    look_into_client_extensions(wire, session, record)
    save_server_name(wire, session, record, out)
    record["client_version"] = u16(wire, at)
    record["client_ciphers"] = save_marked(wire, session, MARK.ciphers, AT.client_ciphers, out)
    record["client_extensions"] = save_extension_types(wire, session, AT.client_extensions, out)
    record["client_groups"] = save_marked(wire, session, MARK.groups, AT.client_groups, out)
    record["client_versions"] = save_marked(wire, session, MARK.versions, AT.client_versions, out)
    record["client_alpn"] = save_alpn(wire, session, out)
    if session["names_only"] == 0:
        save_ja3(wire, u16(wire, at), session, record, out)
        save_ja4(wire, u16(wire, at), session, record, out)


@kernel
def is_13(version: Int) -> bool:
    """Say whether a version is TLS 1.3, one of its drafts, or DTLS 1.3."""
    return bool(version == TLS13 or version == DTLS13 or version >> 8 == DRAFT_13)


@kernel
def is_retry(wire: Wire, at: Int) -> bool:
    """Say whether a ServerHello is a HelloRetryRequest."""
    for place in range(RANDOM_OCTETS):
        if wire[at + 2 + place] != RETRY_RANDOM[place]:
            return False
    return True


@kernel
def echoes_session(wire: Wire, at: Int, end: Int, session: Row) -> bool:
    """Say whether the server gave back the session id that the client offered."""
    length = np.int64(session["offered_length"])
    if length == 0 or length != end - at:
        return False
    for place in range(length):
        if wire[at + place] != session["offered"][place]:
            return False
    return True


@kernel
def read_server_hello(wire: Wire, at: Int, end: Int, session: Row, out: Out) -> bool:
    """Read a ServerHello or HelloRetryRequest into the open row; False where its lengths do not fit."""
    record = out.rows[session["row"]]
    marks = session["marks"]
    for mark in range(len(marks)):
        marks[mark] = 0
    place = at + 2 + RANDOM_OCTETS
    if place > end or u8(wire, at) not in (0x03, 0xFE, 0x01, 0x7F):
        return False
    version = u16(wire, at)
    short = version >> 8 == DRAFT_13 and version <= LAST_SHORT_DRAFT
    stop = place if short else vector(wire, place, end, 1)
    if stop < 0 or stop - place - 1 > MAX_SESSION_ID or end - stop < (2 if short else 3):
        return False
    rest = stop + (2 if short else 3)
    if not measure_extensions(wire, rest, end, session):
        return False
    session["version"] = version
    record["cipher"] = u16(wire, stop)
    look_into_server_extensions(wire, session, record, out)
    record["version"] = session["version"]
    chosen = np.int64(session["version"])
    if not short and not is_13(chosen) and echoes_session(wire, place + 1, stop, session):
        record["resumed"] = 1
    record["server_extensions"] = save_extension_types(wire, session, AT.server_extensions, out)
    if session["names_only"] == 0:
        save_ja3s(wire, version, u16(wire, stop), session, record, out)
    return True


@kernel
def look_into_server_extensions(wire: Wire, session: Row, record: Row, out: Out) -> None:
    """Read what the server chose: version, group, protocol, and whether it took up a session."""
    place = session["marks"][MARK.extensions]
    while place < session["marks"][MARK.extensions + 1]:
        kind = u16(wire, place)
        at = place + 4
        place = at + u16(wire, place + 2)
        if kind == SUPPORTED_VERSIONS and place - at == 2:
            session["version"] = u16(wire, at)
        elif kind == KEY_SHARE and place - at >= 2:
            record["curve"] = u16(wire, at)
        elif kind == KEY_SHARE_DRAFT and is_13(np.int64(session["version"])) and place - at >= 2:
            record["curve"] = u16(wire, at)
        elif kind == PRE_SHARED_KEY and session["psk"] == 1:
            record["resumed"] = 1
        elif kind == ALPN_LIST and place - at > 3:
            stop = vector(wire, at + 2, place, 1)
            if stop > 0:
                record["next_protocol"] = save(out, AT.next_protocol, wire, at + 3, stop)


__all__ = [
    "is_13",
    "is_grease",
    "is_retry",
    "keep_client_hello",
    "measure_client_hello",
    "read_server_hello",
    "vector",
]

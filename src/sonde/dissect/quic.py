"""QUIC versions 1 and 2 (RFC 9000, RFC 9001, RFC 9369) and what came before: packets until the hellos are known.

The drafts from 22 on, Facebook's versions, and Google's T050 and T051, which are drafts by other names.

One row for each connection attempt, as far as its headers and Initial packets tell, and
one row of `tls` for the hellos. Not read: whatever is protected with keys that not
everybody can compute, Google's QUIC before the drafts, tokens, and the tag of the
protection (a wrong key shows as frames that are none).

Theory of operation: a datagram is a row of packets. An Initial packet is opened with keys
made from the first connection id of the client (initial_keys.py), its plain text laid at
the end of the text arena. A hello that one CRYPTO frame holds is read there; otherwise its
pieces are put in order in the session's row (`held`), with a bit for each octet there.
Once both hellos are known only headers are looked at, for the history.
"""

from typing import Annotated, ClassVar

import numpy as np

from sonde.dissect.api import Dissector, Outs, places, state
from sonde.dissect.handshake.derive import complete_sessions
from sonde.dissect.handshake.initial_keys import (
    KEYS,
    MVFST_22,
    MVFST_27,
    MVFST_TRIAL,
    T050,
    T051,
    TAG,
    VERSION_2,
    body_of,
    derive_keys,
    ids_end,
    keep_id,
    open_initial,
    salt_of,
    varint,
)
from sonde.dissect.handshake.messages import take_client_hello, take_server_hello
from sonde.dissect.handshake.pieces import hold_piece, release_pieces
from sonde.dissect.handshake.record import (
    ANOMALIES,
    CLIENT_HELLO,
    OVER_QUIC,
    SERVER_HELLO,
    STATE,
    TlsRecord,
    begin_session,
    begin_turn,
    end_session,
)
from sonde.schema import (
    ABSENT,
    ENDPOINT,
    FROM_RESP,
    NO_TEXT,
    OWN_PORT,
    PROTOCOL,
    Bool,
    Field,
    Protocol,
    Record,
    Text,
    Verdict,
)
from sonde.schema.field import Kind
from sonde.table.out import (
    LENGTH_BITS,
    LENGTH_MASK,
    OWN_ANOMALY,
    TEXT,
    TRUNCATED,
    begin_text,
    close_row,
    end_text,
    open_row,
    put_hex,
    put_octets,
)
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u24, u32
from sonde.wire import octets as octets_of

UNDECRYPTABLE = 1 << (OWN_ANOMALY + len(ANOMALIES))
MAX_COALESCED = 16  # packets of one datagram
MAX_FRAMES = 256  # of one packet
MAX_RANGES = 256  # of one ACK frame
MAX_HISTORY = 100  # letters, as in Zeek
MOST_SHORT_HEADERS = 4096  # then the flow is let go
HELLO_ROOM = 4096  # octets of a hello whose pieces come apart
SMALLEST_FIRST = 1200  # octets of a client's first datagram (RFC 9000 §14.1)
LONG_HEADER, FIXED_BIT = 0x80, 0x40
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)  # as version 1 numbers them
PADDING, PING, ACK, ACK_ECN, CRYPTO, CLOSE = 0, 1, 2, 3, 6, 0x1C
GOOGLES_CRYPTO = 8  # no other version may have a STREAM frame there (RFC 9000 §12.4)
LETTER = octets_of("izhr")
HELLO, SHORT, DISCARDED, CLOSED, UNHANDLED = (np.int64(ord(letter)) for letter in "soxcu")
VERSIONS = {1: "1", VERSION_2: "quicv2", T050: "T050", T051: "T051"}
VERSIONS.update({MVFST_22: "mvfst-22", MVFST_27: "mvfst-27", MVFST_TRIAL: "mvfst-experimental"})
VERSIONS.update({0xFF000000 | draft: f"draft-{draft}" for draft in range(22, 35)})
QuicVersion = Annotated[int, Kind("code", "i8", ABSENT, "dictionary", VERSIONS, "unknown-{:x}")]


class QuicRecord(Record):
    """One attempt at a QUIC connection (RFC 9000); a Retry or an early close ends it."""

    table: ClassVar[str] = "quic"

    version: Annotated[QuicVersion, Field("Version of the first packet", PROTOCOL, ref="RFC 9000 §15")]
    client_initial_dcid: Annotated[Text, Field("First destination id of the client", PROTOCOL, ref="RFC 9000 §7.2")]
    client_scid: Annotated[Text, Field("Connection id that the client chose", PROTOCOL)]
    server_scid: Annotated[Text, Field("Connection id that the server chose", PROTOCOL)]
    server_name: Annotated[Text, Field("Name the client asks for (SNI)", ENDPOINT, names_application="host")]
    client_protocol: Annotated[Text, Field("First protocol the client offers (ALPN)", PROTOCOL)]
    history: Annotated[Text, Field("A letter a packet, upper case from the client", PROTOCOL)]
    ja4: Annotated[Text, Field("JA4 fingerprint of the client", PROTOCOL)]
    zero_rtt_seen: Annotated[Bool, Field("Client sent early data", PROTOCOL, ref="RFC 9001 §4.6")]
    retry_seen: Annotated[Bool, Field("Server asked for a token first", PROTOCOL, ref="RFC 9000 §8.1.2")]
    negotiation_seen: Annotated[Bool, Field("Server refused the version", PROTOCOL, ref="RFC 9000 §6")]


QUIC_AT = places(QuicRecord)
TLS_AT = places(TlsRecord)
QUIC_STATE = state(
    *STATE,
    ("keys", KEYS),
    ("row", "i8"),
    ("version", "i8"),
    ("open", "u1"),
    ("unhandled", "u1"),
    ("client_side", "u1"),
    ("told", "u1", (2,)),  # the hello of a side is known
    ("long", "u1", (2,)),
    ("short", "i4", (2,)),
    ("base", "i8", (2,)),  # octets of the CRYPTO stream that were read
    ("history_length", "u1"),
    ("history", "u1", (MAX_HISTORY,)),
)


@kernel
def kind_of(octets: Wire, at: Int, version: Int) -> Int:
    """Give the type of a long header as version 1 numbers it (RFC 9369 §3.2)."""
    kind = u8(octets, at) >> 4 & 3
    return kind - 1 & 3 if version == VERSION_2 else kind


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept long headers of known versions; of others on QUIC's ports only."""
    if end - at < 7 or u8(octets, at) & (LONG_HEADER | FIXED_BIT) != LONG_HEADER | FIXED_BIT:
        return Verdict.NO
    version = u32(octets, at + 1)
    place = ids_end(octets, at, end)
    if place < 0:
        return Verdict.NO
    if salt_of(version) < 0:
        # Google's have letters there and are another protocol; 0 is a server's refusal.
        letter = version >> 24
        google = letter == 0x51 or letter == 0x54
        refusal = version == 0 and (end - place) % 4 == 0 and hint & FROM_RESP != 0
        # RFC 9000 §15: versions that force a negotiation, and drafts; others are not believed.
        likely = version & 0x0F0F0F0F == 0x0A0A0A0A or version >> 8 == 0xFF0000 or version >> 8 == 0xFACEB0
        return Verdict.MAYBE if not google and (refusal or (likely and hint & OWN_PORT)) else Verdict.NO
    kind = kind_of(octets, at, version)
    if kind == RETRY:
        return Verdict.YES if end - place > TAG and hint & FROM_RESP else Verdict.MAYBE
    place, length = body_of(octets, place, end, kind == INITIAL)
    return Verdict.YES if place >= 0 and TAG < length <= end - place else Verdict.NO


@kernel
def receive(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read the packets of a datagram."""
    begin_turn(conn, OVER_QUIC)
    for _ in range(MAX_COALESCED):
        if at >= end or conn["done"][0] == 1:
            break
        at = read_packet(octets, at, end, conn, turn, out)
    if conn["session"]["sure"] == 1 or (conn["long"][0] == 1 and conn["long"][1] == 1):
        conn["confirmed"] = 1


@kernel
def read_packet(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Read one packet; give where it ends."""
    side, first = np.int64(turn["side"]), u8(octets, at)
    if first & LONG_HEADER == 0 or first & FIXED_BIT == 0:
        if conn["open"] == 1:
            if first & FIXED_BIT == 0:
                note_packet(conn, side, DISCARDED)
            else:
                count_short(conn, side, out)
        return end
    place = ids_end(octets, at, end)
    if place < 0:
        return end
    version = u32(octets, at + 1)
    if version == 0:
        if conn["open"] == 1:
            out.quic.rows[conn["row"]]["negotiation_seen"] = 1
        return end
    if salt_of(version) < 0:
        if conn["unhandled"] == 0 and conn["open"] == 0:
            begin_row(octets, at, version, conn, turn, out)
            note_packet(conn, side, UNHANDLED)
            end_row(conn, out)
        conn["unhandled"] = 1
        return end
    kind, stop, body = kind_of(octets, at, version), end, place
    if kind != RETRY:
        body, length = body_of(octets, place, end, kind == INITIAL)
        if body < 0 or length > end - body + np.int64(turn["missing"]):
            return end
        stop = body + length
    begin_row(octets, at, version, conn, turn, out)
    conn["long"][side] = 1
    note_packet(conn, side, np.int64(LETTER[kind]))
    record = out.quic.rows[conn["row"]]
    if stop > end:
        record["status"] = TRUNCATED
        return end
    if kind == RETRY:
        record["retry_seen"] = 1
        end_row(conn, out)
    elif kind == ZERO_RTT:
        record["zero_rtt_seen"] = 1
    elif kind == INITIAL and conn["told"][side] == 0:
        read_initial(octets, at, body, stop, conn, turn, out)
    return stop


@kernel
def begin_row(octets: Wire, at: Int, version: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Open the row at the first packet; note the server's connection id when it comes."""
    side = np.int64(turn["side"])
    source = at + 6 + u8(octets, at + 5)
    if conn["open"] == 0:
        conn["open"] = 1
        conn["row"] = open_row(out.quic, turn)
        conn["client_side"] = side
        record = out.quic.rows[conn["row"]]
        record["version"] = version
        record["client_initial_dcid"] = save_id(out.quic, QUIC_AT.client_initial_dcid, octets, at + 5)
        record["client_scid"] = save_id(out.quic, QUIC_AT.client_scid, octets, source)
        record["zero_rtt_seen"], record["retry_seen"], record["negotiation_seen"] = 0, 0, 0
        conn["version"] = -1
    record = out.quic.rows[conn["row"]]
    if side != np.int64(conn["client_side"]) and record["server_scid"] == NO_TEXT:
        record["server_scid"] = save_id(out.quic, QUIC_AT.server_scid, octets, source)
    if conn["version"] != version:
        # New keys: the first packet, or a version that the server chose (RFC 9368 §2.1).
        if conn["version"] == -1:
            keep_id(octets, at, conn["keys"])
        conn["version"] = version
        conn["keys"]["ready"] = 0


@kernel
def save_id(out: Outs, field: Int, octets: Wire, at: Int) -> Int:
    """Keep a connection id, whose length stands before it, in hexadecimal."""
    begun = begin_text(out)
    for place in range(at + 1, at + 1 + u8(octets, at)):
        put_hex(out, u8(octets, place), 2)
    return end_text(out, field, begun)


@kernel
def note_packet(conn: Row, side: Int, letter: Int) -> None:
    """Append a letter to the history, in upper case for the client."""
    length = np.int64(conn["history_length"])
    if length < MAX_HISTORY:
        conn["history"][length] = letter - 32 if side == np.int64(conn["client_side"]) else letter
        conn["history_length"] = length + 1


@kernel
def count_short(conn: Row, side: Int, out: Outs) -> None:
    """Count a packet with a short header; the history tells of powers of two only, as Zeek's does."""
    count = np.int64(conn["short"][side]) + 1
    conn["short"][side] = count
    if count & count - 1 == 0:
        note_packet(conn, side, SHORT)
    if count >= MOST_SHORT_HEADERS:
        conn["done"][0], conn["done"][1] = 1, 1


@kernel
def end_row(conn: Row, out: Outs) -> None:
    """Write down the history and close the row; another may begin in the same flow."""
    if conn["open"] == 0:
        return
    conn["open"] = 0
    record = out.quic.rows[conn["row"]]
    begun = begin_text(out.quic)
    put_octets(out.quic, conn["history"], 0, np.int64(conn["history_length"]))
    record["history"] = end_text(out.quic, QUIC_AT.history, begun)
    conn["history_length"] = 0
    for side in range(2):
        conn["told"][side], conn["short"][side], conn["base"][side] = 0, 0, 0
    release_pieces(conn["session"], out.tls)
    close_row(out.quic, conn["row"])


@kernel
def read_initial(octets: Wire, at: Int, body: Int, stop: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Open an Initial packet and read its frames."""
    side, keys = np.int64(turn["side"]), conn["keys"]
    if keys["ready"] == 0:
        derive_keys(keys, salt_of(np.int64(conn["version"])), conn["session"]["digest"], conn["session"]["words"])
    text, begun = out.tls.text, out.tls.count[TEXT]
    if stop - body < 4 + TAG or len(text) - begun < stop - body:
        return
    role = 0 if side == np.int64(conn["client_side"]) else 1
    size = open_initial(octets, at, body, stop, keys, role, text, begun)
    fits = size > 0
    if fits:
        out.tls.count[TEXT] = begun + size
        fits = read_frames(begun, begun + size, conn, turn, out)
        if out.tls.count[TEXT] == begun + size:
            out.tls.count[TEXT] = begun  # nothing was kept behind it
    if not fits:
        out.quic.rows[conn["row"]]["anomaly"] |= np.uint64(UNDECRYPTABLE)


@kernel
def read_frames(place: Int, end: Int, conn: Row, turn: Row, out: Outs) -> bool:
    """Read the frames of an opened packet in out.tls.text; False where they are none."""
    text, side = out.tls.text, np.int64(turn["side"])
    for _ in range(MAX_FRAMES):
        while place < end and text[place] <= PING:
            place += 1
        if place >= end:
            break
        kind = u8(text, place)
        if kind == ACK or kind == ACK_ECN:
            place = ack_end(text, place + 1, end, kind)
        elif kind == CRYPTO or (kind == GOOGLES_CRYPTO and (conn["version"] == T050 or conn["version"] == T051)):
            offset, place = varint(text, place + 1, end)
            length, place = varint(text, place, end)
            if place < 0 or length > end - place:
                return False
            if conn["told"][side] == 0:
                take_crypto(place, offset - conn["base"][side], length, conn, turn, out)
            place += length
        elif kind == CLOSE:
            note_packet(conn, side, CLOSED)
            end_row(conn, out)
            return True
        else:
            return False
        if place < 0:
            return False
        if conn["done"][0] == 1:
            return True
    conn["confirmed"] = 1
    return True


@kernel
def ack_end(text: Wire, place: Int, end: Int, kind: Int) -> Int:
    """Give where an ACK frame ends (RFC 9000 §19.3), or -1."""
    _, place = varint(text, place, end)
    _, place = varint(text, place, end)
    ranges, place = varint(text, place, end)
    if ranges > MAX_RANGES:
        return -1
    numbers = 1 + 2 * ranges + (3 if kind == ACK_ECN else 0)
    for _ in range(numbers):
        _, place = varint(text, place, end)
    return place


@kernel
def take_crypto(at: Int, offset: Int, length: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read a hello that lies whole in one frame, or put this piece of it in order."""
    text, side = out.tls.text, np.int64(turn["side"])
    if offset < 0:  # some of it was read before
        at, length, offset = at - offset, length + offset, np.int64(0)
    if length <= 0 or offset + length > HELLO_ROOM:
        return
    if offset == 0 and length >= 4 and 4 + u24(text, at + 1) <= length:
        read_hello(at, conn, turn, out)
        return
    session = conn["session"]
    begin_session(session, turn, out.tls)
    start = hold_piece(text, at, length, offset, side, HELLO_ROOM, session, out.tls)
    if start >= 0 and session["prefix"] >= 4 and session["prefix"] >= 4 + u24(text, start + 1):
        read_hello(start, conn, turn, out)


@kernel
def read_hello(at: Int, conn: Row, turn: Row, out: Outs) -> None:
    """Read the hello at a place of out.tls.text."""
    text, side, session = out.tls.text, np.int64(turn["side"]), conn["session"]
    kind, end = u8(text, at), at + 4 + u24(text, at + 1)
    release_pieces(session, out.tls)
    conn["told"][side] = 1
    conn["base"][side] += end - at
    if session["closed"] == 1:
        note_packet(conn, side, HELLO)
        return
    record = out.quic.rows[conn["row"]]
    if kind == CLIENT_HELLO:
        if not take_client_hello(text, at + 4, end, session, turn, out.tls):
            return
        note_packet(conn, side, HELLO)
        hello = out.tls.rows[session["row"]]
        record["server_name"] = copy_text(out, QUIC_AT.server_name, np.int64(hello["server_name"]), 0)
        record["client_protocol"] = copy_text(out, QUIC_AT.client_protocol, np.int64(hello["client_alpn"]), 2)
        record["ja4"] = copy_text(out, QUIC_AT.ja4, np.int64(hello["ja4"]), 0)
        if conn["names_only"] == 1:
            conn["done"][0], conn["done"][1] = 1, 1
    elif kind == SERVER_HELLO and take_server_hello(text, at + 4, end, session, turn, out.tls):
        note_packet(conn, side, HELLO)
        if session["answered"] == 1:
            end_session(session, out.tls)
        else:  # HelloRetryRequest: both hellos come once more
            conn["told"][0], conn["told"][1] = 0, 0


@kernel
def copy_text(out: Outs, field: Int, span: Int, prefix: Int) -> Int:
    """Copy a text of the session's row, or of a list the first item (prefix 2), to the connection's."""
    text = out.tls.text
    if span < 0 or span & LENGTH_MASK < prefix:
        return NO_TEXT
    at, length = (span >> LENGTH_BITS) + prefix, span & LENGTH_MASK
    if prefix == 2:
        length = u16(text, at - 2)
    begun = begin_text(out.quic)
    put_octets(out.quic, text, at, at + length)
    return end_text(out.quic, field, begun)


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: the flow ended."""
    end_row(conn, out)
    end_session(conn["session"], out.tls)


QUIC = Protocol(
    "quic",
    "QUIC",
    "RFC 9000",
    udp_ports=(80, 443, 784, 853, 4433, 8443, 8853),
    identify=identify,
    first_octets=bytes(range(LONG_HEADER | FIXED_BIT, 0x100)),
    transports=("udp",),
    aliases={"ndpi": ("QUIC",), "zeek": ("quic",), "wireshark": ("quic",)},
)

DISSECTOR = Dissector(
    QUIC,
    (QuicRecord, TlsRecord),
    QUIC_STATE,
    receive=receive,
    finish=finish,
    anomalies=(*ANOMALIES, "undecryptable"),
    complete={"tls": complete_sessions},
)

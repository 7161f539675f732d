"""Google's QUIC before the IETF's (QUIC Crypto, "QUIC Wire Layout Specification"; versions Q009 to Q050).

One record for each connection whose first packet is seen. Up to Q046 the client's hello
(CHLO) stands in clear: a message of tags, each with the end of its value. Q050 puts it into
an Initial packet as the drafts have it, under a salt of its own. Not read: anything that
the server says, and what of a hello does not fit the first packet.
"""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.dissect.handshake.initial_keys import (
    KEYS,
    OF_Q050,
    TAG,
    body_of,
    derive_keys,
    ids_end,
    keep_id,
    open_initial,
)
from sonde.schema import (
    DIGITS,
    ENDPOINT,
    PROTOCOL,
    U16,
    YES,
    At,
    Field,
    Only,
    Protocol,
    Record,
    Signature,
    Text,
)
from sonde.table.out import OWN_ANOMALY, TEXT, close_row, open_row, save
from sonde.wire import Int, Row, Wire, kernel, le16, le32, octets, starts, u8, u32

PUBLIC_VERSION, LONG_VERSION = 9, 1  # where a version stands behind flags and connection, or flags alone
LONG_HEADER = 0xC0
VERSION_END = 4
Q050 = 0x51303530
KIND, INITIAL = 0x30, 0
LEAST_NUMBER = 4  # octets behind the length, of which the sample for the header's mask leaves room
HELLO = octets(b"CHLO")
SERVER_NAME, AGENT = octets(b"SNI\0"), octets(b"UAID")
FARTHEST_HELLO = 64  # packet number, hash and the header of a frame stand before it
MOST_TAGS = 128  # QUIC Crypto, "Handshake messages"
MESSAGE_HEADER, ENTRY = 8, 8

ANOMALIES = ("malformed_hello", "undecryptable")
MALFORMED_HELLO, UNDECRYPTABLE = 1 << OWN_ANOMALY, 2 << OWN_ANOMALY


class GquicRecord(Record):
    """One connection of Google's QUIC."""

    version: Annotated[Text, Field("Version, a letter and digits", PROTOCOL)]
    server_name: Annotated[Text, Field("Name the client asks for (SNI)", ENDPOINT, names_application="host")]
    user_agent: Annotated[Text, Field("What the client calls itself (UAID)", ENDPOINT)]
    tags: Annotated[U16, Field("Tags in the client's hello", PROTOCOL)]


AT = places(GquicRecord)


@kernel
def receive(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read the first packet of a connection; nothing more is wanted then."""
    version = at + (LONG_VERSION if u8(wire, at) >= LONG_HEADER else PUBLIC_VERSION)
    if end - version >= VERSION_END:
        row = open_row(out, turn)
        record = out.rows[row]
        record["version"] = save(out, AT.version, wire, version, version + VERSION_END)
        if version == at + LONG_VERSION and u32(wire, version) == Q050:
            read_sealed(wire, at, end, conn, record, out)
        else:
            read_hello(wire, version + VERSION_END, end, record, out)
        close_row(out, row)
        conn["confirmed"] = 1
    conn["done"][0] = 1
    conn["done"][1] = 1


@kernel
def read_sealed(wire: Wire, at: Int, end: Int, conn: Row, record: Row, out: Out) -> None:
    """Open the client's first packet of Q050, and find the hello in it."""
    place, keys = ids_end(wire, at, end), conn["keys"]
    if place < 0 or u8(wire, at) & KIND != INITIAL:
        return
    body, length = body_of(wire, place, end, True)
    begun = out.count[TEXT]
    if body < 0 or length < LEAST_NUMBER + TAG or length > end - body or len(out.text) - begun < length:
        return
    keep_id(wire, at, keys)
    derive_keys(keys, np.int64(OF_Q050), conn["digest"], conn["words"])
    size = open_initial(wire, at, body, body + length, keys, np.int64(0), out.text, begun)
    if size < 0:
        record["anomaly"] |= UNDECRYPTABLE
        return
    out.count[TEXT] = begun + size  # what is kept of it comes behind
    read_hello(out.text, begun, begun + size, record, out)


@kernel
def read_hello(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Find the hello behind the headers, and the tags in it."""
    for place in range(at, min(at + FARTHEST_HELLO, end - MESSAGE_HEADER)):
        if not starts(wire, place, end, HELLO):
            continue
        count = le16(wire, place + 4)
        values = place + MESSAGE_HEADER + ENTRY * count
        if count > MOST_TAGS or values > end:
            record["anomaly"] |= MALFORMED_HELLO
            return
        record["tags"] = count
        read_tags(wire, place + MESSAGE_HEADER, values, end, record, out)
        return


@kernel
def read_tags(wire: Wire, at: Int, values: Int, end: Int, record: Row, out: Out) -> None:
    """Read the entries of a hello: tag, and where its value ends, counted from the first value."""
    begin = values
    for entry in range(at, values, ENTRY):
        stop = values + le32(wire, entry + 4)
        if stop < begin or stop > end:
            record["anomaly"] |= MALFORMED_HELLO
            return
        if starts(wire, entry, entry + 4, SERVER_NAME):
            record["server_name"] = save(out, AT.server_name, wire, begin, stop)
        elif starts(wire, entry, entry + 4, AGENT):
            record["user_agent"] = save(out, AT.user_agent, wire, begin, stop)
        begin = stop


@kernel
def finish(conn: Row, out: Out) -> None:
    """Nothing stays open between packets."""


GQUIC = Protocol(
    "gquic",
    "Google QUIC",
    "QUIC wire layout specification",
    udp_ports=(80, 443),
    signatures=(
        # Public flags: version present, connection of eight octets, perhaps others; then the version.
        Signature(
            (
                Only(0, 1, b"\x09\x0d\x19\x1d\x29\x2d\x39\x3d"),
                Only(9, 10, b"QT"),
                At(10, b"0"),
                Only(11, 13, DIGITS),
            ),
            YES,
            transport="udp",
            min_length=14,
        ),
        # Q044 and later have the long header of the drafts of their day.
        Signature(
            (At(0, b"\xc0", b"\xc0"), At(1, b"Q0"), Only(3, 5, DIGITS)),
            YES,
            transport="udp",
            min_length=14,
        ),
        # With TLS; T050 and T051 are QUIC as we know it.
        Signature((At(0, b"\xc0", b"\xc0"), At(1, b"T04"), Only(4, 5, DIGITS)), YES, transport="udp", min_length=14),
    ),
    transports=("udp",),
    aliases={"ndpi": ("QUIC",), "wireshark": ("gquic",)},
)

STATE = state(("keys", KEYS), ("digest", "i8", (8,)), ("words", "i8", (16,)))

DISSECTOR = Dissector(GQUIC, (GquicRecord,), STATE, receive=receive, finish=finish, anomalies=ANOMALIES)

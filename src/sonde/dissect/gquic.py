"""Google's QUIC before the IETF's (QUIC Crypto, "QUIC Wire Layout Specification"; versions Q009 to T051).

One record for each connection whose first packet is seen. Up to Q046 the client's hello
(CHLO) stands in clear: a message of tags, each with the end of its value. Of later versions
only the number is read. Not read: anything that the server says.
"""

from typing import Annotated

from sonde.dissect.api import Dissector, Out, places, state
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
from sonde.table.out import OWN_ANOMALY, close_row, open_row, save
from sonde.wire import Int, Row, Wire, kernel, le16, le32, octets, starts, u8

PUBLIC_VERSION, LONG_VERSION = 9, 1  # where a version stands behind flags and connection, or flags alone
LONG_HEADER = 0xC0
VERSION_END = 4
HELLO = octets(b"CHLO")
SERVER_NAME, AGENT = octets(b"SNI\0"), octets(b"UAID")
FARTHEST_HELLO = 64  # packet number, hash and the header of a frame stand before it
MOST_TAGS = 128  # QUIC Crypto, "Handshake messages"
MESSAGE_HEADER, ENTRY = 8, 8

ANOMALIES = ("malformed_hello",)
MALFORMED_HELLO = 1 << OWN_ANOMALY


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
        read_hello(wire, version + VERSION_END, end, record, out)
        close_row(out, row)
        conn["confirmed"] = 1
    conn["done"][0] = 1
    conn["done"][1] = 1


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
            (At(0, b"\xc0", b"\xc0"), Only(1, 2, b"QT"), At(2, b"0"), Only(3, 5, DIGITS)),
            YES,
            transport="udp",
            min_length=14,
        ),
    ),
    transports=("udp",),
    aliases={"ndpi": ("QUIC",), "wireshark": ("gquic",)},
)

DISSECTOR = Dissector(GQUIC, (GquicRecord,), state(), receive=receive, finish=finish, anomalies=ANOMALIES)

"""The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): who the client was, before its own octets.

One record for each connection that a load balancer passes on. What follows is another
protocol, which is identified and dissected as if it stood alone. Not read: checksums, names
of sockets and of network namespaces, and headers in front of datagrams.
"""

from typing import Annotated, ClassVar

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.schema import (
    ENDPOINT,
    PERSON,
    PROTOCOL,
    U8,
    U16,
    YES,
    Bool,
    Field,
    Protocol,
    Record,
    Text,
    begins,
    code,
)
from sonde.table.out import OWN_ANOMALY, close_row, open_row, save, save_address
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts, u8, u16, u32

LINE_1, MARK_2 = octets(b"PROXY "), octets(b"\r\n\r\n\0\r\nQUIT\n")
TCP4, TCP6, UNKNOWN = octets(b"TCP4 "), octets(b"TCP6 "), octets(b"UNKNOWN")
LONGEST_1 = 107  # octets of version 1's line with its end (§2.1)
HEADER_2 = 16  # octets before the addresses (§2.2)
LOCAL, PROXIED = 0, 1
NOT_TOLD, TCP_4, UDP_4, TCP_6, UDP_6, UNIX_STREAM, UNIX_DATAGRAM = 0, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32
ON_IPV4, ON_IPV6, SOCKETS = 12, 36, 216  # octets of two addresses, with ports or as names of sockets
TLV_HEAD, TLS_HEAD = 3, 5  # octets
CERTIFICATE = 6  # flags: the client showed one, on this connection or on one before
ALPN, AUTHORITY, TLS, TLS_VERSION, TLS_NAME, TLS_CIPHER = 0x01, 0x02, 0x20, 0x21, 0x22, 0x23
MOST_TLVS = 64
CR, LF, SP = 13, 10, 32

ANOMALIES = ("malformed",)
MALFORMED = 1 << OWN_ANOMALY

Command = code({LOCAL: "local", PROXIED: "proxy"})
Family = code(
    {
        NOT_TOLD: "unknown", TCP_4: "tcp4", UDP_4: "udp4", TCP_6: "tcp6", UDP_6: "udp6", UNIX_STREAM: "unix-stream",
        UNIX_DATAGRAM: "unix-datagram",
    }
)  # fmt: skip


class ProxyRecord(Record):
    """One connection that was passed on (§2)."""

    table: ClassVar[str] = "proxy"

    version: Annotated[U8, Field("Version of the header, 1 or 2", PROTOCOL)]
    command: Annotated[Command, Field("On behalf of a client, or the proxy's own", PROTOCOL, ref="§2.2")]  # type: ignore[valid-type]
    family: Annotated[Family, Field("Transport and kind of addresses", PROTOCOL)]  # type: ignore[valid-type]
    client_ip: Annotated[Text, Field("Address of the client", ENDPOINT, holds="address")]
    client_port: Annotated[U16, Field("Port of the client", PROTOCOL)]
    server_ip: Annotated[Text, Field("Address that the client connected to", ENDPOINT, holds="address")]
    server_port: Annotated[U16, Field("Port that the client connected to", PROTOCOL)]
    authority: Annotated[
        Text, Field("Name that the client asked for", ENDPOINT, ref="§2.2.3", names_application="host")
    ]
    alpn: Annotated[Text, Field("Protocol that the proxy agreed on", PROTOCOL, ref="§2.2.1")]
    tls_version: Annotated[Text, Field("TLS that the proxy ended", PROTOCOL, ref="§2.2.5")]
    tls_cipher: Annotated[Text, Field("Its cipher", PROTOCOL, ref="§2.2.5")]
    tls_verified: Annotated[Bool, Field("The client's certificate was verified", PROTOCOL, ref="§2.2.5")]
    client_name: Annotated[Text, Field("Common name of the client's certificate", PERSON, ref="§2.2.5")]


AT = places(ProxyRecord)
STATE = state(("other", "u1", (2,)))  # a side begins with something else


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Read the header, which is the first that one side sends; what the other says belongs to what follows."""
    side = np.int64(turn["side"])
    if conn["lost"][side] == 1:
        conn["done"][0], conn["done"][1] = 1, 1
        return end - at
    old, new = starts_so_far(wire, at, end, LINE_1), starts_so_far(wire, at, end, MARK_2)
    if not old and not new:
        conn["other"][side] = 1
        return give_up(conn) if conn["other"][1 - side] == 1 else np.int64(0)
    size = line_size(wire, at, end) if old else header_size(wire, at, end)
    if size <= 0:
        return np.int64(0) if size == 0 else give_up(conn)
    row = open_row(out, turn)
    record = out.rows[row]
    if old:
        record["version"], record["command"] = 1, PROXIED
        good = read_line(wire, at + len(LINE_1), at + size - 2, record, out)
    else:
        record["version"], record["command"] = 2, u8(wire, at + 12) & 15
        good = read_header(wire, at, at + size, record, out)
    if not good:
        record["anomaly"] |= np.uint64(MALFORMED)
    close_row(out, row)
    conn["confirmed"], conn["switch"] = 1, 1
    return size


@kernel
def give_up(conn: Row) -> Int:
    """Note what is no header."""
    conn["violated"] = 1
    conn["done"][0], conn["done"][1] = 1, 1
    return np.int64(0)


@kernel
def starts_so_far(wire: Wire, at: Int, end: Int, mark: Wire) -> bool:
    """Say whether octets are a mark, or the beginning of one."""
    return starts(wire, at, end, mark[: min(end - at, len(mark))])


@kernel
def line_size(wire: Wire, at: Int, end: Int) -> Int:
    """Give how long version 1's line is with its end; 0 where it is cut, -1 where it is none."""
    stop = find(wire, at, min(end, at + LONGEST_1), LF)
    if stop >= 0:
        return stop + 1 - at if wire[stop - 1] == CR else np.int64(-1)
    return np.int64(0) if end - at < LONGEST_1 else np.int64(-1)


@kernel
def header_size(wire: Wire, at: Int, end: Int) -> Int:
    """Give how long version 2's header is; 0 where it is cut, -1 where it is none."""
    if end - at < HEADER_2:
        return np.int64(0)
    if u8(wire, at + 12) >> 4 != 2 or u8(wire, at + 12) & 15 > PROXIED:
        return np.int64(-1)
    size = HEADER_2 + u16(wire, at + 14)
    return size if size <= end - at else np.int64(0)


@kernel
def read_line(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> bool:
    """Read version 1 behind its first word: family, both addresses, both ports (§2.1)."""
    four = starts(wire, at, end, TCP4)
    if not four and not starts(wire, at, end, TCP6):
        record["family"] = NOT_TOLD
        return starts(wire, at, end, UNKNOWN)
    record["family"] = TCP_4 if four else TCP_6
    first = at + len(TCP4)
    ends = next_word(wire, first, end)
    second = next_word(wire, ends + 1, end)
    third = next_word(wire, second + 1, end)
    record["client_ip"] = save(out, AT.client_ip, wire, first, ends)
    record["server_ip"] = save(out, AT.server_ip, wire, min(ends + 1, second), second)
    from_port, to_port = port_of(wire, second + 1, third), port_of(wire, third + 1, end)
    if from_port < 0 or to_port < 0:
        return False
    record["client_port"], record["server_port"] = from_port, to_port
    return True


@kernel
def next_word(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a word ends."""
    while at < end and wire[at] != SP:
        at += 1
    return min(at, end)


@kernel
def port_of(wire: Wire, at: Int, end: Int) -> Int:
    """Read a port in decimal, or -1."""
    if not 0 < end - at <= 5:
        return np.int64(-1)
    number = np.int64(0)
    for place in range(at, end):
        digit = np.int64(wire[place]) - 48
        if not 0 <= digit <= 9:
            return np.int64(-1)
        number = number * 10 + digit
    return number if number < 1 << 16 else np.int64(-1)


@kernel
def read_header(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> bool:
    """Read version 2: addresses, and what the proxy adds (§2.2)."""
    family, place = u8(wire, at + 13), at + HEADER_2
    record["family"] = family
    size = size_of(family)
    if size < 0 or size > end - place:
        return False
    # Of a connection of its own the proxy tells no client, whatever stands there.
    if record["command"] == PROXIED and 0 < size < SOCKETS:
        width = (size - 4) // 2
        record["client_ip"] = save_address(out, AT.client_ip, wire, place, width)
        record["server_ip"] = save_address(out, AT.server_ip, wire, place + width, width)
        record["client_port"], record["server_port"] = u16(wire, place + 2 * width), u16(wire, place + 2 * width + 2)
    place += size
    for _ in range(MOST_TLVS):
        if place == end:
            return True
        if end - place < TLV_HEAD or u16(wire, place + 1) > end - place - TLV_HEAD:
            return False
        stop = place + TLV_HEAD + u16(wire, place + 1)
        read_tlv(wire, u8(wire, place), place + TLV_HEAD, stop, record, out)
        place = stop
    return False


@kernel
def size_of(family: Int) -> Int:
    """Give how many octets the addresses of a family take, or -1."""
    if family == NOT_TOLD:
        return np.int64(0)
    low, high = family & 15, family >> 4
    if not (1 <= low <= 2 and 1 <= high <= 3):
        return np.int64(-1)
    return np.int64(ON_IPV4) if high == 1 else np.int64(ON_IPV6) if high == 2 else np.int64(SOCKETS)


@kernel
def read_tlv(wire: Wire, kind: Int, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read one thing that the proxy adds."""
    if kind == ALPN:
        record["alpn"] = save(out, AT.alpn, wire, at, end)
    elif kind == AUTHORITY:
        record["authority"] = save(out, AT.authority, wire, at, end)
    elif kind == TLS and end - at >= TLS_HEAD:
        if u8(wire, at) & CERTIFICATE:
            record["tls_verified"] = 1 if u32(wire, at + 1) == 0 else 0
        read_tls(wire, at + TLS_HEAD, end, record, out)


@kernel
def read_tls(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read what the proxy tells of the TLS that it ended (§2.2.5)."""
    for _ in range(MOST_TLVS):
        if end - at < TLV_HEAD or u16(wire, at + 1) > end - at - TLV_HEAD:
            return
        kind, begin, stop = u8(wire, at), at + TLV_HEAD, at + TLV_HEAD + u16(wire, at + 1)
        if kind == TLS_VERSION:
            record["tls_version"] = save(out, AT.tls_version, wire, begin, stop)
        elif kind == TLS_CIPHER:
            record["tls_cipher"] = save(out, AT.tls_cipher, wire, begin, stop)
        elif kind == TLS_NAME:
            record["client_name"] = save(out, AT.client_name, wire, begin, stop)
        at = stop


@kernel
def finish(conn: Row, out: Out) -> None:
    """Nothing stays open: a header is read when it is whole."""


PROXY_PROTOCOL = Protocol(
    "proxy-protocol",
    "PROXY protocol",
    "HAProxy proxy-protocol.txt",
    signatures=begins(
        "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "\r\n\r\n\0\r\nQUIT\n", verdict=YES, transport="tcp"
    ),
    transports=("tcp",),
    aliases={"ndpi": ("HAProxy",), "wireshark": ("proxy",)},
)

DISSECTOR = Dissector(PROXY_PROTOCOL, (ProxyRecord,), STATE, advance=advance, finish=finish, anomalies=ANOMALIES)

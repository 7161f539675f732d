"""DHCP for IPv4 (RFC 2131, RFC 2132), and BOOTP in its form.

One record for each message; what belongs together has the same transaction id. Not read:
authentication and vendors' own options. Of options in pieces only text is put together.

Theory of operation: behind a fixed header and a magic number come options, each with code
and length. The fields for a boot file and a server's name may hold options as well.
"""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.schema import (
    ENDPOINT,
    NO_TEXT,
    PERSON,
    PROTOCOL,
    U16,
    U32,
    Bool,
    Field,
    IPv4,
    Mac,
    Octets,
    Protocol,
    Record,
    Signature,
    Text,
    TextList,
    U32List,
    Verdict,
    code,
)
from sonde.table.out import (
    LENGTH_BITS,
    LENGTH_MASK,
    MALFORMED,
    OWN_ANOMALY,
    TEXT,
    TRUNCATED,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_ipv4,
    put_octet,
    put_octets,
    put_u32,
    save,
)
from sonde.wire import Int, Row, Wire, kernel, octets, u8, u16, u32, u48

# Octet offsets in the header (RFC 2131 §2, figure 1).
OP, HARDWARE, HARDWARE_LENGTH, XID, SECS, FLAGS = 0, 1, 2, 4, 8, 10
CLIENT, ASSIGNED, NEXT_SERVER, RELAY, MAC, SERVER_NAME, FILE, COOKIE, OPTIONS = 12, 16, 20, 24, 28, 44, 108, 236, 240
MAGIC = octets(b"\x63\x82\x53\x63")  # §3
ETHERNET = 1  # RFC 1700: hardware types
MAX_OPTIONS = 255

ANOMALIES = ("option_cut", "no_options", "too_many_options")
OPTION_CUT, NO_OPTIONS, TOO_MANY = (1 << (OWN_ANOMALY + bit) for bit in range(len(ANOMALIES)))

# Options (RFC 2132, RFC 3046, RFC 4578, RFC 4702).
(
    PAD, MASK, ROUTERS, NAME_SERVERS, HOST_NAME, DOMAIN, REQUESTED, LEASE, OVERLOAD, KIND, SERVER_ID, PARAMETERS,
    MESSAGE, MOST, RENEWAL, REBINDING, VENDOR, CLIENT_ID, TFTP_NAME, BOOT_FILE, USER_CLASS, FQDN, RELAY_AGENT,
    ARCHITECTURE, END,
) = 0, 1, 3, 6, 12, 15, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 67, 77, 81, 82, 93, 255  # fmt: skip
#: Least octets of options that are numbers or addresses; -1 for those that are text, 0 for what is not read.
SIZES = np.zeros(256, np.int64)
for _option, _size in {
    MASK: 4, ROUTERS: 4, NAME_SERVERS: 4, REQUESTED: 4, LEASE: 4, OVERLOAD: 1, KIND: 1, SERVER_ID: 4, MOST: 2,
    RENEWAL: 4, REBINDING: 4, ARCHITECTURE: 2, FQDN: 3, PARAMETERS: 1,
}.items():  # fmt: skip
    SIZES[_option] = _size
for _option in (HOST_NAME, DOMAIN, MESSAGE, VENDOR, CLIENT_ID, TFTP_NAME, BOOT_FILE, USER_CLASS, RELAY_AGENT):
    SIZES[_option] = -1
FQDN_FIXED, FQDN_ENCODED = 3, 4  # octets before the name; the flag that it is in DNS form (RFC 4702 §2.1)

_MESSAGES = """
    DISCOVER OFFER REQUEST DECLINE ACK NAK RELEASE INFORM FORCERENEW LEASEQUERY LEASEUNASSIGNED LEASEUNKNOWN LEASEACTIVE
    BULKLEASEQUERY LEASEQUERYDONE ACTIVELEASEQUERY LEASEQUERYSTATUS TLS"""
MESSAGES = dict(enumerate(_MESSAGES.split(), 1))
MessageKind = code(MESSAGES)
Direction = code({1: "request", 2: "reply"})


class DhcpRecord(Record):
    """One DHCP message (RFC 2131 §2)."""

    message: Annotated[MessageKind, Field("Kind of message; none in BOOTP", PROTOCOL, ref="RFC 2132 §9.6")]  # type: ignore[valid-type]
    direction: Annotated[Direction, Field("To the server or from it", PROTOCOL)]  # type: ignore[valid-type]
    trans_id: Annotated[U32, Field("Number that joins messages", PROTOCOL)]
    seconds: Annotated[U16, Field("Since the client began", PROTOCOL, unit="s")]
    broadcast: Annotated[Bool, Field("Client wants the answer by broadcast", PROTOCOL, ref="RFC 2131 §4.1")]
    client_mac: Annotated[Mac, Field("Hardware address of the client", ENDPOINT)]
    client_ip: Annotated[IPv4, Field("Address the client has already", ENDPOINT)]
    assigned_ip: Annotated[IPv4, Field("Address the client gets", ENDPOINT)]
    next_server_ip: Annotated[IPv4, Field("Server to boot from", ENDPOINT)]
    relay_ip: Annotated[IPv4, Field("Relay agent on the client's network", ENDPOINT)]
    requested_ip: Annotated[IPv4, Field("Address the client asks for", ENDPOINT, ref="RFC 2132 §9.1")]
    server_id: Annotated[IPv4, Field("Server that is chosen or answers", ENDPOINT, ref="RFC 2132 §9.7")]
    subnet_mask: Annotated[IPv4, Field("Mask of the client's network", PROTOCOL, ref="RFC 2132 §3.3")]
    routers: Annotated[
        TextList, Field("Routers on the client's network", ENDPOINT, ref="RFC 2132 §3.5", holds="address")
    ]
    name_servers: Annotated[TextList, Field("DNS servers", ENDPOINT, ref="RFC 2132 §3.8", holds="address")]
    lease_time: Annotated[U32, Field("How long the address may be kept", PROTOCOL, unit="s", ref="RFC 2132 §9.2")]
    renewal_time: Annotated[U32, Field("When to renew it", PROTOCOL, unit="s", ref="RFC 2132 §9.11")]
    rebinding_time: Annotated[U32, Field("When to ask any server", PROTOCOL, unit="s", ref="RFC 2132 §9.12")]
    host_name: Annotated[Text, Field("Name of the client", ENDPOINT, ref="RFC 2132 §3.14", holds="host")]
    client_fqdn: Annotated[Text, Field("Full name of the client", ENDPOINT, ref="RFC 4702", holds="host")]
    domain: Annotated[Text, Field("Domain that the client is in", ENDPOINT, ref="RFC 2132 §3.17", holds="host")]
    client_id: Annotated[Octets, Field("What the client calls itself", ENDPOINT, ref="RFC 2132 §9.14")]
    vendor_class: Annotated[Text, Field("Kind of client or vendor", ENDPOINT, ref="RFC 2132 §9.13")]
    user_class: Annotated[Octets, Field("Kind of user", PERSON, ref="RFC 3004")]
    relay_agent: Annotated[Octets, Field("Circuit and host, as the relay tells", ENDPOINT, ref="RFC 3046")]
    parameters: Annotated[U32List, Field("Options the client asks for, in order", PROTOCOL, ref="RFC 2132 §9.8")]
    options: Annotated[U32List, Field("Options that are there, in order", PROTOCOL)]
    max_size: Annotated[U16, Field("Largest message taken", PROTOCOL, unit="octets", ref="RFC 2132 §9.10")]
    architecture: Annotated[U16, Field("Architecture of a client that boots", PROTOCOL, ref="RFC 4578 §2.1")]
    client_message: Annotated[Text, Field("What the client says", ENDPOINT, ref="RFC 2132 §9.9")]
    server_message: Annotated[Text, Field("What the server says", ENDPOINT, ref="RFC 2132 §9.9")]
    boot_server: Annotated[Text, Field("Name of the server to boot from", ENDPOINT, ref="RFC 2132 §9.4")]
    boot_file: Annotated[Text, Field("File to boot", ENDPOINT, ref="RFC 2132 §9.5")]


AT = places(DhcpRecord)


@kernel
def receive(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read one message into one row."""
    row = open_row(out, turn)
    record = out.rows[row]
    if end - at < COOKIE:
        record["status"] = TRUNCATED
    elif not 1 <= u8(wire, at) <= 2:
        record["status"] = MALFORMED
    else:
        conn["confirmed"] = 1
        read_message(wire, at, end, record, out)
        if turn["missing"] > 0:
            record["status"] = TRUNCATED
    close_row(out, row)


@kernel
def read_message(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read the header, then the options wherever they are."""
    record["direction"] = u8(wire, at)
    record["trans_id"] = u32(wire, at + XID)
    record["seconds"] = u16(wire, at + SECS)
    record["broadcast"] = u16(wire, at + FLAGS) >> 15
    if u8(wire, at + HARDWARE) == ETHERNET and u8(wire, at + HARDWARE_LENGTH) == 6:
        record["client_mac"] = u48(wire, at + MAC)
    record["client_ip"] = address(wire, at + CLIENT)
    record["assigned_ip"] = address(wire, at + ASSIGNED)
    record["next_server_ip"] = address(wire, at + NEXT_SERVER)
    record["relay_ip"] = address(wire, at + RELAY)
    if end - at < OPTIONS or u32(wire, at + COOKIE) != u32(MAGIC, 0):
        record["anomaly"] |= np.uint64(NO_OPTIONS)
        return
    overload = read_options(wire, at + OPTIONS, end, record, out)
    if overload & 1:
        read_options(wire, at + FILE, at + COOKIE, record, out)
    elif record["boot_file"] == NO_TEXT:
        record["boot_file"] = add_text(wire, at + FILE, at + COOKIE, record["boot_file"], AT.boot_file, out)
    if overload & 2:
        read_options(wire, at + SERVER_NAME, at + FILE, record, out)
    elif record["boot_server"] == NO_TEXT:
        record["boot_server"] = add_text(wire, at + SERVER_NAME, at + FILE, record["boot_server"], AT.boot_server, out)
    list_options(wire, at, end, overload, record, out)


@kernel
def address(wire: Wire, at: Int) -> Int:
    """Read an address; all zeros is none."""
    found = u32(wire, at)
    return found if found else -1


@kernel
def read_options(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> Int:
    """Read the options in wire[at:end]; give which other fields hold options (RFC 2132 §9.3)."""
    overload = 0
    for _ in range(MAX_OPTIONS):
        while at < end and wire[at] == PAD:
            at += 1
        if at >= end or wire[at] == END:
            return overload
        stop = at + 2 + u8(wire, at + 1) if end - at >= 2 else end + 1
        if stop > end:
            record["anomaly"] |= np.uint64(OPTION_CUT)
            return overload
        option, size = u8(wire, at), SIZES[wire[at]]
        if option == OVERLOAD and stop - at >= 3:
            overload = u8(wire, at + 2) & 3
        elif size < 0:
            read_text(wire, at + 2, stop, option, record, out)
        elif size > 0 and stop - at - 2 >= size:
            read_number(wire, at + 2, stop, option, record, out)
        at = stop
    record["anomaly"] |= np.uint64(TOO_MANY)
    return overload


@kernel
def read_number(wire: Wire, at: Int, end: Int, option: Int, record: Row, out: Out) -> None:
    """Read an option that is a number, an address, or a list of them."""
    number = u32(wire, at) if end - at >= 4 else u16(wire, at) if end - at >= 2 else u8(wire, at)
    if option == KIND:
        record["message"] = u8(wire, at)
    elif option == REQUESTED:
        record["requested_ip"] = number
    elif option == SERVER_ID:
        record["server_id"] = number
    elif option == MASK:
        record["subnet_mask"] = number
    elif option == LEASE:
        record["lease_time"] = number
    elif option == RENEWAL:
        record["renewal_time"] = number
    elif option == REBINDING:
        record["rebinding_time"] = number
    elif option == MOST:
        record["max_size"] = u16(wire, at)
    elif option == ARCHITECTURE:
        record["architecture"] = u16(wire, at)
    elif option == FQDN:
        record["client_fqdn"] = save_fqdn(wire, at, end, record["client_fqdn"], out)
    else:
        span = list_values(wire, at, end, option, out)
        if option == ROUTERS:
            record["routers"] = span
        elif option == NAME_SERVERS:
            record["name_servers"] = span
        else:
            record["parameters"] = span


@kernel
def list_values(wire: Wire, at: Int, end: Int, option: Int, out: Out) -> Int:
    """Keep a list of addresses, or of the options that a client asks for."""
    begun = begin_text(out)
    field = AT.routers if option == ROUTERS else AT.name_servers
    if option == PARAMETERS:
        field = AT.parameters
        for place in range(at, end):
            put_u32(out, u8(wire, place))
    else:
        for place in range(at, end - 3, 4):
            item = begin_item(out)
            put_ipv4(out, wire, place)
            end_item(out, item)
    return end_text(out, field, begun)


@kernel
def read_text(wire: Wire, at: Int, end: Int, option: Int, record: Row, out: Out) -> None:
    """Keep an option that is text or opaque."""
    if option == CLIENT_ID:
        record["client_id"] = save(out, AT.client_id, wire, at, end)
    elif option == USER_CLASS:
        record["user_class"] = save(out, AT.user_class, wire, at, end)
    elif option == RELAY_AGENT:
        record["relay_agent"] = save(out, AT.relay_agent, wire, at, end)
    elif option == HOST_NAME:
        record["host_name"] = add_text(wire, at, end, record["host_name"], AT.host_name, out)
    elif option == DOMAIN:
        record["domain"] = add_text(wire, at, end, record["domain"], AT.domain, out)
    elif option == VENDOR:
        record["vendor_class"] = add_text(wire, at, end, record["vendor_class"], AT.vendor_class, out)
    elif option == TFTP_NAME:
        record["boot_server"] = add_text(wire, at, end, record["boot_server"], AT.boot_server, out)
    elif option == BOOT_FILE:
        record["boot_file"] = add_text(wire, at, end, record["boot_file"], AT.boot_file, out)
    elif record["direction"] == 1:
        record["client_message"] = add_text(wire, at, end, record["client_message"], AT.client_message, out)
    else:
        record["server_message"] = add_text(wire, at, end, record["server_message"], AT.server_message, out)


@kernel
def add_text(wire: Wire, at: Int, end: Int, before: Int, field: Int, out: Out) -> Int:
    """Keep text up to the first zero, behind what an earlier option of its code held (RFC 3396 §7)."""
    begun = begin_text(out)
    if before >= 0:
        put_octets(out, out.text, before >> LENGTH_BITS, (before >> LENGTH_BITS) + (before & LENGTH_MASK))
    while at < end and wire[at] != 0:
        put_octet(out, np.int64(wire[at]))
        at += 1
    return end_text(out, field, begun) if out.count[TEXT] > begun else NO_TEXT


@kernel
def save_fqdn(wire: Wire, at: Int, end: Int, before: Int, out: Out) -> Int:
    """Keep a full name, whether in the form of DNS or of text (RFC 4702 §2.3)."""
    if u8(wire, at) & FQDN_ENCODED == 0:
        return add_text(wire, at + FQDN_FIXED, end, before, AT.client_fqdn, out)
    at += FQDN_FIXED
    begun = begin_text(out)
    dotted = False
    while at < end and 0 < wire[at] < 64 and at + u8(wire, at) < end:
        if dotted:
            put_octet(out, 46)
        dotted = True
        put_octets(out, wire, at + 1, at + 1 + u8(wire, at))
        at += 1 + u8(wire, at)
    return end_text(out, AT.client_fqdn, begun) if dotted else NO_TEXT


@kernel
def list_options(wire: Wire, start: Int, end: Int, overload: Int, record: Row, out: Out) -> None:
    """Keep the codes of all options in the order in which they are read."""
    begun = begin_text(out)
    for part in range(3):
        at, stop = start + OPTIONS, end
        if part == 1:
            at, stop = start + FILE, start + COOKIE
        elif part == 2:
            at, stop = start + SERVER_NAME, start + FILE
        if part > 0 and overload & part == 0:
            continue
        for _ in range(MAX_OPTIONS):
            while at < stop and wire[at] == PAD:
                at += 1
            if stop - at < 2 or wire[at] == END or at + 2 + u8(wire, at + 1) > stop:
                break
            put_u32(out, u8(wire, at))
            at += 2 + u8(wire, at + 1)
    record["options"] = end_text(out, AT.options, begun)


@kernel
def finish(conn: Row, out: Out) -> None:
    """Nothing stays open between messages."""


DHCP = Protocol(
    "dhcp",
    "Dynamic Host Configuration Protocol",
    "RFC 2131",
    udp_ports=(67, 68, 4011),
    client_ports=(68,),
    signatures=(
        Signature(((0, b"\1"), (COOKIE, MAGIC.tobytes())), Verdict.YES, transport="udp"),
        Signature(((0, b"\2"), (COOKIE, MAGIC.tobytes())), Verdict.YES, transport="udp"),
    ),
    transports=("udp",),
    aliases={"ndpi": ("DHCP",), "zeek": ("dhcp",), "wireshark": ("dhcp", "bootp")},
)

DISSECTOR = Dissector(DHCP, (DhcpRecord,), state(), receive=receive, finish=finish, anomalies=ANOMALIES)

"""SOCKS version 5 (RFC 1928, RFC 1929) and version 4 with 4a (Y.-D. Lee, "SOCKS: A protocol for TCP proxy ...").

One record for each connection: what was asked of the proxy and what it answered. What goes
through it is another protocol, which is identified and dissected as if it stood alone. Not
read: passwords, what GSS-API protects, and datagrams that are relayed.

Theory of operation: each side says little, in a fixed order; a message is read once it is
whole, and `phase` counts those of a side. Where a client sends on before it is answered,
its octets wait until the answer says whose they are. Where only names are wanted all of it
is read as well, for what comes behind it has names too.
"""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.schema import (
    ENDPOINT,
    MAYBE,
    PERSON,
    PRINTABLE,
    PROTOCOL,
    U8,
    U16,
    YES,
    At,
    Bool,
    Field,
    Number,
    Only,
    Protocol,
    Record,
    Signature,
    Text,
    code,
)
from sonde.table.out import (
    GAP,
    OWN_ANOMALY,
    UNANSWERED,
    close_row,
    open_row,
    save,
    save_address,
)
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u24

VERSION_4, VERSION_5, PASSWORD_VERSION = 4, 5, 1
CONNECT, BIND = 1, 2
GSSAPI, NO_METHOD = 1, 0xFF
ON_IPV4, BY_NAME, ON_IPV6 = 1, 3, 4
GRANTED_4, GRANTED_5 = 90, 0
GREETING, ASKING, WAITING = range(3)  # conn["phase"] of the client; of the server the first two
MOST_TEXT_4 = 512  # octets of a user or name of version 4
SHORTEST_4, REPLY_4 = 9, 8  # octets

ANOMALIES = ("malformed",)
MALFORMED = 1 << OWN_ANOMALY

METHODS = {
    0: "none", 1: "gssapi", 2: "password", 3: "chap", 5: "challenge-response", 6: "ssl", 7: "nds",
    8: "multi-authentication", 9: "json", 255: "none-acceptable",
}  # fmt: skip
REPLIES = {
    0: "succeeded", 1: "general-failure", 2: "not-allowed", 3: "network-unreachable", 4: "host-unreachable",
    5: "connection-refused", 6: "ttl-expired", 7: "command-not-supported", 8: "address-type-not-supported",
    90: "granted", 91: "rejected", 92: "no-identd", 93: "other-user",
}  # fmt: skip
Command = code({CONNECT: "connect", BIND: "bind", 3: "udp-associate"})
Method = code(METHODS)
Reply = code(REPLIES)


class SocksRecord(Record):
    """One connection to a SOCKS proxy (RFC 1928 §3 to §6)."""

    version: Annotated[U8, Field("Version, 4 or 5", PROTOCOL)]
    method: Annotated[Method, Field("How the client is to authenticate", PROTOCOL, ref="§3")]  # type: ignore[valid-type]
    user: Annotated[Text, Field("Who the client says it is", PERSON, ref="RFC 1929 §2")]
    auth_success: Annotated[Bool, Field("The proxy took the password", PROTOCOL, ref="RFC 1929 §2")]
    command: Annotated[Command, Field("What is asked of the proxy", PROTOCOL, ref="§4")]  # type: ignore[valid-type]
    request_host: Annotated[Text, Field("Address to connect to", ENDPOINT, ref="§4", holds="address")]
    request_name: Annotated[Text, Field("Name to connect to", ENDPOINT, ref="§4", names_application="host")]
    request_port: Annotated[U16, Field("Port to connect to", PROTOCOL, ref="§4")]
    reply: Annotated[Reply, Field("What the proxy answers", PROTOCOL, ref="§6")]  # type: ignore[valid-type]
    bound_host: Annotated[Text, Field("Address that the proxy uses", ENDPOINT, ref="§6", holds="address")]
    bound_name: Annotated[Text, Field("Name that the proxy uses", ENDPOINT, ref="§6", holds="host")]
    bound_port: Annotated[U16, Field("Port that the proxy uses", PROTOCOL, ref="§6")]


AT = places(SocksRecord)
STATE = state(
    ("row", "i8"),
    ("version", "u1"),
    ("open", "u1"),
    ("client", "u1"),  # its side
    ("command", "u1"),
    ("method", "u1"),
    ("answers", "u1"),
    ("phase", "u1", (2,)),
)


@kernel
def advance(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Read a message of either side."""
    side, first = np.int64(turn["side"]), u8(octets, at)
    if conn["lost"][side] == 1:
        leave(conn, GAP, out)
        return end - at
    if conn["version"] == 0:
        if first != VERSION_4 and first != VERSION_5:
            conn["violated"] = 1
            leave(conn, 0, out)
            return end - at
        conn["version"], conn["client"], conn["open"] = first, side, 1
        conn["row"] = open_row(out, turn)
        out.rows[conn["row"]]["version"] = first
    if side == conn["client"]:
        return ask(octets, at, end, conn, side, out)
    return answer(octets, at, end, conn, side, out)


@kernel
def leave(conn: Row, anomaly: Int, out: Out) -> None:
    """Read no more of a connection."""
    if conn["open"] == 1 and anomaly:
        out.rows[conn["row"]]["anomaly"] |= np.uint64(anomaly)
    conn["done"][0], conn["done"][1] = 1, 1


@kernel
def give_up(conn: Row, out: Out) -> Int:
    """Note what is no message of SOCKS; nothing of it is consumed."""
    if conn["confirmed"] == 0:
        conn["violated"] = 1
    leave(conn, MALFORMED, out)
    return np.int64(0)


@kernel
def ask(octets: Wire, at: Int, end: Int, conn: Row, side: Int, out: Out) -> Int:
    """Read what the client says: greeting, credentials, request."""
    record, phase, first = out.rows[conn["row"]], conn["phase"][side], u8(octets, at)
    if phase == WAITING:
        return np.int64(0)
    if conn["version"] == VERSION_4:
        return ask_4(octets, at, end, conn, side, out)
    if end - at < 2:
        return np.int64(0)
    if phase == GREETING:
        size = 2 + u8(octets, at + 1)
        if end - at >= size:
            conn["phase"][side] = ASKING
        return size if end - at >= size else np.int64(0)
    if first == PASSWORD_VERSION and conn["method"] != GSSAPI:
        user_end = at + 2 + u8(octets, at + 1)
        if user_end >= end or user_end + 1 + u8(octets, user_end) > end:
            return np.int64(0)
        record["user"] = save(out, AT.user, octets, at + 2, user_end)
        return user_end + 1 + u8(octets, user_end) - at
    if first != VERSION_5 or conn["method"] == GSSAPI:
        return give_up(conn, out)
    stop = target_end(octets, at, end)
    if stop <= 0:
        return np.int64(0) if stop == 0 else give_up(conn, out)
    record["command"], conn["command"] = u8(octets, at + 1), u8(octets, at + 1)
    kind = u8(octets, at + 3)
    if kind == BY_NAME:
        record["request_name"] = save(out, AT.request_name, octets, at + 5, stop - 2)
    else:
        record["request_host"] = save_address(
            out, AT.request_host, octets, at + 4, np.int64(4 if kind == ON_IPV4 else 16)
        )
    asked(conn, side, record, u16(octets, stop - 2))
    return stop - at


@kernel
def asked(conn: Row, side: Int, record: Row, port: Int) -> None:
    """Wait for what the proxy answers."""
    record["request_port"] = port
    conn["phase"][side] = WAITING


@kernel
def target_end(octets: Wire, at: Int, end: Int) -> Int:
    """Give where a request or reply of version 5 ends (§5); 0 where it is cut, -1 where it is none."""
    if end - at < 5:
        return np.int64(0)
    kind = u8(octets, at + 3)
    size = 4 if kind == ON_IPV4 else 16 if kind == ON_IPV6 else 1 + u8(octets, at + 4)
    if u8(octets, at + 2) != 0 or (kind != ON_IPV4 and kind != BY_NAME and kind != ON_IPV6):
        return np.int64(-1)
    stop = at + 4 + size + 2
    return stop if stop <= end else np.int64(0)


@kernel
def text_end(octets: Wire, at: Int, end: Int) -> Int:
    """Give where a text of version 4 ends: at a zero; -1 where it is cut, -2 where it is too long."""
    for place in range(at, min(end, at + MOST_TEXT_4)):
        if octets[place] == 0:
            return place
    return -2 if end - at >= MOST_TEXT_4 else -1


@kernel
def ask_4(octets: Wire, at: Int, end: Int, conn: Row, side: Int, out: Out) -> Int:
    """Read the one request of version 4: command, port, address, user, and in 4a a name."""
    if end - at < SHORTEST_4:
        return np.int64(0)
    record = out.rows[conn["row"]]
    user_end = text_end(octets, at + 8, end)
    stop = user_end
    named = u24(octets, at + 4) == 0 and u8(octets, at + 7) != 0
    if user_end >= 0 and named:
        stop = text_end(octets, user_end + 1, end)
    if stop < 0:
        return np.int64(0) if stop == -1 else give_up(conn, out)
    record["command"], conn["command"] = u8(octets, at + 1), u8(octets, at + 1)
    if user_end > at + 8:
        record["user"] = save(out, AT.user, octets, at + 8, user_end)
    if named:
        record["request_name"] = save(out, AT.request_name, octets, user_end + 1, stop)
    else:
        record["request_host"] = save_address(out, AT.request_host, octets, at + 4, np.int64(4))
    asked(conn, side, record, u16(octets, at + 2))
    return stop + 1 - at


@kernel
def answer(octets: Wire, at: Int, end: Int, conn: Row, side: Int, out: Out) -> Int:
    """Read what the proxy says: the method it chose, whether it took the password, its reply."""
    record, first = out.rows[conn["row"]], u8(octets, at)
    if conn["version"] == VERSION_4:
        if end - at < REPLY_4:
            return np.int64(0) if first == 0 else give_up(conn, out)
        if first != 0:
            return give_up(conn, out)
        record["bound_host"] = save_address(out, AT.bound_host, octets, at + 4, np.int64(4))
        return at_reply(conn, record, u8(octets, at + 1), u16(octets, at + 2), GRANTED_4, REPLY_4)
    if end - at < 2:
        return np.int64(0)
    if conn["phase"][side] == GREETING:
        if first != VERSION_5:
            return give_up(conn, out)
        conn["phase"][side], conn["confirmed"] = ASKING, 1
        conn["method"] = u8(octets, at + 1)
        record["method"] = u8(octets, at + 1)
        if conn["method"] == GSSAPI or conn["method"] == NO_METHOD:
            leave(conn, 0, out)
        return np.int64(2)
    if first == PASSWORD_VERSION:
        taken = u8(octets, at + 1) == 0
        record["auth_success"] = 1 if taken else 0
        if not taken:
            leave(conn, 0, out)
        return np.int64(2)
    stop = target_end(octets, at, end)
    if first != VERSION_5 or stop < 0:
        return give_up(conn, out)
    if stop == 0:
        return np.int64(0)
    kind = u8(octets, at + 3)
    if kind == BY_NAME:
        record["bound_name"] = save(out, AT.bound_name, octets, at + 5, stop - 2)
    else:
        record["bound_host"] = save_address(out, AT.bound_host, octets, at + 4, np.int64(4 if kind == ON_IPV4 else 16))
    return at_reply(conn, record, u8(octets, at + 1), u16(octets, stop - 2), GRANTED_5, stop - at)


@kernel
def at_reply(conn: Row, record: Row, reply: Int, port: Int, granted: Int, size: Int) -> Int:
    """Note a reply: what is asked fails, or the proxy's next octets are those of another protocol."""
    record["reply"], record["bound_port"] = reply, port
    conn["confirmed"] = 1
    conn["answers"] += 1
    if reply != granted or (conn["command"] != CONNECT and conn["command"] != BIND):
        conn["done"][0], conn["done"][1] = 1, 1
    elif conn["command"] == CONNECT or conn["answers"] == 2:  # BIND is answered twice (§6)
        conn["switch"] = 1
    return size


@kernel
def finish(conn: Row, out: Out) -> None:
    """Close the row: the flow ended, or another protocol begins."""
    if conn["open"] == 1:
        conn["open"] = 0
        if conn["answers"] == 0:
            out.rows[conn["row"]]["anomaly"] |= np.uint64(UNANSWERED)
        close_row(out, conn["row"])


OFFERED = bytes([*(number for number in METHODS if number < NO_METHOD), 0x80, 0x86])  # as registered with IANA

SOCKS = Protocol(
    "socks",
    "SOCKS",
    "RFC 1928",
    tcp_ports=(1080, 9050, 9150),
    signatures=(
        # RFC 1928 §3: version, how many methods, the methods.
        *(
            Signature(
                (At(0, b"\x05"), At(1, bytes([count])), Only(2, 2 + count, OFFERED)),
                MAYBE,
                "orig",
                "tcp",
                2 + count,
                2 + count,
            )
            for count in range(1, 9)
        ),
        Signature((At(0, b"\x05"), Only(1, 2, OFFERED + b"\xff")), MAYBE, "resp", "tcp", 2, 2),
        # §4: a request may follow at once where no method must be waited for; §6: so may the reply.
        Signature((At(0, b"\x05\x01\0\x05"), Number(4, 1, 1, 3), At(5, b"\0"), Number(6, 1, 1, 4)), YES, "orig", "tcp"),
        Signature((At(0, b"\x05"), Number(1, 1, 0, 8), At(2, b"\0"), Number(3, 1, 1, 4)), MAYBE, "resp", "tcp", 10, 22),
        # Version 4: connect or bind; user and name (4a) end with zero.
        Signature(
            (At(0, b"\x04"), Number(1, 1, 1, 2), Number(2, 2, 1, 65535), At(-1, b"\0"), Only(8, -1, PRINTABLE + b"\0")),
            MAYBE,
            "orig",
            "tcp",
            9,
            300,
        ),
        Signature((At(0, b"\0"), Number(1, 1, 90, 93)), MAYBE, "resp", "tcp", 8, 8),
    ),
    transports=("tcp",),
    starts_tls=True,
    aliases={"ndpi": ("SOCKS",), "zeek": ("socks",), "wireshark": ("socks",)},
)

DISSECTOR = Dissector(SOCKS, (SocksRecord,), STATE, advance=advance, finish=finish, anomalies=ANOMALIES)

"""SSH, the Secure Shell (RFC 4253), and the banners of its version 1.

One record for each connection: what both sides say in clear, and what the sizes of the
first encrypted messages tell of authentication. Not read: everything else encrypted, the
keys exchanged, and version 1 beyond its banners.

Theory of operation: each side sends a line that begins with SSH-, then packets in clear up
to NEWKEYS, then only ciphertext. The kernel finds the messages and keeps both KEXINITs as
they are; what follows from them (lists, choices, fingerprints) is derived in Python, once
for each distinct pair of a run, because most clients of the world send one of a few lists.

Authentication (RFC 4252) is told by sizes alone. The server's answer to the request for the
service is SERVICE_ACCEPT, 17 octets; USERAUTH_SUCCESS is one octet, and shorter by 16 under
every padding rule in use. What answers the first attempt otherwise is a failure, for clients
begin with the method `none`; answers of its size are failures too. Messages are told apart
by the segments they come in.
"""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Out, places, state
from sonde.dissect.secure_shell.choices import complete
from sonde.schema import (
    ABSENT,
    ENDPOINT,
    PROTOCOL,
    U8,
    Bool,
    Field,
    Octets,
    Protocol,
    Record,
    Signature,
    Text,
    TextList,
    Verdict,
)
from sonde.table.out import GAP, OWN_ANOMALY, TRUNCATED, UNANSWERED, UNASKED, close_row, open_row, save
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts, u8, u32

BANNER, PACKETS, CIPHERTEXT = range(3)  # conn["phase"][side]
MARK, DASH, DOT, CR, LF = octets("SSH-"), 45, 46, 13, 10
MAX_LINE = 1024  # RFC 4253 §4.2 allows 255; some devices send more
MAX_LINES = 32  # that a server may send before its banner
HEADER, LEAST_PACKET, MOST_PACKET = 5, 5, 1 << 16  # §6: 35000 octets are the least that must be taken
CLIENT_FIRST, CLIENT_LAST = 30, 34  # of these the even ones
PUBKEY, REPLY, GROUP_REPLY = 30, 31, 33  # messages that begin with the host key (RFC 4432, §8, RFC 4419)
KEXINIT, NEWKEYS, COOKIE = 20, 21, 16
MAX_KEY_NAME = 64  # §6.6: names of algorithms
SHORTER = 16  # how much shorter USERAUTH_SUCCESS is than SERVICE_ACCEPT
MOST_WEIGHED = 100  # segments of the server after which nothing is told any more

ANOMALIES = ("bad_packet", "lines_before_banner", "not_a_banner")
BAD_PACKET, EARLY_LINES, NO_BANNER = (1 << (OWN_ANOMALY + bit) for bit in range(len(ANOMALIES)))


class SshRecord(Record):
    """One SSH connection."""

    version: Annotated[U8, Field("Protocol version, 1 or 2", PROTOCOL, ref="RFC 4253 §5.1")]
    client: Annotated[Text, Field("Version line of the client", ENDPOINT, ref="RFC 4253 §4.2")]
    server: Annotated[Text, Field("Version line of the server", ENDPOINT, ref="RFC 4253 §4.2")]
    auth_success: Annotated[Bool, Field("Authentication succeeded, as sizes tell", PROTOCOL)]
    auth_attempts: Annotated[U8, Field("Attempts to authenticate, as sizes tell", PROTOCOL)]
    kex_alg: Annotated[Text, Field("Key exchange method agreed on", PROTOCOL, ref="RFC 4253 §7.1", derived=True)]
    host_key_alg: Annotated[Text, Field("Host key algorithm agreed on", PROTOCOL, derived=True)]
    cipher_alg: Annotated[Text, Field("Cipher from client to server", PROTOCOL, derived=True)]
    server_cipher_alg: Annotated[Text, Field("Cipher from server to client", PROTOCOL, derived=True)]
    # Not used where the cipher authenticates by itself.
    mac_alg: Annotated[Text, Field("MAC from client to server", PROTOCOL, derived=True)]
    server_mac_alg: Annotated[Text, Field("MAC from server to client", PROTOCOL, derived=True)]
    compression_alg: Annotated[Text, Field("Compression from client to server", PROTOCOL, derived=True)]
    server_compression_alg: Annotated[Text, Field("Compression from server to client", PROTOCOL, derived=True)]
    host_key_fingerprint: Annotated[Text, Field("SHA-256 of the host key, base 64", ENDPOINT, derived=True)]
    host_key_type: Annotated[Text, Field("Kind of that key", PROTOCOL, ref="RFC 4253 §6.6", derived=True)]
    hassh: Annotated[Text, Field("HASSH fingerprint of the client", PROTOCOL, derived=True)]
    hassh_server: Annotated[Text, Field("HASSH fingerprint of the server", PROTOCOL, derived=True)]
    client_kex_algs: Annotated[TextList, Field("Key exchange methods the client offers", PROTOCOL, derived=True)]
    client_host_key_algs: Annotated[TextList, Field("Host key algorithms the client takes", PROTOCOL, derived=True)]
    client_ciphers: Annotated[TextList, Field("Ciphers the client offers to send", PROTOCOL, derived=True)]
    client_macs: Annotated[TextList, Field("MACs the client offers to send", PROTOCOL, derived=True)]
    client_compressions: Annotated[TextList, Field("Compressions the client offers", PROTOCOL, derived=True)]
    server_kex_algs: Annotated[TextList, Field("Key exchange methods the server offers", PROTOCOL, derived=True)]
    server_host_key_algs: Annotated[TextList, Field("Host key algorithms the server has", PROTOCOL, derived=True)]
    server_ciphers: Annotated[TextList, Field("Ciphers the server offers to send", PROTOCOL, derived=True)]
    server_macs: Annotated[TextList, Field("MACs the server offers to send", PROTOCOL, derived=True)]
    server_compressions: Annotated[TextList, Field("Compressions the server offers", PROTOCOL, derived=True)]
    client_lists: Annotated[Octets, Field("Name lists of the client's KEXINIT", PROTOCOL, internal=True)]
    server_lists: Annotated[Octets, Field("Name lists of the server's KEXINIT", PROTOCOL, internal=True)]
    host_key: Annotated[Octets, Field("The host key itself", ENDPOINT, internal=True)]


AT = places(SshRecord)
STATE = state(
    ("row", "i8"),
    ("accept_length", "i8"),  # octets of the segment with SERVICE_ACCEPT; 0 not yet seen
    ("failure_length", "i8"),  # of a failed attempt's answer; 0 none yet
    ("weighed", "i8"),  # segments of the server looked at
    ("phase", "u1", (2,)),
    ("lines", "u1", (2,)),
    ("major", "u1", (2,)),  # version that a side's banner offers: 1, 2, or 3 for both
    ("asked", "u1"),  # the client sent ciphertext
    ("flipped", "u1"),  # the responder turned out to be the client
    ("decided", "u1"),  # nothing more is told of authentication
)


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> Int:
    """Read a line, a packet, or pass over ciphertext; give how many octets were used."""
    side = np.int64(turn["side"])
    if conn["row"] == 0:
        conn["row"] = open_row(out, turn)
    record = out.rows[conn["row"]]
    phase = conn["phase"][side]
    if conn["lost"][side] == 1:
        conn["lost"][side] = 0
        conn["decided"] = 1  # sizes of what was lost are not known
        if phase != CIPHERTEXT:
            record["anomaly"] |= np.uint64(GAP)
            return stop_reading(end - at, conn)
    if phase == BANNER:
        return read_line(wire, at, end, conn, side, record, out)
    if phase == PACKETS:
        return read_packet(wire, at, end, conn, side, record, out)
    if side == np.int64(conn["flipped"]):
        conn["asked"] = 1
    elif conn["asked"] == 1 or conn["major"][1 - side] == 0:  # else it can only be EXT_INFO (RFC 8308 §2.4)
        weigh(end - at, conn, record)
    if conn["decided"] == 1:
        conn["done"][side] = 1
        conn["done"][1 - side] = max(conn["done"][1 - side], conn["phase"][1 - side] == CIPHERTEXT)
    return end - at


@kernel
def stop_reading(used: Int, conn: Row) -> Int:
    """Read no further, because what follows cannot be told."""
    conn["done"][0] = 1
    conn["done"][1] = 1
    return used


@kernel
def read_line(wire: Wire, at: Int, end: Int, conn: Row, side: Int, record: Row, out: Out) -> Int:
    """Read the banner, or a line before it (RFC 4253 §4.2)."""
    stop = find(wire, at, min(end, at + MAX_LINE), LF)
    if stop < 0 and end - at < MAX_LINE:
        return 0
    if stop < 0 or conn["lines"][side] == MAX_LINES:
        conn["violated"] = 1 - conn["confirmed"]
        record["anomaly"] |= np.uint64(NO_BANNER)
        return stop_reading(end - at, conn)
    if not starts(wire, at, stop, MARK) or stop - at < 8:
        record["anomaly"] |= np.uint64(EARLY_LINES)
        conn["lines"][side] += 1
        return stop + 1 - at
    last = stop - 1 if wire[stop - 1] == CR else stop
    conn["phase"][side] = PACKETS
    conn["confirmed"] = 1
    conn["major"][side] = version_of(wire, at + len(MARK), last)
    if side == 0:
        record["client"] = save(out, AT.client, wire, at, last)
    else:
        record["server"] = save(out, AT.server, wire, at, last)
    both = np.int64(conn["major"][0]) & np.int64(conn["major"][1])
    one = np.int64(conn["major"][0]) | np.int64(conn["major"][1])
    record["version"] = ABSENT if one == 3 and both == 0 else 1 if one == 1 or both == 1 else 2
    if conn["names_only"] == 1:
        return stop_reading(stop + 1 - at, conn)
    return stop + 1 - at


@kernel
def version_of(wire: Wire, at: Int, end: Int) -> Int:
    """Give what a banner offers: 1, 2, or 3 for both (RFC 4253 §5.1)."""
    dash = find(wire, at, end, DASH)
    if u8(wire, at) == 50:  # "2"
        return 2
    compatible = dash - at == 4 and u8(wire, at + 2) == 57 and u8(wire, at + 3) == 57  # "1.99"
    return 3 if compatible else 1


@kernel
def read_packet(wire: Wire, at: Int, end: Int, conn: Row, side: Int, record: Row, out: Out) -> Int:
    """Read a packet of the binary protocol that is not yet encrypted (RFC 4253 §6)."""
    if record["version"] == 1:
        return stop_reading(end - at, conn)
    if end - at <= HEADER:
        return 0
    length, padding = u32(wire, at), u8(wire, at + 4)
    if not LEAST_PACKET <= length <= MOST_PACKET or padding + 2 > length:
        if conn["major"][1 - side] != 0 or conn["major"][side] == 2:
            record["anomaly"] |= np.uint64(BAD_PACKET)
        return stop_reading(end - at, conn)
    if end - at < 4 + length:
        return 0
    kind, body, stop = u8(wire, at + HEADER), at + HEADER + 1, at + 4 + length - padding
    if CLIENT_FIRST <= kind <= CLIENT_LAST and kind & 1 == 0 and not is_key(wire, body, stop):
        settle_roles(side, conn, record)  # only clients send these, but for a key by RSA
    by_client = side == np.int64(conn["flipped"])
    if kind == KEXINIT and stop - body > COOKIE:
        if by_client:
            record["client_lists"] = save(out, AT.client_lists, wire, body + COOKIE, stop)
        else:
            record["server_lists"] = save(out, AT.server_lists, wire, body + COOKIE, stop)
    elif kind == NEWKEYS:
        conn["phase"][side] = CIPHERTEXT
    elif not by_client and (kind == PUBKEY or kind == REPLY or kind == GROUP_REPLY) and is_key(wire, body, stop):
        record["host_key"] = save(out, AT.host_key, wire, body + 4, body + 4 + u32(wire, body))
    return 4 + length


@kernel
def settle_roles(client: Int, conn: Row, record: Row) -> None:
    """Exchange what is known of both sides where the responder is the client, as behind some tunnels."""
    if client != np.int64(conn["flipped"]):
        conn["flipped"] = client
        record["client"], record["server"] = record["server"], record["client"]
        record["client_lists"], record["server_lists"] = record["server_lists"], record["client_lists"]


@kernel
def is_key(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether a string that holds a host key begins here: first in it stands its name (RFC 4253 §6.6)."""
    if end - at < 8 or u32(wire, at) > end - at - 4:
        return False
    length = u32(wire, at + 4)
    if not 0 < length <= min(MAX_KEY_NAME, u32(wire, at) - 4):
        return False
    for place in range(at + 8, at + 8 + length):
        if not 33 <= wire[place] <= 126:
            return False
    return True


@kernel
def weigh(length: Int, conn: Row, record: Row) -> None:
    """Tell from the size of the server's next encrypted segment how authentication goes."""
    conn["weighed"] += 1
    if conn["decided"] == 1 or conn["weighed"] > MOST_WEIGHED:
        conn["decided"] = 1
    elif conn["accept_length"] == 0:
        conn["accept_length"] = length
        record["auth_attempts"] = 0
    elif length == conn["accept_length"] - SHORTER:
        record["auth_attempts"] += 1
        record["auth_success"] = 1
        conn["decided"] = 1
    elif conn["failure_length"] == 0:
        conn["failure_length"] = length
    elif length == conn["failure_length"]:
        record["auth_attempts"] += 1
        record["auth_success"] = 0


@kernel
def finish(conn: Row, out: Out) -> None:
    """Close the row: the flow ended."""
    if conn["row"] == 0:
        return
    record = out.rows[conn["row"]]
    if conn["names_only"] == 0:
        if conn["major"][1] == 0:
            record["anomaly"] |= np.uint64(UNANSWERED)
        if conn["major"][0] == 0:
            record["anomaly"] |= np.uint64(UNASKED)
        if conn["major"][0] == 0 and conn["major"][1] == 0:
            record["status"] = TRUNCATED
    close_row(out, conn["row"])
    conn["row"] = 0


SSH = Protocol(
    "ssh",
    "Secure Shell",
    "RFC 4253",
    tcp_ports=(22, 830, 2222, 22222),
    signatures=(
        Signature(((0, b"SSH-2."),), Verdict.YES, transport="tcp"),
        Signature(((0, b"SSH-1."),), Verdict.YES, transport="tcp"),
    ),
    transports=("tcp",),
    aliases={"ndpi": ("SSH",), "zeek": ("ssh",), "wireshark": ("ssh",)},
)

DISSECTOR = Dissector(
    SSH,
    (SshRecord,),
    STATE,
    advance=advance,
    finish=finish,
    anomalies=ANOMALIES,
    complete={"ssh": complete},
    max_held=1 << 17,
)

"""Flows that others announce: FTP's data, media that SDP and RTSP agree on, TFTP's transfers, H.323's channels, endpoints of RPC.

A flow that announces (`Protocol.announces`) says at which port of which of its two hosts something will
arrive. That is remembered for a while; the first payload of a new flow between the same hosts is looked
up. Announcements that name a third host are passed over: a lane sees the flows of two hosts only, and
the number of lanes changes no record.
"""

from typing import NamedTuple

import numpy as np

from sonde.identify.index import KINDS, Matcher
from sonde.wire import Int, Ints, Row, Rows, Wire, kernel, u8, u16

PLACES = 1 << 10  # announcements remembered in a lane
PROBES = 8  # places where one may stand; the one that ends first makes room
PATIENCE_NS = 300 * 1_000_000_000  # how long one is waited for
MOST_LOOKED_AT = 2048  # octets of a payload that may announce
MOST_ANNOUNCED = 8  # by one payload

EXPECTED = np.dtype(
    [
        ("host_high", "u8"),  # who will listen
        ("host_low", "u8"),
        ("peer_high", "u8"),  # who will come
        ("peer_low", "u8"),
        ("until", "i8"),  # ns; 0 free
        ("frame", "i8"),  # `frame` of the flow that announced
        ("port", "u2"),
        ("protocol", "i2"),
        ("transport", "u1"),
    ],
    align=True,
)
TCP, UDP = 6, 17
FTP, SDP, RTSP, TFTP, H225, ENDPOINTS = KINDS.values()
ADDED, DISPLACED = range(2)
COMMA, BAR, DIGIT_0, DIGIT_9 = 44, 124, 48, 57


class Expected(NamedTuple):
    """What is waited for, how much was announced and displaced, and scratch: what a payload says."""

    rows: Rows
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted
    said: Ints  # how many, then side << 32 | transport << 16 | port of each


def new_expected() -> Expected:
    """Wait for nothing."""
    return Expected(np.zeros(PLACES, EXPECTED), np.zeros(2, np.int64), np.zeros(1 + MOST_ANNOUNCED, np.int64))


@kernel(wraps=True)
def place_of(high: np.uint64, low: np.uint64, port: Int, transport: Int) -> Int:
    """Give the first place where a host's port may be remembered."""
    value = (high ^ low * np.uint64(0x9E3779B97F4A7C15)) + np.uint64(port << 8 | transport) * np.uint64(
        0xC2B2AE3D27D4EB4F
    )
    return np.int64(value >> np.uint64(40)) & (PLACES - 1)


@kernel
def expect(expected: Expected, flow: Row, turn: Row, side: Int, port: Int, transport: Int, protocol: Int) -> None:
    """Remember that `protocol` will come to a port of one side's host, from the other's."""
    high, low = (flow["resp_high"], flow["resp_low"]) if side == 1 else (flow["orig_high"], flow["orig_low"])
    first = place_of(high, low, port, transport)
    chosen = first
    for probe in range(PROBES):
        place = (first + probe) & (PLACES - 1)
        row = expected.rows[place]
        same = (
            row["host_low"] == low
            and row["host_high"] == high
            and row["port"] == port
            and row["transport"] == transport
        )
        if same or row["until"] < turn["ts"]:
            chosen = place
            break
        if row["until"] < expected.rows[chosen]["until"]:
            chosen = place
    row = expected.rows[chosen]
    if row["until"] >= turn["ts"] and row["port"] != port:
        expected.count[DISPLACED] += 1
    row["host_high"], row["host_low"] = high, low
    row["peer_high"], row["peer_low"] = (
        (flow["orig_high"], flow["orig_low"]) if side == 1 else (flow["resp_high"], flow["resp_low"])
    )
    row["port"], row["transport"], row["protocol"] = port, transport, protocol
    row["until"], row["frame"] = turn["ts"] + PATIENCE_NS, flow["frame"]
    expected.count[ADDED] += 1


@kernel
def find_expected(expected: Expected, flow: Row, turn: Row) -> Int:
    """Give the place of what announced a new flow, or -1."""
    if expected.count[ADDED] == 0:
        return -1
    for side in range(2):
        high, low = (flow["resp_high"], flow["resp_low"]) if side == 1 else (flow["orig_high"], flow["orig_low"])
        peer_high, peer_low = (
            (flow["orig_high"], flow["orig_low"]) if side == 1 else (flow["resp_high"], flow["resp_low"])
        )
        port = np.int64(flow["resp_port"]) if side == 1 else np.int64(flow["orig_port"])
        first = place_of(high, low, port, np.int64(flow["transport"]))
        for probe in range(PROBES):
            place = (first + probe) & (PLACES - 1)
            row = expected.rows[place]
            if row["port"] != port or row["transport"] != flow["transport"] or row["until"] < turn["ts"]:
                continue
            if row["host_low"] != low or row["host_high"] != high or row["frame"] == flow["frame"]:
                continue
            if row["peer_low"] == peer_low and row["peer_high"] == peer_high:
                return place
    return -1


@kernel
def announce(matcher: Matcher, expected: Expected, flow: Row, turn: Row, octets: Wire, at: Int, end: Int) -> None:
    """See what a payload of a flow that announces says."""
    protocol, said = np.int64(flow["protocol"]), expected.said
    kind, side, stop = matcher.announces[protocol], np.int64(turn["side"]), min(end, at + MOST_LOOKED_AT)
    said[0] = 0
    if kind <= RTSP:
        hear_text(said, kind, side, octets, at, stop)
    else:
        own = np.int64((flow["resp_low"] if side == 1 else flow["orig_low"]) & np.uint64(0xFFFFFFFF))
        port = np.int64(flow["resp_port"]) if side == 1 else np.int64(flow["orig_port"])
        hear_octets(said, kind, side, own << 16 | port, octets, at, stop)
    for place in range(1, said[0] + 1):
        transport, port = said[place] >> 16 & 0xFFFF, said[place] & 0xFFFF
        if port:
            # What H.225.0 announces over TCP is its own kind; over UDP it is media.
            told = protocol if kind == H225 and transport == TCP else matcher.announced[protocol]
            expect(expected, flow, turn, said[place] >> 32, port, transport, told)


@kernel
def say(said: Ints, side: Int, transport: Int, port: Int) -> None:
    """Note one announcement, if there is room."""
    if said[0] < MOST_ANNOUNCED:
        said[0] += 1
        said[said[0]] = side << 32 | transport << 16 | port


@kernel
def hear_text(said: Ints, kind: Int, side: Int, octets: Wire, at: Int, end: Int) -> None:
    """Find ports in lines of text, where each kind has them."""
    mark, wanted = ftp_marks(octets, at, end) if kind == FTP else (0, 0)
    place, seen = at, 0
    while place < end - 4 and (kind != FTP or (wanted > 0 and u8(octets, place) != 10)):
        who, number = side, -1
        if kind == FTP:
            seen += u8(octets, place) == mark
            number = place + 1 if seen == wanted else -1
        elif kind == SDP:
            # RFC 8866 §5.14: "m=audio 49170 RTP/AVP 0"
            if u8(octets, place) == 10 and u8(octets, place + 1) == 109 and u8(octets, place + 2) == 61:
                number = place + 4
                while number < end and number < place + 16 and u8(octets, number - 1) != 32:
                    number += 1
        elif place + 12 < end and u8(octets, place + 6) == 95 and u8(octets, place + 11) == 61:
            # RFC 2326 §12.39: client_port=, server_port=
            who = 0 if u8(octets, place) | 0x20 == 99 else 1
            number = place + 12 if u8(octets, place + 7) == 112 else -1
        if number >= 0:
            say(said, who, TCP if kind == FTP else UDP, port_at(octets, number, end))
        place = end if number >= 0 and kind == FTP else place + 1


@kernel
def ftp_marks(octets: Wire, at: Int, end: Int) -> tuple[Int, Int]:
    """Give what sets numbers off in a line that tells a port, and how many stand before it; 0 where it tells none."""
    word = np.int64(u16(octets, at)) << 16 | u16(octets, at + 2) if end - at >= 8 else np.int64(0)
    if word == 0x32323720 or (word & 0xDFDFDFDF) == 0x504F5254:
        return COMMA, 4  # RFC 959 §4.1.2: 227, PORT: four numbers of the address, two of the port
    if word == 0x32323920 or (word & 0xDFDFDFDF) == 0x45505254:
        return BAR, 3  # RFC 2428: 229, EPRT
    return 0, 0


@kernel
def port_at(octets: Wire, at: Int, end: Int) -> Int:
    """Read a port, or its two octets with a comma between; 0 where there is none."""
    value, high = np.int64(0), np.int64(0)
    for place in range(at, min(at + 8, end)):
        octet = u8(octets, place)
        if octet == COMMA and high == 0 and value < 256:
            high, value = value << 8 | 1 << 16, np.int64(0)
        elif DIGIT_0 <= octet <= DIGIT_9:
            value = value * 10 + octet - DIGIT_0
        else:
            break
    if high:
        return (high & 0xFFFF) | value if value < 256 else 0
    return value if value < 65536 else 0


@kernel
def hear_octets(said: Ints, kind: Int, side: Int, own: Int, octets: Wire, at: Int, end: Int) -> None:
    """Find ports in octets, where each kind has them; `own` is the sender's IPv4 address and port."""
    if kind == TFTP:
        # RFC 1350 §4: what answers comes from a port of its own, to that of the request.
        if end - at >= 4 and u8(octets, at) == 0 and 1 <= u8(octets, at + 1) <= 2:
            say(said, side, UDP, own & 0xFFFF)
        return
    for place in range(at, end - 8):
        word = np.int64(u16(octets, place)) << 16 | u16(octets, place + 2)
        if kind == H225 and word == own >> 16 and u16(octets, place + 4) >= 1024:
            # A TransportAddress of H.225.0 in PER: the address, the port.
            say(said, side, TCP, np.int64(u16(octets, place + 4)))
            say(said, side, UDP, np.int64(u16(octets, place + 4)))
        elif kind == ENDPOINTS and word == 0x01000702 and u8(octets, place + 4) == 0:
            # C706, appendix L: a floor: how many octets its left side has (1), TCP (7), how many its right has (2).
            say(said, side, TCP, np.int64(u16(octets, place + 5)))

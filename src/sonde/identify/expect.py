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
        ("frame", "i8"),  # first frame of the flow that announced
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
    """What is waited for, and how much was announced and displaced."""

    rows: Rows
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted


def new_expected() -> Expected:
    """Wait for nothing."""
    return Expected(np.zeros(PLACES, EXPECTED), np.zeros(2, np.int64))


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
    if port < 1 or protocol < 0:
        return
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
    protocol = np.int64(flow["protocol"])
    kind, told = matcher.announces[protocol], matcher.announced[protocol]
    side, stop = np.int64(turn["side"]), min(end, at + MOST_LOOKED_AT)
    if kind == FTP:
        port = ftp_port(octets, at, stop)
        expect(expected, flow, turn, side, port, TCP, told)
    elif kind == SDP:
        announce_media(expected, flow, turn, octets, at, stop, told)
    elif kind == RTSP:
        announce_transport(expected, flow, turn, octets, at, stop, told)
    elif kind == TFTP:
        # RFC 1350 §4: what answers comes from a port of its own, to that of the request.
        if end - at >= 4 and u8(octets, at) == 0 and 1 <= u8(octets, at + 1) <= 2:
            port = np.int64(flow["resp_port"]) if side == 1 else np.int64(flow["orig_port"])
            expect(expected, flow, turn, side, port, UDP, told)
    elif kind == H225:
        announce_channels(expected, flow, turn, octets, at, stop, told)
    elif kind == ENDPOINTS:
        announce_endpoints(expected, flow, turn, octets, at, stop, told)


@kernel
def number_at(octets: Wire, at: Int, end: Int) -> Int:
    """Read a decimal number of at most five digits; -1 where there is none."""
    value, place = np.int64(0), at
    while place < end and place < at + 5 and DIGIT_0 <= u8(octets, place) <= DIGIT_9:
        value = value * 10 + u8(octets, place) - DIGIT_0
        place += 1
    return value if place > at else -1


@kernel
def ftp_port(octets: Wire, at: Int, end: Int) -> Int:
    """Give the port that a line of FTP tells (RFC 959 §4.1.2: PORT, 227; RFC 2428: EPRT, 229), or -1."""
    if end - at < 8:
        return -1
    word = np.int64(u16(octets, at)) << 16 | u16(octets, at + 2)
    mark = COMMA
    if (word == 0x32323720) or (word & 0xDFDFDFDF) == 0x504F5254:
        commas = 4
    elif word == 0x32323920:
        commas, mark = 3, BAR
    elif (word & 0xDFDFDFDF) == 0x45505254:
        commas, mark = 3, BAR
    else:
        return -1
    seen = 0
    for place in range(at + 4, end):
        if u8(octets, place) == 10:
            break
        if u8(octets, place) != mark:
            continue
        seen += 1
        if seen == commas:
            first = number_at(octets, place + 1, end)
            if mark == BAR:
                return first if 0 < first < 65536 else -1
            second = place + 1
            while second < end and u8(octets, second) != COMMA and u8(octets, second) != 10:
                second += 1
            low = number_at(octets, second + 1, end)
            return first << 8 | low if 0 <= first < 256 and 0 <= low < 256 else -1
    return -1


@kernel
def announce_media(expected: Expected, flow: Row, turn: Row, octets: Wire, at: Int, end: Int, told: Int) -> None:
    """Follow the media of a session description (RFC 8866 §5.14): "m=audio 49170 RTP/AVP 0"."""
    side, found = np.int64(turn["side"]), 0
    for place in range(at, end - 12):
        if u8(octets, place) != 10 or u8(octets, place + 1) != 109 or u8(octets, place + 2) != 61:
            continue
        for blank in range(place + 4, min(place + 16, end)):
            if u8(octets, blank) == 32:
                expect(expected, flow, turn, side, number_at(octets, blank + 1, end), UDP, told)
                found += 1
                break
        if found >= MOST_ANNOUNCED:
            break


@kernel
def announce_transport(expected: Expected, flow: Row, turn: Row, octets: Wire, at: Int, end: Int, told: Int) -> None:
    """Follow client_port= and server_port= (RFC 2326 §12.39)."""
    for place in range(at, end - 13):
        if u8(octets, place + 6) != 95 or u8(octets, place + 11) != 61 or u8(octets, place + 7) != 112:
            continue
        first = u8(octets, place) | 0x20
        if first == 99 or first == 115:  # c, s
            side = 0 if first == 99 else 1
            port = number_at(octets, place + 12, end)
            expect(expected, flow, turn, side, port, UDP, told)


@kernel
def announce_channels(expected: Expected, flow: Row, turn: Row, octets: Wire, at: Int, end: Int, told: Int) -> None:
    """Follow transport addresses (H.225.0 TransportAddress, in PER): the sender's IPv4 address, then a port."""
    side, found = np.int64(turn["side"]), 0
    own = np.int64((flow["resp_low"] if side == 1 else flow["orig_low"]) & np.uint64(0xFFFFFFFF))
    if flow["version"] != 4:
        return
    for place in range(at + 4, end - 5):
        if np.int64(u16(octets, place)) << 16 | u16(octets, place + 2) != own:
            continue
        port = np.int64(u16(octets, place + 4))
        if port >= 1024 and found < MOST_ANNOUNCED:
            expect(expected, flow, turn, side, port, TCP, np.int64(flow["protocol"]))
            expect(expected, flow, turn, side, port, UDP, told)
            found += 1


@kernel
def announce_endpoints(expected: Expected, flow: Row, turn: Row, octets: Wire, at: Int, end: Int, told: Int) -> None:
    """Follow the towers of an endpoint mapper (C706, appendix L): a floor of TCP (7) tells a port."""
    found = 0
    for place in range(at, end - 8):
        # How many octets the floor's left side has (1), TCP, how many the right has (2), then the port.
        if u8(octets, place) != 1 or u8(octets, place + 1) != 0 or u8(octets, place + 2) != 7:
            continue
        if u8(octets, place + 3) == 2 and u8(octets, place + 4) == 0 and found < MOST_ANNOUNCED:
            expect(expected, flow, turn, np.int64(turn["side"]), np.int64(u16(octets, place + 5)), TCP, told)
            found += 1

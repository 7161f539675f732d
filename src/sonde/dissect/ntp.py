"""NTP, the Network Time Protocol version 4 (RFC 5905).

One record for each time message (modes 1 to 5). Control and private messages
(modes 6 and 7) are recorded as UNSUPPORTED. The MAC is not read.
"""

from typing import Annotated

from sonde.dissect.api import Dissector, Out, state
from sonde.schema import (
    ENDPOINT,
    FROM_RESP,
    I8,
    NO_TIME,
    OWN_PORT,
    PROTOCOL,
    U8,
    U32,
    DurationNs,
    Field,
    Protocol,
    Record,
    TimeNs,
    Verdict,
)
from sonde.table.out import TRUNCATED, UNSUPPORTED, close_row, open_row
from sonde.wire import Int, Row, Wire, i8, kernel, u8, u16, u32

# Octet offsets in the header (RFC 5905 §7.3, figure 8).
FLAGS, STRATUM, POLL, PRECISION, ROOT_DELAY, ROOT_DISPERSION = 0, 1, 2, 3, 4, 8
REFERENCE_ID, REFERENCE, ORIGIN, RECEIVED, TRANSMITTED, HEADER_END = 12, 16, 24, 32, 40, 48
ERA_S = 1 << 32  # era 1 begins 2036-02-07 06:28:16 UTC
ERA_0_TO_UNIX_S = 2_208_988_800  # 1900-01-01 to 1970-01-01
SECOND_NS = 1_000_000_000
MAX_POLL = 17  # §7.2: 36 hours


class NtpRecord(Record):
    """One NTP time message (RFC 5905 §7.3)."""

    version: Annotated[U8, Field("Protocol version, 1 to 4", PROTOCOL)]
    mode: Annotated[U8, Field("Association mode, 1 to 7", PROTOCOL)]
    stratum: Annotated[U8, Field("Distance to reference clock", PROTOCOL, unit="hops")]
    poll: Annotated[I8, Field("Interval between messages", PROTOCOL, unit="log2 s")]
    precision: Annotated[I8, Field("Of the sender's clock", PROTOCOL, unit="log2 s")]
    root_delay: Annotated[DurationNs, Field("Round trip to that clock", PROTOCOL)]
    root_dispersion: Annotated[DurationNs, Field("Error bound to that clock", PROTOCOL)]
    # From stratum 2 on, this is the IPv4 address of the upstream server.
    reference_id: Annotated[U32, Field("That clock, or the upstream host", ENDPOINT)]
    reference: Annotated[TimeNs, Field("Clock was last set", PROTOCOL)]
    origin: Annotated[TimeNs, Field("Request left the client", PROTOCOL, ref="§8")]
    received: Annotated[TimeNs, Field("Request reached the server", PROTOCOL, ref="§8")]
    transmitted: Annotated[TimeNs, Field("This message left", PROTOCOL, ref="§8")]
    extensions: Annotated[U8, Field("Extension fields after the header", PROTOCOL)]


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept whole messages; on other ports than 123, only an answer that fits."""
    if end - at < 8:
        return Verdict.NO
    version, mode = u8(octets, at) >> 3 & 7, u8(octets, at) & 7
    if mode >= 6:
        return Verdict.MAYBE if is_control(octets, at, end, hint) else Verdict.NO
    if end - at < HEADER_END or not is_tail(octets, at + HEADER_END, end):
        return Verdict.NO
    if not (1 <= version <= 4 and 1 <= mode <= 5 and u8(octets, at + STRATUM) <= 16):
        return Verdict.NO
    if u8(octets, at + POLL) > MAX_POLL:
        return Verdict.NO
    if hint & OWN_PORT:
        return Verdict.YES
    if (mode == 4) != (hint & FROM_RESP != 0):
        return Verdict.NO
    return Verdict.MAYBE


@kernel
def is_tail(octets: Wire, at: Int, end: Int) -> bool:
    """Say whether this may follow a header: nothing, a MAC (RFC 5905 §7.3), or an extension field (RFC 7822)."""
    rest = end - at
    if rest == 0 or rest == 4 or rest == 12 or rest == 20 or rest == 24:
        return True
    length = u32(octets, at) & 0xFFFF if rest >= 16 else 0
    return bool(16 <= length <= rest and length % 4 == 0)


@kernel
def is_control(octets: Wire, at: Int, end: Int, hint: Int) -> bool:
    """Say whether a control (RFC 9327 §2) or private message tells its own size, with the capture's cut allowed for."""
    length = end - at
    if u8(octets, at) & 7 == 6:
        told = 12 + (u16(octets, at + 10) if length >= 12 else 0)
        return bool(length >= 12 and (told == length or (told + 3) // 4 * 4 == length))
    if u8(octets, at + 2) > 3 or u8(octets, at + 4) >> 4:
        return False
    told = 8 + (u16(octets, at + 4) & 0xFFF) * (u16(octets, at + 6) & 0xFFF)
    is_answer = u8(octets, at) >= 0x80
    if is_answer:
        return bool(told == length)
    return bool(told <= length and (length == 8 or length == 48 or length == 192))


@kernel
def receive(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read octets[at:end] and nothing else: one message, one row."""
    row = open_row(out, turn)
    read_message(octets, at, end, conn, out.rows[row])
    close_row(out, row)


@kernel
def read_message(octets: Wire, at: Int, end: Int, conn: Row, record: Row) -> None:
    """Fill a record from a message."""
    if end - at < 1:
        record["status"] = TRUNCATED
        return
    flags = u8(octets, at)
    mode = flags & 7
    record["version"] = flags >> 3 & 7
    record["mode"] = mode
    if not 1 <= mode <= 5:
        record["status"] = UNSUPPORTED
        return
    if end - at < HEADER_END:
        record["status"] = TRUNCATED
        return
    conn["confirmed"] = 1
    record["stratum"] = u8(octets, at + STRATUM)
    record["poll"] = i8(octets, at + POLL)
    record["precision"] = i8(octets, at + PRECISION)
    record["root_delay"] = u32(octets, at + ROOT_DELAY) * SECOND_NS >> 16
    record["root_dispersion"] = u32(octets, at + ROOT_DISPERSION) * SECOND_NS >> 16
    record["reference_id"] = u32(octets, at + REFERENCE_ID)
    record["reference"] = unix_ns(octets, at + REFERENCE)
    record["origin"] = unix_ns(octets, at + ORIGIN)
    record["received"] = unix_ns(octets, at + RECEIVED)
    record["transmitted"] = unix_ns(octets, at + TRANSMITTED)
    record["extensions"] = count_extensions(octets, at + HEADER_END, end)


@kernel
def unix_ns(octets: Wire, at: Int) -> Int:
    """Convert 32.32 fixed-point seconds since 1900; zero means unknown (§6)."""
    seconds, fraction = u32(octets, at), u32(octets, at + 4)
    if seconds == 0 and fraction == 0:
        return NO_TIME
    era_s = ERA_S if seconds < 1 << 31 else 0  # RFC 4330 §3
    unix_s = seconds + era_s - ERA_0_TO_UNIX_S
    return unix_s * SECOND_NS + (fraction * SECOND_NS >> 32)


@kernel
def count_extensions(octets: Wire, at: Int, end: Int) -> Int:
    """Count extension fields; what is shorter than 28 octets at the end is a MAC (RFC 7822 §3)."""
    count = 0
    while end - at >= 28 and count < 255:
        length = u32(octets, at) & 0xFFFF
        if length < 16 or length % 4 or length > end - at:
            break
        count += 1
        at += length
    return count


@kernel
def finish(conn: Row, out: Out) -> None:
    """Nothing stays open between messages."""


NTP = Protocol(
    "ntp",
    "Network Time Protocol",
    "RFC 5905",
    udp_ports=(123,),
    identify=identify,
    first_octets=bytes(octet for octet in range(256) if octet & 7 and 1 <= octet >> 3 & 7 <= 4),
    transports=("udp",),
    aliases={"ndpi": ("NTP",), "zeek": ("ntp",), "wireshark": ("ntp",)},
)

DISSECTOR = Dissector(NTP, (NtpRecord,), state(), receive=receive, finish=finish)

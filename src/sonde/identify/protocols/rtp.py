"""RTP and its control protocol RTCP (RFC 3550).

RTP has few fixed bits: it is believed when both sides, or several datagrams of one side, may
be it. RTCP's compound packets tell their lengths and must add up.
"""

from sonde.schema import ASK, MAYBE, At, Number, Only, Protocol, Signature, Verdict
from sonde.wire import Int, Wire, kernel, u8, u16

VERSION_2 = 0x80  # §5.1, in the two highest bits
# RFC 3551 §6: static types, and the dynamic ones from 96 on; the marker is the highest bit.
STATIC = (*range(19), 25, 26, 28, 31, 32, 33, 34)
DYNAMIC = (96, 127)
SENDER_REPORT, APP = 200, 204  # §12.1
EXTENDED, SUMMARY = 207, 209  # RFC 3611, RFC 6284
FEEDBACK = 206  # RFC 4585


@kernel
def identify_rtcp(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Follow the packets of a compound (§6.1): each has version 2, a known type, and its length."""
    place, packets = at, 0
    while end - place >= 4:
        kind = u8(octets, place + 1)
        size = 4 * u16(octets, place + 2) + 4
        if u8(octets, place) >> 6 != 2 or not 200 <= kind <= 209 or size > end - place:
            break
        if packets == 0 and kind <= 201 and size < (28 if kind == 200 else 8):
            return Verdict.NO  # a report is not whole
        place += size
        packets += 1
    if packets == 0:
        return Verdict.NO
    if place == end:
        return Verdict.YES if packets > 1 or end - at >= 28 else Verdict.MAYBE
    # RFC 3711 §3.4: what SRTCP appends stands behind the first packet, encrypted.
    return Verdict.MAYBE if u8(octets, at + 1) <= 201 else Verdict.NO


def _types(*types: int) -> bytes:
    return bytes(each | marker for each in types for marker in (0, 0x80))


RTP = Protocol(
    "rtp",
    "Real-time Transport Protocol",
    "RFC 3550",
    signatures=(
        Signature((At(0, b"\x80"), Only(1, 2, _types(*STATIC))), MAYBE, transport="udp", min_length=13),
        Signature(
            (At(0, b"\x80"), Only(1, 2, _types(*range(DYNAMIC[0], DYNAMIC[1] + 1)))),
            MAYBE,
            transport="udp",
            min_length=13,
        ),
        # RFC 8285 §4.2: the profile of one-byte extensions.
        Signature((At(0, b"\x90"), At(12, b"\xbe\xde\0")), MAYBE, transport="udp", min_length=20),
    ),
    aliases={"ndpi": ("RTP", "SRTP"), "wireshark": ("rtp",)},
)
RTCP = Protocol(
    "rtcp",
    "RTP Control Protocol",
    "RFC 3550",
    is_prelude=True,  # RFC 5761: RTP may come over the same ports
    identify=identify_rtcp,
    signatures=(
        Signature(
            (Number(0, 1, 0x80, 0xBF), Number(1, 1, SENDER_REPORT, SUMMARY), At(2, b"\0")),
            ASK,
            transport="udp",
            min_length=8,
        ),
    ),
    transports=("udp",),
    aliases={"ndpi": ("RTCP",), "wireshark": ("rtcp",)},
)
PROTOCOLS = (RTP, RTCP)

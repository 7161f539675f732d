"""GTP: user plane and control plane of mobile networks, and charging (3GPP TS 29.281, 29.060, 29.274, 32.295)."""

from sonde.schema import MAYBE, At, Length, Only, Protocol, Signature

# TS 29.281 §6.1: echo, error, end marker, and packets of users.
USER_TYPES = b"\x01\x02\x1a\x1f\xfe\xff"
# TS 29.060 §7.1: echo, contexts, locations, mobility.
CONTROL_TYPES = bytes([1, 2, 3, *range(16, 33), *range(48, 62), *range(96, 105), 112, 113, 114, 115])
# TS 29.274 §6.1
CONTROL2_TYPES = bytes(
    [1, 2, 3, *range(32, 40), *range(64, 74), *range(95, 101), *range(128, 158), *range(160, 181), *range(200, 212)]
)

USER = Protocol(
    "gtp-u",
    "GTP user plane",
    "3GPP TS 29.281",
    udp_ports=(2152,),
    signatures=(
        # §5.1: version 1, GTP and not GTP'; the length leaves the eight octets of the header out.
        Signature((At(0, b"\x30", b"\xf8"), Only(1, 2, USER_TYPES), Length(2, 2, add=8)), MAYBE, transport="udp"),
    ),
    aliases={"ndpi": ("GTP", "GTP_U"), "zeek": ("gtpv1",), "wireshark": ("gtp",)},
)
CONTROL = Protocol(
    "gtp-c",
    "GTP control plane",
    "3GPP TS 29.274",
    udp_ports=(2123,),
    signatures=(
        Signature((At(0, b"\x32", b"\xff"), Only(1, 2, CONTROL_TYPES), Length(2, 2, add=8)), MAYBE, transport="udp"),
        # TS 29.274 §5.1: version 2; the length leaves four octets out.
        Signature(
            (At(0, b"\x40", b"\xe7"), Only(1, 2, CONTROL2_TYPES), Length(2, 2, add=4)),
            MAYBE,
            transport="udp",
            min_length=8,
        ),
    ),
    aliases={"ndpi": ("GTP", "GTP_C"), "wireshark": ("gtpv2", "gtp")},
)
PRIME = Protocol(
    "gtp-prime",
    "GTP' (charging)",
    "3GPP TS 32.295",
    udp_ports=(3386,),
    tcp_ports=(3386,),
    signatures=(
        # §6.1.1: versions 0 to 2, not GTP, spare bits all one; a header of six octets, or in version 0 of twenty.
        Signature(
            (At(0, b"\x0e", b"\x9e"), Only(1, 2, b"\x01\x02\x03\x04\x05\x06\x07\xf0\xf1"), Length(2, 2, add=6)), MAYBE
        ),
        Signature(
            (At(0, b"\x0e", b"\xff"), Only(1, 2, b"\x01\x02\x03\x04\x05\x06\x07\xf0\xf1"), Length(2, 2, add=20)), MAYBE
        ),
    ),
    aliases={"ndpi": ("GTP", "GTP_PRIME"), "wireshark": ("gtpprime",)},
)
PROTOCOLS = (USER, CONTROL, PRIME)

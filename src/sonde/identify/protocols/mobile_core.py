"""Between functions of a mobile core: PFCP (3GPP TS 29.244)."""

from sonde.schema import MAYBE, At, Length, Only, Protocol, Signature

PROTOCOL = Protocol(
    "pfcp",
    "Packet Forwarding Control Protocol",
    "3GPP TS 29.244",
    udp_ports=(8805,),
    signatures=(
        # §7.2.2: version 1, spare, flags; type; the length leaves four octets out.
        Signature(
            (At(0, b"\x20", b"\xf8"), Only(1, 2, bytes([*range(1, 14), *range(50, 58), 99])), Length(2, 2, add=4)),
            MAYBE,
            transport="udp",
            min_length=8,
        ),
    ),
    aliases={"ndpi": ("PFCP",), "wireshark": ("pfcp",)},
)

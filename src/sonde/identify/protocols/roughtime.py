"""Roughtime (draft-ietf-ntp-roughtime; before it the description by Google): maps of tags, little-endian."""

from sonde.schema import YES, At, Has, Length, Number, Protocol, Signature, begins

# How many tags, their offsets, then the tags in ascending order.
PROTOCOL = Protocol(
    "roughtime",
    "Roughtime",
    "draft-ietf-ntp-roughtime",
    udp_ports=(2002, 2003),
    signatures=(
        *begins("ROUGHTIM", verdict=YES, transport="udp", parts=(Length(8, 4, add=12, little=True),)),
        Signature((At(0, b"\x02\0\0\0\x40\0\0\0NONCPAD\xff"),), YES, transport="udp", min_length=1024),
        Signature((Number(0, 4, 2, 16, little=True), At(4, b"", b""), Has(b"NONC", 8, 132)), YES, "orig", "udp", 1024),
        Signature(
            (Number(0, 4, 4, 16, little=True), Has(b"SREP", 8, 132), Has(b"CERT", 8, 132)), YES, "both", "udp", 100
        ),
    ),
    aliases={"ndpi": ("Roughtime",), "wireshark": ("roughtime",)},
)

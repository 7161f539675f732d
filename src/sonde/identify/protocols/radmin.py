"""Radmin (as seen of versions 2 and 3): 1, a length, a checksum, the message."""

from sonde.schema import MAYBE, YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "radmin",
    "Radmin",
    "observed",
    tcp_ports=(4899,),
    signatures=(
        Signature((At(0, b"\x01"), Length(1, 4, add=9), At(5, b"\0")), MAYBE, transport="tcp", min_length=10),
        Signature((At(0, b"\x01\0\0\0\x01\0\0\0\x08\x08"),), YES, "orig", "tcp", 10, 10),
    ),
    aliases={"ndpi": ("Radmin",)},
)

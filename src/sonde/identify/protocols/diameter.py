"""Diameter (RFC 6733)."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "diameter",
    "Diameter",
    "RFC 6733",
    tcp_ports=(3868, 3869),
    signatures=(
        # §3: version 1, length, four reserved flags, a command, an application.
        Signature(
            (At(0, b"\x01"), Length(1, 3), At(4, b"\0", b"\x0f"), Number(5, 3, 257, 400)),
            YES,
            transport="tcp",
            min_length=20,
        ),
        Signature(
            (At(0, b"\x01"), Length(1, 3), At(4, b"\0", b"\x0f"), Number(5, 3, 8388607, 8388800)),
            YES,
            transport="tcp",
            min_length=20,
        ),
    ),
    aliases={"ndpi": ("Diameter",), "wireshark": ("diameter",)},
)

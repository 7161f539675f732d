"""TACACS+ (RFC 8907)."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "tacacs",
    "TACACS+",
    "RFC 8907",
    tcp_ports=(49,),
    signatures=(
        # §4.1: version 12.0 or 12.1, type, sequence, flags, session, length.
        Signature(
            (
                At(0, b"\xc0", b"\xfe"),
                Number(1, 1, 1, 3),
                Number(2, 1, 1, 8),
                At(3, b"\0", b"\xfa"),
                Length(8, 4, add=12),
            ),
            YES,
            transport="tcp",
        ),
    ),
    aliases={"wireshark": ("tacplus",)},
)

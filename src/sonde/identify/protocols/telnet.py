"""Telnet (RFC 854): options are negotiated by commands behind 0xFF."""

from sonde.schema import MAYBE, UTF8_TEXT, At, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "telnet",
    "Telnet",
    "RFC 854",
    tcp_ports=(23, 2323),
    signatures=(
        # WILL, WONT, DO, DONT of an option (RFC 855); several in a row, or one alone.
        Signature(
            (At(0, b"\xff"), Number(1, 1, 0xFB, 0xFE), Number(2, 1, 0, 50), At(3, b"\xff"), Number(4, 1, 0xFA, 0xFE)),
            MAYBE,
            transport="tcp",
        ),
        Signature(
            (At(0, b"\xff"), Number(1, 1, 0xFB, 0xFE), Number(2, 1, 0, 50)), MAYBE, transport="tcp", max_length=3
        ),
        Signature((At(0, b"\xff\xfa"), Number(2, 1, 0, 50), At(-2, b"\xff\xf0")), MAYBE, transport="tcp"),
        Signature(
            (At(0, b"\xff"), Number(1, 1, 0xFB, 0xFE), Number(2, 1, 0, 50), Only(3, 20, UTF8_TEXT)),
            MAYBE,
            transport="tcp",
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("Telnet",), "wireshark": ("telnet",)},
)

"""SOME/IP (AUTOSAR PRS SOME/IP) and its service discovery."""

from sonde.schema import YES, At, Length, Number, Only, Protocol, Signature

TYPES = b"\x00\x01\x02\x20\x21\x22\x40\x41\x42\x80\x81\xa0\xa1\xc0\xc1"

PROTOCOL = Protocol(
    "someip",
    "SOME/IP",
    "AUTOSAR PRS SOME/IP",
    udp_ports=(30490, 30491, 30501),
    tcp_ports=(30490, 30491),
    signatures=(
        # Discovery: service FFFF, method 8100.
        Signature(
            (At(0, b"\xff\xff\x81\0"), Length(4, 4, add=8, fit="within"), At(12, b"\x01\x01\x02\0")),
            YES,
            transport="udp",
        ),
        # Message, length, request, protocol version 1, interface, type, return code.
        Signature(
            (Length(4, 4, add=8), At(12, b"\x01"), Only(14, 15, TYPES), Number(15, 1, 0, 0x1F)), YES, min_length=16
        ),
    ),
    aliases={"ndpi": ("SOMEIP",), "wireshark": ("someip",)},
)

"""BACnet/IP (ASHRAE 135 annex J)."""

from sonde.schema import YES, At, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "bacnet",
    "BACnet/IP",
    "ASHRAE 135",
    udp_ports=(47808, 47809, 47810),
    signatures=(
        # J.2: type 0x81, function, length; then the network layer's version 1 where a message is carried.
        Signature((At(0, b"\x81"), Only(1, 2, b"\x09\x0a\x0b"), Length(2, 2), At(4, b"\x01")), YES, transport="udp"),
        Signature((At(0, b"\x81\x04"), Length(2, 2), At(10, b"\x01")), YES, transport="udp"),
        Signature(
            (At(0, b"\x81"), Number(1, 1, 0, 8), Length(2, 2)), YES, transport="udp", min_length=4, max_length=64
        ),
    ),
    aliases={"ndpi": ("BACnet",), "wireshark": ("bacnet", "bvlc")},
)

"""Discord's voice connection ("Voice Connections", IP discovery): a datagram of 74 octets asks for one's own address."""

from sonde.schema import DIGITS, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "discord-voice",
    "Discord voice",
    "Discord developer documentation",
    signatures=(
        # Type 1 asks with an empty address of 64 octets, type 2 answers; 70 octets follow the length.
        Signature((At(0, b"\0\x01\0\x46"), At(8, bytes(64))), YES, transport="udp", min_length=74, max_length=74),
        # What keeps the connection alive.
        Signature((At(0, b"\x13\x37\xca\xfe"),), YES, transport="udp", min_length=8, max_length=8),
        Signature(
            (At(0, b"\0\x02\0\x46"), Only(8, 15, DIGITS + b".:abcdef\0")),
            YES,
            transport="udp",
            min_length=74,
            max_length=74,
        ),
    ),
    aliases={"ndpi": ("Discord",)},
)

"""KCP (its protocol.txt): segments of 24 octets and data, little-endian."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "kcp",
    "KCP",
    "KCP protocol.txt",
    signatures=(
        # Conversation, command (push, acknowledge, ask and tell the window), fragment, window, time, numbers, length.
        Signature(
            (Number(4, 1, 0x51, 0x54), Length(20, 4, add=24, little=True), Number(6, 2, 1, 4096, little=True)),
            YES,
            transport="udp",
            min_length=24,
        ),
        Signature(
            (
                At(4, b"\x51"),
                Length(20, 4, add=24, little=True, fit="within"),
                At(23, b"\0"),
                Number(6, 2, 1, 4096, little=True),
            ),
            MAYBE,
            transport="udp",
            min_length=32,
        ),
    ),
    aliases={"ndpi": ("KCP",)},
)

"""WebSocket (RFC 6455) where its beginning, which is HTTP, was not seen: short messages of text from both sides."""

from sonde.schema import MAYBE, UTF8_TEXT, At, Length, Number, Only, Protocol, Signature

MASKED = 0x80  # §5.2: the highest bit of the length; four octets of mask follow

PROTOCOL = Protocol(
    "websocket",
    "WebSocket",
    "RFC 6455",
    signatures=(
        # The last frame of a text, its length up to 125; from the client it is masked.
        Signature(
            (At(0, b"\x81"), Number(1, 1, 1, 125), Length(1, 1, add=2), Only(2, 0, UTF8_TEXT)), MAYBE, transport="tcp"
        ),
        Signature(
            (At(0, b"\x81"), Number(1, 1, MASKED + 1, MASKED + 125), Length(1, 1, add=6 - MASKED)),
            MAYBE,
            transport="tcp",
        ),
    ),
    aliases={"ndpi": ("WebSocket",), "zeek": ("websocket",), "wireshark": ("websocket",)},
)

"""Telegram's calls (libtgvoip, published by Telegram): relays are addressed by a tag, then by ones."""

from sonde.schema import YES, At, Number, Protocol, Signature

PROTOCOL = Protocol(
    "telegram-calls",
    "Telegram calls",
    "libtgvoip source",
    udp_ports=(1400,),
    # A tag of 16 octets, then -1 three times where a relay itself is meant.
    signatures=(Signature((Number(12, 4, 0, 0xFFFFFFFE), At(16, b"\xff" * 12)), YES, transport="udp", min_length=32),),
    aliases={"ndpi": ("TelegramVoip",)},
)

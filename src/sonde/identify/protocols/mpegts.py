"""MPEG transport streams in datagrams (ISO 13818-1): packets of 188 octets that begin with 0x47."""

from sonde.schema import MAYBE, YES, At, Protocol, Signature

PROTOCOL = Protocol(
    "mpeg-ts",
    "MPEG transport stream",
    "ISO/IEC 13818-1",
    signatures=(
        Signature((At(0, b"\x47"), At(188, b"\x47"), At(376, b"\x47")), YES, transport="udp", min_length=564, step=188),
        Signature(
            (At(0, b"\x47"), At(3, b"\x10", b"\x10")), MAYBE, transport="udp", min_length=188, max_length=376, step=188
        ),
    ),
    aliases={"ndpi": ("MPEG_TS",), "wireshark": ("mp2t",)},
)

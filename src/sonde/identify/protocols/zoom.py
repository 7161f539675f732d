"""Zoom's media (Michel and others, "Enabling passive measurement of Zoom performance", 2022): two headers before RTP."""

from sonde.schema import MAYBE, At, Only, Protocol, Signature

# Of the second header: screens, audio, video, control.
MEDIA = bytes([0x0D, 0x0F, 0x10, 0x1E, 0x21, 0x22, 0x23])

PROTOCOL = Protocol(
    "zoom",
    "Zoom media",
    "published measurements",
    udp_ports=(8801, 8802, 8803, 8804, 8805, 8806, 8807, 8808, 8809, 8810),
    # Type 5, a number, a direction: to the server or from it.
    signatures=(
        Signature((At(0, b"\x05"), Only(7, 8, b"\0\x04"), Only(8, 9, MEDIA)), MAYBE, transport="udp", min_length=40),
    ),
    aliases={"ndpi": ("Zoom",)},
)

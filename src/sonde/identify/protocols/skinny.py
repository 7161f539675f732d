"""Skinny (SCCP), of Cisco's telephones: little-endian length, version, message."""

from sonde.schema import YES, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "skinny",
    "Skinny Client Control Protocol",
    "public descriptions",
    tcp_ports=(2000,),
    signatures=(
        Signature(
            (Length(0, 4, add=8, little=True), Number(4, 4, 0, 22, little=True), Number(8, 4, 0, 0x160, little=True)),
            YES,
            transport="tcp",
            min_length=12,
        ),
    ),
    aliases={"ndpi": ("CiscoSkinny",), "wireshark": ("skinny",)},
)

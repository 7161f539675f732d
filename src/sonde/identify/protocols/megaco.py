"""MEGACO, H.248 (RFC 3525), in text."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "megaco",
    "Megaco (H.248)",
    "RFC 3525",
    udp_ports=(2944, 2945),
    tcp_ports=(2944, 2945),
    signatures=begins("!/1 ", "!/2 ", "!/3 ", "MEGACO/1 ", "MEGACO/2 ", "MEGACO/3 ", verdict=YES, folded=True),
    aliases={"ndpi": ("Megaco",), "wireshark": ("megaco",)},
)

"""Mumble's pings (Mumble documentation, "UDP ping packet"): twelve octets ask, twenty-four answer."""

from sonde.schema import MAYBE, At, Protocol, Signature

PROTOCOL = Protocol(
    "mumble",
    "Mumble",
    "Mumble protocol",
    udp_ports=(64738,),
    tcp_ports=(64738,),
    signatures=(
        Signature((At(0, bytes(4)),), MAYBE, "orig", "udp", 12, 12, own_port=True),
        # Version, the number asked with, users, most users, most bandwidth.
        Signature((At(0, b"\0\x01"), At(12, b"\0\0")), MAYBE, "resp", "udp", 24, 24, own_port=True),
    ),
    aliases={"ndpi": ("Mumble",), "wireshark": ("mumble",)},
)

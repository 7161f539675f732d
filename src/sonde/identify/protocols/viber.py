"""Viber's own connections (as observed): a number, a kind, then octets of sizes that belong to the kind."""

from sonde.schema import MAYBE, YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "viber",
    "Viber",
    "observed",
    tcp_ports=(4244, 5242, 5243),
    udp_ports=(5242, 5243, 7985, 7987, 9785),
    signatures=(
        # Over TCP: length, little-endian; a number; then 0xFC 0xFF before the kind.
        Signature((Length(0, 2, little=True), At(6, b"\xfc\xff"), At(9, b"\x80")), YES, "orig", "tcp", 16),
        Signature((At(2, b"\x03\0"),), MAYBE, transport="udp", min_length=12, max_length=20, own_port=True),
        Signature((At(2, b"\x09\0"),), MAYBE, transport="udp", min_length=20, max_length=20, own_port=True),
        Signature((At(2, b"\x01\0\x05\0"),), MAYBE, transport="udp", min_length=100, own_port=True),
        Signature((At(2, b"\x19\0"),), MAYBE, "orig", "udp", 34, 34, own_port=True),
        Signature((At(2, b"\x1a\0"),), MAYBE, "resp", "udp", 20, 20, own_port=True),
    ),
    aliases={"ndpi": ("Viber", "ViberVoip")},
)

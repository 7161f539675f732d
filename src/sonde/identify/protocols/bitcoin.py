"""Bitcoin's network (Bitcoin developer reference, "Message Headers"), and networks that took its form."""

from sonde.schema import DIGITS, LETTERS, YES, At, Only, Protocol, Signature

# The start strings of main, test, signet and regression networks; then a command, padded with zeros.
NETWORKS = (b"\xf9\xbe\xb4\xd9", b"\x0b\x11\x09\x07", b"\x0a\x03\xcf\x40", b"\xfa\xbf\xb5\xda", b"\x1c\x16\x3f\x28")

PROTOCOL = Protocol(
    "bitcoin",
    "Bitcoin",
    "Bitcoin P2P network",
    tcp_ports=(8333, 18333, 38333),
    signatures=tuple(
        Signature(
            (At(0, network), Only(4, 16, LETTERS + DIGITS + b"\0"), Only(4, 5, LETTERS)),
            YES,
            transport="tcp",
            min_length=24,
        )
        for network in NETWORKS
    ),
    aliases={"ndpi": ("BITCOIN",), "wireshark": ("bitcoin",)},
)

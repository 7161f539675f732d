"""eDonkey and eMule (Kulbak and Bickson, "The eMule Protocol Specification"), TCP and UDP, Kademlia too."""

from sonde.schema import MAYBE, YES, At, Length, Only, Protocol, Signature

PROTOCOL = Protocol(
    "edonkey",
    "eDonkey",
    "eMule Protocol Specification",
    tcp_ports=(4661, 4662),
    udp_ports=(4665, 4672),
    signatures=(
        # §6.1: protocol, length of what follows, operation: hello, its answer, login, files.
        Signature(
            (At(0, b"\xe3"), Length(1, 4, add=5, little=True), Only(5, 6, b"\x01\x4c\x38\x40\x34\x1c\x50\x58")),
            YES,
            transport="tcp",
        ),
        Signature(
            (
                Only(0, 1, b"\xc5\xd4"),
                Length(1, 4, add=5, little=True),
                Only(5, 6, b"\x01\x02\x60\x81\x82\x85\x86\x87\x92\x93"),
            ),
            YES,
            transport="tcp",
        ),
        # §7, §8: pings of servers and peers; Kademlia 2 begins with hello and bootstrap.
        Signature(
            (At(0, b"\xe3"), Only(1, 2, b"\x96\x97\x98\x99\x9a\x9b\xa0\xa1\xa2\xa3\xa4")), MAYBE, transport="udp"
        ),
        Signature(
            (At(0, b"\xe4"), Only(1, 2, b"\x01\x09\x11\x19\x21\x29\x33\x3b\x43\x4b\x60\x61")), MAYBE, transport="udp"
        ),
        Signature((At(0, b"\xc5"), Only(1, 2, b"\x90\x91\x92\x93\x94\x95")), MAYBE, transport="udp", max_length=64),
    ),
    aliases={"ndpi": ("eDonkey",), "wireshark": ("edonkey",)},
)

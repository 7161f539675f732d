"""BFCP, the Binary Floor Control Protocol (RFC 8855)."""

from sonde.schema import MAYBE, YES, At, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "bfcp",
    "Binary Floor Control Protocol",
    "RFC 8855",
    tcp_ports=(5070,),
    udp_ports=(5070,),
    signatures=(
        # §5.1: version 1 over streams, 2 over datagrams; flags; primitive; length in words; conference.
        Signature(
            (Only(0, 1, b"\x20\x30\x40\x50"), Number(1, 1, 1, 18), Length(2, 2, unit=4, add=12)), MAYBE, min_length=12
        ),
        Signature(
            (At(0, b"\x20"), Number(1, 1, 1, 18), Number(2, 2, 0, 64), At(4, b"\0\0"), At(8, b"\0")),
            YES,
            "both",
            "both",
            12,
            12,
        ),
    ),
    aliases={"ndpi": ("BFCP",), "wireshark": ("bfcp",)},
)

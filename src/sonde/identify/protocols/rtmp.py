"""RTMP (Adobe's Real-Time Messaging Protocol specification 1.0, §5.2): version 3, a time, four zeros, noise."""

from sonde.schema import MAYBE, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "rtmp",
    "Real-Time Messaging Protocol",
    "RTMP specification 1.0",
    tcp_ports=(1935,),
    signatures=(
        Signature((At(0, b"\x03"), At(5, bytes(4))), YES, "orig", "tcp", 1400),
        # Flash Player 9 and on tell a version there, in place of the zeros: 9.x, 10.x, 128.x.
        Signature((At(0, b"\x03"), Only(5, 6, b"\x09\x0a\x0b\x80"), At(6, b"\0")), MAYBE, "orig", "tcp", 1400),
        Signature((At(0, b"\x03"),), MAYBE, "resp", "tcp", 3073, 3073),
    ),
    aliases={"ndpi": ("RTMP",), "wireshark": ("rtmpt",)},
)

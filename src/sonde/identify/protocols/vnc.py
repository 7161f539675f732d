"""RFB, the remote framebuffer of VNC (RFC 6143 §7.1.1)."""

from sonde.schema import DIGITS, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "rfb",
    "Remote Framebuffer (VNC)",
    "RFC 6143",
    tcp_ports=(5900, 5901, 5902, 5903),
    signatures=(
        Signature(
            (At(0, b"RFB 00"), Only(6, 7, DIGITS), At(7, b".00"), Only(10, 11, DIGITS), At(11, b"\n")),
            YES,
            transport="tcp",
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("VNC",), "zeek": ("rfb",), "wireshark": ("vnc",)},
)

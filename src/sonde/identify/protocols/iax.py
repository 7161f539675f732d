"""IAX2, Inter-Asterisk eXchange (RFC 5456)."""

from sonde.schema import MAYBE, YES, At, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "iax",
    "Inter-Asterisk eXchange",
    "RFC 5456",
    udp_ports=(4569,),
    signatures=(
        # §8.1.1: a full frame; numbers 0 and 0; IAX control (6): a new call (1) or registration (13), poke (30).
        Signature(
            (At(0, b"\x80", b"\x80"), At(8, b"\0\0\x06\x01"), Only(12, 13, b"\x0b\x01\x02\x04\x06\x0d\x2d")),
            YES,
            "orig",
            "udp",
        ),
        Signature(
            (At(0, b"\x80", b"\x80"), At(2, b"\0\0"), At(8, b"\0\0\x06"), Only(11, 12, b"\x01\x0d\x1e")),
            MAYBE,
            transport="udp",
        ),
        Signature(
            (
                At(0, b"\x80", b"\x80"),
                At(4, b"\0\0"),
                Number(8, 1, 0, 8),
                Number(9, 1, 0, 8),
                At(10, b"\x06"),
                Number(11, 1, 1, 40),
            ),
            MAYBE,
            transport="udp",
            min_length=12,
        ),
    ),
    aliases={"ndpi": ("IAX",), "wireshark": ("iax2",)},
)

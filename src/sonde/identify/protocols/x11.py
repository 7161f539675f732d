"""X11 (X Window System Protocol, "Connection Setup") and XDMCP, by which displays find a host (X.Org XDMCP)."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

X11 = Protocol(
    "x11",
    "X Window System",
    "X Window System Protocol",
    tcp_ports=(6000, 6001, 6002, 6003, 6010, 6011),
    signatures=(
        # Byte order, unused, version 11.0.
        Signature((At(0, b"l\0\x0b\0\0\0"),), YES, "orig", "tcp", 12),
        Signature((At(0, b"B\0\0\x0b\0\0"),), YES, "orig", "tcp", 12),
        Signature((At(0, b"\x01\0\x0b\0\0\0"),), MAYBE, "resp", "tcp", 8),
    ),
    aliases={"wireshark": ("x11",)},
)
XDMCP = Protocol(
    "xdmcp",
    "X Display Manager Control Protocol",
    "X.Org XDMCP",
    udp_ports=(177,),
    signatures=(Signature((At(0, b"\0\x01\0"), Number(3, 1, 1, 14), Length(4, 2, add=6)), YES, transport="udp"),),
    aliases={"ndpi": ("XDMCP",), "wireshark": ("xdmcp",)},
)
PROTOCOLS = (X11, XDMCP)

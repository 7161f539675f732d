"""ZMTP, the transport of ZeroMQ (RFC 23/ZMTP): a signature of ten octets."""

from sonde.schema import YES, At, Protocol, Signature

PROTOCOL = Protocol(
    "zmtp",
    "ZeroMQ Message Transport Protocol",
    "ZeroMQ RFC 23",
    tcp_ports=(5555,),
    signatures=(
        # 0xFF, eight octets of padding (a length, in older versions), 0x7F; perhaps version and mechanism.
        Signature((At(0, b"\xff\0\0\0\0\0\0\0"), At(9, b"\x7f")), YES, transport="tcp"),
    ),
    aliases={"ndpi": ("ZeroMQ",), "wireshark": ("zmtp",)},
)

"""DoIP (ISO 13400-2): version and its complement, kind of payload, length."""

from sonde.schema import YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "doip",
    "Diagnostic communication over IP",
    "ISO 13400-2",
    tcp_ports=(13400,),
    udp_ports=(13400,),
    signatures=tuple(
        Signature((At(0, version), Length(4, 4, add=8)), YES)
        for version in (b"\x01\xfe", b"\x02\xfd", b"\x03\xfc", b"\xff\0")
    ),
    aliases={"wireshark": ("doip",)},
)

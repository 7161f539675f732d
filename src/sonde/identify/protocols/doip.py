"""DoIP (ISO 13400-2): version and its complement, kind of payload, length."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "doip",
    "Diagnostic communication over IP",
    "ISO 13400-2",
    tcp_ports=(13400,),
    udp_ports=(13400,),
    signatures=tuple(
        # Table 17: announcements and routing, states of the entity, diagnostic messages. 0xFF asks whatever the version.
        Signature((At(0, version), Number(2, 2, first, last), Length(4, 4, add=8)), YES)
        for version in (b"\x01\xfe", b"\x02\xfd", b"\x03\xfc", b"\xff\0")
        for first, last in (((0, 8), (0x4001, 0x4004), (0x8001, 0x8003)) if version != b"\xff\0" else ((0, 4),))
    ),
    aliases={"wireshark": ("doip",)},
)

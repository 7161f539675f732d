"""KNXnet/IP (EN 13321-2, ISO 22510)."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "knxnet-ip",
    "KNXnet/IP",
    "ISO 22510",
    udp_ports=(3671,),
    tcp_ports=(3671,),
    signatures=(
        # Header of six octets, version 1.0 (or 2.0 secured), service, whole length.
        Signature((At(0, b"\x06\x10"), Number(2, 1, 2, 9), Length(4, 2)), YES),
        Signature(
            (At(0, b"\x06\x10"), Number(2, 1, 2, 9), At(4, b"\0"), Length(4, 2, fit="within")), YES, transport="tcp"
        ),
    ),
    aliases={"ndpi": ("KNXnet_IP",), "wireshark": ("kip",)},
)

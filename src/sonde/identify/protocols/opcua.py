"""OPC UA's binary connection protocol (OPC 10000-6 §7.1)."""

from sonde.schema import YES, At, Has, Length, Protocol, Signature

PROTOCOL = Protocol(
    "opc-ua",
    "OPC Unified Architecture",
    "OPC 10000-6",
    tcp_ports=(4840,),
    signatures=(
        # Kind, whole or not, size; hello, acknowledge, error, reverse hello, open channel.
        *(
            Signature((At(0, kind), Length(4, 4, little=True)), YES, transport="tcp")
            for kind in (b"HELF", b"ACKF", b"ERRF", b"RHEF")
        ),
        Signature(
            (At(0, b"OPNF"), Length(4, 4, little=True, fit="begun"), Has(b"http://opcfoundation.org/UA/", 12, 64)),
            YES,
            transport="tcp",
        ),
    ),
    aliases={"ndpi": ("OPC-UA",), "wireshark": ("opcua",)},
)

"""WS-Discovery (OASIS WS-Discovery 1.1): SOAP in datagrams."""

from sonde.schema import YES, Has, Protocol, begins

NAMESPACES = (b"schemas.xmlsoap.org/ws/2005/04/discovery", b"docs.oasis-open.org/ws-dd/ns/discovery")

PROTOCOL = Protocol(
    "ws-discovery",
    "Web Services Dynamic Discovery",
    "OASIS WS-Discovery 1.1",
    udp_ports=(3702,),
    signatures=tuple(
        begun
        for namespace in NAMESPACES
        for begun in begins(
            "<?xml ",
            "<soap",
            "<SOAP",
            "<s:Env",
            "<env:",
            "<wsdl",
            "<e:Env",
            verdict=YES,
            transport="udp",
            parts=(Has(namespace, 6, 1400),),
        )
    ),
    aliases={"ndpi": ("WSD",), "wireshark": ("wsdd",)},
)

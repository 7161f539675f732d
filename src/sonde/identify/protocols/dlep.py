"""DLEP (RFC 8175): signals between a router and a radio begin with its name."""

from sonde.schema import MAYBE, YES, Length, Number, Protocol, Signature, begins

PROTOCOL = Protocol(
    "dlep",
    "Dynamic Link Exchange Protocol",
    "RFC 8175",
    tcp_ports=(854,),
    udp_ports=(854,),
    signatures=(
        *begins("DLEP", verdict=YES, transport="udp", parts=(Length(6, 2, add=8),)),  # §11.1
        Signature(
            (Number(0, 2, 1, 16), Length(2, 2, add=4)), MAYBE, transport="tcp", min_length=8, own_port=True
        ),  # §11.2
    ),
    aliases={"ndpi": ("DLEP",), "wireshark": ("dlep",)},
)

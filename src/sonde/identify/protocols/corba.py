"""CORBA's protocols (OMG CORBA 3.3): GIOP, its compressed form ZIOP, and MIOP over multicast."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "giop",
    "General Inter-ORB Protocol",
    "OMG CORBA",
    tcp_ports=(683, 684, 900, 2809),
    udp_ports=(683,),
    signatures=begins("GIOP\x01", "ZIOP\x01", "MIOP\x10", verdict=YES, min_length=12),
    aliases={"ndpi": ("Corba",), "wireshark": ("giop",)},
)

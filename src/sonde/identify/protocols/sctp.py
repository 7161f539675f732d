"""SCTP (RFC 9260), where what it carries is not known, and DCCP (RFC 4340), whose users are not told apart here."""

from sonde.schema import Protocol

PROTOCOLS = (
    Protocol(
        "sctp",
        "Stream Control Transmission Protocol",
        "RFC 9260",
        ip_protocols=(132,),
        aliases={"ndpi": ("SCTP",), "wireshark": ("sctp",)},
    ),
    Protocol(
        "dccp", "Datagram Congestion Control Protocol", "RFC 4340", ip_protocols=(33,), aliases={"wireshark": ("dccp",)}
    ),
)

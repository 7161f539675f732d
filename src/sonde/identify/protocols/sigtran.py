"""Telephone signalling in SCTP: the user adaptation layers (RFC 2719), which have one header.

The payload protocol identifiers are IANA's ("SCTP Parameters").
"""

from sonde.schema import MAYBE, YES, At, Length, Number, Only, Protocol, Signature

VERSION, CLASS, LENGTH = 4, 6, 8  # where they stand, behind the identifier
IDENTIFIER_SIZE = 4
LONGEST = 1 << 16


def _told(identifier: int, classes: bytes) -> tuple[Signature, ...]:
    """Declare a layer: version 1, a class of messages that it has, a length that holds what came."""
    shape = (
        At(VERSION, b"\x01\x00"),
        Only(CLASS, CLASS + 1, classes),
        Number(LENGTH, 4, 8, LONGEST),
        Length(LENGTH, 4, add=IDENTIFIER_SIZE, fit="begun"),
    )
    named, unnamed = (At(0, number.to_bytes(IDENTIFIER_SIZE, "big")) for number in (identifier, 0))
    return (
        Signature((named, *shape), YES, transport="sctp", min_length=12),
        Signature((unnamed, *shape), MAYBE, transport="sctp", min_length=12, own_port=True),
    )


def _declared(name: str, title: str, reference: str, identifier: int, port: int, classes: bytes) -> Protocol:
    return Protocol(
        name,
        title,
        reference,
        sctp_ports=(port,),
        signatures=_told(identifier, classes),
        # nDPI looks no further than the transport.
        aliases={"ndpi": ("SCTP",), "wireshark": (name,)},
    )


PROTOCOLS = (
    _declared("iua", "ISDN Q.921-User Adaptation", "RFC 4233", 1, 9900, bytes((0, 3, 4, 5))),
    _declared("m2ua", "MTP2-User Adaptation", "RFC 3331", 2, 2904, bytes((0, 3, 4, 6, 10))),
    _declared("m3ua", "MTP3-User Adaptation", "RFC 4666", 3, 2905, bytes((0, 1, 2, 3, 4, 9))),
    _declared("sua", "SCCP-User Adaptation", "RFC 3868", 4, 14001, bytes((0, 2, 3, 4, 7, 8, 9))),
    _declared("m2pa", "MTP2-User Peer-to-Peer Adaptation", "RFC 4165", 5, 3565, bytes((11,))),
)

"""What base stations and mobile cores say to each other in SCTP: application protocols of 3GPP in aligned PER.

The payload protocol identifiers are IANA's ("SCTP Parameters"); all of these protocols begin alike: which of the three
kinds of message, the procedure, its criticality.
"""

from sonde.schema import MAYBE, YES, At, Only, Protocol, Signature

KINDS = b"\x00\x20\x40"  # initiating message, successful and unsuccessful outcome
CRITICALITIES = b"\x00\x40\x80"  # reject, ignore, notify
IDENTIFIER, KIND, CRITICALITY = 0, 4, 6  # where they stand
SHORTEST = 8


def _told(identifier: int) -> tuple[Signature, ...]:
    """Declare a protocol by its identifier, and on its own port where the sender gives none."""
    shape = Only(KIND, KIND + 1, KINDS), Only(CRITICALITY, CRITICALITY + 1, CRITICALITIES)
    named, unnamed = (At(IDENTIFIER, number.to_bytes(4, "big")) for number in (identifier, 0))
    return (
        Signature((named, *shape), YES, transport="sctp", min_length=SHORTEST),
        Signature((unnamed, *shape), MAYBE, transport="sctp", min_length=SHORTEST, own_port=True),
    )


def _declared(name: str, title: str, reference: str, identifier: int, port: int, wireshark: str = "") -> Protocol:
    return Protocol(
        name,
        title,
        reference,
        sctp_ports=(port,) if port else (),
        signatures=_told(identifier)[: 2 if port else 1],
        # nDPI looks no further than the transport.
        aliases={"ndpi": ("SCTP",), "wireshark": (wireshark or name,)},
    )


PROTOCOLS = (
    _declared("s1ap", "S1 Application Protocol", "3GPP TS 36.413", 18, 36412),
    _declared("rua", "RANAP User Adaptation", "3GPP TS 25.468", 19, 0),
    _declared("hnbap", "Home Node B Application Part", "3GPP TS 25.469", 20, 29169),
    _declared("sbcap", "SBc Application Part", "3GPP TS 29.168", 24, 29168),
    _declared("x2ap", "X2 Application Protocol", "3GPP TS 36.423", 27, 36422),
    _declared("lcsap", "LCS Application Protocol", "3GPP TS 29.171", 29, 9082),
    _declared("m2ap", "M2 Application Protocol", "3GPP TS 36.443", 43, 36443),
    _declared("m3ap", "M3 Application Protocol", "3GPP TS 36.444", 44, 36444),
    _declared("ngap", "NG Application Protocol", "3GPP TS 38.413", 60, 38412),
    _declared("xnap", "Xn Application Protocol", "3GPP TS 38.423", 61, 38422),
    _declared("f1ap", "F1 Application Protocol", "3GPP TS 38.473", 62, 38472),
    _declared("e1ap", "E1 Application Protocol", "3GPP TS 37.483", 64, 38462),
)

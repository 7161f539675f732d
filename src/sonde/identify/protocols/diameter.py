"""Diameter (RFC 6733)."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

_IN_SCTP = (At(4, b"\x01"), Length(5, 3, add=4, fit="begun"), At(8, b"\0", b"\x0f"), Number(9, 3, 257, 8388800))

PROTOCOL = Protocol(
    "diameter",
    "Diameter",
    "RFC 6733",
    tcp_ports=(3868, 3869),
    sctp_ports=(3868,),
    signatures=(
        # §3: version 1, length, four reserved flags, a command, an application.
        Signature(
            (At(0, b"\x01"), Length(1, 3), At(4, b"\0", b"\x0f"), Number(5, 3, 257, 400)),
            YES,
            transport="tcp",
            min_length=20,
        ),
        Signature(
            (At(0, b"\x01"), Length(1, 3), At(4, b"\0", b"\x0f"), Number(5, 3, 8388607, 8388800)),
            YES,
            transport="tcp",
            min_length=20,
        ),
        # In SCTP behind its payload protocol identifier (§2.1), or behind none on its own port.
        Signature((At(0, b"\0\0\0\x2e"), *_IN_SCTP), YES, transport="sctp", min_length=24),
        Signature((At(0, bytes(4)), *_IN_SCTP), MAYBE, transport="sctp", min_length=24, own_port=True),
    ),
    aliases={"ndpi": ("Diameter", "SCTP"), "wireshark": ("diameter",)},  # in SCTP nDPI looks no further
)

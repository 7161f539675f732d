"""MongoDB's wire protocol (MongoDB documentation, "MongoDB Wire Protocol"): little-endian header of 16 octets."""

from sonde.schema import MAYBE, YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "mongodb",
    "MongoDB",
    "MongoDB wire protocol",
    tcp_ports=(27017, 27018, 27019),
    signatures=(
        # Length, request, answered request, operation.
        *(
            Signature(
                (Length(0, 4, little=True, fit=fit), At(12, operation + b"\0\0")), YES, side, "tcp", min_length=20
            )
            for operation, side, fit in (
                (b"\xd4\x07", "orig", "whole"),
                (b"\xdd\x07", "both", "whole"),
                (b"\xdc\x07", "both", "whole"),
                (b"\xd1\x07", "orig", "whole"),
                (b"\xd2\x07", "orig", "whole"),
            )
        ),
        Signature(
            (Length(0, 4, little=True), At(12, b"\x01\0\0\0"), At(17, b"\0\0\0")), MAYBE, "resp", "tcp", min_length=36
        ),
    ),
    aliases={"ndpi": ("MongoDB",), "wireshark": ("mongo",)},
)

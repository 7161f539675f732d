"""Oracle's transparent network substrate (TNS, as public descriptions have it): connect, accept, refuse, redirect, resend."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "oracle-tns",
    "Oracle TNS",
    "public descriptions",
    tcp_ports=(1521, 1526),
    signatures=(
        # Length, checksum 0, type, reserved, checksum 0; then version and the lowest version.
        Signature(
            (Length(0, 2, fit="within"), At(2, b"\0\0\x01\0\0\0"), Number(8, 2, 300, 330), Number(10, 2, 300, 330)),
            YES,
            "orig",
            "tcp",
        ),
        Signature(
            (Length(0, 2), At(2, b"\0\0\x01"), At(6, b"\0\0"), Has(b"(DESCRIPTION=", 20, 120)), YES, "orig", "tcp"
        ),
        Signature((Length(0, 2), At(2, b"\0\0\x02"), At(6, b"\0\0"), Number(8, 2, 300, 330)), YES, "resp", "tcp"),
        Signature((At(0, b"\0\x08\0\0\x0b"), At(6, b"\0\0")), MAYBE, "resp", "tcp", 8, 8),
    ),
    aliases={"ndpi": ("Oracle",), "wireshark": ("tns",)},
)

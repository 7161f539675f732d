"""AFP over DSI (Apple Filing Protocol Reference, "Data Stream Interface")."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "afp",
    "Apple Filing Protocol",
    "Apple Filing Protocol Reference",
    tcp_ports=(548,),
    signatures=(
        # Request or reply, command, number, offset or error, length, reserved.
        Signature(
            (At(0, b"\0"), Number(1, 1, 1, 8), At(4, bytes(4)), Length(8, 4, add=16), At(12, bytes(4))),
            YES,
            "orig",
            "tcp",
            16,
        ),
        Signature(
            (At(0, b"\x01"), Number(1, 1, 1, 8), Length(8, 4, add=16), At(12, bytes(4))), MAYBE, "resp", "tcp", 16
        ),
    ),
    aliases={"ndpi": ("AFP",), "wireshark": ("dsi", "afp")},
)

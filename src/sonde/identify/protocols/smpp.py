"""SMPP 3.4 (SMS Forum): between message centres."""

from sonde.schema import YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "smpp",
    "Short Message Peer-to-Peer",
    "SMPP 3.4",
    tcp_ports=(2775,),
    signatures=(
        # §3.2: length, command, status 0, number: to bind as receiver, transmitter or both.
        *(
            Signature((Length(0, 4), At(4, b"\0\0\0" + command + b"\0\0\0\0")), YES, "orig", "tcp", 23)
            for command in (b"\x01", b"\x02", b"\x09")
        ),
        *(
            Signature((Length(0, 4), At(4, b"\x80\0\0" + command + b"\0\0\0")), YES, "resp", "tcp", 16)
            for command in (b"\x01", b"\x02", b"\x09")
        ),
    ),
    aliases={"ndpi": ("SMPP",), "wireshark": ("smpp",)},
)

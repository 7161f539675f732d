"""UFTP, encrypted multicast file transfer (UFTP's protocol.txt), versions 3 to 5."""

from sonde.schema import YES, At, Protocol, Signature

# A header of 16 octets, version in the high half, then a message that repeats the function.
PROTOCOL = Protocol(
    "uftp",
    "UFTP",
    "UFTP protocol.txt",
    udp_ports=(1044,),
    signatures=tuple(
        Signature(
            (At(0, bytes([version, function])), At(15, b"\0" + bytes([function]))), YES, transport="udp", min_length=20
        )
        for version in (0x30, 0x31, 0x40, 0x50)
        for function in range(1, 21)
    ),
    aliases={"ndpi": ("UFTP",), "wireshark": ("uftp",)},
)

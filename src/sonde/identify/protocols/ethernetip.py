"""EtherNet/IP and CIP (ODVA, "EtherNet/IP Adaptation of CIP"): encapsulated messages, and implicit data in datagrams."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

# §2-3.2: the commands that begin a conversation.
COMMANDS = (0x0004, 0x0063, 0x0064, 0x0065, 0x0066, 0x006F, 0x0070)

EXPLICIT = Protocol(
    "ethernet-ip",
    "EtherNet/IP",
    "ODVA CIP volume 2",
    tcp_ports=(44818,),
    udp_ports=(44818,),
    signatures=tuple(
        # Command, length, session, status 0, context of the sender, options 0.
        Signature(
            (
                Number(0, 2, command, command, little=True),
                Length(2, 2, add=24, little=True),
                At(8, bytes(4)),
                At(20, bytes(4)),
            ),
            YES,
        )
        for command in COMMANDS
    ),
    aliases={"ndpi": ("EthernetIP",), "wireshark": ("enip",)},
)
IMPLICIT = Protocol(
    "cip-io",
    "CIP implicit messages",
    "ODVA CIP volume 2",
    udp_ports=(2222,),
    signatures=(
        # §2-6: two items: a sequenced address (0x8002, 8 octets), connected data (0x00B1).
        Signature(
            (At(0, b"\x02\0\x02\x80\x08\0"), At(14, b"\xb1\0"), Length(16, 2, add=18, little=True)),
            YES,
            transport="udp",
        ),
    ),
    aliases={"ndpi": ("CIP",), "wireshark": ("cipio",)},
)
PROTOCOLS = (EXPLICIT, IMPLICIT)

"""OICQ, the protocol of QQ (Wireshark's packet-oicq and other public descriptions): it begins with 2 and ends with 3."""

from sonde.schema import MAYBE, At, Number, Protocol, Signature

# Commands: log out, keep alive, messages, token, login, and the like.
COMMANDS = (0x0001, 0x0002, 0x0004, 0x0005, 0x0006, 0x000A, 0x000D, 0x000E, 0x0012, 0x0016, 0x0017, 0x0018, 0x001A, 0x001C,
            0x001D, 0x0022, 0x0026, 0x0027, 0x0029, 0x0030, 0x003C, 0x003D, 0x0058, 0x005C, 0x0062, 0x0065, 0x0067, 0x0081,
            0x0091, 0x00AE, 0x00B5, 0x00BA, 0x00CD, 0x00CE, 0x00D1, 0x00DD, 0x0126, 0x0136, 0x0352, 0x0825, 0x0826, 0x0828,
            0x0836, 0x0839)  # fmt: skip

PROTOCOL = Protocol(
    "oicq",
    "OICQ (QQ)",
    "public descriptions",
    tcp_ports=(8000,),
    udp_ports=(8000,),
    signatures=tuple(
        Signature(
            (At(0, b"\x02"), Number(1, 1, 0x01, 0x3F), Number(3, 2, command, command), At(-1, b"\x03")),
            MAYBE,
            transport="udp",
            min_length=12,
            own_port=True,
        )
        for command in COMMANDS
    ),
    aliases={"ndpi": ("OICQ",), "wireshark": ("oicq",)},
)

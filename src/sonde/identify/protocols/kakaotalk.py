"""KakaoTalk's LOCO protocol, as described in public: a number, a status, the name of a command, little-endian."""

from sonde.schema import YES, At, Protocol, Signature

COMMANDS = ("CHECKIN", "BOOKING", "GETCONF", "LOGINLIST", "BUYCS", "TICKET")

PROTOCOL = Protocol(
    "kakaotalk",
    "KakaoTalk",
    "public descriptions",
    tcp_ports=(5223, 9282, 10009),
    signatures=tuple(
        Signature((At(2, b"\0\0"), At(6, command.encode().ljust(11, b"\0"))), YES, transport="tcp", min_length=22)
        for command in COMMANDS
    ),
    aliases={"ndpi": ("KakaoTalk",)},
)

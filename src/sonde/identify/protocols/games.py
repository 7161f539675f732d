"""Protocols of games that have one of their own, as observed or as their communities describe them.

Each has a mark of several octets; those without stay unknown.
"""

from sonde.schema import (
    DIGITS,
    LETTERS,
    MAYBE,
    PRINTABLE,
    YES,
    At,
    Has,
    Length,
    Number,
    Only,
    Protocol,
    Signature,
    begins,
)

NINTENDO = Protocol(
    "nintendo-pia",
    "Nintendo Pia",
    "public descriptions",
    signatures=(Signature((At(0, b"\x32\xab\x98\x64"), Number(4, 1, 1, 11)), YES, transport="udp", min_length=16),),
    aliases={"ndpi": ("Nintendo",)},
)
MINECRAFT = Protocol(
    "minecraft",
    "Minecraft (Java edition)",
    "public descriptions",
    tcp_ports=(25565,),
    signatures=(
        # Length, handshake (0), protocol version (two octets), the server's name, its port, what next (status 1, login 2).
        *(
            Signature(
                (
                    Length(0, 1, add=1, fit=fit),
                    At(1, b"\0"),
                    At(2, b"\x80", b"\x80"),
                    Number(3, 1, 0, 7),
                    Number(4, 1, 1, 60),
                    Only(5, 6, LETTERS + DIGITS),
                ),
                MAYBE,
                "orig",
                "tcp",
                10,
                128,
            )
            for fit in ("whole", "within")
        ),
        *begins("\xfe\x01\xfa\0\x0b\0M\0C\0|\0P\0i\0n\0g\0H\0o\0s\0t", verdict=YES, side="orig", transport="tcp"),
    ),
)
WOW = Protocol(
    "world-of-warcraft",
    "World of Warcraft",
    "observed",
    tcp_ports=(3724,),
    signatures=(
        *begins("WORLD OF WARCRAFT CONNECTION", verdict=YES, transport="tcp"),
        Signature((At(0, b"\0"), At(2, b"WORLD OF WARCRAFT CONNECTION")), YES, transport="tcp"),
        # Log-on challenge: 0, version, length, "WoW" reversed or not, ended by zero.
        Signature((At(0, b"\0"), Length(2, 2, add=4, little=True), At(4, b"WoW\0")), YES, "orig", "tcp"),
    ),
    aliases={"ndpi": ("WorldOfWarcraft",)},
)
WARCRAFT3 = Protocol(
    "warcraft3",
    "Warcraft III",
    "public descriptions",
    tcp_ports=(6112, 6113, 6114),
    udp_ports=(6112,),
    signatures=(Signature((At(0, b"\xf7"), Number(1, 1, 1, 0x48), Length(2, 2, little=True)), YES, min_length=4),),
    aliases={"ndpi": ("Warcraft3",)},
)
HEROES = Protocol(
    "heroes-of-the-storm",
    "Heroes of the Storm",
    "observed",
    udp_ports=(1119, 3724),
    signatures=(
        Signature((At(0, bytes(14)), At(14, b"\x40"), Only(15, 16, b"\0\x10")), YES, transport="udp", min_length=20),
    ),
    aliases={"ndpi": ("Heroes_of_the_Storm",)},
)
GENSHIN = Protocol(
    "genshin-impact",
    "Genshin Impact",
    "public descriptions",
    udp_ports=(22101, 22102),
    signatures=(
        # Twenty octets ask for a conversation of KCP, and answer; both have a mark at either end.
        Signature((At(0, b"\0\0\0\xff"), At(16, b"\xff\xff\xff\xff")), YES, "orig", "udp", 20, 20),
        Signature((At(0, b"\0\0\x01\x45"), At(16, b"\x14\x51\x45\x45")), YES, "resp", "udp", 20, 20),
    ),
    aliases={"ndpi": ("GenshinImpact",)},
)
AMONG_US = Protocol(
    "among-us",
    "Among Us",
    "public descriptions",
    udp_ports=(22023, 22123, 22223, 22323),
    signatures=(
        # Hazel: hello (8), number 1, version 0.
        Signature((At(0, b"\x08\0\x01\0"),), MAYBE, "orig", "udp", 12, own_port=True),
        Signature((At(0, b"\x0a\0\x01\xff"),), MAYBE, "resp", "udp", 4, 4, own_port=True),
    ),
    aliases={"ndpi": ("AmongUs",)},
)
YOJIMBO = Protocol(
    "netcode",
    "netcode.io (yojimbo)",
    "netcode 1.02 standard",
    signatures=(Signature((At(0, b"\0NETCODE 1.0"),), YES, transport="udp", min_length=1000),),
    aliases={"ndpi": ("Yojimbo",)},
)
TEAMSPEAK = Protocol(
    "teamspeak",
    "TeamSpeak",
    "public descriptions",
    udp_ports=(9987, 8767),
    signatures=begins("TS3INIT1", "\xf4\xbe\x03\0", "\xf4\xbe\x04\0", verdict=YES, transport="udp"),
    aliases={"ndpi": ("TeamSpeak",), "wireshark": ("ts2",)},
)
GAIJIN = Protocol(
    "gaijin-telemetry",
    "Gaijin Entertainment telemetry",
    "observed",
    udp_ports=(20011,),
    signatures=(
        Signature(
            (Only(0, 8, LETTERS + b"._"), Has(b",env=", 4, 64), Has(b",application=", 8, 120)),
            MAYBE,
            transport="udp",
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("GaijinEntertainment",)},
)
POE = Protocol(
    "path-of-exile",
    "Path of Exile",
    "observed",
    tcp_ports=(6112, 20481),
    signatures=(
        # Message 3, ticket, then the account's name as a counted text, a digest.
        Signature(
            (At(0, b"\0\x03"), At(6, b"\0"), Number(8, 2, 3, 64), Only(10, 13, PRINTABLE)),
            MAYBE,
            "orig",
            "tcp",
            20,
            200,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("PathofExile",)},
)
NETEASE = Protocol(
    "netease-games",
    "NetEase games",
    "observed",
    signatures=(
        # 0x0708080C, a token, zeros, then pairs of numbers.
        Signature((At(0, b"\x07\x08\x08\x0c"),), YES, transport="udp", min_length=20),
    ),
    aliases={"ndpi": ("NetEaseGames",)},
)
CRYENGINE = Protocol(
    "cryengine",
    "CryEngine network",
    "observed",
    signatures=(
        # A request to connect: 0x3C, a number, zeros, then counts as little-endian words.
        Signature(
            (At(0, b"\x3c\0\0"), At(5, bytes(11)), At(16, b"\x01\0\0\0"), At(21, bytes(3))), YES, "both", "udp", 60, 80
        ),
    ),
    aliases={"ndpi": ("CryNetwork",)},
)
TENCENT = Protocol(
    "tencent-games",
    "Tencent games (TConnD)",
    "observed",
    signatures=(
        Signature(
            (At(0, b"\x33\x66\0"), Number(3, 1, 9, 16), At(4, b"\0"), Number(5, 1, 9, 16)), YES, "both", "tcp", 20
        ),
    ),
    aliases={"ndpi": ("TencentGames",)},
)
WILD_RIFT = Protocol(
    "lol-wild-rift",
    "League of Legends: Wild Rift",
    "observed",
    udp_ports=tuple(range(10001, 10011)),
    signatures=(
        # A request of 69 octets, an answer of 359, each with a little-endian number before what is encrypted.
        Signature((At(0, b"\x04\0\0\0"),), MAYBE, "orig", "udp", 69, 69),
        Signature((At(0, b"\x10\0\0\0"),), MAYBE, "resp", "udp", 359, 359),
    ),
    aliases={"ndpi": ("LoLWildRift",)},
)
CROSSFIRE = Protocol(
    "crossfire",
    "Crossfire",
    "observed",
    signatures=(Signature((At(0, b"\xc7\xd9\x19\x99\x02\0"), At(22, b"\x7d\0")), YES, "both", "udp", 25, 25),),
    aliases={"ndpi": ("Crossfire",)},
)
GUILD_WARS = Protocol(
    "guild-wars",
    "Guild Wars",
    "observed",
    tcp_ports=(6112,),
    signatures=(Signature((At(1, b"\x05\x0c"), At(50, b"@2&P")), YES, "orig", "tcp", 64, 64),),
    aliases={"ndpi": ("Guildwars",)},
)
ARMAGETRON = Protocol(
    "armagetron",
    "Armagetron Advanced",
    "Armagetron source",
    udp_ports=(4533, 4534),
    signatures=(
        # A message to log in (11), number 0, its length in words; the sender's number stands last.
        Signature((At(0, b"\0\x0b\0\0"), At(6, b"\0\x08"), At(-2, b"\0\0")), YES, "orig", "udp", 12),
    ),
    aliases={"ndpi": ("Armagetron",)},
)
MAPLE_STORY = Protocol(
    "maple-story",
    "MapleStory",
    "observed",
    tcp_ports=(8484,),
    signatures=(Signature((At(0, b"\x0e\0\x3a\0\x01\0"), Only(6, 7, DIGITS)), YES, "resp", "tcp", 16, 16),),
    aliases={"ndpi": ("MapleStory",)},
)
KUNG_FU = Protocol(
    "world-of-kung-fu",
    "World of Kung Fu",
    "observed",
    signatures=(Signature((At(0, b"\x0c\0\0\0\xd2\0\x0c\0"), At(9, b"\x16")), YES, "both", "tcp", 16, 16),),
    aliases={"ndpi": ("WorldOfKungFu",)},
)
PROTOCOLS = (
    CROSSFIRE,
    GUILD_WARS,
    ARMAGETRON,
    MAPLE_STORY,
    KUNG_FU,
    NINTENDO,
    MINECRAFT,
    WOW,
    WARCRAFT3,
    HEROES,
    GENSHIN,
    AMONG_US,
    YOJIMBO,
    TEAMSPEAK,
    GAIJIN,
    POE,
    NETEASE,
    CRYENGINE,
    TENCENT,
    WILD_RIFT,
)

"""Games, file sharing and chat near by, by marks that their communities or vendors describe: Battle.net, Dofus, GameSpy queries, Terraria, Teeworlds, SA-MP, Soulseek, Direct Connect, libp2p, IP Messenger, KDE Connect, LocalSend, Resilio."""

from sonde.schema import DIGITS, MAYBE, PRINTABLE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

LOWER = b"abcdefghijklmnopqrstuvwxyz"

BATTLENET = Protocol(
    "battle-net",
    "Classic Battle.net",
    "BNETDocs",
    tcp_ports=(6112, 6113, 6114),
    # 0xFF, who are you (0x50), length; protocol 0, platform and product, their letters reversed.
    signatures=tuple(
        Signature((At(start, b"\xff\x50"), At(start + 4, bytes(4) + platform)), YES, "orig", "tcp", 40)
        for start in (0, 1)
        for platform in (b"68XI", b"CAMP", b"XAMP")
    ),
    aliases={"wireshark": ("bnetp",)},
)
STARCRAFT2 = Protocol(
    "starcraft2",
    "StarCraft II",
    "observed",
    tcp_ports=(1119,),
    udp_ports=(1119, 3724),
    signatures=begins("\x4a\x00\x00\x0a\x66\x02\x0a\xed\x2d\x66", verdict=YES, side="orig", transport="tcp"),
    aliases={"ndpi": ("Starcraft",)},
)
DOFUS = Protocol(
    "dofus",
    "Dofus",
    "public descriptions",
    tcp_ports=(443, 5555, 5556),
    signatures=(
        # Version 1: the server greets: HC, a key of 32 letters, zero; of a game's server HG.
        Signature((At(0, b"HC"), Only(2, 34, LOWER), At(34, b"\0")), YES, "resp", "tcp", 35, 35),
        Signature((At(0, b"HG\0"),), MAYBE, "resp", "tcp", 3, 3, own_port=True),
        # Then the client tells its version.
        Signature((At(0, b"1."), Only(2, 3, DIGITS), Has(b"\n\0", 4, 16)), MAYBE, "orig", "tcp", 6, 20, own_port=True),
    ),
    aliases={"ndpi": ("Dofus",)},
)
GAMESPY = Protocol(
    "gamespy-query",
    "GameSpy queries",
    "GameSpy query protocols",
    udp_ports=(6500, 7778, 23000, 29900),
    signatures=begins(
        "\\status\\",
        "\\info\\",
        "\\basic\\",
        "\\rules\\",
        "\\players\\",
        verdict=YES,
        side="orig",
        transport="udp",
        max_length=64,
    )
    + begins("\\gamename\\", "\\hostname\\", verdict=YES, side="resp", transport="udp")
    + (
        Signature((At(0, b"\xfe\xfd"), Only(2, 3, b"\0\x09")), MAYBE, "orig", "udp", 7, 15),
        Signature((Only(0, 1, b"\0\x09"), Only(5, 6, DIGITS + b"-s")), MAYBE, "resp", "udp", 6),
    ),
    aliases={"wireshark": ("gamespy",)},
)
TERRARIA = Protocol(
    "terraria",
    "Terraria",
    "public descriptions",
    tcp_ports=(7777,),
    signatures=(
        Signature(
            (Length(0, 2, little=True), At(2, b"\x01"), At(4, b"Terraria"), Only(12, 13, DIGITS)), YES, "orig", "tcp"
        ),
    ),
)
TEEWORLDS = Protocol(
    "teeworlds",
    "Teeworlds and DDNet",
    "Teeworlds source",
    udp_ports=(8303, 8300),
    signatures=begins(
        *(b"\xff" * 10 + word for word in (b"gie3", b"inf3", b"fstd", b"req2", b"lis2", b"cou2")),
        verdict=YES,
        transport="udp",
    )
    + begins("xe", verdict=YES, transport="udp", parts=(Has(b"gie3", 6, 20),), max_length=64),
)
SAMP = Protocol(
    "sa-mp",
    "San Andreas Multiplayer queries",
    "SA-MP query mechanism",
    udp_ports=(7777,),
    # "SAMP", the server's address and port, what is asked.
    signatures=(Signature((At(0, b"SAMP"), Only(10, 11, b"irdcpx")), YES, "both", "udp", 11),),
)
SOULSEEK = Protocol(
    "soulseek",
    "Soulseek",
    "Soulseek protocol (museek, Nicotine+)",
    tcp_ports=(2242, 2234, 2240),
    signatures=(
        # To log in: length, 1, the name behind its length, little-endian.
        Signature(
            (
                Length(0, 4, add=4, little=True),
                At(4, b"\x01\0\0\0"),
                Number(8, 4, 1, 30, little=True),
                Only(12, 13, PRINTABLE),
            ),
            YES,
            "orig",
            "tcp",
            50,
            200,
        ),
        # Between peers: length, begin (1), name, kind of connection: peer, file, distributed.
        Signature(
            (
                Length(0, 4, add=4, little=True, fit="within"),
                At(4, b"\x01"),
                Number(5, 4, 1, 30, little=True),
                Only(9, 10, PRINTABLE),
                Has(b"\x01\0\0\0", 10, 44),
            ),
            YES,
            "orig",
            "tcp",
            18,
        ),
    ),
    aliases={"ndpi": ("Soulseek",)},
)
DIRECT_CONNECT = Protocol(
    "direct-connect",
    "Direct Connect (NMDC and ADC)",
    "NMDC, ADC 1.0",
    tcp_ports=(411, 412),
    udp_ports=(412,),
    signatures=begins("$Lock ", verdict=YES, transport="tcp", parts=(Has(b" Pk=", 8, 200),))
    + begins("$MyNick ", verdict=YES, transport="tcp", parts=(Has(b"|$Lock ", 9, 80),))
    + begins("HSUP AD", "CSUP AD", "ISUP AD", verdict=YES, transport="tcp")
    + begins("$SR ", verdict=YES, transport="udp", parts=(Has(b"|", 8, 400),)),
    aliases={"wireshark": ("dcc",)},
)
LIBP2P = Protocol(
    "libp2p",
    "libp2p (multistream)",
    "multistream-select 1.0",
    tcp_ports=(4001, 30333),
    signatures=begins("\x13/multistream/1.0.0\n", verdict=YES, transport="tcp"),
)
IPMSG = Protocol(
    "ipmsg",
    "IP Messenger",
    "IP Messenger protocol",
    udp_ports=(2425,),
    tcp_ports=(2425,),
    # Version, number, user, host, command, set off by colons.
    signatures=(
        Signature(
            (At(0, b"1"), Only(1, 2, b":_"), Has(b":", 2, 24), Only(0, 12, PRINTABLE)),
            MAYBE,
            transport="udp",
            min_length=16,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("ipmsg",)},
)
KDE_CONNECT = Protocol(
    "kde-connect",
    "KDE Connect",
    "KDE Connect protocol",
    udp_ports=(1716,),
    tcp_ports=(1716,),
    signatures=begins("{", verdict=YES, parts=(Has(b'"kdeconnect.identity"', 1, 1200),)),
)
LOCALSEND = Protocol(
    "localsend",
    "LocalSend",
    "LocalSend protocol v2",
    udp_ports=(53317,),
    signatures=begins(
        "{",
        verdict=YES,
        transport="udp",
        parts=(Has(b'"alias":', 1, 200), Has(b'"fingerprint":', 1, 400), Has(b'"deviceType":', 1, 400)),
    ),
)
RESILIO = Protocol(
    "resilio-sync",
    "Resilio Sync",
    "observed",
    udp_ports=(3838,),
    signatures=begins("BSYNC\0", verdict=YES, transport="udp"),
)
AGORA = Protocol(
    "sd-rtn",
    "Agora SD-RTN",
    "observed",
    udp_ports=(4000, 4001, 4002, 4003, 4004, 4005, 8000, 9700, 25000),
    # Names of its edge stand in clear in what begins a session.
    signatures=tuple(
        Signature((Has(name, 8, 256),), MAYBE, "both", "udp", 32, own_port=True)
        for name in (b".edge.sd-rtn.com", b".edge.agora.io")
    ),
    aliases={"ndpi": ("SD-RTN",)},
)
PROTOCOLS = (
    BATTLENET,
    STARCRAFT2,
    DOFUS,
    GAMESPY,
    TERRARIA,
    TEEWORLDS,
    SAMP,
    SOULSEEK,
    DIRECT_CONNECT,
    LIBP2P,
    IPMSG,
    KDE_CONNECT,
    LOCALSEND,
    RESILIO,
    AGORA,
)

"""More of control and vehicles: SLMP, CODESYS, PROFICLOUD's kin, Niagara Fox, FT1.2 frames (IEC 60870-5, EN 13757), EtherCAT over UDP (IEC 61158), MAVLink, Matter, PC Worx, ProConOS, DirectNET's HAP, GE SRTP, cameras' and meters' own."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Same, Signature, begins

SLMP = Protocol(
    "slmp",
    "SLMP and MELSEC communication (Mitsubishi)",
    "CC-Link SLMP, MELSEC MC protocol",
    tcp_ports=(5000, 5001, 5002, 5006, 5007),
    udp_ports=(5000, 5006, 61450),
    signatures=(
        # 3E frames: request or answer; network, station, module (0x03FF: the processor), multidrop, length.
        Signature(
            (Only(0, 1, b"\x50\xd0"), At(1, b"\0"), At(3, b"\xff\xff\x03\0"), Length(7, 2, add=9, little=True)),
            YES,
            min_length=11,
        ),
        # 4E frames have a number behind.
        Signature(
            (
                Only(0, 1, b"\x54\xd4"),
                At(1, b"\0"),
                At(4, b"\0\0"),
                At(7, b"\xff\xff\x03\0"),
                Length(11, 2, add=13, little=True),
            ),
            YES,
            min_length=15,
        ),
    ),
    aliases={"wireshark": ("slmp",)},
)
CODESYS = Protocol(
    "codesys",
    "CODESYS V3",
    "public descriptions",
    tcp_ports=(11740, 11741, 11742, 11743),
    udp_ports=(1740, 1741, 1742, 1743),
    signatures=(
        # A magic number and the length of all; then, as in datagrams, 0xC5.
        Signature((At(0, b"\0\x01\x17\xe8"), Length(4, 4, little=True)), YES, transport="tcp", min_length=8),
        Signature(
            (At(0, b"\xc5"), Number(1, 1, 0x40, 0x7F), Number(2, 1, 0x40, 0x4F)),
            MAYBE,
            transport="udp",
            min_length=12,
            own_port=True,
        ),
    ),
)
FOX = Protocol(
    "niagara-fox",
    "Niagara Fox",
    "observed",
    tcp_ports=(1911, 4911),
    signatures=begins("fox a ", verdict=YES, transport="tcp", parts=(Has(b" fox hello\n", 6, 24),)),
)
FT12 = Protocol(
    "ft1.2",
    "FT1.2 frames (IEC 60870-5-101 and 103, M-Bus)",
    "IEC 60870-5-2",
    tcp_ports=(2404, 10001, 1470),
    # §3.2: 0x68, the length twice, 0x68 again; the sum and 0x16 end it.
    signatures=(
        Signature(
            (At(0, b"\x68"), Same(1, 2, 1), At(3, b"\x68"), Length(1, 1, add=6), At(-1, b"\x16")), YES, min_length=9
        ),
    ),
    aliases={"wireshark": ("iec101", "mbus")},
)
ETHERCAT = Protocol(
    "ethercat",
    "EtherCAT over UDP",
    "IEC 61158-4-12",
    udp_ports=(34980,),
    # Length in eleven bits, type 1; a datagram's command, and that it is the last or not.
    signatures=(
        Signature((At(1, b"\x10", b"\xf8"), Number(2, 1, 0, 14)), MAYBE, transport="udp", min_length=14, own_port=True),
    ),
    aliases={"wireshark": ("ecatf",)},
)
MAVLINK = Protocol(
    "mavlink",
    "MAVLink",
    "MAVLink guide, packet serialization",
    udp_ports=(14540, 14550, 14580),
    tcp_ports=(5760,),
    signatures=(
        # Version 2: length, flags, number, system, component, message in three octets; version 1 is shorter.
        Signature(
            (At(0, b"\xfd"), Length(1, 1, add=12), Number(2, 1, 0, 1), At(3, b"\0"), At(9, b"\0")), YES, min_length=12
        ),
        Signature((At(0, b"\xfe"), Length(1, 1, add=8)), MAYBE, min_length=9),
    ),
    aliases={"wireshark": ("mavlink_proto",)},
)
MATTER = Protocol(
    "matter",
    "Matter",
    "Matter 1.2",
    udp_ports=(5540,),
    signatures=(
        # §4.4: a source is told, no session, no security; §4.10: exchange, a code of the secure channel, its number 0.
        *(
            Signature(
                (
                    At(0, flags + b"\0\0\0"),
                    Only(place, place + 1, b"\x01\x02\x03\x04\x05\x06\x07"),
                    Only(place + 1, place + 2, b"\x10\x20\x21\x22\x23\x24\x30\x31\x32\x33\x40"),
                    At(place + 4, b"\0\0"),
                ),
                YES,
                transport="udp",
                min_length=place + 6,
            )
            for flags, place in ((b"\x04", 16), (b"\x01", 16), (b"\x00", 8))
        ),
    ),
)
PCWORX = Protocol(
    "pcworx",
    "PC Worx (Phoenix Contact)",
    "observed",
    tcp_ports=(1962,),
    signatures=(Signature((At(0, b"\x01\x01\0\x1a"), Has(b"IBETH", 8, 24)), YES, "orig", "tcp"),),
)
PROCONOS = Protocol(
    "proconos",
    "ProConOS (KW-Software)",
    "observed",
    tcp_ports=(20547,),
    signatures=begins("\xcc\x01\x00\x0b", "\xcc\x00\x00\x0b", verdict=YES, transport="tcp"),
)
HAP = Protocol(
    "hap-directlogic",
    "Host Automation Products (DirectLOGIC)",
    "Host Engineering SDK",
    udp_ports=(28784,),
    # "HAP", a number, a check, the length of what follows, little-endian.
    signatures=begins(
        "HAP",
        verdict=YES,
        transport="udp",
        parts=(Length(7, 2, add=9, little=True, fit="within"), Number(7, 2, 1, 1400, little=True)),
    ),
)
GE_SRTP = Protocol(
    "ge-srtp",
    "GE service request transport protocol",
    "public descriptions",
    tcp_ports=(18245, 18246),
    signatures=(
        # A first message is of zeros; its answer begins with 1; then 2 asks, 3 answers.
        Signature((At(0, bytes(56)),), MAYBE, "orig", "tcp", 56, 56, own_port=True),
        Signature((At(0, b"\x01\0"), At(2, bytes(2))), MAYBE, "resp", "tcp", 56, 56, own_port=True),
        Signature((Number(0, 1, 2, 3), At(1, b"\0"), At(9, b"\x01")), MAYBE, "both", "tcp", 56, own_port=True),
    ),
)
TRISTATION = Protocol(
    "tristation",
    "TriStation (Triconex)",
    "public descriptions",
    udp_ports=(1502,),
    # Kind of message, channel, length of what follows; a check stands last.
    signatures=(
        Signature(
            (Number(0, 1, 1, 11), Number(1, 1, 0, 255), Length(2, 2, add=6, little=True)),
            MAYBE,
            transport="udp",
            min_length=6,
            own_port=True,
        ),
    ),
)
DHIP = Protocol(
    "dahua",
    "Dahua DHIP",
    "observed",
    tcp_ports=(37777, 5000),
    udp_ports=(37810,),
    signatures=begins("\x20\0\0\0DHIP", verdict=YES),
)
DVRIP = Protocol(
    "dvrip",
    "DVRIP (XiongMai NetSurveillance)",
    "public descriptions",
    tcp_ports=(34567,),
    udp_ports=(34569,),
    # Head, version, session, number, message (1000 and on), length, little-endian.
    signatures=(
        Signature(
            (
                At(0, b"\xff"),
                Number(1, 1, 0, 1),
                At(2, b"\0\0"),
                Number(14, 2, 999, 2200, little=True),
                Length(16, 4, add=20, little=True, fit="within"),
            ),
            YES,
            min_length=20,
        ),
    ),
)
SADP = Protocol(
    "hikvision-sadp",
    "Hikvision SADP",
    "observed",
    udp_ports=(37020,),
    signatures=begins("<?xml ", verdict=YES, transport="udp", parts=(Has(b"<Probe", 20, 200), Has(b"<Types>", 40, 400)))
    + begins(
        "<?xml ",
        "<Probe",
        verdict=YES,
        transport="udp",
        parts=(Has(b"<Uuid>", 8, 200), Has(b"<Types>inquiry", 30, 400)),
    ),
)
BROADLINK = Protocol(
    "broadlink",
    "Broadlink",
    "public descriptions",
    udp_ports=(80,),
    signatures=(Signature((At(0, b"\x5a\xa5\xaa\x55\x5a\xa5\xaa\x55"),), YES, transport="udp", min_length=48),),
)
WIZ = Protocol(
    "wiz",
    "WiZ lights",
    "public descriptions",
    udp_ports=(38899, 38900),
    signatures=tuple(
        begun
        for word in ('"getPilot"', '"setPilot"', '"syncPilot"', '"registration"', '"getSystemConfig"', '"firstBeat"')
        for begun in begins("{", verdict=YES, transport="udp", parts=(Has(b'"method":' + word.encode(), 1, 40),))
    ),
)
GOVEE = Protocol(
    "govee",
    "Govee LAN",
    "Govee LAN guide",
    udp_ports=(4001, 4002, 4003),
    signatures=begins('{"msg":{"cmd":', '{"msg": {"cmd":', verdict=YES, transport="udp"),
)
GREE = Protocol(
    "gree",
    "Gree air conditioners",
    "public descriptions",
    udp_ports=(7000,),
    signatures=begins(
        '{"t":"scan"', '{"t": "scan"', '{"t":"pack"', '{"t":"bind"', '{"t": "pack"', verdict=YES, transport="udp"
    ),
)
DAIKIN = Protocol(
    "daikin",
    "Daikin discovery",
    "observed",
    udp_ports=(30050,),
    signatures=begins("DAIKIN_UDP/", verdict=YES, transport="udp"),
)
YEELIGHT = Protocol(
    "yeelight",
    "Yeelight",
    "Yeelight inter-operation specification",
    tcp_ports=(55443,),
    signatures=begins(
        "{",
        verdict=YES,
        side="orig",
        transport="tcp",
        parts=(Has(b'"method":', 1, 24), Has(b'"params":', 8, 80), At(-2, b"\r\n")),
        max_length=400,
    )
    + begins('{"method":"props","params":{"', verdict=YES, side="resp", transport="tcp"),
)
RTCM = Protocol(
    "rtcm",
    "RTCM 3 corrections",
    "RTCM 10403",
    tcp_ports=(2101,),
    # 0xD3, six zero bits, length; three octets of check.
    signatures=(Signature((At(0, b"\xd3\0"), Length(2, 1, add=6)), MAYBE, "both", min_length=12),),
)
NTRIP = Protocol(
    "ntrip",
    "NTRIP",
    "RTCM 10410",
    tcp_ports=(2101,),
    signatures=begins("SOURCETABLE 200 OK\r\n", verdict=YES, side="resp", transport="tcp")
    + begins("SOURCE ", verdict=YES, side="orig", transport="tcp", parts=(Has(b"\r\nSource-Agent: NTRIP", 8, 200),)),
)
SCPI = Protocol(
    "scpi-raw",
    "SCPI instruments",
    "IEEE 488.2, SCPI-99",
    tcp_ports=(5025, 5024),
    signatures=begins(
        "*IDN?",
        "*RST\n",
        "*CLS\n",
        ":SYST",
        "SYST:ERR?",
        "*OPC?",
        verdict=MAYBE,
        side="orig",
        transport="tcp",
        folded=True,
        own_port=True,
        max_length=200,
    ),
)
OCPP = Protocol(
    "ocpp",
    "Open Charge Point Protocol",
    "OCPP 1.6",
    # JSON arrays over WebSocket or in clear: call (2), its number, an action.
    signatures=tuple(
        begun
        for word in (
            '"BootNotification"',
            '"Heartbeat"',
            '"StatusNotification"',
            '"Authorize"',
            '"StartTransaction"',
            '"MeterValues"',
        )
        for begun in begins('[2,"', verdict=YES, transport="tcp", parts=(Has(b'",' + word.encode(), 4, 60),))
    ),
)
PROTOCOLS = (
    SLMP,
    CODESYS,
    FOX,
    FT12,
    ETHERCAT,
    MAVLINK,
    MATTER,
    PCWORX,
    PROCONOS,
    HAP,
    GE_SRTP,
    TRISTATION,
    DHIP,
    DVRIP,
    SADP,
    BROADLINK,
    WIZ,
    GOVEE,
    GREE,
    DAIKIN,
    YEELIGHT,
    RTCM,
    NTRIP,
    SCPI,
    OCPP,
)

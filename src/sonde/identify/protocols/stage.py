"""Light, sound and pictures on networks: Art-Net, sACN (ANSI E1.31), OSC, RTP-MIDI (RFC 6295), SAP (RFC 2974), SRT, ZRTP (RFC 6189), MSRP (RFC 4975), UA of Alcatel-Lucent, cameras."""

from sonde.schema import DIGITS, LETTERS, MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

OSC_NAME = LETTERS + DIGITS + b"/_-"

ARTNET = Protocol(
    "art-net",
    "Art-Net",
    "Art-Net 4",
    udp_ports=(6454,),
    signatures=begins("Art-Net\0", verdict=YES, transport="udp", min_length=10),
    aliases={"wireshark": ("artnet",)},
)
SACN = Protocol(
    "sacn",
    "Streaming ACN",
    "ANSI E1.31",
    udp_ports=(5568,),
    signatures=begins("\0\x10\0\0ASC-E1.17\0\0\0", verdict=YES, transport="udp"),
    aliases={"wireshark": ("acn",)},
)
OSC = Protocol(
    "osc",
    "Open Sound Control",
    "OSC 1.0",
    udp_ports=(8000, 9000, 57120, 57110),
    signatures=(
        *begins("#bundle\0", verdict=YES, transport="udp", min_length=20),
        # An address, zeros to a multiple of four, then the types of what follows behind a comma.
        *(
            Signature(
                (At(0, b"/"), Only(1, 3, OSC_NAME), Has(b"\0,", 3, 64), At(size, b"\0,")),
                MAYBE,
                transport="udp",
                min_length=12,
            )
            for size in (7, 11, 15, 19, 23, 27, 31)
        ),
    ),
    aliases={"wireshark": ("osc",)},
)
APPLE_MIDI = Protocol(
    "rtp-midi",
    "AppleMIDI, sessions of RTP-MIDI",
    "Apple MIDI network driver protocol",
    udp_ports=(5004, 5005),
    # 0xFFFF, a command, version 2.
    signatures=begins(
        *(b"\xff\xff" + word + b"\0\0\0\x02" for word in (b"IN", b"OK", b"NO", b"BY")),
        verdict=YES,
        transport="udp",
        min_length=16,
    ),
    aliases={"wireshark": ("applemidi",)},
)
SAP = Protocol(
    "sap-announcement",
    "Session Announcement Protocol",
    "RFC 2974",
    udp_ports=(9875,),
    signatures=(
        # §3: version 1, IPv4 and IPv6, no key; a hash, the source, then what is announced.
        Signature((At(0, b"\x20", b"\xfa"), At(1, b"\0"), At(8, b"application/sdp\0v=0")), YES, "orig", "udp"),
        Signature((At(0, b"\x20", b"\xfa"), At(1, b"\0"), At(8, b"v=0\r\no=")), YES, "orig", "udp"),
        Signature((At(0, b"\x30", b"\xfa"), At(1, b"\0"), At(20, b"application/sdp\0v=0")), YES, "orig", "udp"),
    ),
    aliases={"wireshark": ("sap",)},
)
SRT = Protocol(
    "srt",
    "Secure Reliable Transport and UDT",
    "draft-sharabayko-srt",
    udp_ports=(9710,),
    signatures=(
        # §3.2, §3.2.1: control, handshake, no subtype, nothing more; to socket 0; version 4 or 5.
        Signature((At(0, b"\x80\0\0\0\0\0\0\0"), At(12, bytes(4)), Number(16, 4, 4, 5)), YES, "orig", "udp", 64),
        Signature(
            (At(0, b"\x80\0\0\0\0\0\0\0"), Number(16, 4, 4, 5), Number(28, 4, 576, 9000)), YES, "resp", "udp", 64
        ),
    ),
    aliases={"wireshark": ("srt", "udt")},
)
ZRTP = Protocol(
    "zrtp",
    "ZRTP",
    "RFC 6189",
    # §5: version 0 with a bit that RTP has not, the magic cookie "ZRTP", a message behind 0x505A.
    signatures=(
        Signature((At(0, b"\x10\0"), At(4, b"ZRTP"), At(12, b"\x50\x5a")), YES, transport="udp", min_length=28),
    ),
    aliases={"wireshark": ("zrtp",)},
)
MSRP = Protocol(
    "msrp",
    "Message Session Relay Protocol",
    "RFC 4975",
    tcp_ports=(2855,),
    signatures=(
        *begins("MSRP ", verdict=YES, transport="tcp", parts=(Has(b"\r\nTo-Path: msrp", 12, 80),)),
        *begins("MSRP ", verdict=YES, transport="tcp", parts=(Has(b"\r\nTo-Path:msrp", 12, 80),)),
    ),
    aliases={"wireshark": ("msrp",)},
)
NOE = Protocol(
    "ua-udp",
    "UA/UDP (Alcatel-Lucent NOE)",
    "public descriptions",
    udp_ports=(32000, 32512, 32640),
    signatures=(
        # To connect (0): values of one octet each for version (0) and window (1), of two for the size of units (2).
        Signature(
            (At(0, b"\0\0\x01"), At(4, b"\x01\x01"), At(7, b"\x02\x02")),
            YES,
            transport="udp",
            min_length=11,
            max_length=64,
        ),
        Signature((At(0, b"\x01"),), MAYBE, transport="udp", max_length=1, own_port=True),
        # Alive (4), its acknowledgement (5); to part (2), not received (6).
        Signature((Only(0, 1, b"\x04\x05"),), MAYBE, transport="udp", max_length=1, own_port=True),
        Signature((At(0, b"\x02"),), MAYBE, transport="udp", min_length=2, max_length=2, own_port=True),
        Signature((At(0, b"\x06"),), MAYBE, transport="udp", min_length=3, max_length=3, own_port=True),
        # Data (7): numbers expected and sent, then nothing, or messages with their lengths, little-endian.
        Signature((At(0, b"\x07"),), MAYBE, transport="udp", min_length=5, max_length=5, own_port=True),
        Signature(
            (At(0, b"\x07"), Length(5, 2, add=7, little=True, fit="within"), At(6, b"\0")),
            MAYBE,
            transport="udp",
            min_length=8,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("NOE",), "wireshark": ("uaudp", "noe")},
)
UNISTIM = Protocol(
    "unistim",
    "UNISTIM (Nortel)",
    "public descriptions",
    udp_ports=(5000, 5100),
    # A number, acknowledgement or payload, from phone or server, the terminal.
    signatures=(
        Signature(
            (At(0, bytes(2)), Number(4, 1, 0, 2), Number(5, 1, 1, 2)),
            MAYBE,
            transport="udp",
            min_length=10,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("unistim",)},
)
PTP_IP = Protocol(
    "ptp-ip",
    "Picture Transfer Protocol over IP",
    "CIPA DC-005",
    tcp_ports=(15740,),
    # Length, init command (1), GUID, name in UTF-16, version 1.0; its acknowledgement (2).
    signatures=(
        Signature((Length(0, 4, little=True), At(4, b"\x01\0\0\0"), At(-6, b"\0\0\0\0\x01\0")), YES, "orig", "tcp", 30),
        Signature((Length(0, 4, little=True), At(4, b"\x02\0\0\0"), At(-6, b"\0\0\0\0\x01\0")), YES, "resp", "tcp", 34),
    ),
    aliases={"wireshark": ("ptpip",)},
)
HDHOMERUN = Protocol(
    "hdhomerun",
    "HDHomeRun",
    "libhdhomerun",
    udp_ports=(65001,),
    tcp_ports=(65001,),
    signatures=(
        # Discovery and its answer: type, length (a checksum follows), the kind of device.
        Signature((At(0, b"\0"), Number(1, 1, 2, 3), Length(2, 2, add=8), At(4, b"\x01\x04")), YES, transport="udp"),
        Signature((At(0, b"\0"), Number(1, 1, 4, 5), Length(2, 2, add=8), At(4, b"\x03")), YES, transport="tcp"),
    ),
    aliases={"wireshark": ("hdhomerun",)},
)
SLIM = Protocol(
    "slimproto",
    "SlimProto (Squeezebox)",
    "SlimProto developer guide",
    tcp_ports=(3483,),
    signatures=begins(
        "HELO\0\0\0",
        verdict=YES,
        side="orig",
        transport="tcp",
        parts=(Length(4, 4, add=8, fit="within"),),
        min_length=18,
    ),
    aliases={"wireshark": ("slimp3",)},
)
MEDIA_SERVERS = Protocol(
    "media-server-discovery",
    "Discovery of Jellyfin, Emby and Kodi",
    "their documentation",
    udp_ports=(7359, 9777),
    signatures=(
        *begins(
            "who is JellyfinServer?", "who is EmbyServer?", verdict=YES, transport="udp", folded=True, max_length=64
        ),
        *begins("XBMC\x02\0", verdict=YES, transport="udp", min_length=32),
    ),
)
RTL_TCP = Protocol(
    "rtl-tcp",
    "rtl_tcp",
    "rtl-sdr",
    tcp_ports=(1234,),
    # "RTL0", the tuner, how many gains it has.
    signatures=begins(
        "RTL0\0\0\0", verdict=YES, side="resp", transport="tcp", parts=(Number(4, 4, 0, 6), Number(8, 4, 1, 64))
    ),
)
PROTOCOLS = (
    ARTNET,
    SACN,
    OSC,
    APPLE_MIDI,
    SAP,
    SRT,
    ZRTP,
    MSRP,
    NOE,
    UNISTIM,
    PTP_IP,
    HDHOMERUN,
    SLIM,
    MEDIA_SERVERS,
    RTL_TCP,
)

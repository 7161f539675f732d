"""Logs and measurements on their way to collectors: Beats, Fluentd, GELF, Splunk, Ganglia, NRPE, iPerf, TWAMP, gpsd and receivers of radio."""

from sonde.schema import DIGITS, LETTERS, MAYBE, YES, At, Has, Length, Number, Only, Protocol, Same, Signature, begins

BEATS = Protocol(
    "lumberjack",
    "Lumberjack (Elastic Beats)",
    "Lumberjack protocol v2",
    tcp_ports=(5044,),
    signatures=(
        # A window: version, W, its size; then events: JSON, compressed, or pairs.
        Signature((Only(0, 1, b"12"), At(1, b"W\0\0"), Same(0, 6, 1), Only(7, 8, b"CJD")), YES, "orig", "tcp"),
        Signature((Only(0, 1, b"12"), At(1, b"W\0\0")), MAYBE, "orig", "tcp", 6, 6),
        Signature((Only(0, 1, b"12"), At(1, b"A\0\0")), MAYBE, "resp", "tcp", 6, 6),
    ),
)
FLUENTD = Protocol(
    "fluentd-forward",
    "Fluentd forward protocol",
    "Forward protocol v1",
    tcp_ports=(24224,),
    # MessagePack: arrays that begin with HELO, PING, PONG.
    signatures=begins("\x92\xa4HELO", "\x96\xa4PING", "\x95\xa4PONG", verdict=YES, transport="tcp"),
)
GELF = Protocol(
    "gelf",
    "Graylog Extended Log Format",
    "GELF 1.1",
    udp_ports=(12201,),
    tcp_ports=(12201,),
    signatures=(
        *begins("{", verdict=YES, parts=(Has(b'"short_message":', 1, 800), Has(b'"version":', 1, 800))),
        # Chunked: magic number, message, place and count.
        Signature(
            (At(0, b"\x1e\x0f"), Number(10, 1, 0, 127), Number(11, 1, 1, 128)), MAYBE, "orig", "udp", own_port=True
        ),
    ),
    aliases={"wireshark": ("gelf",)},
)
SPLUNK = Protocol(
    "splunk-s2s",
    "Splunk forwarders",
    "observed",
    tcp_ports=(9997,),
    signatures=begins("--splunk-cooked-mode-v", verdict=YES, side="orig", transport="tcp", min_length=64),
)
GANGLIA = Protocol(
    "ganglia",
    "Ganglia gmond",
    "Ganglia gm_protocol.x",
    udp_ports=(8649,),
    signatures=(
        # XDR: kind of message, the host's name, the metric's.
        Signature(
            (Number(0, 4, 128, 135), Number(4, 4, 1, 64), Only(8, 9, LETTERS + DIGITS), At(4, bytes(3))),
            MAYBE,
            "orig",
            "udp",
            28,
            own_port=True,
        ),
    ),
)
NRPE = Protocol(
    "nrpe",
    "Nagios Remote Plugin Executor",
    "NRPE protocol",
    tcp_ports=(5666,),
    # Version 2 is a packet of one size; 3 and 4 tell the length of their text.
    signatures=(
        *(
            Signature((At(0, b"\0\x02\0" + kind),), MAYBE, side, "tcp", 1034, 1040)
            for kind, side in ((b"\x01", "orig"), (b"\x02", "resp"))
        ),
        *(
            Signature(
                (At(0, b"\0"), Number(1, 1, 3, 4), At(2, b"\0" + kind), Length(12, 4, add=16, fit="within")),
                MAYBE,
                side,
                "tcp",
                17,
            )
            for kind, side in ((b"\x01", "orig"), (b"\x02", "resp"))
        ),
    ),
)
IPERF3 = Protocol(
    "iperf3",
    "iPerf 3",
    "iperf3 source",
    tcp_ports=(5201,),
    # A connection begins with a cookie of 36 letters and digits of base 32, and zero.
    signatures=(
        Signature((Only(0, 36, b"abcdefghijklmnopqrstuvwxyz234567"), At(36, b"\0")), YES, "orig", "tcp", 37, 37),
    ),
    aliases={"ndpi": ("TargusDataspeed",), "wireshark": ("iperf3",)},
)
IPERF2 = Protocol(
    "iperf",
    "iPerf 2",
    "iperf 2 source",
    tcp_ports=(5001,),
    udp_ports=(5001,),
    # Buffers are filled with the last digit of each octet's place, behind what heads them.
    signatures=(
        Signature((At(80, b"0123456789012345678901234567890123456789"),), MAYBE, "orig", min_length=200, own_port=True),
    ),
    aliases={"ndpi": ("TargusDataspeed",), "wireshark": ("iperf2",)},
)
TWAMP = Protocol(
    "twamp-control",
    "OWAMP and TWAMP control",
    "RFC 5357",
    tcp_ports=(861, 862),
    # RFC 4656 §3.1: the greeting: unused, modes, challenge, salt, count (a power of two from 1024), unused.
    signatures=(
        Signature(
            (At(0, bytes(12)), Number(12, 4, 1, 0x3FF), Number(48, 4, 1024, 1 << 24), At(52, bytes(12))),
            YES,
            "resp",
            "tcp",
            64,
            64,
        ),
    ),
    aliases={"wireshark": ("twamp.control",)},
)
GPSD = Protocol(
    "gpsd",
    "gpsd",
    "gpsd_json(5)",
    tcp_ports=(2947,),
    signatures=(
        *begins('{"class":"VERSION"', verdict=YES, side="resp", transport="tcp"),
        *begins("?WATCH=", "?POLL;", "?VERSION;", verdict=YES, side="orig", transport="tcp"),
    ),
)
NMEA = Protocol(
    "nmea",
    "NMEA 0183 and AIS sentences",
    "NMEA 0183, IEC 61162-1",
    tcp_ports=(10110,),
    udp_ports=(10110,),
    # A talker, a sentence; a checksum stands behind the star.
    signatures=tuple(
        begun
        for talker in ("GP", "GN", "GL", "GA", "II", "HE", "SD")
        for sentence in ("GGA,", "RMC,", "GSV,", "GSA,", "VTG,", "GLL,", "ZDA,", "HDT,", "DBT,")
        for begun in begins(f"${talker}{sentence}", verdict=YES, parts=(Has(b"*", 8, 90),))
    )
    + begins("!AIVDM,", "!AIVDO,", "!BSVDM,", verdict=YES, parts=(Has(b"*", 8, 90),)),
)
SBS = Protocol(
    "sbs-basestation",
    "SBS BaseStation (ADS-B)",
    "public descriptions",
    tcp_ports=(30003,),
    signatures=(
        Signature(
            (At(0, b"MSG,"), Only(4, 5, b"12345678"), At(5, b","), Only(6, 10, DIGITS + b",")), YES, "resp", "tcp", 40
        ),
    ),
)
APRS = Protocol(
    "aprs-is",
    "APRS Internet System",
    "APRS-IS documentation",
    tcp_ports=(14580, 10152),
    signatures=(
        *begins("# aprsc ", "# javAPRSSrvr ", verdict=YES, side="resp", transport="tcp"),
        *begins(
            "user ", verdict=YES, side="orig", transport="tcp", parts=(Has(b" pass ", 8, 24), Has(b" vers ", 14, 40))
        ),
    ),
)
PROTOCOLS = (BEATS, FLUENTD, GELF, SPLUNK, GANGLIA, NRPE, IPERF3, IPERF2, TWAMP, GPSD, NMEA, SBS, APRS)

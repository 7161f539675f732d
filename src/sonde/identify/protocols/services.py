"""Older and smaller services that name themselves or have a port of their own: printing (RFC 1179, CUPS, PJL), mail filters (RFC 5804), files (9P, NDMP, NCP), scanners of mail, ident (RFC 1413), kpasswd (RFC 3244) and others."""

from sonde.schema import (
    ASCII_TEXT,
    DIGITS,
    HEX_DIGITS,
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

CUPS = Protocol(
    "cups-browsing",
    "CUPS browsing",
    "CUPS browse protocol",
    udp_ports=(631,),
    # Kind and state in hexadecimal digits, then where the printer is.
    signatures=(
        Signature((Only(0, 1, HEX_DIGITS), Has(b" ipp://", 2, 20)), YES, transport="udp"),
        Signature((Only(0, 1, HEX_DIGITS), Has(b" ipps://", 2, 20)), YES, transport="udp"),
    ),
    aliases={"ndpi": ("IPP",), "wireshark": ("cups",)},
)
LPD = Protocol(
    "lpd",
    "Line Printer Daemon",
    "RFC 1179",
    tcp_ports=(515,),
    # §5: a command, the queue, a line feed.
    signatures=(
        Signature(
            (Number(0, 1, 1, 5), At(-1, b"\n"), Only(1, -1, PRINTABLE)), MAYBE, "orig", "tcp", 3, 200, own_port=True
        ),
    ),
    aliases={"wireshark": ("lpd",)},
)
PJL = Protocol(
    "pjl",
    "Printer jobs on port 9100",
    "HP PJL technical reference",
    tcp_ports=(9100, 9101, 9102),
    signatures=begins("\x1b%-12345X@PJL", "@PJL ", verdict=YES, transport="tcp")
    + begins("%!PS-Adobe-", "\x1bE\x1b", "\x1b%-12345X", verdict=MAYBE, side="orig", transport="tcp", own_port=True),
)
EPSON = Protocol(
    "epson-control",
    "Epson printer discovery",
    "observed",
    udp_ports=(3289,),
    signatures=(
        Signature((At(0, b"EPSON"), Only(5, 6, b"QPCS"), Number(6, 1, 0, 3)), YES, transport="udp", min_length=10),
    ),
)
SIEVE = Protocol(
    "managesieve",
    "ManageSieve",
    "RFC 5804",
    tcp_ports=(4190, 2000),
    starts_tls=True,
    signatures=begins('"IMPLEMENTATION" "', verdict=YES, side="resp", transport="tcp", folded=True),  # §1.7
)
SPAMD = Protocol(
    "spamd",
    "SpamAssassin",
    "SPAMC and SPAMD protocol",
    tcp_ports=(783,),
    signatures=tuple(
        begun
        for word in ("PROCESS", "SYMBOLS", "CHECK", "REPORT", "HEADERS", "PING", "TELL")
        for begun in begins(f"{word} SPAMC/1.", verdict=YES, side="orig", transport="tcp")
    )
    + begins("SPAMD/1.", "SPAMD/0", verdict=YES, side="resp", transport="tcp"),
    aliases={"wireshark": ("spamc",)},
)
CLAMD = Protocol(
    "clamd",
    "ClamAV daemon",
    "clamd(8)",
    tcp_ports=(3310,),
    signatures=begins(
        "zINSTREAM\0",
        "nINSTREAM\n",
        "zVERSION\0",
        "nVERSION\n",
        "zPING\0",
        "nPING\n",
        "zIDSESSION\0",
        verdict=YES,
        side="orig",
        transport="tcp",
    ),
)
MILTER = Protocol(
    "milter",
    "Sendmail's mail filters",
    "milter-protocol.txt",
    tcp_ports=(8891, 8893),
    # Length 13, O: options: version 2 to 6, actions, steps.
    signatures=(Signature((At(0, b"\0\0\0\x0dO\0\0\0"), Number(8, 1, 2, 6)), YES, transport="tcp", min_length=17),),
)
IDENT = Protocol(
    "ident",
    "Identification protocol",
    "RFC 1413",
    tcp_ports=(113,),
    signatures=(
        Signature(
            (Only(0, 1, DIGITS), Has(b",", 1, 8), Only(1, 0, DIGITS + b", \r\n")),
            MAYBE,
            "orig",
            "tcp",
            5,
            20,
            own_port=True,
        ),
        Signature((Only(0, 1, DIGITS), Has(b",", 1, 8), Has(b"USERID", 4, 24)), MAYBE, "resp", "tcp", own_port=True),
        Signature((Only(0, 1, DIGITS), Has(b",", 1, 8), Has(b"ERROR", 4, 24)), MAYBE, "resp", "tcp", own_port=True),
    ),
    aliases={"wireshark": ("ident",)},
)
KPASSWD = Protocol(
    "kpasswd",
    "Kerberos change password",
    "RFC 3244",
    tcp_ports=(464,),
    udp_ports=(464,),
    # §2: length, version 1 or 0xFF80, length of the ticket's request, which is application 14 or 15.
    signatures=tuple(
        Signature(
            (Length(0, 2), At(2, version), Only(6, 7, b"\x6e\x6f"), Only(7, 8, b"\x81\x82")),
            YES,
            transport="udp",
            min_length=40,
        )
        for version in (b"\0\x01", b"\xff\x80")
    )
    + tuple(
        Signature(
            (Length(0, 4, add=4), Length(4, 2, add=4), At(6, version), Only(10, 11, b"\x6e\x6f")),
            YES,
            transport="tcp",
            min_length=40,
        )
        for version in (b"\0\x01", b"\xff\x80")
    ),
    aliases={"wireshark": ("kpasswd",)},
)
NINEP = Protocol(
    "9p",
    "Plan 9 file protocol",
    "Plan 9 manual, section 5",
    tcp_ports=(564,),
    # Size, version (100, its answer 101), no tag, largest message, "9P2000".
    signatures=tuple(
        Signature((Length(0, 4, little=True), At(4, kind + b"\xff\xff"), At(13, b"9P2000")), YES, side, "tcp")
        for kind, side in ((b"\x64", "orig"), (b"\x65", "resp"))
    ),
    aliases={"wireshark": ("9p",)},
)
NDMP = Protocol(
    "ndmp",
    "Network Data Management Protocol",
    "NDMP 4",
    tcp_ports=(10000,),
    # §2.2: a record; number, time, request or reply, message (0x100 to 0xAFF), what it answers, error.
    signatures=(
        Signature(
            (
                At(0, b"\x80"),
                Length(1, 3, add=4),
                Number(4, 4, 1, 0xFFFF),
                Number(12, 4, 0, 1),
                Number(16, 4, 0x100, 0xAFF),
                Number(20, 4, 0, 0xFFFF),
                Number(24, 4, 0, 64),
            ),
            YES,
            transport="tcp",
            min_length=28,
        ),
    ),
    aliases={"wireshark": ("ndmp",)},
)
NCP = Protocol(
    "ncp",
    "NetWare Core Protocol",
    "Novell NCP over IP",
    tcp_ports=(524,),
    signatures=begins("DmdT", verdict=YES, side="orig", transport="tcp", parts=(Length(4, 4),))
    + begins("tNcP", verdict=YES, side="resp", transport="tcp", parts=(Length(4, 4),)),
    aliases={"wireshark": ("ncp",)},
)
BACULA = Protocol(
    "bacula",
    "Bacula and Bareos",
    "Bacula developers' guide",
    tcp_ports=(9101, 9102, 9103),
    signatures=begins(
        "\0\0\0",
        verdict=YES,
        side="orig",
        transport="tcp",
        parts=(Length(0, 4, add=4), At(4, b"Hello "), Has(b" calling", 8, 160)),
    ),
)
AMANDA = Protocol(
    "amanda",
    "Amanda backup",
    "Amanda wire protocol",
    udp_ports=(10080,),
    tcp_ports=(10080,),
    signatures=begins("Amanda 2.", "Amanda 3.", verdict=YES, parts=(Has(b" HANDLE ", 10, 40),)),
)
DICT = Protocol(
    "dict",
    "Dictionary server protocol",
    "RFC 2229",
    tcp_ports=(2628,),
    signatures=begins(
        "DEFINE ",
        "MATCH ",
        "SHOW DB",
        "SHOW STRAT",
        "CLIENT ",
        verdict=MAYBE,
        side="orig",
        transport="tcp",
        own_port=True,
        folded=True,
    )
    + begins("220 ", verdict=YES, side="resp", transport="tcp", parts=(Has(b" <auth.", 4, 200),)),
    aliases={"wireshark": ("dict",)},
)
ACAP = Protocol(
    "acap",
    "Application Configuration Access Protocol",
    "RFC 2244",
    tcp_ports=(674,),
    signatures=begins("* ACAP (", verdict=YES, side="resp", transport="tcp"),
    aliases={"wireshark": ("acap",)},
)
CHARGEN = Protocol(
    "chargen",
    "Character generator",
    "RFC 864",
    tcp_ports=(19,),
    udp_ports=(19,),
    signatures=begins(
        " !\"#$%&'()*+,-./0123456789:;<=>?@ABC", "!\"#$%&'()*+,-./0123456789:;<=>?@ABC", verdict=YES, side="resp"
    ),
    aliases={"wireshark": ("chargen",)},
)
FINGER = Protocol(
    "finger",
    "Finger",
    "RFC 1288",
    tcp_ports=(79,),
    signatures=(
        Signature(
            (At(-2, b"\r\n"), Only(0, -2, LETTERS + DIGITS + b"@._-/ ")), MAYBE, "orig", "tcp", 2, 64, own_port=True
        ),
    ),
    aliases={"wireshark": ("finger",)},
)
GOPHER = Protocol(
    "gopher",
    "Gopher",
    "RFC 1436",
    tcp_ports=(70,),
    signatures=(
        Signature((At(-2, b"\r\n"), Only(0, -2, PRINTABLE + b"\t")), MAYBE, "orig", "tcp", 2, 255, own_port=True),
        Signature(
            (Only(0, 1, b"0123456789+gIThisipd"), Has(b"\t", 1, 120), Only(1, 40, ASCII_TEXT)),
            MAYBE,
            "resp",
            "tcp",
            20,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("gopher",)},
)
VMWARE_AUTH = Protocol(
    "vmware-auth",
    "VMware authentication daemon",
    "observed",
    tcp_ports=(902,),
    signatures=begins("220 VMware Authentication Daemon Version ", verdict=YES, side="resp", transport="tcp"),
)
PCANYWHERE = Protocol(
    "pcanywhere",
    "pcAnywhere",
    "observed",
    udp_ports=(5632, 22),
    tcp_ports=(5631,),
    signatures=(
        Signature((At(0, b"NQ"),), MAYBE, "orig", "udp", 2, 2, own_port=True),
        Signature((At(0, b"ST"),), MAYBE, "both", "udp", 2, 2, own_port=True),
        *begins("\0X\x08\0}\x08\r\n\0\x00", verdict=MAYBE, side="resp", transport="tcp", own_port=True),
    ),
)
OPENVAS = Protocol(
    "otp",
    "OpenVAS transfer protocol",
    "OTP documentation",
    tcp_ports=(9391,),
    signatures=begins("< OTP/2.0 >", "< OTP/1.0 >", "< NTP/1.2 >", verdict=YES, transport="tcp"),
)
SYNERGY = Protocol(
    "synergy",
    "Synergy, Barrier and Deskflow",
    "Synergy protocol types",
    tcp_ports=(24800,),
    # Length, the name, version 1.x.
    signatures=tuple(
        Signature((Length(0, 4, add=4), At(4, name + b"\0\x01")), YES, transport="tcp", min_length=15)
        for name in (b"Synergy", b"Barrier")
    ),
    aliases={"wireshark": ("synergy",)},
)
UCP = Protocol(
    "emi-ucp",
    "EMI/UCP, to short message centres",
    "EMI-UCP interface 5.2",
    tcp_ports=(5000,),
    # STX, number, length, operation or result, operation type.
    signatures=(
        Signature(
            (
                At(0, b"\x02"),
                Only(1, 3, DIGITS),
                At(3, b"/"),
                Only(4, 9, DIGITS),
                At(9, b"/"),
                Only(10, 11, b"OR"),
                At(11, b"/"),
                Only(12, 14, DIGITS),
            ),
            YES,
            transport="tcp",
        ),
    ),
    aliases={"wireshark": ("ucp",)},
)
CIMD = Protocol(
    "cimd2",
    "CIMD 2, to short message centres",
    "Nokia CIMD interface 2.0",
    tcp_ports=(9971,),
    # STX, operation, colon, number, tab; parameters of three digits.
    signatures=(
        Signature(
            (
                At(0, b"\x02"),
                Only(1, 3, DIGITS),
                At(3, b":"),
                Only(4, 7, DIGITS),
                At(7, b"\t"),
                Only(8, 11, DIGITS),
                At(11, b":"),
            ),
            YES,
            transport="tcp",
        ),
    ),
    aliases={"wireshark": ("cimd",)},
)
PROTOCOLS = (
    CUPS,
    LPD,
    PJL,
    EPSON,
    SIEVE,
    SPAMD,
    CLAMD,
    MILTER,
    IDENT,
    KPASSWD,
    NINEP,
    NDMP,
    NCP,
    BACULA,
    AMANDA,
    DICT,
    ACAP,
    CHARGEN,
    FINGER,
    GOPHER,
    VMWARE_AUTH,
    PCANYWHERE,
    OPENVAS,
    SYNERGY,
    UCP,
    CIMD,
)

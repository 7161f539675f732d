"""FTP's control connection (RFC 959; RFC 4217 for TLS). Data connections have no form of their own: they are announced."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

CONTROL = Protocol(
    "ftp",
    "File Transfer Protocol (control)",
    "RFC 959",
    tcp_ports=(21, 2121),
    signatures=(
        # §5.4: the greeting is 220; it has the same form in SMTP, so commands and answers must agree.
        *begins("220 ", "220-", verdict=YES, side="resp", transport="tcp", parts=(Has(b"ftp", 4, 256),), folded=True),
        *begins(
            "220 ",
            "220-",
            "230 ",
            "230-",
            "331 ",
            "530 ",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            parts=(Only(4, 40, UTF8_TEXT),),
            min_length=6,
        ),
        *begins("234 ", "334 ", verdict=MAYBE, side="resp", transport="tcp", parts=(Has(b"AUTH", 4, 64),), folded=True),
        *begins(
            "USER ",
            "PASS ",
            "ACCT ",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            folded=True,
            parts=(Only(5, 64, UTF8_TEXT),),
        ),
        *begins(
            "AUTH TLS\r\n",
            "AUTH SSL\r\n",
            "FEAT\r\n",
            "SYST\r\n",
            "PASV\r\n",
            "EPSV\r\n",
            "CLNT ",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            folded=True,
        ),
    ),
    starts_tls=True,
    announces=("ftp", "ftp-data"),
    aliases={"ndpi": ("FTP_CONTROL", "FTPS"), "zeek": ("ftp",), "wireshark": ("ftp",)},
)
DATA = Protocol(
    "ftp-data",
    "File Transfer Protocol (data)",
    "RFC 959",
    transports=("tcp",),
    aliases={"ndpi": ("FTP_DATA",), "zeek": ("ftp-data",), "wireshark": ("ftp-data",)},
)
PROTOCOLS = (CONTROL, DATA)

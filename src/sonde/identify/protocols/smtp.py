"""SMTP (RFC 5321) and LMTP (RFC 2033), which differs by one word."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

PROTOCOL = Protocol(
    "smtp",
    "Simple Mail Transfer Protocol",
    "RFC 5321",
    tcp_ports=(25, 587, 2525),
    signatures=(
        *begins(
            "220 ",
            "220-",
            "554 ",
            verdict=YES,
            side="resp",
            transport="tcp",
            parts=(Has(b"smtp", 4, 512),),
            folded=True,
        ),
        *begins(
            "220 ",
            "220-",
            "421 ",
            "554 ",
            "554-",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            parts=(Only(4, 40, UTF8_TEXT),),
            min_length=6,
        ),
        *begins("250-", verdict=MAYBE, side="resp", transport="tcp", parts=(Only(4, 40, UTF8_TEXT),), min_length=8),
        # RFC 5321 §4.1.1.1
        *begins(
            "EHLO ", "LHLO ", verdict=YES, side="orig", transport="tcp", folded=True, parts=(Only(5, 64, UTF8_TEXT),)
        ),
        *begins("HELO ", verdict=YES, side="orig", transport="tcp", folded=True, parts=(Only(5, 64, UTF8_TEXT),)),
        *begins("MAIL FROM:<", "RCPT TO:<", "STARTTLS\r\n", verdict=MAYBE, side="orig", transport="tcp", folded=True),
    ),
    starts_tls=True,
    aliases={"ndpi": ("SMTP",), "zeek": ("smtp",), "wireshark": ("smtp",)},
)

"""IRC (RFC 2812; IRCv3 for CAP)."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

PROTOCOL = Protocol(
    "irc",
    "Internet Relay Chat",
    "RFC 2812",
    tcp_ports=(6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 7000, 8000),
    signatures=(
        *begins("CAP LS", "CAP REQ", verdict=YES, side="orig", transport="tcp"),
        *begins(
            "NICK ", "PASS ", verdict=YES, side="orig", transport="tcp", parts=(Has(b"\nUSER ", 6, 128),), folded=True
        ),
        # RFC 2812 §3.1.3: user, mode, an unused word, and the real name behind a colon.
        *begins(
            "USER ",
            verdict=YES,
            side="orig",
            transport="tcp",
            parts=(Has(b" :", 8, 128), Has(b" ", 6, 64), Has(b"\n", 9, 256)),
            folded=True,
        ),
        *begins("NICK ", verdict=MAYBE, side="orig", transport="tcp", parts=(Only(5, 32, UTF8_TEXT),), folded=True),
        *begins("NOTICE AUTH :", "NOTICE * :", "ERROR :Closing Link", verdict=YES, side="resp", transport="tcp"),
        *begins(":", verdict=YES, side="resp", transport="tcp", parts=(Has(b" NOTICE ", 2, 80),)),
        *begins(":", verdict=YES, side="resp", transport="tcp", parts=(Has(b" 001 ", 2, 80),)),
        # IRCv3 tls-3.1: a client asks before it registers; 670 is RPL_STARTTLS.
        *begins("STARTTLS", verdict=MAYBE, side="orig", transport="tcp", folded=True),
        *begins(":", verdict=YES, side="resp", transport="tcp", parts=(Has(b" 670 ", 2, 80),)),
        *begins("PING :", verdict=MAYBE, transport="tcp", parts=(Has(b"\n", 6, 80),)),
    ),
    starts_tls=True,
    aliases={"ndpi": ("IRC",), "zeek": ("irc",), "wireshark": ("irc",)},
)

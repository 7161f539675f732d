"""NNTP (RFC 3977)."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

PROTOCOL = Protocol(
    "nntp",
    "Network News Transfer Protocol",
    "RFC 3977",
    tcp_ports=(119, 433),
    signatures=(
        # §5.1: 200 and 201 greet.
        *begins("200 ", "201 ", verdict=YES, side="resp", transport="tcp", parts=(Has(b"nntp", 4, 128),), folded=True),
        *begins(
            "200 ", "201 ", verdict=MAYBE, side="resp", transport="tcp", parts=(Only(4, 40, UTF8_TEXT),), min_length=6
        ),
        *begins(
            "MODE READER\r\n",
            "AUTHINFO USER ",
            "AUTHINFO PASS ",
            "XOVER ",
            verdict=YES,
            side="orig",
            transport="tcp",
            folded=True,
        ),
        *begins(
            "CAPABILITIES\r\n",
            "GROUP ",
            "LIST\r\n",
            "HELP\r\n",
            "ARTICLE ",
            "IHAVE ",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            folded=True,
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("Usenet",), "wireshark": ("nntp",)},
)

"""WHOIS (RFC 3912), which has no form but lines; both sides must fit."""

from sonde.schema import MAYBE, PRINTABLE, UTF8_TEXT, At, Has, Only, Protocol, Signature, begins

PROTOCOL = Protocol(
    "whois",
    "WHOIS",
    "RFC 3912",
    tcp_ports=(43, 4343),
    signatures=(
        Signature(
            (At(-2, b"\r\n"), Only(0, -2, PRINTABLE), Has(b".", 1, 253)), MAYBE, "orig", "tcp", 4, 255, own_port=True
        ),
        *begins(
            "% ",
            "%% ",
            "Domain Name:",
            "   Domain Name:",
            "No match for",
            "NOT FOUND",
            "domain:",
            "refer:",
            "# ",
            "\r\nDomain",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            folded=True,
            own_port=True,
            parts=(Only(2, 20, UTF8_TEXT),),
        ),
    ),
    aliases={"ndpi": ("Whois-DAS",), "wireshark": ("whois",)},
)

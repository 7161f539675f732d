"""POP3 (RFC 1939; RFC 2449 for CAPA, RFC 2595 for STLS)."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

PROTOCOL = Protocol(
    "pop3",
    "Post Office Protocol version 3",
    "RFC 1939",
    tcp_ports=(110,),
    signatures=(
        *begins("+OK", verdict=YES, side="resp", transport="tcp", parts=(Has(b"pop", 3, 128),), folded=True),
        *begins("+OK ", "+OK\r\n", "-ERR ", verdict=MAYBE, side="resp", transport="tcp"),
        *begins(
            "USER ",
            "PASS ",
            "APOP ",
            "AUTH ",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            folded=True,
            parts=(Only(5, 64, UTF8_TEXT),),
        ),
        *begins(
            "CAPA\r\n", "AUTH\r\n", "STLS\r\n", "QUIT\r\n", verdict=MAYBE, side="orig", transport="tcp", folded=True
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("POP3",), "zeek": ("pop3",), "wireshark": ("pop",)},
)

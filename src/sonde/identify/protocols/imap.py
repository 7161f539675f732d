"""IMAP (RFC 9051, RFC 3501): the server greets, the client's commands bear tags of its choice."""

from sonde.schema import DIGITS, LETTERS, MAYBE, YES, Has, Only, Protocol, Signature, begins

COMMANDS = (b" CAPABILITY\r\n", b" LOGIN ", b" AUTHENTICATE ", b" STARTTLS\r\n", b" NOOP\r\n", b" ID (", b" LOGOUT\r\n")
TAG = LETTERS + DIGITS + b".-_$# "

PROTOCOL = Protocol(
    "imap",
    "Internet Message Access Protocol",
    "RFC 9051",
    tcp_ports=(143,),
    signatures=(
        *begins(
            "* OK",
            "* PREAUTH",
            "* BYE",
            verdict=YES,
            side="resp",
            transport="tcp",
            parts=(Has(b"imap", 4, 256),),
            folded=True,
        ),
        *begins(
            "* OK ", "* PREAUTH ", "* BYE ", "* CAPABILITY ", verdict=MAYBE, side="resp", transport="tcp", folded=True
        ),
        # RFC 9051 §2.2.1: a tag is a short word.
        *(
            Signature((Only(0, 3, TAG), Has(command, 1, 32)), MAYBE, "orig", "tcp", folded=True, own_port=True)
            for command in COMMANDS
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("IMAP",), "zeek": ("imap",), "wireshark": ("imap",)},
)

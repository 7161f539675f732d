"""Syslog (RFC 5424, RFC 3164): priority in angle brackets, then text; over TCP perhaps behind its length (RFC 6587)."""

from sonde.schema import ASCII_TEXT, DIGITS, MAYBE, UTF8_TEXT, YES, At, Has, Only, Protocol, Signature

FIRST_DIGIT = b"123456789"


def _priorities(transport: str, *, own_port: bool) -> tuple[Signature, ...]:
    """Declare priorities 0 to 191 (RFC 5424 §6.2.1) by their digits."""
    spelt: tuple[tuple[At | Only, ...], ...] = (
        (Only(1, 2, DIGITS),),
        (Only(1, 2, FIRST_DIGIT), Only(2, 3, DIGITS)),
        (At(1, b"1"), Only(2, 3, b"012345678"), Only(3, 4, DIGITS)),
        (At(1, b"19"), Only(3, 4, b"01")),
    )
    return tuple(
        Signature(
            (At(0, b"<"), *digits, At(1 + size, b">"), Only(2 + size, 24, UTF8_TEXT)),
            MAYBE,
            transport=transport,
            min_length=8,
            own_port=own_port,
        )
        for size, digits in zip((1, 2, 3, 3), spelt, strict=True)
    )


PROTOCOL = Protocol(
    "syslog",
    "Syslog",
    "RFC 5424",
    tcp_ports=(514, 601, 1514),
    udp_ports=(514, 1514),
    signatures=(
        *_priorities("udp", own_port=False),
        *_priorities("tcp", own_port=True),
        # RFC 5424 §6.2.2, §6.2.3: version 1, and a time in this century.
        Signature((At(0, b"<"), Only(1, 2, DIGITS), Has(b">1 20", 2, 9), Only(9, 24, ASCII_TEXT)), YES, min_length=24),
        # RFC 6587 §3.4.1
        *(
            Signature(
                (
                    Only(0, digits, DIGITS),
                    At(digits, b" <"),
                    Only(digits + 2, digits + 3, FIRST_DIGIT),
                    Has(b">", digits + 3, digits + 6),
                ),
                YES,
                "orig",
                "tcp",
            )
            for digits in (2, 3, 4)
        ),
    ),
    aliases={"ndpi": ("Syslog",), "zeek": ("syslog",), "wireshark": ("syslog",)},
)

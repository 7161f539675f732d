"""MySQL and MariaDB's client/server protocol (MySQL internals, "Connection Phase")."""

from sonde.schema import DIGITS, PRINTABLE, YES, At, Has, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "mysql",
    "MySQL",
    "MySQL client/server protocol",
    tcp_ports=(3306,),
    signatures=(
        # The server greets: length, number 0, protocol 10, version as text that ends with zero.
        Signature(
            (
                Length(0, 3, add=4, little=True),
                At(3, b"\0\x0a"),
                Only(5, 6, DIGITS),
                Has(b".", 6, 8),
                Has(b"\0", 8, 80),
            ),
            YES,
            "resp",
            "tcp",
        ),
        # Or refuses: an error instead.
        Signature(
            (
                Length(0, 3, add=4, little=True),
                At(3, b"\0\xff"),
                Number(5, 2, 1000, 2100, little=True),
                Only(7, 16, PRINTABLE),
            ),
            YES,
            "resp",
            "tcp",
        ),
        # The client's answer, number 1: capabilities with protocol 4.1, and 23 octets of filler (MariaDB uses the last four).
        Signature(
            (Length(0, 3, add=4, little=True), At(3, b"\x01"), At(5, b"\x02", b"\x02"), At(13, bytes(19))),
            YES,
            "orig",
            "tcp",
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("MySQL",), "zeek": ("mysql",), "wireshark": ("mysql",)},
)

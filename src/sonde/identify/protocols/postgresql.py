"""PostgreSQL's frontend and backend protocol, version 3 (PostgreSQL documentation, "Message Formats")."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "postgresql",
    "PostgreSQL",
    "PostgreSQL frontend/backend protocol",
    tcp_ports=(5432, 6432),
    signatures=(
        # A length, then version 3.0 and parameters, or a code: cancel, TLS, GSSAPI.
        Signature((Length(0, 4), At(4, b"\0\x03\0"), At(8, b"user\0")), YES, "orig", "tcp"),
        Signature((Length(0, 4), At(4, b"\0\x03\0"), Has(b"\0user\0", 8, 512)), YES, "orig", "tcp"),
        *(
            Signature((At(0, length + b"\x04\xd2\x16" + code),), YES, "orig", "tcp")
            for length, code in ((b"\0\0\0\x10", b"\x2e"), (b"\0\0\0\x08", b"\x2f"), (b"\0\0\0\x08", b"\x30"))
        ),
        Signature((Only(0, 1, b"SNG"),), MAYBE, "resp", "tcp", 1, 1, own_port=True),
        # Authentication: 'R', length, kind.
        Signature(
            (At(0, b"R\0\0\0"), Number(4, 1, 8, 200), At(5, b"\0\0\0"), Number(8, 1, 0, 12)), MAYBE, "resp", "tcp"
        ),
        # An error before anything: severity comes first.
        Signature((At(0, b"E\0\0"), At(5, b"S"), Has(b"FATAL\0", 6, 12)), YES, "resp", "tcp"),
    ),
    starts_tls=True,
    aliases={"ndpi": ("PostgreSQL",), "zeek": ("postgresql", "spicy_postgresql"), "wireshark": ("pgsql",)},
)

"""Cassandra's native protocol, versions 1 to 5 (native_protocol_v5.spec)."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "cassandra",
    "Cassandra CQL",
    "Cassandra native protocol v5",
    tcp_ports=(7000, 7001, 9042),
    signatures=(
        # Between nodes: the magic of the internode protocol.
        Signature((At(0, b"\xca\x55\x2d\xfa"),), YES, transport="tcp", min_length=8),
        # Version, flags, stream, operation: options or startup; from version 3 on the stream has two octets.
        Signature((Number(0, 1, 3, 6), Number(1, 1, 0, 16), At(4, b"\x05\0\0\0\0")), YES, "orig", "tcp", 9, 9),
        Signature((Number(0, 1, 1, 2), Number(1, 1, 0, 1), At(3, b"\x05\0\0\0\0")), YES, "orig", "tcp", 8, 8),
        Signature((Number(0, 1, 1, 6), Has(b"CQL_VERSION", 9, 200)), YES, "orig", "tcp"),
        Signature((Number(0, 1, 0x81, 0x86), Has(b"CQL_VERSION", 9, 400)), YES, "resp", "tcp"),
        Signature(
            (Number(0, 1, 0x83, 0x86), Number(1, 1, 0, 16), Only(4, 5, b"\0\x02\x03\x06\x0e\x10"), Length(5, 4, add=9)),
            MAYBE,
            "resp",
            "tcp",
        ),
    ),
    aliases={"ndpi": ("Cassandra",), "wireshark": ("cql",)},
)

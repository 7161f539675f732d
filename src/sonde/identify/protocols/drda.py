"""DRDA, which DB2 speaks (Open Group DRDA version 5, DDM): data streams with the mark 0xD0."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "drda",
    "Distributed Relational Database Architecture",
    "Open Group DRDA",
    tcp_ports=(446, 50000),
    signatures=(
        # Length, 0xD0, format, correlation, length, code point: exchange of attributes, and its answer.
        Signature((At(2, b"\xd0"), At(8, b"\x10\x41")), YES, "orig", "tcp"),
        Signature((At(2, b"\xd0"), At(8, b"\x14\x43")), YES, "resp", "tcp"),
        Signature(
            (At(2, b"\xd0"), Number(3, 1, 1, 0x57), Number(8, 1, 0x10, 0x24), Length(0, 2)),
            MAYBE,
            transport="tcp",
            min_length=10,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("DRDA",), "wireshark": ("drda",)},
)

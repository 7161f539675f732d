"""Rx, which carries AFS (OpenAFS, "Rx protocol specification")."""

from sonde.schema import MAYBE, At, Number, Protocol, Signature

PROTOCOL = Protocol(
    "rx",
    "Rx (AFS)",
    "Rx protocol specification",
    udp_ports=(7000, 7001, 7002, 7003, 7004, 7005, 7007, 7008),
    signatures=(
        # Epoch, connection, call, sequence, serial, type, flags, status, security, spare, service.
        Signature(
            (
                Number(8, 4, 0, 0xFFFF),
                Number(12, 4, 0, 0xFFFF),
                Number(16, 4, 0, 0xFFFFFF),
                Number(20, 1, 1, 13),
                Number(23, 1, 0, 3),
                At(24, b"", b""),
            ),
            MAYBE,
            transport="udp",
            min_length=28,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("RX",), "wireshark": ("rx",)},
)

"""Kafka (Apache Kafka protocol guide): requests with length, key, version, correlation and the client's name."""

from sonde.schema import MAYBE, PRINTABLE, YES, At, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "kafka",
    "Apache Kafka",
    "Kafka protocol guide",
    tcp_ports=(9092, 9093, 9094),
    signatures=(
        # Which versions do you have (key 18) begins most connections.
        Signature(
            (
                Length(0, 4, add=4),
                At(4, b"\0\x12\0"),
                Number(7, 1, 0, 4),
                Number(8, 4, 0, 0xFFFF),
                Number(12, 2, 1, 255),
                Only(14, 15, PRINTABLE),
            ),
            YES,
            "orig",
            "tcp",
        ),
        Signature(
            (
                Length(0, 4, add=4),
                At(4, b"\0"),
                Number(5, 1, 0, 67),
                At(6, b"\0"),
                Number(7, 1, 0, 17),
                Number(12, 2, 1, 255),
                Only(14, 15, PRINTABLE),
            ),
            MAYBE,
            "orig",
            "tcp",
        ),
        Signature((Length(0, 4, add=4), Number(4, 4, 0, 0xFFFF)), MAYBE, "resp", "tcp", 14),
    ),
    aliases={"ndpi": ("Kafka",), "wireshark": ("kafka",)},
)

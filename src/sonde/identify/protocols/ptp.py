"""PTP version 2 (IEEE 1588-2008 §13)."""

from sonde.schema import MAYBE, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "ptp",
    "Precision Time Protocol",
    "IEEE 1588",
    udp_ports=(319, 320),
    signatures=(
        # Type of message in the low half, version in the low half of the next, length, domain.
        *(
            Signature(
                (At(0, bytes([kind]), b"\x0f"), At(1, b"\x02", b"\x0f"), Length(2, 2, fit="within")),
                MAYBE,
                "both",
                "udp",
                44,
                own_port=True,
            )
            for kind in (0, 1, 2, 3, 8, 9, 10, 11, 12, 13)
        ),
    ),
    aliases={"ndpi": ("PTPv2",), "wireshark": ("ptp",)},
)

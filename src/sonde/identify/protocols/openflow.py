"""OpenFlow 1.0 to 1.5 (ONF TS-025 §7.5.1): both sides say hello."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "openflow",
    "OpenFlow",
    "ONF TS-025",
    tcp_ports=(6633, 6653),
    signatures=(
        Signature((Number(0, 1, 1, 6), At(1, b"\0\0\x08")), MAYBE, transport="tcp", min_length=8, max_length=8),
        Signature(
            (Number(0, 1, 4, 6), At(1, b"\0"), Length(2, 2), At(8, b"\0\x01\0\x08")),
            YES,
            transport="tcp",
            min_length=16,
        ),
    ),
    aliases={"ndpi": ("OpenFlow",), "wireshark": ("openflow",)},
)

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
        # §7.1: where its beginning was not seen: version, a type up to 35, the length of the first message.
        Signature(
            (Number(0, 1, 1, 6), Number(1, 1, 0, 35), Number(2, 2, 8, 0xFFFF), Length(2, 2, fit="within")),
            MAYBE,
            transport="tcp",
            min_length=8,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("OpenFlow",), "wireshark": ("openflow",)},
)

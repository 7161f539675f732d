"""HiSLIP (IVI-6.1), by which instruments are controlled."""

from sonde.schema import YES, At, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "hislip",
    "High-Speed LAN Instrument Protocol",
    "IVI-6.1",
    tcp_ports=(4880,),
    signatures=(
        # Prologue "HS", type, control code, parameter, length of eight octets.
        Signature(
            (At(0, b"HS"), Number(2, 1, 0, 30), At(8, bytes(4)), Length(12, 4, add=16)),
            YES,
            transport="tcp",
            min_length=16,
        ),
    ),
    aliases={"ndpi": ("HiSLIP",), "wireshark": ("hislip",)},
)

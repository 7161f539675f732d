"""IEC 60870-5-104: telecontrol over TCP; frames begin with 0x68 and their length."""

from sonde.schema import MAYBE, YES, At, Length, Only, Protocol, Signature

# §5.1: frames without numbers: start and stop of transfer, test, each as act or confirmation.
UNNUMBERED = (0x07, 0x0B, 0x13, 0x23, 0x43, 0x83)
# IEC 60870-5-101 §7.2.1: types of application data that are defined.
TYPES = bytes([*range(1, 41), *range(45, 52), *range(58, 65), 70, *range(100, 108), *range(110, 114), *range(120, 128)])

PROTOCOL = Protocol(
    "iec104",
    "IEC 60870-5-104",
    "IEC 60870-5-104",
    tcp_ports=(2404,),
    signatures=(
        *(
            Signature((At(0, b"\x68\x04" + bytes([control]) + b"\0\0\0"),), YES, transport="tcp")
            for control in UNNUMBERED
        ),
        # Numbered data: the lowest bits of both numbers are zero; a type, how many objects, a cause.
        Signature(
            (
                At(0, b"\x68"),
                Length(1, 1, add=2, fit="within"),
                At(2, b"\0", b"\x01"),
                At(4, b"\0", b"\x01"),
                Only(6, 7, TYPES),
                At(9, b"\0"),  # the originator's address, which few use
            ),
            MAYBE,
            transport="tcp",
            min_length=12,
        ),
        Signature(
            (At(0, b"\x68\x04\x01\0"), At(4, b"\0", b"\x01")), MAYBE, transport="tcp", min_length=6
        ),  # acknowledges
    ),
    aliases={"ndpi": ("IEC60870",), "wireshark": ("iec60870_104",)},
)

"""RMCP, which carries ASF and IPMI to a machine's management controller (DMTF DSP0136, IPMI 2.0 §13.1)."""

from sonde.schema import MAYBE, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "rmcp",
    "Remote Management Control Protocol",
    "DSP0136",
    udp_ports=(623, 664),
    signatures=(
        # Version 1.0, reserved, sequence (255: no answer), class: ASF, IPMI, OEM; the highest bit acknowledges.
        Signature((At(0, b"\x06\0"), At(3, b"\x06", b"\x7f"), At(4, b"\0\0\x11\xbe")), YES, transport="udp"),
        Signature((At(0, b"\x06\0\xff\x07"), Only(4, 5, b"\0\x02\x04\x05\x06")), YES, transport="udp", min_length=16),
        Signature((At(0, b"\x06\0"), Only(3, 4, b"\x06\x07\x08\x86\x87")), MAYBE, transport="udp", own_port=True),
    ),
    aliases={"ndpi": ("RMCP",), "wireshark": ("rmcp",)},
)

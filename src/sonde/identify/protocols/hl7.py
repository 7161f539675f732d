"""HL7 version 2 in its minimal lower layer (HL7 MLLP release 1): a vertical tab before the header segment."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "hl7",
    "Health Level Seven v2",
    "HL7 MLLP",
    tcp_ports=(2575,),
    signatures=begins("\x0bMSH|", "\x0bBHS|", "\x0bFHS|", "MSH|^~\\&|", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("HL7",), "wireshark": ("hl7",)},
)

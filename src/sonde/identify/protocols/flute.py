"""FLUTE (RFC 6726): files over multicast; the table of files is XML behind an LCT header (RFC 5651)."""

from sonde.schema import YES, At, Has, Protocol, Signature

PROTOCOL = Protocol(
    "flute",
    "File Delivery over Unidirectional Transport",
    "RFC 6726",
    udp_ports=(4001,),
    signatures=(Signature((At(0, b"\x10", b"\xf0"), Has(b"<FDT-Instance", 12, 140)), YES, transport="udp"),),
    aliases={"ndpi": ("FLUTE",), "wireshark": ("alc",)},
)

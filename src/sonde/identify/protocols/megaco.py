"""MEGACO, H.248 (RFC 3525), in text."""

from sonde.schema import YES, Protocol, begins

WORDS = ("!/1 ", "!/2 ", "!/3 ", "MEGACO/1 ", "MEGACO/2 ", "MEGACO/3 ")
IN_SCTP = b"\0\0\0\x07"  # its payload protocol identifier (RFC 3525, annex H)

PROTOCOL = Protocol(
    "megaco",
    "Megaco (H.248)",
    "RFC 3525",
    udp_ports=(2944, 2945),
    tcp_ports=(2944, 2945),
    sctp_ports=(2944, 2945),
    signatures=(
        *begins(*WORDS, verdict=YES, folded=True),
        *begins(*(IN_SCTP + word.encode() for word in WORDS), verdict=YES, transport="sctp", folded=True),
    ),
    aliases={"ndpi": ("Megaco", "SCTP"), "wireshark": ("megaco",)},  # in SCTP nDPI looks no further
)

"""TFTP (RFC 1350, options by RFC 2347): after the request, which goes to port 69, both sides use ports of their own."""

from sonde.schema import MAYBE, PRINTABLE, YES, At, Has, Number, Only, Protocol, Signature

MODES = (b"\0octet\0", b"\0netascii\0", b"\0mail\0")  # RFC 1350 §5

PROTOCOL = Protocol(
    "tftp",
    "Trivial File Transfer Protocol",
    "RFC 1350",
    udp_ports=(69,),
    signatures=(
        *(
            Signature(
                (At(0, b"\0"), Number(1, 1, 1, 2), Only(2, 3, PRINTABLE), Has(mode, 3, 200)),
                YES,
                transport="udp",
                folded=True,
            )
            for mode in MODES
        ),
        Signature((At(0, b"\0\x03\0\x01"),), MAYBE, transport="udp", min_length=4, max_length=65468),  # the first block
        Signature((At(0, b"\0\x03"),), MAYBE, transport="udp", min_length=516, max_length=516),
        Signature((At(0, b"\0\x04\0"), Number(3, 1, 0, 16)), MAYBE, transport="udp", min_length=4, max_length=4),
        Signature(
            (At(0, b"\0\x05\0"), Number(3, 1, 0, 8), At(-1, b"\0"), Only(4, -1, PRINTABLE)), MAYBE, "both", "udp", 6
        ),
        *(
            Signature((At(0, b"\0\x06" + option),), YES, transport="udp", folded=True)  # RFC 2347
            for option in (b"blksize\0", b"tsize\0", b"timeout\0", b"windowsize\0")
        ),
    ),
    announces=("tftp", "tftp"),
    aliases={"ndpi": ("TFTP",), "wireshark": ("tftp",)},
)

"""Google's QUIC before the IETF's (versions Q009 to Q050, "QUIC Wire Layout Specification"): another protocol by the same name."""

from sonde.schema import DIGITS, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "gquic",
    "Google QUIC",
    "QUIC wire layout specification",
    udp_ports=(80, 443),
    signatures=(
        # Public flags: version present, connection of eight octets; then the version, a letter and three digits.
        *(
            Signature(
                (Only(0, 1, b"\x09\x0d\x19\x1d\x29\x2d\x39\x3d"), At(9, letter + b"0"), Only(11, 13, DIGITS)),
                YES,
                transport="udp",
                min_length=14,
            )
            for letter in (b"Q", b"T")
        ),
        # Q044 to Q050 have the long header of the drafts of their day.
        Signature((At(0, b"\xc0", b"\xc0"), At(1, b"Q0"), Only(3, 5, DIGITS)), YES, transport="udp", min_length=14),
    ),
    aliases={"ndpi": ("QUIC",), "wireshark": ("gquic",)},
)

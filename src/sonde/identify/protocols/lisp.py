"""LISP's control plane (RFC 9301 §5)."""

from sonde.schema import MAYBE, At, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "lisp",
    "Locator/ID Separation Protocol",
    "RFC 9301",
    udp_ports=(4342,),
    signatures=(
        # §5.2, §5.4: one record, a nonce, then a family of addresses: none, IPv4, IPv6, LISP's own.
        Signature(
            (At(0, b"\x10", b"\xf0"), Number(3, 1, 1, 4), Only(12, 13, b"\0\x40"), Only(13, 14, b"\0\x01\x02\x03")),
            MAYBE,
            transport="udp",
            min_length=24,
            own_port=True,
        ),
        Signature(
            (At(0, b"\x20", b"\xf0"), At(1, b"\0\0"), Number(3, 1, 1, 4), At(12, b"\0\0")),
            MAYBE,
            transport="udp",
            min_length=28,
            own_port=True,
        ),
        # §5.6, §5.7: registrations and notifications: a nonce, a key, the length of its digest.
        Signature(
            (At(0, b"\x20", b"\xe0"), Number(3, 1, 1, 16), At(12, b"\0"), Number(14, 2, 0, 64)),
            MAYBE,
            transport="udp",
            min_length=36,
            own_port=True,
        ),
        Signature(
            (At(0, b"\x40", b"\xf0"), Number(3, 1, 1, 16), At(12, b"\0"), Number(14, 2, 0, 64)),
            MAYBE,
            transport="udp",
            min_length=36,
            own_port=True,
        ),
        # §5.8: a packet within.
        Signature(
            (At(0, b"\x80\0\0\0"), Only(4, 5, b"\x45\x60")), MAYBE, transport="udp", min_length=32, own_port=True
        ),
    ),
    aliases={"ndpi": ("LISP",), "wireshark": ("lisp",)},
)

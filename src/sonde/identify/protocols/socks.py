"""SOCKS version 5 (RFC 1928) and version 4 with 4a (Y.-D. Lee, "SOCKS: A protocol for TCP proxy across firewalls")."""

from sonde.schema import MAYBE, PRINTABLE, YES, At, Number, Only, Protocol, Signature

METHODS = (0, 1, 2, 3, 5, 6, 7, 8, 9)  # as registered with IANA; a greeting lists few

PROTOCOL = Protocol(
    "socks",
    "SOCKS",
    "RFC 1928",
    tcp_ports=(1080, 9050, 9150),
    signatures=(
        # RFC 1928 §3: version, how many methods, the methods.
        *(
            Signature(
                (At(0, b"\x05"), At(1, bytes([count])), Only(2, 2 + count, bytes([*METHODS, 0x80, 0x86]))),
                MAYBE,
                "orig",
                "tcp",
                2 + count,
                2 + count,
            )
            for count in range(1, 9)
        ),
        Signature((At(0, b"\x05"), Only(1, 2, bytes([*METHODS, 0x80, 0x86, 0xFF]))), MAYBE, "resp", "tcp", 2, 2),
        # §4: a request may follow at once where no method must be waited for; §6: so may the reply.
        Signature((At(0, b"\x05\x01\0\x05"), Number(4, 1, 1, 3), At(5, b"\0"), Number(6, 1, 1, 4)), YES, "orig", "tcp"),
        Signature((At(0, b"\x05"), Number(1, 1, 0, 8), At(2, b"\0"), Number(3, 1, 1, 4)), MAYBE, "resp", "tcp", 10, 22),
        # Version 4: connect or bind; user and name (4a) end with zero.
        Signature(
            (At(0, b"\x04"), Number(1, 1, 1, 2), Number(2, 2, 1, 65535), At(-1, b"\0"), Only(8, -1, PRINTABLE + b"\0")),
            MAYBE,
            "orig",
            "tcp",
            9,
            300,
        ),
        Signature((At(0, b"\0"), Number(1, 1, 90, 93)), MAYBE, "resp", "tcp", 8, 8),
    ),
    starts_tls=True,
    aliases={"ndpi": ("SOCKS",), "zeek": ("socks",), "wireshark": ("socks",)},
)

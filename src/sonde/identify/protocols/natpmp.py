"""NAT-PMP (RFC 6886) and its successor, the Port Control Protocol (RFC 6887)."""

from sonde.schema import MAYBE, At, Number, Protocol, Signature

PROTOCOL = Protocol(
    "nat-pmp",
    "NAT Port Mapping Protocol",
    "RFC 6886",
    udp_ports=(5350, 5351),
    signatures=(
        # §3.2: what is my address; §3.3: map a port. Answers have 128 added to the operation, and a result.
        Signature((At(0, b"\0\0"),), MAYBE, "orig", "udp", 2, 2, own_port=True),
        Signature(
            (At(0, b"\0\x80\0"), Number(3, 1, 0, 5)), MAYBE, transport="udp", min_length=8, max_length=12, own_port=True
        ),
        Signature((At(0, b"\0"), Number(1, 1, 1, 2), At(2, b"\0\0")), MAYBE, "orig", "udp", 12, 12, own_port=True),
        Signature(
            (At(0, b"\0"), Number(1, 1, 129, 130), At(2, b"\0"), Number(3, 1, 0, 5)),
            MAYBE,
            transport="udp",
            min_length=8,
            max_length=16,
            own_port=True,
        ),
        # RFC 6887 §7: version 2, operation, reserved, lifetime, the client's address.
        Signature(
            (At(0, b"\x02"), Number(1, 1, 0, 3), At(2, b"\0\0")), MAYBE, "orig", "udp", 24, 1100, 4, own_port=True
        ),
        Signature(
            (At(0, b"\x02"), Number(1, 1, 128, 131), At(2, b"\0"), Number(3, 1, 0, 13)),
            MAYBE,
            "resp",
            "udp",
            24,
            1100,
            4,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("NAT-PMP",), "wireshark": ("nat-pmp", "portcontrol")},
)

"""Routing protocols: those with an IP protocol of their own, and those in TCP and UDP.

BGP (RFC 4271), RPKI to routers (RFC 8210), LDP (RFC 5036), echoes along label switched paths (RFC 8029),
HSRP (RFC 2281), RIP (RFC 2453), BFD (RFC 5880).
"""

from sonde.schema import MAYBE, YES, At, Length, Number, Only, Protocol, Signature

MARKER = b"\xff" * 16  # RFC 4271 §4.1

BGP = Protocol(
    "bgp",
    "Border Gateway Protocol",
    "RFC 4271",
    tcp_ports=(179,),
    signatures=(Signature((At(0, MARKER), Number(16, 2, 19, 4096), Number(18, 1, 1, 5)), YES, transport="tcp"),),
    aliases={"ndpi": ("BGP",), "wireshark": ("bgp",)},
)
LDP = Protocol(
    "ldp",
    "Label Distribution Protocol",
    "RFC 5036",
    tcp_ports=(646,),
    udp_ports=(646,),
    signatures=(
        # §3.1: version 1, length, router, label space; §3.5: hello in datagrams, initialisation in streams.
        Signature((At(0, b"\0\x01"), Length(2, 2, add=4), At(10, b"\x01\0")), YES, transport="udp"),
        Signature(
            (At(0, b"\0\x01"), Length(2, 2, add=4, fit="within"), At(10, b"\x02"), Number(11, 1, 0, 1)),
            YES,
            transport="tcp",
        ),
    ),
    aliases={"ndpi": ("LDP",), "wireshark": ("ldp",)},
)
HSRP = Protocol(
    "hsrp",
    "Hot Standby Router Protocol",
    "RFC 2281",
    udp_ports=(1985, 2029),
    signatures=(
        # §5: version 0, operation, state, times, priority, group, reserved, the password (by default "cisco").
        Signature(
            (At(0, b"\0"), Number(1, 1, 0, 2), Only(2, 3, b"\0\x01\x02\x04\x08\x10"), At(7, b"\0cisco\0\0\0")),
            YES,
            transport="udp",
        ),
        # Of 20 octets, or of 50 with a digest behind.
        *(
            Signature(
                (At(0, b"\0"), Number(1, 1, 0, 2), Only(2, 3, b"\0\x01\x02\x04\x08\x10"), At(7, b"\0")),
                MAYBE,
                transport="udp",
                min_length=length,
                max_length=length,
                own_port=True,
            )
            for length in (20, 50)
        ),
        # Version 2: types and lengths; the state of a group, of an interface.
        Signature((At(0, b"\x01\x28\x02"), Number(5, 1, 4, 6)), YES, transport="udp", min_length=42),
        Signature((At(0, b"\x02\x04\0"),), MAYBE, transport="udp", min_length=6, own_port=True),
    ),
    aliases={"ndpi": ("HSRP",), "wireshark": ("hsrp",)},
)
RIP = Protocol(
    "rip",
    "Routing Information Protocol",
    "RFC 2453",
    udp_ports=(520, 521),
    signatures=(
        # §4: command, version, zero; entries of 20 octets, of family IP (2), authentication (FFFF) or all (0).
        Signature(
            (Number(0, 1, 1, 2), Number(1, 1, 1, 2), At(2, b"\0\0"), At(4, b"\0"), Only(5, 6, b"\0\x02")),
            MAYBE,
            transport="udp",
            min_length=24,
            max_length=504,
            step=20,
            own_port=True,
        ),
        Signature(
            (Number(0, 1, 1, 2), At(1, b"\x02\0\0\xff\xff\0")),
            MAYBE,
            transport="udp",
            min_length=24,
            max_length=524,
            own_port=True,
        ),
        # RFC 2080 §2.1: RIPng, the same on port 521.
        Signature(
            (Number(0, 1, 1, 2), At(1, b"\x01\0\0")), MAYBE, transport="udp", min_length=24, step=20, own_port=True
        ),
    ),
    aliases={"wireshark": ("rip", "ripng")},
)
BFD = Protocol(
    "bfd",
    "Bidirectional Forwarding Detection",
    "RFC 5880",
    # Beside them: several hops (RFC 5883), members of a bundle (RFC 7130), seamless (RFC 7881).
    udp_ports=(3784, 3785, 4784, 6784, 7784),
    signatures=(
        # §4.1: version 1 with a diagnostic up to 9, multiplier, length; my discriminator, which is any but zero.
        Signature(
            (Number(0, 1, 0x20, 0x29), Number(2, 1, 1, 50), Length(3, 1), Number(4, 4, 1, 0xFFFFFFFF)),
            MAYBE,
            transport="udp",
            min_length=24,
            max_length=64,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("BFD",), "wireshark": ("bfd",)},
)
RPKI_RTR = Protocol(
    "rpki-rtr",
    "RPKI to Router Protocol",
    "RFC 8210",
    tcp_ports=(323, 3323, 8282),  # registered, and those of Routinator and of GoRTR
    signatures=(
        # §5.3: a router asks for what is new since a serial number; §5.4: for all.
        *(
            Signature(
                (Number(0, 1, 0, 2), At(1, kind), At(4, b"\0\0\0"), Number(7, 1, length, length)),
                MAYBE,
                transport="tcp",
                min_length=length,
                max_length=length,
                own_port=True,
            )
            for kind, length in ((b"\x01", 12), (b"\x02\0\0", 8))
        ),
        # §5.2, §5.5, §5.9: a serial number to be told, the answer before its prefixes, none that is as old.
        *(
            Signature(
                (Number(0, 1, 0, 2), At(1, kind), At(4, b"\0\0\0" + length)),
                MAYBE,
                transport="tcp",
                min_length=8,
                own_port=True,
            )
            for kind, length in ((b"\0", b"\x0c"), (b"\x03", b"\x08"), (b"\x08", b"\x08"))
        ),
    ),
    aliases={"wireshark": ("rpkirtr",)},
)
LSP_PING = Protocol(
    "lsp-ping",
    "MPLS Label Switched Path Ping",
    "RFC 8029",
    udp_ports=(3503,),
    signatures=(
        # §3: version 1, flags, echo request or reply, one of four ways to reply; codes, a handle, times; what path.
        Signature(
            (At(0, b"\0\x01\0"), Number(3, 1, 0, 7), Number(4, 1, 1, 2), Number(5, 1, 1, 4), Number(32, 2, 1, 30)),
            MAYBE,
            transport="udp",
            min_length=36,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("mpls-echo",)},
)
PROTOCOLS = (
    BGP,
    RPKI_RTR,
    LDP,
    LSP_PING,
    HSRP,
    RIP,
    BFD,
    Protocol(
        "ospf",
        "Open Shortest Path First",
        "RFC 2328",
        ip_protocols=(89,),
        aliases={"ndpi": ("OSPF",), "wireshark": ("ospf",)},
    ),
    Protocol(
        "eigrp",
        "Enhanced Interior Gateway Routing Protocol",
        "RFC 7868",
        ip_protocols=(88,),
        aliases={"wireshark": ("eigrp",)},
    ),
    Protocol(
        "egp",
        "Exterior Gateway Protocol",
        "RFC 904",
        ip_protocols=(8,),
        aliases={"ndpi": ("EGP",), "wireshark": ("egp",)},
    ),
    Protocol(
        "pim",
        "Protocol Independent Multicast",
        "RFC 7761",
        ip_protocols=(103,),
        aliases={"ndpi": ("IP_PIM",), "wireshark": ("pim",)},
    ),
    Protocol(
        "vrrp",
        "Virtual Router Redundancy Protocol",
        "RFC 5798",
        ip_protocols=(112,),
        aliases={"ndpi": ("VRRP",), "wireshark": ("vrrp",)},
    ),
    Protocol("rsvp", "Resource Reservation Protocol", "RFC 2205", ip_protocols=(46,), aliases={"wireshark": ("rsvp",)}),
    Protocol(
        "pgm",
        "Pragmatic General Multicast",
        "RFC 3208",
        ip_protocols=(113,),
        aliases={"ndpi": ("PGM",), "wireshark": ("pgm",)},
    ),
)

"""Overlays and gateways: ZeroTier (its source), Nebula, n2n, Threema (its whitepaper), EtherIP; web servers' back ends: SCGI, uwsgi; ICAP (RFC 3507), WCCP, Babel (RFC 8966), OLSR (RFC 3626), GLBP, MikroTik's discovery, DHCP failover."""

from sonde.schema import (
    DIGITS,
    LETTERS,
    MAYBE,
    PRINTABLE,
    YES,
    At,
    Has,
    Length,
    Number,
    Only,
    Protocol,
    Signature,
    begins,
)

ZEROTIER = Protocol(
    "zerotier",
    "ZeroTier",
    "ZeroTier Packet.hpp",
    udp_ports=(9993,),
    signatures=(
        # Number, receiver, sender, cipher 0 (authenticated, in clear), code, HELLO (1), version, time in milliseconds.
        Signature(
            (
                At(18, b"\0", b"\xf8"),
                At(27, b"\x01", b"\x1f"),
                Number(28, 1, 4, 20),
                Number(29, 1, 0, 3),
                At(33, b"\0\0\x01"),
            ),
            YES,
            "both",
            "udp",
            100,
        ),
    ),
    aliases={"wireshark": ("zerotier",)},
)
NEBULA = Protocol(
    "nebula",
    "Nebula",
    "Nebula header.go",
    udp_ports=(4242,),
    signatures=(
        # Version 1, handshake (0), IX (0), reserved, no index yet, first message; its answer is the second.
        Signature((At(0, b"\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),), YES, "both", "udp", 48),
        Signature((At(0, b"\x10\0\0\0"), At(8, b"\0\0\0\0\0\0\0\x02")), YES, "both", "udp", 48),
    ),
)
N2N = Protocol(
    "n2n",
    "n2n",
    "n2n wire format",
    udp_ports=(7654,),
    signatures=(
        # Version 3 or 2, time to live, flags, the community's name in twenty octets.
        Signature(
            (
                Number(0, 1, 2, 3),
                Number(1, 1, 1, 2),
                At(2, b"\0"),
                Number(3, 1, 1, 0x6F),
                Only(4, 5, LETTERS + DIGITS),
                Only(5, 24, PRINTABLE + b"\0"),
                At(23, b"\0"),
            ),
            MAYBE,
            "both",
            "udp",
            28,
        ),
    ),
)
THREEMA = Protocol(
    "threema",
    "Threema",
    "Threema cryptography whitepaper",
    signatures=(
        # Client hello: a key of 32 octets, a prefix of 16; server hello: a prefix, a box of 64. Both must fit.
        Signature((), MAYBE, "orig", "tcp", 48, 48, own_port=True, pair=True),
        Signature((), MAYBE, "resp", "tcp", 80, 80, own_port=True, pair=True),
    ),
    tcp_ports=(5222,),
    aliases={"ndpi": ("Threema",)},
)
SCGI = Protocol(
    "scgi",
    "Simple Common Gateway Interface",
    "SCGI protocol",
    tcp_ports=(4000, 9000),
    signatures=(Signature((Only(0, 1, b"123456789"), Has(b":CONTENT_LENGTH\0", 1, 22)), YES, "orig", "tcp"),),
)
UWSGI = Protocol(
    "uwsgi",
    "uwsgi",
    "uwsgi protocol",
    tcp_ports=(3031,),
    # Kind 0, size of the variables, 0; a first variable by length and name.
    signatures=(
        Signature(
            (
                At(0, b"\0"),
                Length(1, 2, add=4, little=True, fit="within"),
                At(3, b"\0"),
                Number(4, 1, 3, 40),
                At(5, b"\0"),
                Only(6, 9, LETTERS + b"_"),
            ),
            YES,
            "orig",
            "tcp",
            40,
        ),
    ),
    aliases={"wireshark": ("uwsgi",)},
)
ICAP = Protocol(
    "icap",
    "Internet Content Adaptation Protocol",
    "RFC 3507",
    tcp_ports=(1344,),
    signatures=begins("OPTIONS icap://", "REQMOD icap://", "RESPMOD icap://", verdict=YES, side="orig", transport="tcp")
    + begins("ICAP/1.0 ", verdict=YES, side="resp", transport="tcp"),
    aliases={"wireshark": ("icap",)},
)
WCCP = Protocol(
    "wccp",
    "Web Cache Communication Protocol",
    "draft-mclaggan-wccp-v2rev1",
    udp_ports=(2048,),
    # §6: here I am, I see you, redirect, removal; version 2.00 or 2.01, length of what follows.
    signatures=(
        Signature(
            (Number(0, 4, 10, 13), At(4, b"\x02"), Number(5, 1, 0, 1), Length(6, 2, add=8)), YES, "both", "udp", 16
        ),
    ),
    aliases={"wireshark": ("wccp",)},
)
BABEL = Protocol(
    "babel",
    "Babel",
    "RFC 8966",
    udp_ports=(6696,),
    # §4.2: magic number 42, version 2, length of the body; a first value of a kind that is assigned.
    signatures=(
        Signature(
            (At(0, b"\x2a\x02"), Length(2, 2, add=4, fit="within"), Number(4, 1, 0, 23)), MAYBE, "both", "udp", 6
        ),
    ),
    aliases={"wireshark": ("babel",)},
)
OLSR = Protocol(
    "olsr",
    "Optimized Link State Routing",
    "RFC 3626",
    udp_ports=(698,),
    # §3.3: length of the packet, its number; a message of kind hello, TC, MID, HNA (or of olsrd), validity, size.
    signatures=(
        Signature(
            (Length(0, 2), Only(4, 5, b"\x01\x02\x03\x04\x80\x81\x82\xc9"), Number(6, 2, 12, 1400)),
            MAYBE,
            "both",
            "udp",
            16,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("olsr",)},
)
GLBP = Protocol(
    "glbp",
    "Gateway Load Balancing Protocol",
    "Cisco GLBP",
    udp_ports=(3222,),
    # Version 1, group (to 1023), the owner's hardware address, then values: hello (1) is of 28 octets for IPv4.
    signatures=(
        Signature(
            (At(0, b"\x01"), Number(2, 2, 0, 1023), At(4, b"\0\0"), Number(12, 1, 1, 4)),
            MAYBE,
            "both",
            "udp",
            16,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("glbp",)},
)
MNDP = Protocol(
    "mndp",
    "MikroTik neighbor discovery",
    "public descriptions",
    udp_ports=(5678,),
    signatures=(
        # A request is four zeros; an announcement begins with the hardware address.
        Signature((At(0, bytes(4)),), MAYBE, "both", "udp", 4, 4, own_port=True),
        Signature((At(0, b"\0\0"), At(4, b"\0\x01\0\x06"), At(14, b"\0\x05")), YES, "both", "udp", 20),
    ),
    aliases={"wireshark": ("mndp",)},
)
FAILOVER = Protocol(
    "dhcp-failover",
    "DHCP failover",
    "draft-ietf-dhc-failover-12",
    tcp_ports=(647, 847),
    # §6.1: length, kind, where the payload begins, time, number.
    signatures=(
        Signature(
            (Length(0, 2, fit="within"), Number(2, 1, 1, 12), Number(3, 1, 8, 12)),
            MAYBE,
            "both",
            "tcp",
            12,
            own_port=True,
        ),
    ),
    aliases={"wireshark": ("dhcpfo",)},
)
HEARTBEAT = Protocol(
    "linux-ha",
    "Linux-HA heartbeat",
    "Linux-HA documentation",
    udp_ports=(694,),
    signatures=begins("###\n", verdict=YES, transport="udp", parts=(Has(b"\n%%%\n", 20, 1400),)),
)
HAPROXY_PEERS = Protocol(
    "haproxy-peers",
    "HAProxy peers",
    "HAProxy peers-v2.0",
    tcp_ports=(1024,),
    signatures=begins("HAProxyS 2.", verdict=YES, side="orig", transport="tcp"),
)
PROTOCOLS = (
    ZEROTIER,
    NEBULA,
    N2N,
    THREEMA,
    SCGI,
    UWSGI,
    ICAP,
    WCCP,
    BABEL,
    OLSR,
    GLBP,
    MNDP,
    FAILOVER,
    HEARTBEAT,
    HAPROXY_PEERS,
)

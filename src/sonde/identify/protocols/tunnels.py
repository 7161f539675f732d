"""Tunnels that `decode` opens and names, and the control of some: GRE (RFC 2784), PPTP (RFC 2637), L2TP (RFC 2661), VXLAN (RFC 7348), Geneve (RFC 8926), Teredo (RFC 4380), IP in IP (RFC 2003)."""

from sonde.schema import MAYBE, YES, At, Length, Protocol, Signature

GENEVE = Protocol(
    "geneve",
    "Generic Network Virtualization Encapsulation",
    "RFC 8926",
    udp_ports=(6081,),
    signatures=(
        # §3.4: version 0, reserved bits; Ethernet within (0x6558); the identifier, reserved.
        Signature(
            (At(0, b"\0", b"\xc0"), At(1, b"\0", b"\x3f"), At(2, b"\x65\x58"), At(7, b"\0")),
            MAYBE,
            transport="udp",
            own_port=True,
        ),
    ),
    aliases={"zeek": ("geneve",), "wireshark": ("geneve",)},
)
VXLAN = Protocol(
    "vxlan",
    "Virtual eXtensible Local Area Network",
    "RFC 7348",
    udp_ports=(4789, 8472),
    signatures=(Signature((At(0, b"\x08\0\0\0"), At(7, b"\0")), MAYBE, transport="udp", min_length=22, own_port=True),),
    aliases={"ndpi": ("VXLAN",), "zeek": ("vxlan",), "wireshark": ("vxlan",)},
)
TEREDO = Protocol(
    "teredo",
    "Teredo",
    "RFC 4380",
    udp_ports=(3544,),
    signatures=(
        # §5.1.1: indications of authentication or origin before an IPv6 packet, or that alone.
        Signature((At(0, b"\0\x01"), At(13, b"\x60", b"\xf0")), MAYBE, transport="udp", min_length=53, own_port=True),
        Signature((At(0, b"\0\0"), At(8, b"\x60", b"\xf0")), MAYBE, transport="udp", min_length=48, own_port=True),
        Signature(
            (At(0, b"\x60", b"\xf0"), Length(4, 2, add=40)), MAYBE, transport="udp", min_length=40, own_port=True
        ),
    ),
    aliases={"ndpi": ("Teredo",), "zeek": ("teredo",), "wireshark": ("teredo",)},
)
L2TP = Protocol(
    "l2tp",
    "Layer 2 Tunneling Protocol",
    "RFC 2661",
    udp_ports=(1701,),
    ip_protocols=(115,),
    signatures=(
        # §3.1: control with length and sequence, version 2; §4.1: the first value is the type of message.
        Signature((At(0, b"\xc8\x02"), Length(2, 2), At(12, b"\x80\x08\0\0\0\0\0")), YES, transport="udp"),
        Signature((At(0, b"\xc8\x02\0\x0c"),), MAYBE, transport="udp", min_length=12, max_length=12),
        # RFC 3931 §4.1.2.1: version 3.
        Signature((At(0, b"\xc8\x03"), Length(2, 2), At(12, b"\x80\x08\0\0\0\0\0")), YES, transport="udp"),
    ),
    aliases={"wireshark": ("l2tp",)},
)
PPTP = Protocol(
    "pptp",
    "Point-to-Point Tunneling Protocol",
    "RFC 2637",
    tcp_ports=(1723,),
    signatures=(
        Signature((Length(0, 2, fit="within"), At(2, b"\0\x01\x1a\x2b\x3c\x4d\0")), YES, transport="tcp"),
    ),  # §2: the magic cookie
    aliases={"ndpi": ("PPTP",), "wireshark": ("pptp",)},
)
PROTOCOLS = (
    GENEVE,
    VXLAN,
    TEREDO,
    L2TP,
    PPTP,
    Protocol(
        "gre",
        "Generic Routing Encapsulation",
        "RFC 2784",
        ip_protocols=(47,),
        aliases={"ndpi": ("GRE",), "wireshark": ("gre",)},
    ),
    Protocol("erspan", "Encapsulated Remote SPAN", "draft-foschiano-erspan", aliases={"wireshark": ("erspan",)}),
    Protocol("ipip", "IP in IP", "RFC 2003", ip_protocols=(4,), aliases={"ndpi": ("IP_in_IP",), "wireshark": ("ip",)}),
    Protocol(
        "6in4", "IPv6 in IPv4", "RFC 4213", ip_protocols=(41,), aliases={"ndpi": ("IP_in_IP",), "wireshark": ("ipv6",)}
    ),
    Protocol("4in6", "IPv4 in IPv6", "RFC 2473", aliases={"ndpi": ("IP_in_IP",)}),
    Protocol(
        "ayiya",
        "Anything In Anything",
        "draft-massar-v6ops-ayiya",
        udp_ports=(5072,),
        aliases={"zeek": ("ayiya",), "wireshark": ("ayiya",)},
    ),
)

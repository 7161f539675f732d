"""ICMP (RFC 792), ICMPv6 (RFC 4443) and IGMP (RFC 3376): known by IP protocol number."""

from sonde.schema import Protocol

PROTOCOLS = (
    Protocol(
        "icmp",
        "Internet Control Message Protocol",
        "RFC 792",
        ip_protocols=(1,),
        aliases={"ndpi": ("ICMP",), "zeek": ("icmp",), "wireshark": ("icmp",)},
    ),
    Protocol(
        "icmpv6",
        "Internet Control Message Protocol for IPv6",
        "RFC 4443",
        ip_protocols=(58,),
        aliases={"ndpi": ("ICMPV6",), "zeek": ("icmp",), "wireshark": ("icmpv6",)},
    ),
    Protocol(
        "igmp",
        "Internet Group Management Protocol",
        "RFC 3376",
        ip_protocols=(2,),
        aliases={"ndpi": ("IGMP",), "wireshark": ("igmp",)},
    ),
)

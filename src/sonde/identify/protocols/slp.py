"""SLP, the Service Location Protocol version 2 (RFC 2608) and 1 (RFC 2165)."""

from sonde.schema import LETTERS, YES, At, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "slp",
    "Service Location Protocol",
    "RFC 2608",
    tcp_ports=(427,),
    udp_ports=(427,),
    signatures=(
        # RFC 2608 §8: version, function, length of three octets; flags in the highest three bits; a language tag.
        Signature((At(0, b"\x02"), Number(1, 1, 1, 11), Length(2, 3), At(6, b"\0", b"\x1f"), Number(12, 2, 1, 8)), YES),
        # RFC 2165 §4: version, function, length; dialect 0, a language of two letters.
        Signature((At(0, b"\x01"), Number(1, 1, 1, 10), Length(2, 2), At(5, b"\0"), Only(6, 8, LETTERS)), YES),
    ),
    aliases={"ndpi": ("Service_Location_Protocol",), "wireshark": ("srvloc",)},
)

"""Flow export: NetFlow versions 1, 5, 7 and 9 (RFC 3954), IPFIX (RFC 7011), sFlow version 5 (sFlow.org)."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature

# Times of export, in seconds since 1970: from 2000 to 2065.
SINCE, UNTIL = 946_684_800, 3_000_000_000

NETFLOW = Protocol(
    "netflow",
    "NetFlow",
    "RFC 3954",
    udp_ports=(2055, 2056, 9555, 9995, 9996, 9025),
    signatures=(
        # Version, records, uptime, time; records have fixed sizes up to version 7.
        Signature(
            (At(0, b"\0\x01\0"), Length(2, 2, unit=52, add=16), Number(8, 4, SINCE, UNTIL)), YES, transport="udp"
        ),
        Signature(
            (At(0, b"\0\x05\0"), Length(2, 2, unit=48, add=24), Number(8, 4, SINCE, UNTIL)), YES, transport="udp"
        ),
        Signature(
            (At(0, b"\0\x07\0"), Length(2, 2, unit=52, add=24), Number(8, 4, SINCE, UNTIL)), YES, transport="udp"
        ),
        Signature(
            (At(0, b"\0\x09"), Number(2, 2, 1, 100), Number(8, 4, SINCE, UNTIL), At(20, b"\0")),
            MAYBE,
            transport="udp",
            min_length=28,
        ),
        Signature(
            (
                At(0, b"\0\x09"),
                Number(2, 2, 1, 100),
                Number(8, 4, SINCE, UNTIL),
                Number(20, 2, 0, 1),
                Length(22, 2, add=20, fit="within"),
            ),
            YES,
            transport="udp",
            min_length=28,
        ),
        Signature(
            (
                At(0, b"\0\x09"),
                Number(2, 2, 1, 100),
                Number(8, 4, SINCE, UNTIL),
                Number(20, 2, 256, 1024),
                Length(22, 2, add=20, fit="within"),
            ),
            YES,
            transport="udp",
            min_length=28,
        ),
    ),
    aliases={"ndpi": ("NetFlow",), "wireshark": ("cflow",)},
)
IPFIX = Protocol(
    "ipfix",
    "IP Flow Information Export",
    "RFC 7011",
    tcp_ports=(4739,),
    udp_ports=(4739,),
    signatures=(Signature((At(0, b"\0\x0a"), Length(2, 2), Number(4, 4, SINCE, UNTIL)), YES, min_length=20),),
    aliases={"ndpi": ("NetFlow",), "wireshark": ("cflow",)},
)
SFLOW = Protocol(
    "sflow",
    "sFlow",
    "sFlow version 5",
    udp_ports=(6343,),
    signatures=(
        # Version 5, the agent's address (IPv4 or IPv6), sub-agent, number, uptime, samples.
        Signature((At(0, b"\0\0\0\x05\0\0\0\x01"), At(24, b"\0\0\0")), YES, transport="udp", min_length=28),
        Signature((At(0, b"\0\0\0\x05\0\0\0\x02"), At(36, b"\0\0\0")), YES, transport="udp", min_length=40),
    ),
    aliases={"ndpi": ("sFlow",), "wireshark": ("sflow",)},
)
PROTOCOLS = (NETFLOW, IPFIX, SFLOW)

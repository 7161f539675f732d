"""DHCPv6 (RFC 8415): a type, a transaction, and options; relays put a header of addresses before."""

from sonde.schema import MAYBE, At, Number, Protocol, Signature

# §7.3: the messages of clients and servers; the options that stand first in them, each side's own order being its own.
FIRST_OPTIONS = (1, 2, 3, 4, 6, 7, 8, 13, 14, 16, 17, 18, 19, 20, 23, 24, 25, 39)
CLIENT, RELAY = (1, 11), (12, 13)

PROTOCOL = Protocol(
    "dhcpv6",
    "Dynamic Host Configuration Protocol for IPv6",
    "RFC 8415",
    udp_ports=(546, 547),
    client_ports=(546,),
    signatures=(
        # §8: the first option follows the transaction; its length is that of the option, 2 to 128 here.
        *(
            Signature(
                (Number(0, 1, *CLIENT), Number(4, 2, option, option), Number(6, 2, 0, 128)),
                MAYBE,
                transport="udp",
                own_port=True,
            )
            for option in FIRST_OPTIONS
        ),
        # §9: hop count (at most 8), link address, peer address, which is link-local.
        Signature(
            (Number(0, 1, *RELAY), Number(1, 1, 0, 8), At(18, b"\xfe\x80")), MAYBE, transport="udp", own_port=True
        ),
    ),
    aliases={"ndpi": ("DHCPV6",), "wireshark": ("dhcpv6",)},
)

"""Ethereum: discovery (devp2p, "Node Discovery Protocol v4": hash, signature, type, RLP), and the handshake of RLPx."""

from sonde.schema import MAYBE, At, Has, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "ethereum",
    "Ethereum discovery and RLPx",
    "devp2p discv4",
    udp_ports=(30303, 30301),
    tcp_ports=(30303,),
    signatures=(
        # devp2p, RLPx, "Initial Handshake": a size (EIP-8), then an uncompressed point; before EIP-8 both messages had one size.
        Signature((Length(0, 2, add=2), At(2, b"\x04")), MAYBE, transport="tcp", min_length=200, max_length=800),
        Signature((At(0, b"\x04"),), MAYBE, "orig", "tcp", 307, 307),
        Signature((At(0, b"\x04"),), MAYBE, "resp", "tcp", 210, 210),
        # Ping: version 4, then two endpoints, each a list of address and ports (0xCB, address of four octets).
        Signature(
            (At(97, b"\x01"), Number(98, 1, 0xC7, 0xF8), Has(b"\x04\xcb\x84", 98, 104)),
            MAYBE,
            transport="udp",
            min_length=110,
            own_port=True,
        ),
        Signature(
            (At(97, b"\x02"), Number(98, 1, 0xC7, 0xF8), Has(b"\xcb\x84", 99, 103)),
            MAYBE,
            transport="udp",
            min_length=110,
            own_port=True,
        ),
        # Find a node: its key of 64 octets and a time.
        Signature(
            (At(97, b"\x03\xf8"), At(100, b"\xb8\x40"), Length(99, 1, add=100)), MAYBE, transport="udp", own_port=True
        ),
    ),
    aliases={"ndpi": ("ETHEREUM",), "wireshark": ("ethereum",)},
)

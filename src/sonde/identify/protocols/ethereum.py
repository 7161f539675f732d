"""Ethereum's discovery (devp2p, "Node Discovery Protocol v4"): hash, signature, type, then RLP."""

from sonde.schema import MAYBE, At, Has, Length, Number, Protocol, Signature

PROTOCOL = Protocol(
    "ethereum",
    "Ethereum discovery",
    "devp2p discv4",
    udp_ports=(30303, 30301),
    signatures=(
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

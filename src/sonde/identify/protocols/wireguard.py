"""WireGuard (Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel", §5.4): sizes and zeros tell its messages."""

from sonde.schema import MAYBE, YES, At, Protocol, Signature

PROTOCOL = Protocol(
    "wireguard",
    "WireGuard",
    "WireGuard whitepaper",
    udp_ports=(51820,),
    signatures=(
        Signature((At(0, b"\x01\0\0\0"),), YES, transport="udp", min_length=148, max_length=148),  # §5.4.2
        Signature((At(0, b"\x02\0\0\0"),), YES, "resp", "udp", 92, 92),  # §5.4.3
        Signature((At(0, b"\x02\0\0\0"),), MAYBE, transport="udp", min_length=92, max_length=92),
        Signature((At(0, b"\x03\0\0\0"),), YES, "resp", "udp", 64, 64),  # §5.4.7
        # §5.4.6: data are padded to 16 octets; the counter, little-endian, has not passed 2^32.
        Signature((At(0, b"\x04\0\0\0"), At(12, b"\0\0\0\0")), YES, transport="udp", min_length=32, step=16),
    ),
    aliases={"ndpi": ("WireGuard",), "wireshark": ("wg",)},
)

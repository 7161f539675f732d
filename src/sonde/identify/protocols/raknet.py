"""RakNet (its source, published by Oculus), on which Minecraft for Bedrock and Roblox run: a magic number of 16 octets."""

from sonde.schema import YES, At, Number, Protocol, Signature

MAGIC = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78"

PROTOCOL = Protocol(
    "raknet",
    "RakNet",
    "RakNet source",
    udp_ports=(19132, 19133),
    signatures=(
        # Open a connection (1 and 2), their answers, by whatever number a game gives them.
        Signature((At(1, MAGIC),), YES, transport="udp"),
        # Pings have a time first, pongs a time and the server's number.
        Signature((Number(0, 1, 1, 2), At(9, MAGIC)), YES, transport="udp"),
        Signature((At(0, b"\x1c"), At(17, MAGIC)), YES, transport="udp"),
        # Roblox puts a header before: 1, the length of the header.
        Signature((At(0, b"\x01\0\0\x1f"), At(32, MAGIC)), YES, transport="udp"),
    ),
    aliases={"ndpi": ("RakNet",), "wireshark": ("raknet",)},
)

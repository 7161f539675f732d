"""RakNet (its source, published by Oculus), on which Minecraft for Bedrock and Roblox run: a magic number of 16 octets."""

from sonde.schema import YES, At, Has, Number, Only, Protocol, Signature

MAGIC = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78"

PROTOCOL = Protocol(
    "raknet",
    "RakNet",
    "RakNet source",
    udp_ports=(19132, 19133),
    signatures=(
        # Open a connection (1 and 2), their answers; pings have a time first, pongs a time and the server's number.
        Signature((Only(0, 1, b"\x05\x06\x07\x08\x19\x1a"), At(1, MAGIC)), YES, transport="udp"),
        Signature((Number(0, 1, 1, 2), At(9, MAGIC)), YES, transport="udp"),
        Signature((At(0, b"\x1c"), At(17, MAGIC)), YES, transport="udp"),
        # Games that wrap it put a header of their own before.
        Signature((Has(MAGIC, 17, 64),), YES, "both", "udp", 40),
    ),
    aliases={"ndpi": ("RakNet",), "wireshark": ("raknet",)},
)

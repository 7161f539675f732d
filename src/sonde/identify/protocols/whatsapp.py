"""WhatsApp's own connection (Noise pipes; WhatsApp Encryption Overview): a prologue in clear before the handshake."""

from sonde.schema import YES, At, Number, Protocol, Signature

PROTOCOL = Protocol(
    "whatsapp",
    "WhatsApp",
    "WhatsApp Encryption Overview",
    tcp_ports=(5222,),
    signatures=(
        # "WA" and version: the dictionary's number stands last. "ED" tells of edge routing before it.
        Signature((At(0, b"WA"), Number(2, 1, 1, 9), Number(3, 1, 0, 31)), YES, "orig", "tcp"),
        Signature((At(0, b"ED\0\x01"),), YES, "orig", "tcp"),
    ),
    aliases={"ndpi": ("WhatsApp",)},
)

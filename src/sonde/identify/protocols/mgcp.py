"""MGCP (RFC 3435)."""

from sonde.schema import ASCII_TEXT, DIGITS, MAYBE, YES, At, Has, Only, Protocol, Signature, begins

VERBS = ("EPCF ", "CRCX ", "MDCX ", "DLCX ", "RQNT ", "NTFY ", "AUEP ", "AUCX ", "RSIP ")

PROTOCOL = Protocol(
    "mgcp",
    "Media Gateway Control Protocol",
    "RFC 3435",
    udp_ports=(2427, 2727),
    signatures=(
        *begins(*VERBS, verdict=YES, transport="udp", parts=(Has(b"MGCP 1.0", 8, 200),), folded=True),
        # §3.3: a code, the transaction.
        Signature(
            (Only(0, 1, b"0124589"), Only(1, 3, DIGITS), At(3, b" "), Only(4, 5, DIGITS), Only(5, 0, ASCII_TEXT)),
            MAYBE,
            "both",
            "udp",
            own_port=True,
        ),
    ),
    announces=("sdp", "rtp"),
    aliases={"ndpi": ("MGCP",), "wireshark": ("mgcp",)},
)

"""STUN (RFC 8489, before it RFC 5389 and RFC 3489) and TURN (RFC 8656), which shares its messages.

The magic cookie tells all but the oldest messages. TURN's channel data have no cookie: they
are believed on the ports of TURN only.
"""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Protocol, Signature

COOKIE = b"\x21\x12\xa4\x42"
# RFC 3489 §11.1 binding messages and §11.2 attributes, in the days before the cookie.
OLD_TYPES = (0x0001, 0x0101, 0x0111, 0x0002, 0x0102)
REALMS = (
    ("signal-calls", b"signal.org"),
    ("facebook-calls", b"turner.facebook"),
    ("google-voice-call", b"turn.l.google.com"),
    ("viber", b"viber.com"),
)
PORTS = (3478, 3479, 3480, 5349, 19302)

PROTOCOL = Protocol(
    "stun",
    "Session Traversal Utilities for NAT",
    "RFC 8489",
    is_prelude=True,  # RFC 8445: what ICE connects is DTLS, QUIC or media
    tcp_ports=(3478, 5349),
    udp_ports=PORTS,
    signatures=(
        # §5: two zero bits, a length in whole words; datagrams hold one message, streams may hold more.
        Signature((At(0, b"\0", b"\xc0"), At(3, b"\0", b"\x03"), At(4, COOKIE), Length(2, 2, add=20)), YES),
        Signature(
            (At(0, b"\0", b"\xc0"), At(3, b"\0", b"\x03"), At(4, COOKIE), Length(2, 2, add=20, fit="within")), YES
        ),
        # RFC 4571 framing, as ICE over TCP has it (RFC 6544 §3).
        Signature(
            (Length(0, 2, add=2, fit="within"), At(2, b"\0", b"\xc0"), At(6, COOKIE)),
            YES,
            transport="tcp",
        ),
        *(
            Signature(
                (Number(0, 2, old, old), Length(2, 2, add=20), Number(20, 2, 1, 0x0B), Number(22, 2, 4, 64)),
                MAYBE,
                transport="udp",
                min_length=24,
            )
            for old in OLD_TYPES
        ),
        Signature((At(0, b"\0\x01\0\0"),), MAYBE, transport="udp", min_length=20, max_length=20, own_port=True),
        # RFC 8656 §12.4: channel numbers 0x4000 to 0x4FFF, then the length; padded over TCP.
        Signature((Number(0, 1, 0x40, 0x4F), Length(2, 2, add=4)), MAYBE, own_port=True),
    ),
    applications=(
        # Attributes that WhatsApp puts first in its messages, or behind the address in answers.
        ("whatsapp-calls", Signature((At(4, COOKIE), At(20, b"\x40\0", b"\xff\xf8")), YES, min_length=24)),
        ("whatsapp-calls", Signature((At(4, COOKIE), At(20, b"\0\x20\0\x08"), At(32, b"\x40\x02")), YES, side="resp")),
        # MS-ICE2 §2.2.1: CANDIDATE-IDENTIFIER, IMPLEMENTATION-VERSION, which only Microsoft's have.
        ("teams-calls", Signature((At(4, COOKIE), Has(b"\x80\x54\0\x04", 20, 240)), YES)),
        # Realms (§14.9) under which services answer.
        *(
            (name, Signature((At(4, COOKIE), Has(b"\0\x14\0" + bytes([len(realm)]) + realm, 20, 600)), YES))
            for name, realm in REALMS
        ),
    ),
    aliases={"ndpi": ("STUN",), "wireshark": ("stun",)},
)

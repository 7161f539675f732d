"""LDAP (RFC 4511) and CLDAP, its form without connections (MS-ADTS §3.1.1.3.4.1)."""

from sonde.schema import MAYBE, YES, At, Length, Only, Protocol, Signature

# RFC 4511 §4.2 to §4.12: the tags of operations; the high ones answer.
REQUESTS = bytes([0x60, 0x42, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x50, 0x77])
ANSWERS = bytes([0x61, 0x64, 0x65, 0x67, 0x69, 0x6B, 0x6D, 0x6F, 0x73, 0x78])
# Forms of the message's length (X.690 §8.1.3); Windows writes four octets whatever it is.
FORMS = ((b"\x30", 1), (b"\x30\x81", 1), (b"\x30\x82", 2), (b"\x30\x84\0\0", 2))


def _messages(tags: bytes, side: str, fit: str, transport: str) -> tuple[Signature, ...]:
    """Declare messages: sequence, message number of one to four octets (§4.1.1), an operation."""
    return tuple(
        Signature(
            (
                At(0, head),
                Length(len(head), size, add=len(head) + size, fit=fit),
                At(len(head) + size, b"\x02" + bytes([number])),
                Only(len(head) + size + 2 + number, len(head) + size + 3 + number, tags),
            ),
            YES if size == 2 else MAYBE,
            side,
            transport,
            min_length=len(head) + size + 4 + number,
        )
        for head, size in FORMS
        for number in (1, 2, 3, 4)
    )


PROTOCOL = Protocol(
    "ldap",
    "Lightweight Directory Access Protocol",
    "RFC 4511",
    tcp_ports=(389, 3268),
    udp_ports=(389,),
    signatures=(
        # RFC 4511 §4.2: a bind of version 3 or 2, in a short message.
        *(
            Signature(
                (At(0, b"\x30"), Length(1, 1, add=2), At(2, b"\x02\x01"), At(5, b"\x60"), At(7, version)),
                YES,
                "orig",
                "tcp",
            )
            for version in (b"\x02\x01\x03\x04", b"\x02\x01\x02\x04")
        ),
        *_messages(REQUESTS, "orig", "whole", "both"),
        *_messages(ANSWERS, "resp", "within", "tcp"),
        *_messages(ANSWERS, "resp", "whole", "udp"),
    ),
    starts_tls=True,
    aliases={"ndpi": ("LDAP",), "zeek": ("ldap", "ldap_tcp", "ldap_udp"), "wireshark": ("ldap", "cldap")},
)

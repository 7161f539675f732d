"""OpenVPN's own protocol (OpenVPN protocol documentation, "Network protocol"): sessions begin with a reset.

A control packet has operation and key (one octet), session, perhaps an HMAC with packet number
and time, the acknowledged packets, and its own number. Over TCP it stands behind its length.
"""

from sonde.schema import MAYBE, YES, At, Length, Protocol, Signature

# Operation << 3, key 0.
CLIENT_RESET_2, SERVER_RESET_2, CLIENT_RESET_3, WKC = b"\x38", b"\x40", b"\x50", b"\x58"
NOTHING_ACKED_FIRST = b"\0\0\0\0\0"  # no packets acknowledged, own number 0
FIRST = b"\0\0\0\x01"  # number of the first protected packet


def _resets(shift: int, transport: str) -> tuple[Signature, ...]:
    """Declare both sides' resets, `shift` octets into the payload."""
    length = (Length(0, 2, add=2),) if shift else ()
    return (
        Signature(
            (*length, At(shift, CLIENT_RESET_2), At(-5, NOTHING_ACKED_FIRST)), YES, "orig", transport, 14 + shift, 110
        ),
        # One packet acknowledged, number 0; the peer's session; own number 0.
        Signature(
            (*length, At(shift, SERVER_RESET_2), At(-17, b"\x01\0\0\0\0"), At(-4, b"\0\0\0\0")),
            YES,
            "resp",
            transport,
            26 + shift,
            122,
        ),
        # tls-crypt: packet number and time in clear, HMAC of 32 octets, the rest encrypted.
        Signature(
            (*length, At(shift, CLIENT_RESET_2), At(9 + shift, FIRST)), YES, "orig", transport, 54 + shift, 54 + shift
        ),
        Signature(
            (*length, At(shift, SERVER_RESET_2), At(9 + shift, FIRST)), MAYBE, "resp", transport, 66 + shift, 66 + shift
        ),
        # tls-crypt-v2: the client's wrapped key follows.
        Signature(
            (*length, At(shift, CLIENT_RESET_3), At(9 + shift, b"\x0f\0\0\x01")), YES, "orig", transport, 54 + shift
        ),
        Signature((*length, At(shift, CLIENT_RESET_3), At(9 + shift, FIRST)), YES, "orig", transport, 54 + shift),
    )


PROTOCOL = Protocol(
    "openvpn",
    "OpenVPN",
    "OpenVPN network protocol",
    tcp_ports=(1194,),
    udp_ports=(1194,),
    signatures=(*_resets(0, "udp"), *_resets(2, "tcp")),
    aliases={"ndpi": ("OpenVPN",), "wireshark": ("openvpn",)},
)

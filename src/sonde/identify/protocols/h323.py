"""H.323: call signalling (H.225.0 over Q.931) registration (RAS), and control (H.245)."""

from sonde.schema import YES, At, Has, Length, Only, Protocol, Signature

PROTOCOL = Protocol(
    "h323",
    "H.323",
    "ITU-T H.323",
    tcp_ports=(1720,),
    udp_ports=(1718, 1719),
    signatures=(
        # RFC 1006 header; Q.931 §4.2: discriminator 8, a call reference of two octets, type of message.
        Signature(
            (
                At(0, b"\x03\0"),
                Length(2, 2, fit="within"),
                At(4, b"\x08\x02"),
                Only(8, 9, b"\x01\x02\x03\x05\x07\x0d\x0f\x5a\x62\x6e\x75\x7b\x7d"),
            ),
            YES,
            transport="tcp",
        ),
        # H.245, which H.225.0 leads to: what terminals can do names the protocol, 0.0.8.245.0.n.
        Signature(
            (At(0, b"\x03\0"), Length(2, 2, fit="within"), At(4, b"\x02\x70"), Has(b"\x06\0\x08\x81\x75\0", 6, 16)),
            YES,
            transport="tcp",
        ),
        Signature(
            (At(0, b"\x03\0"), Length(2, 2, fit="within"), At(4, b"\x02"), Has(b"\x01\x06\0\x08\x81\x75\0", 5, 12)),
            YES,
            transport="tcp",
        ),
        # The protocol's identifier, 0.0.8.2250.0.n, stands at the beginning of requests and answers.
        *(Signature((At(offset, b"\x06\0\x08\x91\x4a\0"),), YES, transport="udp") for offset in (3, 4, 5, 6)),
    ),
    announces=("h225", "rtp"),
    aliases={"ndpi": ("H323",), "wireshark": ("h225", "q931", "h245")},
)

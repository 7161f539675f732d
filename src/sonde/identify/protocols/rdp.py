"""RDP (MS-RDPBCGR): X.224 connections (RFC 905 §13.3) that name a cookie or ask for security."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Protocol, Signature

TPKT = b"\x03\0"  # RFC 1006 §6

PROTOCOL = Protocol(
    "rdp",
    "Remote Desktop Protocol",
    "MS-RDPBCGR",
    tcp_ports=(3389,),
    udp_ports=(3389,),
    signatures=(
        # §2.2.1.1: a connection request with cookie, token, or negotiation request.
        Signature(
            (At(0, TPKT), Length(2, 2), At(5, b"\xe0\0\0"), Has(b"Cookie: mstshash=", 11, 32)), YES, "orig", "tcp"
        ),
        Signature((At(0, TPKT), Length(2, 2), At(5, b"\xe0\0\0"), Has(b"Cookie: msts=", 11, 32)), YES, "orig", "tcp"),
        Signature(
            (At(0, TPKT), Length(2, 2), At(5, b"\xe0\0\0"), At(-8, b"\x01"), At(-6, b"\x08\0"), At(-3, b"\0\0\0")),
            YES,
            "orig",
            "tcp",
        ),
        # §2.2.1.2: the answer tells protocol (2) or failure (3).
        Signature(
            (At(0, TPKT + b"\0\x13\x0e\xd0"), Number(11, 1, 2, 3), At(13, b"\x08\0"), At(16, b"\0\0\0")),
            YES,
            "resp",
            "tcp",
            19,
            19,
        ),
        Signature((At(0, TPKT + b"\0\x0b\x06\xe0\0\0"),), MAYBE, "orig", "tcp", 11, 11, own_port=True),
        Signature((At(0, TPKT + b"\0\x0b\x06\xd0"),), MAYBE, "resp", "tcp", 11, 11, own_port=True),
        # MS-RDPEUDP §2.2.2.1: a SYN acknowledges nothing, and is padded.
        Signature(
            (At(0, b"\xff\xff\xff\xff"), At(6, b"\0", b"\xe0"), At(7, b"\x01", b"\x05")),
            MAYBE,
            "orig",
            "udp",
            1100,
            1300,
            own_port=True,
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("RDP",), "zeek": ("rdp",), "wireshark": ("rdp",)},
)

"""Gnutella 0.6 (RFC-Gnutella 0.6 and GDF documents): its handshake, and descriptors in datagrams."""

from sonde.schema import LETTERS, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

# Descriptor header §2.2: identifier (16 octets), payload descriptor, TTL, hops, length (little-endian).
PAYLOADS = (b"\x00", b"\x01", b"\x02", b"\x30", b"\x31", b"\x32", b"\x40", b"\x44", b"\x80", b"\x81")

PROTOCOL = Protocol(
    "gnutella",
    "Gnutella",
    "RFC-Gnutella 0.6",
    tcp_ports=(6346, 6347),
    udp_ports=(6346, 6347),
    signatures=(
        *begins("GNUTELLA CONNECT/", "GNUTELLA/", verdict=YES, transport="tcp"),
        *begins("GIV ", verdict=YES, transport="tcp", parts=(Has(b":", 5, 12), Has(b"/", 6, 64))),
        # Descriptors in parts (Mulder, "semi-reliable UDP"): flags, a number, which part, of how many.
        *begins(
            "GND",
            "GTA",
            verdict=YES,
            transport="udp",
            parts=(Only(3, 4, b"\0\x01\x02\x03\x04\x10\x11\x12\x13"), Number(6, 1, 1, 32), Number(7, 1, 0, 32)),
        ),
        *(
            Signature(
                (At(16, payload), Number(17, 1, 0, 16), Number(18, 1, 0, 16), Length(19, 4, add=23, little=True)),
                YES,
                transport="udp",
            )
            for payload in PAYLOADS
        ),
        # Vendor messages: four letters, a selector, a version.
        Signature(
            (At(16, b"\x31"), Only(23, 27, LETTERS + b"\0"), Length(19, 4, add=23, little=True)), YES, transport="udp"
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("Gnutella",), "wireshark": ("gnutella",)},
)

"""ANSI C12.22 (IEEE 1703): meters; ACSE elements name their application by object identifiers."""

from sonde.schema import YES, At, Has, Protocol, Signature

# 1.3.6.1.4.1.33507 (Cellnet's, as many meters have it) and 2.16.124.113620.1.22 (C12.22 itself).
IDENTIFIERS = (b"\x2b\x06\x01\x04\x01\x82\x85\x63", b"\x60\x7c\x86\xf7\x54\x01\x16")

PROTOCOL = Protocol(
    "ansi-c1222",
    "ANSI C12.22",
    "ANSI C12.22",
    tcp_ports=(1153,),
    udp_ports=(1153,),
    signatures=tuple(
        Signature((At(0, b"\x60"), Has(identifier, 3, 40)), YES, "both", "both", 20)
        for identifier in (*IDENTIFIERS, b"\x06\x0d\x60\x7c\x86\xf7\x54")
    ),
    aliases={"ndpi": ("ANSI_C1222",), "wireshark": ("c1222",)},
)

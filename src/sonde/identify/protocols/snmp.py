"""SNMP versions 1, 2c and 3 (RFC 1157, RFC 1901, RFC 3412): a sequence that begins with its version."""

from sonde.schema import YES, At, Length, Protocol, Signature

VERSIONS = (0, 1, 3)
# What follows the version: the community (OCTET STRING), or version 3's header (SEQUENCE).
NEXT = {0: b"\x04", 1: b"\x04", 3: b"\x30"}
# Forms of the sequence's length (X.690 §8.1.3): octets before it, its size.
FORMS = ((b"\x30", 1), (b"\x30\x81", 1), (b"\x30\x82", 2), (b"\x30\x83", 3))

PROTOCOL = Protocol(
    "snmp",
    "Simple Network Management Protocol",
    "RFC 3411",
    udp_ports=(161, 162),
    tcp_ports=(161, 162),
    signatures=tuple(
        Signature(
            (
                At(0, head),
                Length(len(head), size, add=len(head) + size),
                At(len(head) + size, b"\x02\x01" + bytes([version]) + NEXT[version]),
            ),
            YES,
        )
        for head, size in FORMS
        for version in VERSIONS
    ),
    aliases={"ndpi": ("SNMP",), "zeek": ("snmp",), "wireshark": ("snmp",)},
)

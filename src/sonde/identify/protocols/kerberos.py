"""Kerberos version 5 (RFC 4120): messages are tagged by their type; over TCP they stand behind their length."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature

# §5.10: tags of TGS-REQ and the like, with the constructed bit of APPLICATION.
TAGS = bytes([0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x74, 0x75, 0x76, 0x7E])
VERSION_5 = (b"\xa1\x03\x02\x01\x05", b"\xa0\x03\x02\x01\x05")  # pvno: requests have it as [1], others as [0]

PROTOCOL = Protocol(
    "kerberos",
    "Kerberos",
    "RFC 4120",
    tcp_ports=(88, 464, 749),
    udp_ports=(88, 464, 750),
    signatures=(
        *(Signature((Only(0, 1, TAGS), Has(version, 2, 16)), YES, transport="udp") for version in VERSION_5),
        # §7.2.2: the highest bit of the length is reserved.
        *(
            Signature(
                (At(0, b"\0"), Length(0, 4, add=4, fit="begun"), Only(4, 5, TAGS), Has(version, 6, 20)),
                YES,
                transport="tcp",
            )
            for version in VERSION_5
        ),
        # RFC 3244 §2: changing a password; length, version, length of the AP-REQ.
        Signature((Length(0, 2), Number(2, 2, 1, 0xFF80), At(6, b"\x6e")), MAYBE, transport="udp", own_port=True),
    ),
    aliases={"ndpi": ("Kerberos",), "zeek": ("krb", "krb_tcp"), "wireshark": ("kerberos",)},
)

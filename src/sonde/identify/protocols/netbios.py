"""NetBIOS over TCP and UDP (RFC 1001, RFC 1002): sessions (§4.3) and datagrams (§4.4).

The name service (§4.2) is dissected and declared there.
"""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature

# RFC 1001 §14.1: 32 letters A to P spell a name of 16 octets.
ENCODED = bytes(range(ord("A"), ord("P") + 1))

SESSION = Protocol(
    "netbios-ssn",
    "NetBIOS Session Service",
    "RFC 1002",
    tcp_ports=(139,),
    signatures=(
        # §4.3.2: called name, then calling name, each behind its length of 32.
        Signature((At(0, b"\x81\0\0"), At(4, b"\x20"), Only(5, 37, ENCODED), At(38, b"\x20")), YES, transport="tcp"),
        Signature((At(0, b"\x82\0\0\0"),), MAYBE, "resp", "tcp", 4, 4, own_port=True),  # §4.3.3
        Signature(
            (At(0, b"\x83\0\0\x01"), Number(4, 1, 0x80, 0x8F)), MAYBE, "resp", "tcp", 5, 5, own_port=True
        ),  # §4.3.4
    ),
    aliases={"ndpi": ("NetBIOS",), "zeek": ("netbios_ssn",), "wireshark": ("nbss",)},
)
DATAGRAM = Protocol(
    "netbios-dgm",
    "NetBIOS Datagram Service",
    "RFC 1002",
    udp_ports=(138,),
    signatures=(
        # §4.4.2: direct, group and broadcast datagrams; the length leaves the header of 14 octets out.
        Signature(
            (Number(0, 1, 0x10, 0x12), Length(10, 2, add=14, fit="within"), At(14, b"\x20"), Only(15, 47, ENCODED)),
            YES,
            transport="udp",
        ),
        Signature((Number(0, 1, 0x10, 0x12), At(8, b"\0\x8a"), Length(10, 2, add=14)), MAYBE, transport="udp"),
        Signature((Number(0, 1, 0x13, 0x16), At(8, b"\0\x8a")), MAYBE, transport="udp", own_port=True),
    ),
    # Both names, of 34 octets each, stand between (§4.4.2); then a transaction of SMB.
    applications=(("smb-mailslots", Signature((At(14, b"\x20"), Has(b"\xffSMB\x25", 80, 90)), YES, transport="udp")),),
    aliases={"ndpi": ("NetBIOS",), "wireshark": ("nbdgm",)},
)
PROTOCOLS = (SESSION, DATAGRAM)

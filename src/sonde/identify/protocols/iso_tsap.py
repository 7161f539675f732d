"""What runs over ISO transport on TCP (RFC 1006, RFC 905): S7 of Siemens in two forms, and MMS (ISO 9506).

A connection request names transport selectors; S7's are recognisable. Other users of port
102 show themselves with their first data.
"""

from sonde.schema import YES, At, Has, Length, Number, Only, Protocol, Signature

TPKT = b"\x03\0"
DATA = b"\x02\xf0\x80"  # RFC 905 §13.7: data, the last of a unit
CONNECT = (At(0, TPKT), Only(5, 6, b"\xe0\xd0"))  # §13.3, §13.4: what goes before, where both are seen together
MMS_SYNTAX = b"\x28\xca\x22\x02"  # ISO 9506-2: 1.0.9506.2, behind which its parts are numbered

S7 = Protocol(
    "s7comm",
    "Siemens S7 communication",
    "public descriptions",
    tcp_ports=(102,),
    signatures=(
        Signature((At(0, TPKT), At(4, DATA + b"\x32"), Number(8, 1, 1, 7), At(9, b"\0\0")), YES, transport="tcp"),
        Signature((*CONNECT, Has(DATA + b"\x32", 11, 100)), YES, transport="tcp"),
        # A request to connect: size of units (C0), own selector (C1), the peer's (C2), each of two octets.
        Signature(
            (
                At(0, TPKT + b"\0\x16\x11\xe0\0\0"),
                Has(b"\xc0\x01", 11, 22),
                Has(b"\xc1\x02", 11, 22),
                Has(b"\xc2\x02", 11, 22),
            ),
            YES,
            "orig",
            "tcp",
            22,
            22,
        ),
    ),
    aliases={"ndpi": ("S7Comm",), "wireshark": ("s7comm",)},
)
S7_PLUS = Protocol(
    "s7comm-plus",
    "Siemens S7 communication plus",
    "public descriptions",
    tcp_ports=(102,),
    signatures=(
        Signature((At(0, TPKT), At(4, DATA + b"\x72"), Number(8, 1, 1, 3)), YES, transport="tcp"),
        Signature((*CONNECT, Has(DATA + b"\x72", 11, 100)), YES, transport="tcp"),
        Signature((At(0, TPKT), Length(2, 2), At(5, b"\xe0\0\0"), Has(b"SIMATIC-ROOT", 11, 64)), YES, "orig", "tcp"),
    ),
    aliases={"ndpi": ("S7CommPlus",), "wireshark": ("s7comm-plus",)},
)
MMS = Protocol(
    "mms",
    "Manufacturing Message Specification",
    "ISO 9506",
    tcp_ports=(102,),
    signatures=(
        # ISO 8327-1: connect; the presentation names the abstract syntax of MMS, 1.0.9506.2.1.
        Signature((At(0, TPKT), At(4, DATA), Only(7, 8, b"\x0d\x0e"), Has(MMS_SYNTAX, 20, 220)), YES, transport="tcp"),
        Signature((*CONNECT, Has(DATA, 11, 100), Has(MMS_SYNTAX, 30, 320)), YES, transport="tcp"),
    ),
    aliases={"ndpi": ("ISO9506-1-MMS",), "wireshark": ("mms",)},
)
PROTOCOLS = (S7, S7_PLUS, MMS)

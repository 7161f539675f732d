"""RADIUS (RFC 2865, accounting by RFC 2866, dynamic authorisation by RFC 5176)."""

from sonde.schema import MAYBE, Length, Number, Only, Protocol, Signature

# RFC 3575 §2: codes in use.
CODES = bytes([1, 2, 3, 4, 5, 11, 12, 13, 40, 41, 42, 43, 44, 45])

PROTOCOL = Protocol(
    "radius",
    "Remote Authentication Dial-In User Service",
    "RFC 2865",
    udp_ports=(1645, 1646, 1700, 1812, 1813, 3799),
    signatures=(
        # §3: the length, then an authenticator of 16 octets; §5: a first attribute of at least two octets.
        Signature(
            (Only(0, 1, CODES), Length(2, 2), Number(20, 1, 1, 254), Number(21, 1, 2, 255)), MAYBE, transport="udp"
        ),
        Signature(
            (Only(0, 1, CODES), Length(2, 2)), MAYBE, transport="udp", min_length=20, max_length=20, own_port=True
        ),
    ),
    aliases={"ndpi": ("Radius",), "zeek": ("radius",), "wireshark": ("radius",)},
)

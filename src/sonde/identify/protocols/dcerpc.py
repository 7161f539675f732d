"""DCE/RPC (C706, MS-RPCE): connections (version 5) and datagrams (version 4)."""

from sonde.schema import YES, At, Length, Number, Only, Protocol, Signature

LITTLE, BIG = b"\x10\0\0", b"\0\0\0"  # §14.1: integers, characters, floating point

PROTOCOL = Protocol(
    "dcerpc",
    "DCE Remote Procedure Call",
    "C706",
    tcp_ports=(135, 593),
    signatures=(
        # §12.6.3.1: version 5.0 or 5.1, type, flags, representation, length of the fragment, of authentication.
        Signature(
            (
                At(0, b"\x05"),
                Number(1, 1, 0, 1),
                Only(2, 3, b"\0\x02\x03\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"),
                At(4, LITTLE + b"\0"),
                Length(8, 2, little=True, fit="within"),
            ),
            YES,
            transport="tcp",
            min_length=16,
        ),
        Signature(
            (
                At(0, b"\x05"),
                Number(1, 1, 0, 1),
                Only(2, 3, b"\0\x02\x03\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"),
                At(4, BIG + b"\0"),
                Length(8, 2, fit="within"),
            ),
            YES,
            transport="tcp",
            min_length=16,
        ),
        # §12.5.1: a header of 80 octets; the length of the body stands at 74.
        Signature(
            (At(0, b"\x04"), Number(1, 1, 0, 10), At(4, LITTLE), Length(74, 2, add=80, little=True, fit="within")),
            YES,
            transport="udp",
        ),
        Signature(
            (At(0, b"\x04"), Number(1, 1, 0, 10), At(4, BIG), Length(74, 2, add=80, fit="within")), YES, transport="udp"
        ),
    ),
    # IEC 61158-6-10: objects and interfaces of PROFINET share the end of their identifier, in either order of octets.
    applications=tuple(
        ("profinet-io", Signature((At(0, b"\x04"), At(at + skip, end)), YES, transport="udp", min_length=80))
        for at in (8, 24)
        for skip, end in ((1, b"\0\xa0\xde\x97\x6c\xd1\x11\x82\x71"), (0, b"\xde\xa0\0"))
    ),
    announces=("endpoints", "dcerpc"),
    aliases={"ndpi": ("DCERPC",), "zeek": ("dce_rpc",), "wireshark": ("dcerpc",)},
)

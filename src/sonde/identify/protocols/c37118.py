"""IEEE C37.118 (synchrophasors)."""

from sonde.schema import YES, At, Length, Protocol, Signature

PROTOCOL = Protocol(
    "ieee-c37118",
    "IEEE C37.118 synchrophasors",
    "IEEE C37.118.2",
    tcp_ports=(4712,),
    udp_ports=(4713,),
    signatures=(
        # §6.2: 0xAA, type of frame and version, size.
        *(
            Signature((At(0, b"\xaa" + bytes([kind])), Length(2, 2)), YES, min_length=16)
            for kind in (0x01, 0x02, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x41, 0x42, 0x51, 0x52)
        ),
    ),
    aliases={"ndpi": ("IEEE-C37118",), "wireshark": ("synphasor",)},
)

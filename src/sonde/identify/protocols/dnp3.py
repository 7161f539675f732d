"""DNP3 (IEEE 1815): link frames begin with 0x0564."""

from sonde.schema import MAYBE, YES, At, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "dnp3",
    "Distributed Network Protocol 3",
    "IEEE 1815",
    tcp_ports=(20000,),
    udp_ports=(20000,),
    signatures=(
        # §9.2.4.1: start, length (5 to 255), control: from the master or not, from the first or not, function.
        Signature(
            (
                At(0, b"\x05\x64"),
                Number(2, 1, 5, 255),
                Only(
                    3,
                    4,
                    b"\x00\x01\x09\x0b\x0f\x40\x42\x43\x44\x49\x53\x54\x63\x64\x73\x74\x80\x81\x89\x8b\x8f\xc0\xc2\xc3\xc4\xc9\xd3\xd4\xe3\xf3",
                ),
            ),
            MAYBE,
            min_length=10,
        ),
        # A link frame without data, or data unconfirmed from the master, as sessions begin.
        Signature((At(0, b"\x05\x64\x05"), Only(3, 4, b"\xc0\xc9\x40\x49\x00\x0b")), YES, min_length=10, max_length=10),
    ),
    aliases={"ndpi": ("DNP3",), "zeek": ("dnp3_tcp", "dnp3_udp"), "wireshark": ("dnp3",)},
)

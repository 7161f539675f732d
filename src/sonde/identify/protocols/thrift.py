"""Apache Thrift (Thrift binary and compact protocol specifications): calls name their method."""

from sonde.schema import LETTERS, YES, At, Length, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "thrift",
    "Apache Thrift",
    "Thrift protocol specifications",
    tcp_ports=(9090,),
    udp_ports=(6831, 6832),
    signatures=(
        # Strict binary: version 1, type, length of the name, name, number; framed, a length stands before.
        Signature((At(0, b"\x80\x01\0"), Number(3, 1, 1, 4), Number(4, 4, 1, 128), Only(8, 9, LETTERS + b"_")), YES),
        Signature(
            (
                Length(0, 4, add=4),
                At(4, b"\x80\x01\0"),
                Number(7, 1, 1, 4),
                Number(8, 4, 1, 128),
                Only(12, 13, LETTERS + b"_"),
            ),
            YES,
            transport="tcp",
        ),
        # Compact: 0x82, version and type, number and length as variable numbers.
        *(
            Signature(
                (
                    At(0, b"\x82"),
                    Only(1, 2, b"\x21\x41\x61\x81"),
                    At(2, b"\x80", b"\x80"),
                    At(3, b"\0", b"\x80"),
                    Number(4, 1, 1, 64),
                    Only(5, 9, LETTERS + b"_"),
                ),
                YES,
            )
            for _ in (0,)
        ),
        Signature(
            (
                At(0, b"\x82"),
                Only(1, 2, b"\x21\x41\x61\x81"),
                At(2, b"\0", b"\x80"),
                Number(3, 1, 1, 64),
                Only(4, 8, LETTERS + b"_"),
            ),
            YES,
        ),
        Signature(
            (
                At(0, b"\x82"),
                Only(1, 2, b"\x21\x41\x61\x81"),
                At(2, b"\x80\x80\0", b"\x80\x80\x80"),
                Number(5, 1, 1, 64),
                Only(6, 10, LETTERS + b"_"),
            ),
            YES,
        ),
    ),
    aliases={"ndpi": ("Thrift",), "wireshark": ("thrift",)},
)

"""What stands between web servers and applications: FastCGI 1.0, and AJP 1.3 (Apache Tomcat)."""

from sonde.schema import MAYBE, YES, At, Length, Number, Only, Protocol, Signature

FASTCGI = Protocol(
    "fastcgi",
    "FastCGI",
    "FastCGI 1.0",
    tcp_ports=(9000,),
    signatures=(
        # §3.3, §5.1: version 1, begin a request, its number, eight octets; a role, flags, five reserved.
        Signature(
            (
                At(0, b"\x01\x01"),
                At(4, b"\0\x08"),
                At(7, b"\0\0"),
                Number(9, 1, 1, 3),
                Number(10, 1, 0, 1),
                At(11, bytes(5)),
            ),
            YES,
            "orig",
            "tcp",
        ),
    ),
    aliases={"ndpi": ("FastCGI",), "wireshark": ("fcgi",)},
)
AJP = Protocol(
    "ajp",
    "Apache JServ Protocol",
    "AJP 1.3",
    tcp_ports=(8009,),
    signatures=(
        Signature((At(0, b"\x12\x34"), Length(2, 2, add=4), Only(4, 5, b"\x02\x07\x08\x0a")), YES, "orig", "tcp"),
        Signature(
            (At(0, b"AB"), Length(2, 2, add=4, fit="within"), Only(4, 5, b"\x03\x04\x05\x06\x09")), MAYBE, "resp", "tcp"
        ),
    ),
    aliases={"ndpi": ("AJP",), "wireshark": ("ajp13",)},
)
PROTOCOLS = (FASTCGI, AJP)

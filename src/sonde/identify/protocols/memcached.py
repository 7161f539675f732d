"""Memcached (memcached's doc/protocol.txt and protocol-binary.txt)."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Protocol, Signature, begins

COMMANDS = ("get ", "gets ", "set ", "add ", "replace ", "append ", "prepend ", "cas ", "incr ", "decr ", "touch ", "delete ", "gat ",
            "mg ", "ms ", "md ")  # fmt: skip

PROTOCOL = Protocol(
    "memcached",
    "Memcached",
    "memcached protocol",
    tcp_ports=(11211,),
    udp_ports=(11211,),
    signatures=(
        *begins(
            "STAT pid ",
            "STAT ",
            "VALUE ",
            "VERSION ",
            "STORED\r\n",
            "NOT_STORED\r\n",
            "END\r\n",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
        ),
        *begins("stats\r\n", "version\r\n", "stats ", "flush_all", verdict=MAYBE, side="orig", transport="tcp"),
        *begins(*COMMANDS, verdict=MAYBE, side="orig", transport="tcp", parts=(Has(b"\r\n", 4, 270),)),
        # Binary: magic, operation; type of data is zero; the length of the body.
        Signature((At(0, b"\x80"), Number(1, 1, 0, 0x48), At(5, b"\0"), Length(8, 4, add=24)), YES, "orig", "tcp"),
        Signature((At(0, b"\x81"), Number(1, 1, 0, 0x48), At(5, b"\0"), Length(8, 4, add=24)), YES, "resp", "tcp"),
        # Datagrams: request, number 0 of 1, reserved, then text.
        *(
            Signature((At(2, b"\0\0\0\x01\0\0" + word),), YES, transport="udp")
            for word in (b"get", b"stats", b"set ", b"STAT ", b"VALUE ", b"version", b"flush_all")
        ),
    ),
    aliases={"ndpi": ("Memcached",), "wireshark": ("memcache",)},
)

"""TDS, the protocol of Microsoft SQL Server and Sybase (MS-TDS §2.2.3): packets with an eight-octet header."""

from sonde.schema import MAYBE, YES, At, Length, Number, Only, Protocol, Signature

# §2.2.3.1.1: batch, remote call, reply, attention, bulk load, transaction, login, negotiation, before login.
TYPES = b"\x01\x02\x03\x04\x06\x07\x08\x0e\x0f\x10\x11\x12"
STATUS = b"\x00\x01\x04\x05\x08\x09\x10\x11"  # §2.2.3.1.2: the last packet, an event, a reset of the connection
OF_TYPE = 0xFD  # both batches (1) and calls (3)

PROTOCOL = Protocol(
    "tds",
    "Tabular Data Stream",
    "MS-TDS",
    tcp_ports=(1433, 2433),
    signatures=(
        # Type, status, length, process, number of the packet, window (zero).
        Signature(
            (At(0, b"\x12"), Number(1, 1, 0, 1), Length(2, 2), At(4, b"\0\0"), At(7, b"\0\0")), YES, "orig", "tcp"
        ),
        Signature(
            (
                At(0, b"\x10"),
                Number(1, 1, 0, 1),
                Length(2, 2, fit="begun"),
                At(4, b"\0\0"),
                At(7, b"\0"),
                Length(8, 4, add=8, little=True, fit="begun"),
            ),
            YES,
            "orig",
            "tcp",
            min_length=44,
        ),
        Signature(
            (At(0, b"\x04"), Number(1, 1, 0, 1), Length(2, 2, fit="within"), At(7, b"\0"), Number(8, 1, 0x81, 0xFF)),
            MAYBE,
            "resp",
            "tcp",
        ),
        Signature(
            (At(0, b"\x04\x01"), Length(2, 2), At(7, b"\0"), Only(8, 9, b"\0\x81\xe3\xaa\xab\xfd\xfe\xff\xad\xd1")),
            YES,
            "resp",
            "tcp",
        ),
        # §2.2.5.3: all headers begin a batch or call; the usual one has the transaction (type 2, length 18).
        Signature(
            (
                At(0, b"\x01", bytes([OF_TYPE])),
                Only(1, 2, STATUS),
                Length(2, 2),
                At(7, b"\0\x16\0\0\0\x12\0\0\0\x02\0"),
            ),
            YES,
            "orig",
            "tcp",
        ),
        Signature(
            (Only(0, 1, TYPES), Only(1, 2, STATUS), Length(2, 2), At(6, b"\x01\0")),
            MAYBE,
            transport="tcp",
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("MsSQL-TDS",), "wireshark": ("tds",)},
)

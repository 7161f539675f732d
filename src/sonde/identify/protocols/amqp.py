"""AMQP 0-9-1, 0-10 and 1.0 (OASIS AMQP 1.0 §2.2): a header of eight octets names the version."""

from sonde.schema import YES, At, Protocol, Signature, begins

PROTOCOL = Protocol(
    "amqp",
    "Advanced Message Queuing Protocol",
    "OASIS AMQP 1.0",
    tcp_ports=(5672,),
    signatures=(
        *begins(
            "AMQP\0\0\x09\x01",
            "AMQP\0\x01\0\0",
            "AMQP\x03\x01\0\0",
            "AMQP\x02\x01\0\0",
            "AMQP\x01\x01\0\x0a",
            "AMQP\x01\x01\x08\0",
            "AMQP\x01\x01\0\x09",
            verdict=YES,
            transport="tcp",
        ),
        # 0-9-1 §4.2.3: the server starts: method frame on channel 0, class 10, method 10, version 0-9.
        Signature((At(0, b"\x01\0\0"), At(7, b"\0\x0a\0\x0a\0\x09")), YES, "resp", "tcp"),
    ),
    aliases={"ndpi": ("AMQP",), "wireshark": ("amqp",)},
)

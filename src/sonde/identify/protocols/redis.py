"""Redis (RESP, the Redis serialization protocol): requests are arrays of strings."""

from sonde.schema import DIGITS, MAYBE, YES, At, Has, Only, Protocol, Signature, begins

PROTOCOL = Protocol(
    "redis",
    "Redis",
    "Redis serialization protocol",
    tcp_ports=(6379, 6380, 16379, 26379),
    signatures=(
        # "*count", then "$length", each ended by CR LF.
        Signature((At(0, b"*"), Only(1, 2, DIGITS), At(2, b"\r\n$"), Only(5, 6, DIGITS)), YES, "orig", "tcp"),
        Signature((At(0, b"*"), Only(1, 3, DIGITS), At(3, b"\r\n$"), Only(6, 7, DIGITS)), YES, "orig", "tcp"),
        *begins(
            "PING\r\n",
            "INFO\r\n",
            "AUTH ",
            "SELECT ",
            "QUIT\r\n",
            "MONITOR\r\n",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            own_port=True,
            folded=True,
        ),
        *begins(
            "+PONG\r\n",
            "+OK\r\n",
            "-NOAUTH ",
            "-ERR ",
            "-WRONGPASS ",
            "-DENIED Redis",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            own_port=True,
        ),
        *begins(
            "$",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            parts=(Only(1, 2, DIGITS), Has(b"\r\n", 2, 8)),
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("RESP",), "zeek": ("redis",), "wireshark": ("resp",)},
)

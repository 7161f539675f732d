"""Measurements sent to collectors: collectd (its binary protocol), statsd (its README), Graphite's lines have no mark."""

from sonde.schema import (
    DIGITS,
    LETTERS,
    MAYBE,
    PRINTABLE,
    YES,
    At,
    Has,
    Length,
    Number,
    Only,
    Protocol,
    Signature,
)

METRIC = LETTERS + DIGITS + b"._-:|@#,/=+\n"

COLLECTD = Protocol(
    "collectd",
    "collectd",
    "collectd binary protocol",
    udp_ports=(25826,),
    signatures=(
        # Parts with type and length: the host's name, ended by zero; then the time, of either form.
        Signature(
            (At(0, b"\0\0\0"), Number(3, 1, 6, 80), Only(4, 5, PRINTABLE), Has(b"\0\0\x08\0\x0c", 5, 90)),
            YES,
            transport="udp",
        ),
        Signature(
            (At(0, b"\0\0\0"), Number(3, 1, 6, 80), Only(4, 5, PRINTABLE), Has(b"\0\0\x01\0\x0c", 5, 90)),
            YES,
            transport="udp",
        ),
        # Signed or encrypted: a part with a user's name.
        Signature((At(0, b"\x02\0\0"), Number(3, 1, 40, 100)), MAYBE, transport="udp", own_port=True),
        Signature((At(0, b"\x02\x10"), Length(2, 2), At(4, b"\0")), MAYBE, transport="udp", own_port=True),
    ),
    aliases={"ndpi": ("collectd",), "wireshark": ("collectd",)},
)
STATSD = Protocol(
    "statsd",
    "StatsD",
    "statsd metric types",
    udp_ports=(8125,),
    # name:value|type, perhaps with tags or a rate; several in lines.
    signatures=tuple(
        Signature(
            (Only(0, 0, METRIC), At(-len(kind), kind), Has(b":", 1, 200)),
            MAYBE,
            transport="udp",
            min_length=8,
            own_port=True,
        )
        for kind in (b"|c", b"|g", b"|ms", b"|h", b"|s", b"|c\n", b"|g\n", b"|ms\n")
    ),
)
PROTOCOLS = (COLLECTD, STATSD)

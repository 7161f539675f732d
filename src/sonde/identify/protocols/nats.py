"""NATS (NATS documentation, "Client Protocol"): the server greets with what it is, as JSON."""

from sonde.schema import YES, Has, Protocol, begins

PROTOCOL = Protocol(
    "nats",
    "NATS",
    "NATS client protocol",
    tcp_ports=(4222, 6222),
    signatures=(
        *begins("INFO {", verdict=YES, side="resp", transport="tcp", parts=(Has(b'"server_id"', 6, 40),)),
        *begins("CONNECT {", verdict=YES, side="orig", transport="tcp"),
    ),
    starts_tls=True,
    aliases={"ndpi": ("Nats",), "wireshark": ("nats",)},
)

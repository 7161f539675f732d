"""Z39.50 (ISO 23950): sessions begin with a request to initialise, tag 20."""

from sonde.schema import YES, At, Has, Protocol, Signature

PROTOCOL = Protocol(
    "z3950",
    "Z39.50",
    "ISO 23950",
    tcp_ports=(210, 2100),
    signatures=(
        # [20] or [21]; protocol version [3] and options [4] as bit strings.
        *(
            Signature((At(0, tag), Has(b"\x83\x02", 2, 24), Has(b"\x84", 5, 28)), YES, side, "tcp", 20)
            for tag, side in ((b"\xb4", "orig"), (b"\xb5", "resp"))
        ),
    ),
    aliases={"ndpi": ("Z3950",), "wireshark": ("z3950",)},
)

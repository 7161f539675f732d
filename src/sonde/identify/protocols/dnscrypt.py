"""DNSCrypt version 2 (DNSCrypt protocol specification §3): answers begin with the resolvers' magic.

Queries begin with octets that each resolver chooses; certificates are asked for by DNS
itself, and are named as an application there.
"""

from sonde.schema import YES, At, Length, Protocol, Signature, begins

PROTOCOL = Protocol(
    "dnscrypt",
    "DNSCrypt",
    "DNSCrypt protocol specification",
    tcp_ports=(443,),
    udp_ports=(443, 5443, 8443),
    signatures=(
        *begins("r6fnvWj8", verdict=YES, transport="udp", min_length=48),
        Signature((Length(0, 2, add=2, fit="within"), At(2, b"r6fnvWj8")), YES, transport="tcp", min_length=50),
    ),
    aliases={"ndpi": ("DNScrypt",), "wireshark": ("dnscrypt",)},
)

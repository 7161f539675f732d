"""Mining: Stratum (BIP 310 and its forerunners), JSON lines; Monero's peers (Levin, "levin_protocol.md")."""

from sonde.schema import YES, Has, Protocol, begins

STRATUM = Protocol(
    "stratum",
    "Stratum mining protocol",
    "BIP 310",
    tcp_ports=(3333, 4444),
    signatures=tuple(
        begun
        for method in (b'"mining.', b'"eth_submitLogin"', b'"method":"login"', b'"method": "login"', b'"eth_getWork"')
        for begun in begins("{", verdict=YES, side="orig", transport="tcp", parts=(Has(method, 1, 200),))
    ),
    aliases={"ndpi": ("Mining",)},
)
MONERO = Protocol(
    "monero",
    "Monero P2P (Levin)",
    "Monero Levin protocol",
    tcp_ports=(18080,),
    signatures=begins("\x01\x21\x01\x01\x01\x01\x01\x01", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("Monero",)},
)
PROTOCOLS = (STRATUM, MONERO)

"""VPN protocols that name themselves: Tailscale's discovery (its source), tinc (its manual), Cloudflare's and Cisco's have no mark."""

from sonde.schema import PRINTABLE, YES, Has, Only, Protocol, begins

TAILSCALE = Protocol(
    "tailscale-disco",
    "Tailscale discovery",
    "Tailscale disco",
    udp_ports=(41641,),
    signatures=begins("TS\xf0\x9f\x92\xac", verdict=YES, transport="udp", min_length=62),
    aliases={"ndpi": ("Tailscale",)},
)
TINC = Protocol(
    "tinc",
    "tinc",
    "tinc manual §6.3",
    tcp_ports=(655,),
    udp_ports=(655,),
    # "0", the name, version 17 (and minor).
    signatures=(
        *begins(
            "0 ",
            verdict=YES,
            transport="tcp",
            parts=(Has(b" 17", 3, 40), Has(b"\n", 5, 48), Only(2, 6, PRINTABLE)),
            max_length=64,
        ),
    ),
    aliases={"ndpi": ("TINC",)},
)
PROTOCOLS = (TAILSCALE, TINC)

"""BJNP, by which Canon's printers and scanners are found (as described with CUPS's back end of that name)."""

from sonde.schema import YES, Number, Protocol, begins

PROTOCOL = Protocol(
    "bjnp",
    "Canon BJNP",
    "public descriptions",
    udp_ports=(8610, 8611, 8612, 8613, 8614),
    tcp_ports=(8611, 8612),
    signatures=begins("BJNP", "BJNB", "MFNP", "BNJB", verdict=YES, parts=(Number(4, 1, 1, 0x82),), min_length=16),
    aliases={"ndpi": ("BJNP",), "wireshark": ("bjnp",)},
)

"""RIPE Atlas and Magellan: probes that ask whether a host answers, with a label in clear."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "ripe-atlas",
    "RIPE Atlas",
    "RIPE Atlas documentation",
    signatures=begins("MGLNDD_", verdict=YES),
    aliases={"ndpi": ("RipeAtlas",)},
)

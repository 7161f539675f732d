"""Munin nodes and Checkmk agents: monitors that greet with what they are (their documentation)."""

from sonde.schema import YES, Protocol, begins

MUNIN = Protocol(
    "munin",
    "Munin",
    "Munin node protocol",
    tcp_ports=(4949,),
    signatures=begins("# munin node at ", "# lrrd client at ", verdict=YES, side="resp", transport="tcp"),
    aliases={"ndpi": ("Munin",)},
)
CHECKMK = Protocol(
    "checkmk",
    "Checkmk agent",
    "Checkmk agent output",
    tcp_ports=(6556,),
    signatures=begins("<<<check_mk>>>", verdict=YES, side="resp", transport="tcp"),
    aliases={"ndpi": ("CHECKMK",)},
)
PROTOCOLS = (MUNIN, CHECKMK)

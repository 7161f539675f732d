"""rsync's daemon protocol (rsync's documentation, "rsyncd"): both sides greet."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "rsync",
    "rsync",
    "rsync daemon protocol",
    tcp_ports=(873,),
    signatures=begins("@RSYNCD: ", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("RSYNC",), "wireshark": ("rsync",)},
)

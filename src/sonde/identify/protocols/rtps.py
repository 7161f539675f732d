"""RTPS, the wire protocol of DDS (OMG DDSI-RTPS)."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "rtps",
    "Real-Time Publish-Subscribe",
    "OMG DDSI-RTPS",
    udp_ports=(7400, 7401, 7410, 7411),
    signatures=begins("RTPS\x01", "RTPS\x02", "RTPX\x02", verdict=YES),
    aliases={"ndpi": ("RTPS",), "wireshark": ("rtps",)},
)

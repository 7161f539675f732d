"""SSDP, the discovery of UPnP Device Architecture 2.0 §1: HTTP's words in datagrams."""

from sonde.schema import YES, Has, Protocol, begins

PROTOCOL = Protocol(
    "ssdp",
    "Simple Service Discovery Protocol",
    "UPnP Device Architecture 2.0",
    udp_ports=(1900,),
    signatures=(
        *begins("M-SEARCH * HTTP/1.", "NOTIFY * HTTP/1.", verdict=YES, transport="udp", folded=True),
        *begins("HTTP/1.", verdict=YES, transport="udp", own_port=True),
        *begins("HTTP/1.", verdict=YES, transport="udp", folded=True, parts=(Has(b"\nUSN:", 12, 1024),)),  # §1.3.3
        *begins("HTTP/1.", verdict=YES, transport="udp", folded=True, parts=(Has(b"\nST:", 12, 1024),)),
    ),
    aliases={"ndpi": ("SSDP",), "wireshark": ("ssdp",)},
)

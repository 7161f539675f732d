"""HTTP/2 without TLS: the client's preface (RFC 9113 §3.4)."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "http2",
    "HTTP/2",
    "RFC 9113",
    tcp_ports=(50051,),
    signatures=begins("PRI * HTTP/2.0\r\n", verdict=YES, side="orig", transport="tcp"),
    aliases={"ndpi": ("HTTP2",), "wireshark": ("http2",)},
)

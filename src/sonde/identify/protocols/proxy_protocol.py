"""The PROXY protocol (HAProxy's proxy-protocol.txt): who the client was, before its own octets."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "proxy-protocol",
    "PROXY protocol",
    "HAProxy proxy-protocol.txt",
    signatures=begins(
        "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "\r\n\r\n\0\r\nQUIT\n", verdict=YES, transport="tcp"
    ),
    aliases={"ndpi": ("HAProxy",), "wireshark": ("proxy",)},
)

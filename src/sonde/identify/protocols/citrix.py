"""Citrix: ICA greets with its name, CGP too (Citrix, "Communication ports")."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "citrix",
    "Citrix ICA",
    "observed",
    tcp_ports=(1494, 2598),
    signatures=begins("\x7f\x7fICA\0", "\x1aCGP/01", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("Citrix",), "wireshark": ("citrix",)},
)

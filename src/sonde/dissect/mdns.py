"""Multicast DNS (RFC 6762): the messages of DNS on a link, without a server.

What it changes, the top bits of both classes, is left in the class as sent.
"""

from sonde.dissect.api import Dissector
from sonde.dissect.names.message import ANOMALIES, LOOSE, STATE, DnsRecord, finish, plausible, receive
from sonde.schema import OWN_PORT, Protocol, Verdict
from sonde.wire import Int, Wire, kernel


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept messages of DNS on the port of mDNS; only there do they differ from those."""
    if not hint & OWN_PORT:
        return Verdict.NO
    return Verdict.YES if plausible(octets, at, end, LOOSE) else Verdict.NO


MDNS = Protocol(
    "mdns",
    "Multicast DNS",
    "RFC 6762",
    udp_ports=(5353,),
    identify=identify,
    own_ports_only=True,
    transports=("udp",),
    aliases={"ndpi": ("MDNS",), "zeek": ("dns",), "wireshark": ("mdns",)},
)

DISSECTOR = Dissector(MDNS, (DnsRecord,), STATE, receive=receive, finish=finish, anomalies=ANOMALIES)

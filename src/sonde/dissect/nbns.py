"""The NetBIOS name service (RFC 1001, RFC 1002 §4.2), which borrowed the messages of DNS.

Names are decoded; the status of a node (NBSTAT) is not read.
"""

from sonde.dissect.api import Dissector
from sonde.dissect.names.message import ANOMALIES, HEADER_END, LOOSE, STATE, DnsRecord, finish, plausible, receive
from sonde.dissect.names.text import is_netbios
from sonde.schema import OWN_PORT, Protocol, Verdict
from sonde.wire import Int, Wire, kernel


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept messages whose first name is an encoded one, question or record alike."""
    if not hint & OWN_PORT or not is_netbios(octets, at + HEADER_END, end):
        return Verdict.NO
    return Verdict.YES if plausible(octets, at, end, LOOSE) else Verdict.NO


NBNS = Protocol(
    "nbns",
    "NetBIOS Name Service",
    "RFC 1002",
    udp_ports=(137,),
    identify=identify,
    own_ports_only=True,
    transports=("udp",),
    aliases={"ndpi": ("NetBIOS",), "zeek": ("dns",), "wireshark": ("nbns",)},
)

DISSECTOR = Dissector(NBNS, (DnsRecord,), STATE, receive=receive, finish=finish, anomalies=ANOMALIES)

"""LLMNR, Link-Local Multicast Name Resolution (RFC 4795): the messages of DNS on a link."""

from sonde.dissect.api import Dissector
from sonde.dissect.names.message import (
    ANOMALIES,
    LOOSE,
    STATE,
    DnsRecord,
    advance,
    finish,
    plausible,
    receive,
)  # fmt: skip
from sonde.schema import OWN_PORT, STREAM, Protocol, Verdict
from sonde.wire import Int, Wire, kernel


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept messages of DNS on the port of LLMNR; over TCP they stand behind their length."""
    if not hint & OWN_PORT:
        return Verdict.NO
    return Verdict.YES if plausible(octets, at + 2 if hint & STREAM else at, end, LOOSE) else Verdict.NO


LLMNR = Protocol(
    "llmnr",
    "Link-Local Multicast Name Resolution",
    "RFC 4795",
    tcp_ports=(5355,),
    udp_ports=(5355,),
    identify=identify,
    own_ports_only=True,
    aliases={"ndpi": ("LLMNR",), "zeek": ("dns",), "wireshark": ("llmnr",)},
)

DISSECTOR = Dissector(LLMNR, (DnsRecord,), STATE, advance, receive, finish, ANOMALIES)

"""DNS over UDP and TCP (RFC 1035, RFC 7766).

One record for each query with its response; how they are read stands in
`names/message.py`. Not read: what a dynamic update changes, signatures, zone transfers
beyond their records as text.
"""

from sonde.dissect.api import Dissector
from sonde.dissect.names.message import (
    ANOMALIES,
    LOOSE,
    STATE,
    STRICT,
    DnsRecord,
    advance,
    finish,
    plausible,
    receive,
)  # fmt: skip
from sonde.schema import CUT, OWN_PORT, SRC_PORT_SHIFT, STREAM, YES, Protocol, Signature, Verdict
from sonde.wire import Int, Wire, kernel, u16

MDNS_PORT, LLMNR_PORT, NBNS_PORT = 5353, 5355, 137


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """On its port, accept what begins well; elsewhere only whole messages with an ordinary question."""
    ports = hint >> SRC_PORT_SHIFT
    for port in (ports & 0xFFFF, ports >> 16):
        if port == MDNS_PORT or port == LLMNR_PORT or port == NBNS_PORT:
            return Verdict.NO
    cut = hint & CUT
    if hint & STREAM:
        if end - at < 2:
            return Verdict.NO
        last = at + 2 + u16(octets, at)
        at += 2
        cut = cut or last > end
        end = min(end, last)
    fits = plausible(octets, at, end, LOOSE if hint & OWN_PORT else STRICT)
    if hint & OWN_PORT:
        return Verdict.YES if fits > 0 else Verdict.NO
    return Verdict.MAYBE if fits == 2 and not cut else Verdict.NO


DNS = Protocol(
    "dns",
    "Domain Name System",
    "RFC 1035",
    tcp_ports=(53,),
    udp_ports=(53,),
    identify=identify,
    # DNSCrypt's certificates are asked for under this name, on ports of its own.
    signatures=(Signature(((12, b"\x01"), (14, b"\x0ddnscrypt-cert")), YES, transport="udp"),),
    aliases={"ndpi": ("DNS",), "zeek": ("dns",), "wireshark": ("dns",)},
)

DISSECTOR = Dissector(DNS, (DnsRecord,), STATE, advance, receive, finish, ANOMALIES, max_held=1 << 17)

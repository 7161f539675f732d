"""How a protocol is declared: what it is called, and how its first octets look.

    DHCP = Protocol("dhcp", "DHCP", "RFC 2131", udp_ports=(67, 68),
                    signatures=(Signature(((236, b"\\x63\\x82\\x53\\x63"),), YES),))

Signatures are data for the one compiled matcher of `identify`; what needs structure is a
kernel `identify(octets, at, end, hint) -> Verdict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Verdict(IntEnum):
    """What first octets say of a protocol; MAYBE needs the other side to agree."""

    NO = 0
    MAYBE = 1
    YES = 2


# Bits of `hint`; the ports of the packet stand above them.
FROM_RESP = 1  # sent by the responder
OWN_PORT = 2  # one of the two ports is registered for the protocol asked about
STREAM = 4  # TCP; otherwise a datagram
MIDSTREAM = 8  # the beginning of the stream was not seen
CUT = 16  # the capture holds less than the sender sent
SRC_PORT_SHIFT, DST_PORT_SHIFT = 16, 32


@dataclass(frozen=True, slots=True)
class Signature:
    """Octets that must stand at offsets, counted from the first of a payload.

    `parts` are (offset, octets) or (offset, octets, mask); all must match.
    """

    parts: tuple[tuple[Any, ...], ...]
    verdict: Verdict
    #: "both", "orig" (only in what the originator sends) or "resp".
    side: str = "both"
    transport: str = "both"  # "tcp", "udp" or "both"
    min_length: int = 0
    max_length: int = 1 << 16
    #: Letters match whatever their case.
    folded: bool = False
    #: Believe it only on a registered port.
    own_port: bool = False


@dataclass(frozen=True)
class Protocol:
    """One protocol: names, where it usually runs, and how to tell it."""

    name: str
    title: str
    reference: str
    tcp_ports: tuple[int, ...] = ()
    udp_ports: tuple[int, ...] = ()
    #: Those of the ports at which its clients sit, not its servers.
    client_ports: tuple[int, ...] = ()
    signatures: tuple[Signature, ...] = ()
    #: kernel (octets, at, end, hint) -> Verdict, for what needs structure.
    identify: Any = None
    #: First octets that `identify` can accept; empty for any.
    first_octets: bytes = b""
    #: Transports on which `identify` is asked: "tcp", "udp".
    transports: tuple[str, ...] = ("tcp", "udp")
    #: IP protocol numbers that are this protocol by themselves (ICMP 1, IGMP 2 ...).
    ip_protocols: tuple[int, ...] = ()
    #: What other tools call it: {"ndpi": (...), "zeek": (...), "wireshark": (...)}.
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

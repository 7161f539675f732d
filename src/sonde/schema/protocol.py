r"""How a protocol is declared: what it is called, and how its first octets look.

    DHCP = Protocol("dhcp", "DHCP", "RFC 2131", udp_ports=(67, 68),
                    signatures=(Signature(((236, b"\x63\x82\x53\x63"),), YES),))

Signatures are data for the one compiled matcher of `identify`; what needs structure is a
kernel `identify(octets, at, end, hint) -> Verdict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.schema.signature import Signature


@dataclass(frozen=True)
class Protocol:
    """One protocol: names, where it usually runs, and how to tell it."""

    name: str
    title: str
    reference: str
    tcp_ports: tuple[int, ...] = ()
    udp_ports: tuple[int, ...] = ()
    sctp_ports: tuple[int, ...] = ()
    #: Those of the ports at which its clients sit, not its servers.
    client_ports: tuple[int, ...] = ()
    signatures: tuple[Signature, ...] = ()
    #: kernel (octets, at, end, hint) -> Verdict, for what needs structure.
    identify: Any = None
    #: First octets that `identify` can accept; empty for any.
    first_octets: bytes = b""
    #: Transports on which `identify` is asked: "tcp", "udp".
    transports: tuple[str, ...] = ("tcp", "udp")
    #: Its datagrams prepare the way for another protocol in the same flow, which then names it.
    is_prelude: bool = False
    #: `identify` accepts nothing on other ports than those registered.
    own_ports_only: bool = False
    #: TLS may begin inside it (STARTTLS and kin), or in what it carries.
    starts_tls: bool = False
    #: How it announces other flows (a kind of `identify.expect`), and the protocol that comes in them.
    announces: tuple[str, str] = ("", "")
    #: kernel (octets, at, end, wrap, side) -> where that ends, or -1: leaves, in place, what its frames carry of
    #: another protocol; `wrap` (see `table.wraps`) remembers how far frames were read.
    unwrap: Any = None
    #: Others are made of it and have names of their own, which come before its name.
    is_general: bool = False
    #: Applications that use it in a way of their own: (name in applications.toml, signature).
    applications: tuple[tuple[str, Signature], ...] = ()
    #: IP protocol numbers that are this protocol by themselves (ICMP 1, IGMP 2 ...).
    ip_protocols: tuple[int, ...] = ()
    #: What other tools call it: {"ndpi": (...), "zeek": (...), "wireshark": (...)}.
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

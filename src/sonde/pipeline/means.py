"""What every run needs of the catalogue of protocols, put together once and kept.

Importing some 130 declarations and compiling their signatures takes a tenth of a second,
which a small capture would feel. What follows from them is kept beside the machine code,
named by a stamp of the package's files.
"""

import pickle
from dataclasses import dataclass
from functools import cache

import numpy as np

from sonde.dissect import all_dissectors
from sonde.identify import Matcher, all_protocols, build_identify, build_matcher, rule_names, told_applications
from sonde.schema import Protocol
from sonde.wire import Kernel, LazyKernel, Wire, cache_folder, keep, package_stamp, recall

KEPT_NAME = "catalogue-"


@dataclass(frozen=True)
class Means:
    """Names of protocols by number, and arrays that follow from their declarations."""

    names: tuple[str, ...]
    #: Ports where servers are expected: bit 0 TCP, bit 1 UDP.
    servers: Wire
    #: The protocol that an IP protocol number stands for by itself, or -1.
    by_ip_protocol: "np.ndarray"
    matcher: Matcher
    #: The applications that its signatures tell.
    told: tuple[str, ...]
    #: What flows tell their protocol by, by number.
    rules: tuple[str, ...]
    #: Digest of the sources of the identification kernel.
    sources: bytes


@cache
def protocols() -> tuple[Protocol, ...]:
    """Give all protocols; the position of each is its number."""
    return all_protocols([each.protocol for each in all_dissectors()])


@cache
def load_means() -> Means:
    """Give the means, from where they are kept if nothing has changed."""
    place = cache_folder() / f"{KEPT_NAME}{package_stamp()}"
    try:
        kept = pickle.loads(recall(place))  # noqa: S301 - ours, beside the machine code
    except (OSError, EOFError, ValueError, AttributeError, ImportError, pickle.UnpicklingError):
        kept = None
    if isinstance(kept, Means) and {each.protocol.name for each in all_dissectors()} <= set(kept.names):
        return kept
    means = _make_means()
    keep(place, pickle.dumps(means))
    return means


def _make_means() -> Means:
    every = protocols()
    servers, by_ip_protocol = np.zeros(65536, np.uint8), np.full(256, -1, np.int16)
    for number, protocol in enumerate(every):
        for bit, ports in enumerate((protocol.tcp_ports, protocol.udp_ports)):
            for port in set(ports) - set(protocol.client_ports):
                servers[port] |= 1 << bit
        for ip_protocol in protocol.ip_protocols:
            by_ip_protocol[ip_protocol] = number
    names = tuple(each.name for each in every)
    matcher = build_matcher(every, {each.protocol.name for each in all_dissectors()})
    return Means(
        names,
        servers,
        by_ip_protocol,
        matcher,
        told_applications(every),
        rule_names(every),
        build_identify(every).sources,
    )


@cache
def identify_kernel() -> Kernel[..., None]:
    """Give the identification kernel; what it is made of is imported only to compile it."""
    return LazyKernel("identify.route.identify", load_means().sources, lambda: build_identify(protocols()))

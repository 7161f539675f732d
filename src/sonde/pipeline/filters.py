"""What a filter may say: which traffic the probe is for, and never whose.

    check_filter("not port 9000 and net 10.20.0.0/16", policy.networks)

A filter of libpcap could name one host, and a host is a person: it would be the selector that Sonde does not have.
So a filter is held to a small language, the words of which are below: protocols, ports, sizes, and networks as wide as
a policy's own ([[network]]: /24, /56); a single address only of a declared network of servers. The policy's scope
decides what is looked at; a filter only takes from that.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from sonde.policy import PolicyError
from sonde.policy.terms import Network

WORDS = frozenset(
    "and or not ( ) ! && || ip ip6 tcp udp sctp icmp icmp6 arp rarp src dst proto protochain multicast broadcast "
    "port portrange less greater net host".split()
)
TAKES_NUMBER = frozenset("port portrange proto protochain less greater".split())
TAKES_ADDRESS = frozenset("net host".split())
LEAST_PREFIX = {4: 24, 6: 56}  # narrower is a person's (ACCOUNTABILITY §2)
MOST_LETTERS = 2000
TOKEN = re.compile(r"\(|\)|!|&&|\|\||[^\s()!]+")
NUMBER = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
SERVICE = re.compile(r"[a-z][a-z0-9-]{1,15}")


def check_filter(text: str, networks: Iterable[Network]) -> str:
    """Give the filter if it is one that may be; PolicyError with a sentence for the user otherwise."""
    servers = [each.cidr for each in networks if each.role == "servers"]
    if len(text) > MOST_LETTERS:
        raise PolicyError(f"A filter has {MOST_LETTERS} letters at most; this one has {len(text)}.")
    awaited = ""
    for token in TOKEN.findall(text.lower()):
        if awaited in TAKES_NUMBER:
            if not (NUMBER.fullmatch(token) or (awaited in ("port", "proto") and SERVICE.fullmatch(token))):
                raise PolicyError(f"A filter has a number after {awaited!r}, and not {token[:40]!r}.")
            awaited = ""
        elif awaited in TAKES_ADDRESS:
            _check_address(token, servers)
            awaited = ""
        elif token not in WORDS:
            raise PolicyError(
                f"A filter may not say {token[:40]!r}: it chooses by protocol, port, size and network "
                "(docs/live.md), never by host."
            )
        elif token in TAKES_NUMBER or token in TAKES_ADDRESS:
            awaited = token
    if awaited:
        raise PolicyError(f"The filter ends after {awaited!r}; say which.")
    return text


def _check_address(token: str, servers: list[IPv4Network | IPv6Network]) -> None:
    try:
        found = ip_network(token)
    except ValueError:
        raise PolicyError(f"{token[:60]!r} is no network that a filter can name; write one as 10.20.0.0/16.") from None
    if found.prefixlen <= LEAST_PREFIX[found.version]:
        return
    if not any(found.version == each.version and found.subnet_of(each) for each in servers):  # type: ignore[arg-type]
        raise PolicyError(
            f"{token[:60]} is narrower than /{LEAST_PREFIX[found.version]}, and one host is one person; "
            "only within a declared network of servers may a filter name it."
        )


__all__ = ["check_filter"]

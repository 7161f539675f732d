"""The scope gate: frames with no endpoint in a declared network are counted and not looked at.

    scope = new_scope(policy.networks)
    if not in_scope(packets, count, scope): ...

It stands behind decode and before fragments, flow and all that follows (`pipeline/carry.py`).
A frame is in scope if any of its packets is: the outermost, or one within a tunnel. What a
tunnel carries that was sent in fragments is judged by the outer addresses.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sonde.policy.terms import Network
from sonde.wire import Int, Rows, kernel

Words: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"

MAPPED = 0xFFFF  # IPv4 addresses are ::ffff:a.b.c.d (RFC 4291 §2.5.5.2)
WORD = (1 << 64) - 1


class Scope(NamedTuple):
    """Networks as halves of 128 bits and their masks; none of them means that all is in scope."""

    high: Words
    low: Words
    high_mask: Words
    low_mask: Words


def new_scope(networks: Iterable[Network]) -> Scope:
    """Lay out declared networks for `in_scope`."""
    rows = []
    for network in networks:
        address, mask = int(network.cidr.network_address), int(network.cidr.netmask)
        if network.cidr.version == 4:
            address, mask = MAPPED << 32 | address, ((1 << 96) - 1) << 32 | mask
        rows.append((address >> 64, address & WORD, mask >> 64, mask & WORD))
    table = np.array(rows, np.uint64).reshape(-1, 4)
    high, low, high_mask, low_mask = (np.ascontiguousarray(table[:, column]) for column in range(4))
    return Scope(high, low, high_mask, low_mask)


@kernel
def in_scope(packets: Rows, count: Int, scope: Scope) -> bool:
    """Say whether any of the first `count` packets has an endpoint in a declared network."""
    for row in range(count):
        packet = packets[row]
        for place in range(len(scope.high)):
            high_mask, low_mask = scope.high_mask[place], scope.low_mask[place]
            high, low = scope.high[place], scope.low[place]
            if packet["src_high"] & high_mask == high and packet["src_low"] & low_mask == low:
                return True
            if packet["dst_high"] & high_mask == high and packet["dst_low"] & low_mask == low:
                return True
    return False


__all__ = ["Scope", "in_scope", "new_scope"]

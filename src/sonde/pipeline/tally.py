"""Sums over flows for the summary: kept as numbers, never as records."""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sonde.table.fieldwise import Fieldwise
from sonde.table.flows import ODDITIES
from sonde.wire import Int, Ints, Row, Rows, forget, kernel
from sonde.wire.hash import mix

MOST_HOSTS = 1 << 15  # places in the table of hosts; the lightest half gives way when it fills
MOST_NAMES = 1 << 14  # distinct names counted; then the rarest half is forgotten
HOST = np.dtype([("high", "u8"), ("low", "u8"), ("octets", "i8"), ("used", "u1")], align=True)
FLOWS, PACKETS, OCTETS, HOSTS, KEY = range(5)  # places in `Sums.count`


class Sums(NamedTuple):
    """What the kernel adds up; the first place of `protocols` and `applications` is "unknown"."""

    count: Ints  # type: ignore[assignment] # tuple.count is not wanted
    protocols: Ints  # [flows, octets] of each
    applications: Ints
    oddities: Ints
    hosts: Rows


def new_sums(protocols: int, applications: int) -> Sums:
    """Make empty sums for so many protocols and applications."""
    count = np.zeros(5, np.int64)
    count[KEY] = new_key()
    return Sums(
        count,
        np.zeros((protocols + 1, 2), np.int64),
        np.zeros((applications + 1, 2), np.int64),
        np.zeros(len(ODDITIES), np.int64),
        np.zeros(MOST_HOSTS, HOST),
    )


def new_key() -> int:
    """Give a secret that decides where hosts have their places."""
    return int.from_bytes(os.urandom(7), "big")


class Summed(NamedTuple):
    """Fields of flows that are added up, each an array."""

    packets: Ints  # of both sides
    octets: Ints
    protocol: Any
    application: Any
    oddities: Any
    orig_high: Any
    orig_low: Any
    resp_high: Any
    resp_low: Any


@kernel
def add_flows(flows: Summed, sums: Sums) -> None:
    """Add flows to the sums."""
    for row in range(len(flows.protocol)):
        octets = flows.octets[row, 0] + flows.octets[row, 1]
        sums.count[FLOWS] += 1
        sums.count[PACKETS] += flows.packets[row, 0] + flows.packets[row, 1]
        sums.count[OCTETS] += octets
        protocol, application = np.int64(flows.protocol[row]) + 1, np.int64(flows.application[row]) + 1
        sums.protocols[protocol, 0] += 1
        sums.protocols[protocol, 1] += octets
        sums.applications[application, 0] += 1
        sums.applications[application, 1] += octets
        odd = np.int64(flows.oddities[row])
        bit = 0
        while odd:
            sums.oddities[bit] += odd & 1
            odd >>= 1
            bit += 1
        add_host(sums, flows.orig_high[row], flows.orig_low[row], octets)
        add_host(sums, flows.resp_high[row], flows.resp_low[row], octets)


@kernel(wraps=True)
def add_host(sums: Sums, high: np.uint64, low: np.uint64, octets: Int) -> None:
    """Add to a host's octets; one that finds no place is not counted."""
    hosts = sums.hosts
    place = np.int64(mix(high, low, np.uint64(sums.count[KEY])) & np.uint64(len(hosts) - 1))
    for _ in range(len(hosts)):
        host = hosts[place]
        if host["used"] == 0:
            if sums.count[HOSTS] * 4 >= len(hosts) * 3:
                return
            sums.count[HOSTS] += 1
            fill_host(host, high, low)
        if host["high"] == high and host["low"] == low:
            host["octets"] += octets
            return
        place = place + 1 if place + 1 < len(hosts) else 0


@kernel
def fill_host(host: Row, high: np.uint64, low: np.uint64) -> None:
    """Take a place for a host."""
    host["used"] = 1
    host["high"] = high
    host["low"] = low
    host["octets"] = 0


@kernel
def add_hosts(rows: Rows, sums: Sums) -> None:
    """Add hosts with their octets again."""
    for row in range(len(rows)):
        add_host(sums, rows[row]["high"], rows[row]["low"], rows[row]["octets"])


@dataclass
class Tally:
    """What a run counted of its records."""

    sums: Sums
    rows: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    @property
    def flows(self) -> int:
        """Give how many flow records there are."""
        return int(self.sums.count[FLOWS])

    @property
    def packets(self) -> int:
        """Give the packets of all flows."""
        return int(self.sums.count[PACKETS])

    @property
    def octets(self) -> int:
        """Give the octets of all flows, from the IP header on."""
        return int(self.sums.count[OCTETS])

    @property
    def protocols(self) -> dict[int, list[int]]:
        """Give [flows, octets] by protocol; -1 is unknown."""
        return _by_number(self.sums.protocols)

    @property
    def applications(self) -> dict[int, list[int]]:
        """Give [flows, octets] by application; -1 is unknown."""
        return _by_number(self.sums.applications)

    @property
    def oddities(self) -> Counter[int]:
        """Give how many flows had each oddity, by bit."""
        return Counter({bit: count for bit, count in enumerate(self.sums.oddities.tolist()) if count})

    @property
    def hosts(self) -> dict[tuple[int, int], list[int]]:
        """Give octets by address, as the two halves of 128 bits."""
        used = self.sums.hosts[self.sums.hosts["used"] == 1]
        return {(high, low): [octets] for high, low, octets, _ in used.tolist()}

    def add(self, rows: Fieldwise) -> None:
        """Add flows; make room where hosts begin to find none.

        The hosts that stay get new places: of many with the same octets those stay that were side by side, and
        under the same key they would be so again, a run of thousands for all others to walk along.
        """
        summed = Summed(*[rows[name] for name in Summed._fields])
        add_flows(summed, self.sums)
        forget(summed)
        hosts = self.sums.hosts
        if self.sums.count[HOSTS] * 4 < len(hosts) * 3:
            return
        heaviest = hosts[np.argsort(hosts["octets"])[-MOST_HOSTS // 4 :]].copy()
        hosts[:] = 0
        self.sums.count[HOSTS] = 0
        self.sums.count[KEY] = new_key()
        add_hosts(heaviest, self.sums)

    def add_names(self, counts: dict[str, int]) -> None:
        """Add how often names were met."""
        self.names.update(counts)
        if len(self.names) > MOST_NAMES:
            self.names = Counter(dict(self.names.most_common(MOST_NAMES // 2)))


def _by_number(sums: Ints) -> dict[int, list[int]]:
    return {number - 1: entry for number, entry in enumerate(sums.tolist()) if entry[0]}

"""The plan: wanted tables and the policy, compiled into what each stage must do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from sonde.content import MailPartRecord, MailRecord
from sonde.dissect import Dissector, all_dissectors
from sonde.flow import Limits
from sonde.identify import Applications, Matcher
from sonde.pipeline.means import load_means
from sonde.policy import Gate, Scope, new_scope
from sonde.record import FlowRecord, catalogue, declared
from sonde.schema import ENDPOINT, Field, Record, columns, table_name
from sonde.table.late import pa
from sonde.table.packets import TUNNELS
from sonde.wire import Wire

MIB = 1 << 20
FLOW_OCTETS = 520  # of one flow, hash chains and free list included
FEWEST_FLOWS = 1 << 16  # over twice a lane's share of a block: before each, half of a full table is made free


class PlanError(ValueError):
    """A wish that cannot be met; the message is for the user."""


@dataclass(frozen=True)
class Plan:
    """What is wanted of a run, and the means that follow from it."""

    gate: Gate
    tables: frozenset[str]
    lanes: int = 1
    memory: int = 512 * MIB
    verify_checksums: bool = False
    limits: Limits = field(default_factory=Limits)
    overlap_last: bool = False
    #: Extra lists of applications by name.
    applications: Applications = field(default_factory=Applications.load)
    #: Feeds the names of flows; the same input and seed give the same names.
    seed: int = 0

    @cached_property
    def dissectors(self) -> tuple[Dissector, ...]:
        """Give the dissectors that run: those of wanted tables, and those that tell names."""
        return tuple(each for each in all_dissectors() if self.wants(each) or tells_names(each))

    def wants(self, dissector: Dissector) -> bool:
        """Say whether any table of a dissector is wanted."""
        return any(self.takes(record) for record in dissector.records)

    def takes(self, record: type[Record]) -> bool:
        """Say whether a table is wanted, or one that is made of it."""
        return table_name(record) in self.tables or not self.tables.isdisjoint(record.feeds)

    @cached_property
    def scope(self) -> Scope:
        """Give the declared networks, outside of which nothing is looked at."""
        return new_scope(self.gate.policy.networks)

    @property
    def protocol_names(self) -> list[str | None]:
        """Give protocol names by number."""
        return list(load_means().names)

    @property
    def rule_names(self) -> list[str | None]:
        """Give names of the rules of identification by number."""
        return list(load_means().rules)

    @cached_property
    def matcher(self) -> Matcher:
        """Give the compiled signatures; what no dissector of this run reads is only named."""
        names, read = load_means().names, {each.protocol.name for each in self.dissectors}
        dissected = np.array([name in read for name in names], np.uint8)
        numbers = {item.name: number for number, item in enumerate(self.applications.items)}
        told = np.array([numbers.get(name, -1) for name in load_means().told] or [-1], np.int64)
        return load_means().matcher._replace(dissected=dissected, told=told)

    @property
    def servers(self) -> Wire:
        """Give the ports where servers are expected: bit 0 TCP, bit 1 UDP."""
        return load_means().servers

    @property
    def by_ip_protocol(self) -> np.ndarray:
        """Give the protocol number that an IP protocol stands for by itself, or -1."""
        return load_means().by_ip_protocol

    @cached_property
    def by_tunnel(self) -> np.ndarray:
        """Give the protocol number of each kind of tunnel, or -1."""
        names = {name: number for number, name in enumerate(self.protocol_names)}
        return np.array([names.get(kind, -1) for kind in TUNNELS], np.int16)

    def keep(self, record: type[Record]) -> Wire:
        """Say field by field whether it may leave the parser: what the policy drops is not copied out.

        What only feeds other tables goes as far as those are wanted; their gate is their own.
        Two uses of a field need it in the lane, though the gate drops it afterwards: names and
        User-Agents that tell applications, and what makes a record distinct. Neither overrides a floor.
        """
        if record.feeds:
            return np.full(len(columns(record)), self.takes(record), np.uint8)
        table = table_name(record)
        needed = {each for reader in all_dissectors() for each in reader.distinct.get(table, ())}
        return np.array(
            [
                self.gate.keeps(table, column.name, column.field)
                or (
                    column.field.privacy <= ENDPOINT and (column.field.names_application != "" or column.name in needed)
                )
                for column in columns(record)
            ],
            np.uint8,
        )

    @property
    def most_flows(self) -> int:
        """Give how many flows the memory budget allows."""
        return max(FEWEST_FLOWS, self.memory // self.lanes // FLOW_OCTETS)


def tells_names(dissector: Dissector) -> bool:
    """Say whether a dissector has a field that may tell the application."""
    return any(column.field.names_application for record in dissector.records for column in columns(record))


def all_records() -> dict[str, type[Record]]:
    """Give every table's declaration by name, flows first."""
    found: dict[str, type[Record]] = {"flows": FlowRecord}
    for dissector in all_dissectors():
        for record in dissector.records:
            if not record.feeds:
                found.setdefault(table_name(record), record)
    found |= {table_name(record): record for record in (MailRecord, MailPartRecord)}
    return found


def choose_tables(wanted: Iterable[str] | None) -> frozenset[str]:
    """Check wanted tables; all of them by default."""
    known = all_records()
    if wanted is None:
        return frozenset(known)
    chosen = frozenset(wanted)
    unknown = sorted(chosen - set(known))
    if unknown:
        raise PlanError(f"There is no table {unknown[0]!r}; there are {', '.join(known)}.")
    return chosen


@cache
def table_columns(name: str) -> dict[str, tuple[pa.DataType, Field]]:
    """Give the emitted columns of a table by name."""
    return catalogue(all_records()[name], is_flows=name == "flows")


@cache
def registry() -> dict[str, dict[str, Field]]:
    """Give every field that can be emitted, by table and column, for policies to be checked against."""
    return {table: declared(record, is_flows=table == "flows") for table, record in all_records().items()}

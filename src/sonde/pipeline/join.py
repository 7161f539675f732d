"""Closed rows of many blocks and lanes -> batches of a good size, each of one table, in order, field by field.

    joiner = Joiner(plan)
    joiner.take(made)                      # what a lane made of a block
    for name in joiner.due():
        for joined in joiner.join(name):
            ...

Rows of messages' chunks are left out: whoever reads messages takes each batch of those at once.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sonde.dissect import Dissector
from sonde.pipeline.lane import Batch, Yield
from sonde.pipeline.plan import Plan
from sonde.record import FlowRecord
from sonde.schema import Record, table_name
from sonde.table.fieldwise import Fieldwise, in_order
from sonde.table.flows import name_flows
from sonde.table.out import LENGTH_BITS, layout_of, shift_spans
from sonde.wire import Rows, Wire

# A table is written when so many rows of it wait, or rows with so many octets of text.
ROWS_A_BATCH = 1 << 14
TEXT_A_BATCH = 4 << 20
FLOWS = table_name(FlowRecord)


@dataclass(slots=True)
class Joined:
    """Rows of one table and one dissector, the text they point to, and keys of their flows; flows have neither."""

    name: str
    record: type[Record]
    dissector: Dissector | None
    rows: Fieldwise
    text: Wire = field(default_factory=lambda: np.empty(0, np.uint8))
    keys: Fieldwise | None = None


class Joiner:
    """Gathers rows until they are many enough; for one thread."""

    def __init__(self, plan: Plan, room: Callable[[int], Wire]) -> None:
        """Begin with none; `room` gives memory for what is joined, in octets."""
        self.plan, self.room = plan, room
        self.batches: dict[str, list[Batch]] = {}
        self.flows: list[Rows] = []
        self.waiting: Counter[str] = Counter()
        self.text: Counter[str] = Counter()

    def take(self, made: Yield) -> None:
        """Take what a lane made of a block."""
        for batch in made.batches:
            if batch.record.feeds:
                continue
            name = table_name(batch.record)
            self.batches.setdefault(name, []).append(batch)
            self.waiting[name] += len(batch.rows)
            self.text[name] += batch.added
        if len(made.flows):
            self.flows.append(made.flows)
            self.waiting[FLOWS] += len(made.flows)

    def due(self) -> list[str]:
        """Name the tables of which enough waits; asked between blocks, so that lanes make no difference."""
        return [name for name, rows in self.waiting.items() if rows >= ROWS_A_BATCH or self.text[name] >= TEXT_A_BATCH]

    def left(self) -> list[str]:
        """Name the tables of which any row waits."""
        return [name for name, rows in self.waiting.items() if rows]

    def join(self, name: str) -> list[Joined]:
        """Give what waits of a table."""
        self.waiting[name] = self.text[name] = 0
        if name == FLOWS:
            return [self._join_flows()] if self.flows else []
        return [self._join_batches(name, group) for group in _by_dissector(self.batches.pop(name, []))]

    def _join_flows(self) -> Joined:
        parts, self.flows = self.flows, []
        for part in parts:
            name_flows(part, self.plan.by_ip_protocol, self.plan.by_tunnel)
        # Parts of one flow are in order; of flows that one frame began, the outer one comes first.
        tunnels = np.concatenate([part["tunnels"] for part in parts])
        depth = (tunnels > 0).astype(np.int64) + (tunnels & 0xFFFFFF > 0) + (tunnels & 0xFFFF > 0)
        frames = np.concatenate([part["frame"] for part in parts])
        order = np.argsort(frames * 4 + depth, kind="stable")
        return Joined(FLOWS, FlowRecord, None, in_order(parts, order, self.room))

    def _join_batches(self, name: str, batches: list[Batch]) -> Joined:
        """Lay batches together, their rows in order; spans follow their text: batches of a lane may share an arena."""
        ends: dict[int, int] = {}
        arenas: dict[int, Wire] = {}
        for batch in batches:
            arenas[id(batch.text)] = batch.text
            ends[id(batch.text)] = max(ends.get(id(batch.text), 0), batch.end)
        bases = dict(zip(ends, itertools.accumulate(ends.values(), initial=0), strict=False))
        text = self.room(sum(ends.values()))
        for which, arena in arenas.items():
            text[bases[which] : bases[which] + ends[which]] = arena[: ends[which]]
        for batch in batches:
            if base := bases[id(batch.text)]:
                shift_spans(batch.rows.view(np.int64), layout_of(batch.record), base << LENGTH_BITS)
        order = np.argsort(np.concatenate([each.rows["order"] for each in batches]), kind="stable")
        rows = in_order([each.rows for each in batches], order, self.room)
        keys = in_order([each.keys for each in batches], order, self.room)
        return Joined(name, batches[0].record, batches[0].dissector, rows, text, keys)


def _by_dissector(batches: list[Batch]) -> list[list[Batch]]:
    """Group batches of one table by the dissector that filled them."""
    groups: dict[str, list[Batch]] = {}
    for batch in batches:
        groups.setdefault(batch.dissector.protocol.name, []).append(batch)
    return [groups[name] for name in sorted(groups)]


__all__ = ["Joined", "Joiner"]

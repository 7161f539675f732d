"""Closed rows of many blocks and lanes -> batches of a good size, each of one table, its rows in order.

    joiner = Joiner()
    joiner.take(made)                      # what a lane made of a block
    for name in joiner.due():
        for joined in joiner.join(name):
            ...

Rows of messages' chunks are left out: whoever reads messages takes each batch of those at once.
"""

import itertools
from collections import Counter
from dataclasses import dataclass

import numpy as np

from sonde.dissect import Dissector
from sonde.pipeline.batch import Batch, Yield
from sonde.pipeline.lane import TEXT_A_TRAY
from sonde.record import FlowRecord
from sonde.schema import Record, columns, table_name
from sonde.table.fieldwise import Fieldwise, joined
from sonde.table.out import LENGTH_BITS, SPAN_KINDS
from sonde.wire import Wire

# A table is written when so many rows of it wait, or rows with so many octets of text.
ROWS_A_BATCH = 1 << 14
TEXT_A_BATCH = TEXT_A_TRAY
FLOWS = table_name(FlowRecord)


@dataclass(slots=True)
class Joined:
    """Rows of one table and one dissector, the text they point to, and keys of their flows; flows have neither."""

    name: str
    record: type[Record]
    dissector: Dissector | None
    rows: Fieldwise
    text: Wire
    keys: Fieldwise


class Joiner:
    """Gathers rows until they are many enough; for one thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self.batches: dict[str, list[Batch]] = {}
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

    def due(self) -> list[str]:
        """Name the tables of which enough waits; asked between blocks, so that lanes make no difference."""
        return [name for name, rows in self.waiting.items() if rows >= ROWS_A_BATCH or self.text[name] >= TEXT_A_BATCH]

    def left(self) -> list[str]:
        """Name the tables of which any row waits."""
        return [name for name, rows in self.waiting.items() if rows]

    def join(self, name: str) -> list[Joined]:
        """Give what waits of a table."""
        self.waiting[name] = self.text[name] = 0
        return [_join(name, group) for group in _by_dissector(self.batches.pop(name, []))]


def _by_dissector(batches: list[Batch]) -> list[list[Batch]]:
    """Group batches of one table by the dissector that filled them."""
    groups: dict[str, list[Batch]] = {}
    for batch in batches:
        groups.setdefault(batch.protocol, []).append(batch)
    return [groups[name] for name in sorted(groups)]


def _join(name: str, batches: list[Batch]) -> Joined:
    """Lay batches together, their rows in order."""
    record, dissector = batches[0].record, batches[0].dissector
    rows, keys = joined([batch.rows for batch in batches]), joined([batch.keys for batch in batches])
    text = batches[0].text
    if dissector is None:
        order = rows["frame"]  # parts of a flow are in order; of those that one frame began, the outer comes first
    else:
        order = rows["order"]
        if len(batches) > 1:
            text = _join_text(record, batches, rows)
    if (order[1:] < order[:-1]).any():
        places = np.argsort(order, kind="stable")
        rows, keys = rows[places], keys[places]
    return Joined(name, record, dissector, rows, text, keys)


def _join_text(record: type[Record], batches: list[Batch], rows: Fieldwise) -> Wire:
    """Lay the text of batches together, and have the spans of their rows follow it: batches may share an arena."""
    ends: dict[int, int] = {}
    arenas: dict[int, Wire] = {}
    for batch in batches:
        arenas[id(batch.text)] = batch.text
        ends[id(batch.text)] = max(ends.get(id(batch.text), 0), batch.end)
    bases = dict(zip(ends, itertools.accumulate(ends.values(), initial=0), strict=False))
    moved = np.repeat([bases[id(each.text)] << LENGTH_BITS for each in batches], [len(each.rows) for each in batches])
    for column in columns(record):
        if column.kind.name in SPAN_KINDS:
            spans = rows[column.name]
            np.add(spans, moved, out=spans, where=spans >= 0)
    return np.concatenate([arena[: ends[which]] for which, arena in arenas.items()])


__all__ = ["Joined", "Joiner"]

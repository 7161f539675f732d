"""Chunks of messages -> readers of the content stage -> rows of `mail` and `mail_part`.

A message is read as its octets come, and its rows are made when it is over. What is open at a
time is bounded: beyond that the message that has waited longest is ended as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sonde.content import Connection, MailPartRecord, MailRecord, Message, MessageReader
from sonde.content.body import new_desk, scan
from sonde.dissect.mail.chunk import (
    AFTER_GAP,
    CREDENTIALS,
    CUT_SHORT,
    DOTTED,
    FETCHED,
    FIRST,
    LAST,
    PARTIAL,
    SMUGGLED,
    STRIPPED,
)
from sonde.pipeline.lane import Batch
from sonde.schema import Record, null_row
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Meanwhile, Rows, Wire, interpreting

SCANNED = (np.empty(0, np.uint8), 0, 0, new_desk())  # what `scan` takes, for its types
MOST_OPEN = 4096  # messages at a time


@dataclass(slots=True)
class Open:
    """A message on its way."""

    reader: MessageReader
    known: Connection
    ts: int
    order: int
    key: Rows
    is_complete: bool = True


@dataclass(slots=True)
class Made:
    """Rows of one table that wait to be written."""

    values: list[dict[str, Any]] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    keys: list[Rows] = field(default_factory=list)

    def add(self, values: Sequence[dict[str, Any]], of: Open) -> None:
        """Add the rows that one message made."""
        for each in values:
            self.values.append(each)
            self.stamps.append(of.ts)
            self.orders.append(of.order)
            self.keys.append(of.key)


class MailDesk:
    """Reads the messages of a run."""

    def __init__(self, own_domains: Sequence[str]) -> None:
        """Judge by these domains of the operator's own."""
        self.own_domains = own_domains
        self.open: dict[tuple[int, int], Open] = {}
        self.made: dict[type[Record], Made] = {MailRecord: Made(), MailPartRecord: Made()}
        self.given_up = 0
        self.meanwhile = Meanwhile()

    def take(self, batch: Batch) -> None:
        """Take the chunks of a block; those of one message follow each other by their order."""
        spans = batch.rows["octets"]
        octets = int((spans[spans >= 0] & LENGTH_MASK).sum())
        with interpreting(self.meanwhile.allows(scan, SCANNED, octets, len(batch.rows))):
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        rows = batch.rows
        frames = batch.keys["frame"]
        order = np.lexsort((np.arange(len(rows)), rows["order"], rows["message"], frames))
        messages, flows = rows["message"][order], frames[order]
        changes = np.flatnonzero((np.diff(messages) != 0) | (np.diff(flows) != 0)) + 1
        starts = [0, *changes.tolist()]
        for start, end in zip(starts, [*changes.tolist(), len(order)], strict=True):
            self._take_message(batch, order[start:end])

    def _take_message(self, batch: Batch, places: np.ndarray) -> None:
        rows, text = batch.rows, batch.text
        first = int(places[0])
        name = int(batch.keys["frame"][first]), int(rows["message"][first])
        marks = rows["marks"][places]
        told = int(np.bitwise_or.reduce(marks))
        opened = self.open.get(name)
        if opened is None:
            if not told & FIRST:
                return  # of a message that was given up
            opened = self._begin(batch, first, name, told)
        self._learn(opened, rows, text, places, told)
        spans = rows["octets"][places]
        at = 0
        for gap in [*np.flatnonzero(marks & AFTER_GAP).tolist(), len(places)]:
            feed(opened.reader, text, spans[at:gap])
            if gap < len(places):
                opened.reader.lose()
            at = gap
        if told & LAST:
            self._end(name)

    def _begin(self, batch: Batch, first: int, name: tuple[int, int], told: int) -> Open:
        if len(self.open) >= MOST_OPEN:
            oldest = next(iter(self.open))
            self.open[oldest].is_complete = False
            self.given_up += 1
            self._end(oldest)
        row = batch.rows[first]
        known = Connection(source=batch.dissector.protocol.name, own_domains=self.own_domains)
        reader = MessageReader(name[1], dotted=bool(told & DOTTED))
        opened = Open(reader, known, int(row["ts"]), int(row["order"]), batch.keys[first : first + 1].copy())
        self.open[name] = opened
        return opened

    def _learn(self, opened: Open, rows: Rows, text: Wire, places: np.ndarray, told: int) -> None:
        known = opened.known
        known.has_credentials = known.has_credentials or bool(told & CREDENTIALS)
        known.is_stripped = known.is_stripped or bool(told & STRIPPED)
        known.is_smuggled = known.is_smuggled or bool(told & SMUGGLED)
        known.is_partial = known.is_partial or bool(told & PARTIAL)
        if told & FETCHED:
            known.direction = "fetched"
        if told & DOTTED:
            opened.reader.dotted = True
        if told & CUT_SHORT:
            opened.is_complete = False
        sender = int(rows["sender"][places[0]])
        if sender >= 0:
            start = sender >> LENGTH_BITS
            known.return_path = text[start : start + (sender & LENGTH_MASK)].tobytes().decode("utf-8", "replace")

    def _end(self, name: tuple[int, int]) -> None:
        opened = self.open.pop(name)
        message: Message = opened.reader.finish(opened.known, is_complete=opened.is_complete)
        self.made[MailRecord].add([message.fields], opened)
        self.made[MailPartRecord].add(message.parts, opened)

    def finish(self) -> None:
        """End what is still open: the input is over."""
        with interpreting(self.meanwhile.allows(scan, SCANNED, 0, len(self.open))):
            for name in list(self.open):
                self.open[name].is_complete = False
                self._end(name)

    def drain(self, record: type[Record]) -> tuple[Rows, Rows, list[dict[str, Any]]]:
        """Give the rows made of one table, their flows, and their values, in the order of their first octets."""
        made = self.made[record]
        self.made[record] = Made()
        order = np.argsort(np.array(made.orders, np.int64), kind="stable")
        rows = np.repeat(null_row(record), len(order))
        rows["ts"] = np.array(made.stamps, np.int64)[order]
        rows["order"] = np.array(made.orders, np.int64)[order]
        keys = np.concatenate([made.keys[place] for place in order]) if len(order) else None
        return rows, keys, [made.values[place] for place in order]


def feed(reader: MessageReader, text: Wire, spans: np.ndarray) -> None:
    """Show the octets of some chunks to a reader, at once where they lie one behind the other."""
    spans = spans[spans >= 0]
    if not len(spans):
        return
    starts, lengths = spans >> LENGTH_BITS, spans & LENGTH_MASK
    first, end = int(starts[0]), int(starts[-1] + lengths[-1])
    if end - first == int(lengths.sum()) and bool(np.all(np.diff(starts) >= 0)):
        reader.feed(text[first:end])
        return
    pieces = zip(starts.tolist(), lengths.tolist(), strict=True)
    reader.feed(np.concatenate([text[start : start + length] for start, length in pieces]))


__all__ = ["MailDesk"]

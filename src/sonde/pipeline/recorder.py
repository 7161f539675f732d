"""What lanes yield -> batches through the gate into the sink, and the counts for the summary."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sonde.content import MailPartRecord, MailRecord
from sonde.dissect import Dissector
from sonde.pipeline.gather import place_rows
from sonde.pipeline.lane import Batch, Yield
from sonde.pipeline.losses import Losses
from sonde.pipeline.mail import MailDesk, rehearse_mail
from sonde.pipeline.plan import Plan, all_records, table_columns
from sonde.pipeline.tally import Tally, add_hosts, new_sums
from sonde.record import FlowRecord, Names, build_columns, declared, flow_columns
from sonde.schema import Record, columns, row_dtype, table_name
from sonde.sink import Sink
from sonde.table.arrow import without
from sonde.table.flows import BY_IP_PROTOCOL, FLOW, KEY
from sonde.table.out import LENGTH_BITS, LENGTH_MASK, SPAN_KINDS, layout_of, shift_spans
from sonde.table.permitted import Permitted
from sonde.table.texts import distinct, repeated
from sonde.wire import Rows, Wire

if TYPE_CHECKING:
    from sonde.pipeline.keeping import Keeper

# A table is written when so many rows of it wait, or rows with so many octets of text.
ROWS_A_BATCH = 1 << 14
TEXT_A_BATCH = 4 << 20
MOST_DISTINCT = 1 << 17  # values remembered of a table that tells each only once
NO_OCTETS: Wire = np.empty(1, np.uint8)
MAIL_TABLES = frozenset(("mail", "mail_part"))


class Recorder:
    """Gathers rows, builds batches of a good size, and passes them on."""

    def __init__(self, plan: Plan, sink: Sink, keeper: "Keeper | None" = None) -> None:
        """Write what the plan wants to `sink`, through the plan's gate; content of mail goes to a keeper, if any."""
        self.plan, self.sink = plan, sink
        self.batches: dict[str, list[Batch]] = {}
        self.waiting: Counter[str] = Counter()
        self.text: Counter[str] = Counter()
        self.naming = threading.Lock()
        self.written: dict[str, set[tuple[Any, ...]]] = {}
        self.flows: list[Rows] = []
        self.titles: list[str | None] = [item.name for item in plan.applications.items]
        self.losses = Losses()
        self.mail = MailDesk(plan.gate.policy.mail_domains, self.losses, keeper)
        self.tally = Tally(new_sums(len(plan.protocol_names), len(self.titles)))

    def rehearse(self) -> None:
        """Build records of nothing and write none, so that the kernels for it are compiled."""
        text, keys = np.empty(1, np.uint8), np.empty(0, KEY)
        shift_spans(np.empty(0, np.int64), layout_of(MailRecord), 0)
        self.tally.add(np.empty(0, FLOW))
        self._permit_flows(np.empty(0, FLOW))
        for dissector in self.plan.dissectors:
            for record in dissector.records:
                if table_name(record) in self.plan.tables:
                    self._permit(dissector, record, np.empty(0, row_dtype(record)), text, keys)

    def rehearse_rest(self) -> None:
        """Likewise what only some inputs need, and then at once: on the wire there is no time to compile."""
        add_hosts(self.tally.sums.hosts[:0], self.tally.sums)
        if MAIL_TABLES & self.plan.tables:
            rehearse_mail()

    def consume(self, made: Yield) -> None:
        """Take what a lane made of a block."""
        for batch in made.batches:
            if batch.record.feeds:
                self._take_mail(batch)
                continue
            name = table_name(batch.record)
            self.batches.setdefault(name, []).append(batch)
            self.waiting[name] += len(batch.rows)
            self.text[name] += batch.added
        if len(made.flows):
            self.flows.append(made.flows)
            self.waiting["flows"] += len(made.flows)

    def _take_mail(self, batch: Batch) -> None:
        self.mail.take(batch)
        self.take_counts()

    def settle(self) -> None:
        """Write what is enough for a batch; called between blocks, so that lanes make no difference."""
        for name, rows in list(self.waiting.items()):
            if rows >= ROWS_A_BATCH or self.text[name] >= TEXT_A_BATCH:
                self.flush(name)

    def flush_all(self) -> None:
        """Write all that waits, however little; messages on their way go on."""
        for name, rows in list(self.waiting.items()):
            if rows:
                self.flush(name)

    def forget_written(self) -> None:
        """Tell each distinct record again when it is met next: each part of an output is read by itself."""
        self.written.clear()

    def finish(self) -> None:
        """Write what is left."""
        self.mail.finish()
        self.take_counts()
        names = list(self.waiting)
        if not self.sink.tables_apart:
            for name in names:
                self.flush(name)
            return
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # the lanes are through: their cores are free
            list(pool.map(self.flush, names))

    def flush(self, name: str) -> None:
        """Build and write the records of one table gathered so far."""
        self.waiting[name] = self.text[name] = 0
        if name == "flows":
            self._flush_flows()
            return
        for record in self.mail.made:
            if table_name(record) == name:
                if record is MailRecord and not self.sink.tables_apart:  # its log tells of parts that came before
                    self.flush(table_name(MailPartRecord))
                self._flush_mail(record)
                return
        for group in _by_dissector(self.batches.pop(name, [])):
            self._flush_group(name, group)

    def _flush_mail(self, record: type[Record]) -> None:
        """Write what messages made, if it is wanted."""
        name = table_name(record)
        rows, keys, values = self.mail.drain(record)
        if not len(rows) or name not in self.plan.tables:
            return
        for permitted in self.losses.salvage(
            len(rows),
            lambda part: self._permit_mail(
                record, rows[part], keys[part], {each: column[part] for each, column in values.items()}
            ),
        ):
            self._write(permitted)

    def _permit_mail(self, record: type[Record], rows: Rows, keys: Rows, values: dict[str, Sequence[Any]]) -> Permitted:
        """Build the records of messages and lead them through the gate."""
        name, kinds = table_name(record), declared(record)
        wanted = {each for each, field in kinds.items() if self.plan.gate.keeps(name, each, field)}
        made = build_columns(
            record, rows, NO_OCTETS, keys, seed=self.plan.seed, names=wanted,
            complete=lambda _rows, _text: values,
        )  # fmt: skip
        for side in ("orig", "resp"):  # what came by no capture has addresses only as far as its server told them
            unknown = (keys[f"{side}_high"] == 0) & (keys[f"{side}_low"] == 0)
            if unknown.any():
                made[f"{side}_ip"] = without(made[f"{side}_ip"], unknown)
                made[f"{side}_port"] = without(made[f"{side}_port"], unknown)
        return self.plan.gate.permit(name, {each: made[each] for each in kinds if each in made}, kinds)

    def take_counts(self) -> None:
        """Know how many rows of messages wait, where they came by no capture."""
        for record, made in self.mail.made.items():
            self.waiting[table_name(record)] = len(made.values)

    def _flush_flows(self) -> None:
        if not self.flows:
            return
        # Parts of one flow are in order; of flows that one frame began, the outer one comes first.
        tunnels = np.concatenate([part["tunnels"] for part in self.flows])
        depth = (tunnels > 0).astype(np.int64) + (tunnels & 0xFFFFFF > 0) + (tunnels & 0xFFFF > 0)
        frames = np.concatenate([part["frame"] for part in self.flows])
        rows = ordered_rows(self.flows, np.argsort(frames * 4 + depth, kind="stable"))
        self.flows.clear()
        self._name_flows(rows)
        self.tally.add(rows)
        if "flows" in self.plan.tables:
            for permitted in self.losses.salvage(len(rows), lambda part: self._permit_flows(rows[part])):
                self._write(permitted)

    def _permit_flows(self, rows: Rows) -> Permitted:
        kinds = declared(FlowRecord, is_flows=True)
        wanted = {each for each, field in kinds.items() if self.plan.gate.keeps("flows", each, field)}
        made = flow_columns(
            rows, wanted, self.plan.seed, Names(self.plan.protocol_names, self.titles, self.plan.rule_names)
        )
        return self.plan.gate.permit("flows", {name: made[name] for name in kinds if name in made}, kinds)

    def _name_flows(self, rows: Rows) -> None:
        """Name flows that their IP protocol number or their kind of tunnel tells."""
        carries = rows["carries"]
        by_number = self.plan.by_ip_protocol[rows["transport"]]
        by_number = np.where(carries > 0, self.plan.by_tunnel[carries], by_number)
        replace = (rows["protocol"] < 0) & (by_number >= 0)
        rows["protocol"] = np.where(replace, by_number, rows["protocol"])
        rows["evidence"] = np.where(replace & (carries == 0), BY_IP_PROTOCOL, rows["evidence"])

    def _flush_group(self, name: str, batches: list[Batch]) -> None:
        record, dissector = batches[0].record, batches[0].dissector
        rows, text, keys = _joined(batches)
        if name in dissector.distinct:
            fresh = self._first_of_each(name, rows, text, dissector.distinct[name])
            rows, keys = rows[fresh], keys[fresh]
        for permitted in self.losses.salvage(
            len(rows), lambda part: self._permit(dissector, record, rows[part], text, keys[part])
        ):
            self._write(permitted)
            for column in columns(record):
                if column.field.names_application == "host" and column.name in permitted.batch.schema.names:
                    self._count_names(permitted.batch[column.name])

    def _permit(self, dissector: Dissector, record: type[Record], rows: Rows, text: Wire, keys: Rows) -> Permitted:
        """Build the records of one table and lead them through the gate."""
        name, kinds = table_name(record), declared(record)
        wanted = {each for each, field in kinds.items() if self.plan.gate.keeps(name, each, field)}
        made = build_columns(
            record, rows, text, keys, seed=self.plan.seed, anomalies=dissector.anomalies,
            complete=dissector.complete.get(name), names=wanted,
        )  # fmt: skip
        return self.plan.gate.permit(name, {each: made[each] for each in kinds if each in made}, kinds)

    def _first_of_each(self, name: str, rows: Rows, text: Wire, fields: tuple[str, ...]) -> np.ndarray:
        """Give the places of the rows whose like was not written before in this run."""
        written = self.written.setdefault(name, set())
        if len(written) > MOST_DISTINCT:
            written.clear()
        spans = {each.name for each in columns(all_records()[name]) if each.kind.name in SPAN_KINDS}
        fresh = []
        for place, values in enumerate(zip(*(rows[each].tolist() for each in fields), strict=True)):
            key = tuple(
                text[value >> LENGTH_BITS : (value >> LENGTH_BITS) + (value & LENGTH_MASK)].tobytes()
                if each in spans and value >= 0
                else value
                for each, value in zip(fields, values, strict=True)
            )
            if key not in written:
                written.add(key)
                fresh.append(place)
        return np.array(fresh, np.int64)

    def _count_names(self, column: pa.Array) -> None:
        codes, rows = distinct(column)
        names, numbers = (
            repeated(column, rows).to_pylist(),
            np.bincount(codes[codes >= 0], minlength=len(rows)).tolist(),
        )
        with self.naming:
            self.tally.add_names({name: count for name, count in zip(names, numbers, strict=True) if name})

    def _write(self, permitted: Permitted) -> None:
        self.tally.rows[permitted.table] += permitted.batch.num_rows
        self.sink.write(permitted)


def ordered_rows(parts: list[Rows], order: np.ndarray) -> Rows:
    """Lay structured rows one behind the other in an order; lanes have the interpreter meanwhile."""
    dtype, at = parts[0].dtype, 0
    whole, places = np.empty(len(order), dtype), np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    for part in parts:
        place_rows(part.view(np.uint8), dtype.itemsize, places[at : at + len(part)], whole.view(np.uint8))
        at += len(part)
    return whole


def _by_dissector(batches: list[Batch]) -> list[list[Batch]]:
    """Group batches of one table by the dissector that filled them."""
    groups: dict[str, list[Batch]] = {}
    for batch in batches:
        groups.setdefault(batch.dissector.protocol.name, []).append(batch)
    return [groups[name] for name in sorted(groups)]


def _joined(batches: list[Batch]) -> tuple[Rows, Wire, Rows]:
    """Lay batches together, their rows in order; spans follow their text: batches of one lane may share an arena."""
    ends: dict[int, int] = {}
    arenas: dict[int, Wire] = {}
    for batch in batches:
        arenas[id(batch.text)] = batch.text
        ends[id(batch.text)] = max(ends.get(id(batch.text), 0), batch.end)
    bases = dict(zip(ends, [0, *itertools.accumulate(ends.values())], strict=False))
    for batch in batches:
        if base := bases[id(batch.text)]:
            shift_spans(batch.rows.view(np.int64), layout_of(batch.record), base << LENGTH_BITS)
    parts = [arena[: ends[name]] for name, arena in arenas.items()]
    text = parts[0] if len(parts) == 1 else np.concatenate(parts)
    order = np.argsort(np.concatenate([each.rows["order"] for each in batches]), kind="stable")
    rows = ordered_rows([each.rows for each in batches], order)
    return rows, text, ordered_rows([each.keys for each in batches], order)


def schema_of(plan: Plan, name: str) -> pa.Schema:
    """Give the Arrow schema that a table has after the gate."""
    return plan.gate.schema(name, table_columns(name))


__all__ = ["Recorder", "schema_of"]

"""What lanes yield -> batches through the gate into the sink, and the counts for the summary."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sonde.content import MailPartRecord, MailRecord
from sonde.dissect import Dissector
from sonde.pipeline.batch import Yield, room_of_own, tray_of
from sonde.pipeline.join import Joined, Joiner
from sonde.pipeline.losses import Losses
from sonde.pipeline.mail import MailDesk, rehearse_mail
from sonde.pipeline.plan import Plan, all_records, table_columns
from sonde.pipeline.tally import Tally, add_hosts, new_sums
from sonde.record import FlowRecord, Names, build_columns, declared, flow_columns
from sonde.schema import Record, columns, row_dtype, table_name
from sonde.sink import Sink
from sonde.table.arrow import without
from sonde.table.fieldwise import Fieldwise
from sonde.table.flows import KEY
from sonde.table.out import LENGTH_BITS, LENGTH_MASK, SPAN_KINDS, layout_of, shift_spans
from sonde.table.permitted import Permitted
from sonde.table.texts import distinct, repeated
from sonde.wire import Rows, Wire

if TYPE_CHECKING:
    from sonde.pipeline.keeping import Keeper

MAIL_A_BATCH = 1 << 10  # rows: they are Python's, and to make columns of many takes long when the input is over
MOST_DISTINCT = 1 << 17  # values remembered of a table that tells each only once
NO_OCTETS: Wire = np.empty(1, np.uint8)
MAIL_TABLES = frozenset(("mail", "mail_part"))


class Recorder:
    """Gathers rows, builds batches of a good size, and passes them on."""

    def __init__(self, plan: Plan, sink: Sink, keeper: "Keeper | None" = None) -> None:
        """Write what the plan wants to `sink`, through the plan's gate; content of mail goes to a keeper, if any."""
        self.plan, self.sink = plan, sink
        pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it freed: 50 MiB that never come back
        self.joiner = Joiner()
        self.naming = threading.Lock()
        self.written: dict[str, set[tuple[Any, ...]]] = {}
        self.titles: list[str | None] = [item.name for item in plan.applications.items]
        self.losses = Losses()
        self.mail = MailDesk(plan.gate.policy.mail_domains, self.losses, keeper)
        self.tally = Tally(new_sums(len(plan.protocol_names), len(self.titles)))

    def rehearse(self) -> None:
        """Build records of nothing and write none, so that the kernels for it are compiled."""
        text, keys = np.empty(1, np.uint8), np.empty(0, KEY)
        shift_spans(np.empty(0, np.int64), layout_of(MailRecord), 0)
        rows = tray_of(FlowRecord, None, 0, room_of_own).rows()
        self.tally.add(rows)
        self._permit_flows(rows)
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
                self.mail.take(batch)
        self.joiner.take(made)

    def settle(self) -> None:
        """Write what is enough for a batch; called between blocks, so that lanes make no difference."""
        for name in self.joiner.due():
            self.flush(name)
        for record in self._enough_mail(MAIL_A_BATCH):
            self._flush_mail(record)

    def flush_all(self) -> None:
        """Write all that waits, however little; messages on their way go on."""
        for name in self.joiner.left():
            self.flush(name)
        for record in self._enough_mail(1):
            self._flush_mail(record)

    @property
    def waiting(self) -> int:
        """Count the rows that wait to be written."""
        return self.joiner.waiting.total() + sum(len(made.values) for made in self.mail.made.values())

    def _enough_mail(self, rows: int) -> list[type[Record]]:
        """List the records of messages of which so many rows wait."""
        enough = [record for record, made in self.mail.made.items() if len(made.values) >= rows]
        if MailRecord in enough and not self.sink.tables_apart:  # its log tells of parts that came before
            return [MailPartRecord, MailRecord]
        return enough

    def forget_written(self) -> None:
        """Tell each distinct record again when it is met next: each part of an output is read by itself."""
        self.written.clear()

    def finish(self) -> None:
        """Write what is left."""
        self.mail.finish()
        works = self._last_works()
        if not self.sink.tables_apart:
            for work in works:
                work()
            return
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # the lanes are through: their cores are free
            for done in [pool.submit(work) for work in works]:
                done.result()

    def _last_works(self) -> Iterator[Callable[[], None]]:
        """Give what is left to do; no two works are at one table."""
        for name in self.joiner.left():
            yield partial(self.flush, name)
        for record in self._enough_mail(1):
            yield partial(self._flush_mail, record)

    def flush(self, name: str) -> None:
        """Build and write the records of one table gathered so far."""
        for joined in self.joiner.join(name):
            if joined.dissector is None:
                self._flush_flows(joined.rows)
            else:
                self._flush_rows(joined, joined.dissector)

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

    def _flush_flows(self, rows: Fieldwise) -> None:
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

    def _flush_rows(self, joined: Joined, dissector: Dissector) -> None:
        name, record, rows, text, keys = joined.name, joined.record, joined.rows, joined.text, joined.keys
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


class _Nowhere:
    """A sink for what writes nothing."""

    tables_apart = True

    def write(self, permitted: Permitted) -> None:
        """Take nothing."""
        raise AssertionError(permitted.table)

    def close(self) -> dict[str, list[str]]:
        """Have made no file."""
        return {}


def rehearse_records(plan: Plan) -> None:
    """Have the kernels compiled with which records of a plan are built."""
    Recorder(plan, _Nowhere()).rehearse()


def schema_of(plan: Plan, name: str) -> pa.Schema:
    """Give the Arrow schema that a table has after the gate."""
    return plan.gate.schema(name, table_columns(name))


__all__ = ["Recorder", "rehearse_records", "schema_of"]

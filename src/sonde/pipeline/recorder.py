"""What lanes yield -> batches through the gate into the sink, and the counts for the summary."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sonde.pipeline.lane import Batch, Yield, span_offsets
from sonde.pipeline.plan import Plan, all_records
from sonde.policy import Permitted
from sonde.record import FlowRecord, build_columns, catalogue, classes, flow_columns
from sonde.schema import columns, table_name
from sonde.sink import Sink
from sonde.table.out import LENGTH_BITS
from sonde.wire import Rows

ROWS_A_BATCH = 1 << 14


@dataclass
class Tally:
    """Sums over flows, for the summary; kept as numbers, never as records."""

    flows: int = 0
    packets: int = 0
    octets: int = 0
    protocols: dict[int, list[int]] = field(default_factory=dict)
    applications: dict[int, list[int]] = field(default_factory=dict)
    oddities: Counter[int] = field(default_factory=Counter)
    hosts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


class Recorder:
    """Gathers rows, builds batches of a good size, and passes them on."""

    def __init__(self, plan: Plan, sink: Sink) -> None:
        """Write what the plan wants to `sink`, through the plan's gate."""
        self.plan, self.sink = plan, sink
        self.batches: dict[str, list[Batch]] = {}
        self.waiting: Counter[str] = Counter()
        self.flows: list[Rows] = []
        self.tally = Tally()
        self.titles: list[str | None] = [item.name for item in plan.applications.items]

    def consume(self, made: Yield) -> None:
        """Take what a lane made of a block; write what is enough for a batch."""
        for batch in made.batches:
            name = table_name(batch.record)
            self.batches.setdefault(name, []).append(batch)
            self.waiting[name] += len(batch.rows)
            if self.waiting[name] >= ROWS_A_BATCH:
                self.flush_table(name)
        if len(made.flows):
            rows = made.flows
            unknown = rows["protocol"] < 0
            by_number = self.plan.by_ip_protocol[rows["transport"]]
            by_number = np.where(rows["carries"] > 0, self.plan.by_tunnel[rows["carries"]], by_number)
            replace = unknown & (by_number >= 0)
            rows["protocol"] = np.where(replace, by_number, rows["protocol"])
            rows["evidence"] = np.where(replace & (rows["carries"] == 0), 5, rows["evidence"])
            self.flows.append(rows)
            self.waiting["flows"] += len(rows)
            if self.waiting["flows"] >= ROWS_A_BATCH:
                self.flush_flows()

    def finish(self) -> None:
        """Write what is left."""
        for name in list(self.batches):
            self.flush_table(name)
        self.flush_flows()

    def flush_flows(self) -> None:
        """Build and write the flow records gathered so far."""
        if not self.flows:
            return
        rows = np.concatenate(self.flows)
        self.flows.clear()
        self.waiting["flows"] = 0
        rows = rows[np.lexsort((rows["part"], rows["frame"]))]
        self._count(rows)
        if "flows" not in self.plan.tables:
            return
        kinds = classes(FlowRecord, is_flows=True)
        wanted = {name for name, privacy in kinds.items() if self.plan.gate.keeps(privacy)}
        made = flow_columns(rows, wanted, self.plan.seed, self.plan.protocol_names, self.titles)
        ordered = {name: made[name] for name in kinds if name in made}
        self._write("flows", self.plan.gate.permit("flows", ordered, kinds))

    def _count(self, rows: Rows) -> None:
        tally = self.tally
        tally.flows += len(rows)
        packets = rows["packets"].sum(axis=1)
        octets = rows["octets"].sum(axis=1)
        tally.packets += int(packets.sum())
        tally.octets += int(octets.sum())
        for field_name, sums in (("protocol", tally.protocols), ("application", tally.applications)):
            numbers, inverse = np.unique(rows[field_name], return_inverse=True)
            counts = np.bincount(inverse)
            weights = np.bincount(inverse, weights=octets)
            for number, count, weight in zip(numbers.tolist(), counts.tolist(), weights.tolist(), strict=True):
                entry = sums.setdefault(number, [0, 0])
                entry[0] += count
                entry[1] += int(weight)
        for bit in range(16):
            found = int((rows["oddities"] >> bit & 1).sum())
            if found:
                tally.oddities[bit] += found
        self._count_hosts(rows, octets)

    def _count_hosts(self, rows: Rows, octets: np.ndarray) -> None:
        for side in ("orig", "resp"):
            pairs = np.stack([rows[f"{side}_high"], rows[f"{side}_low"]], axis=1)
            distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
            weights = np.bincount(inverse.reshape(-1), weights=octets)
            for (high, low), weight in zip(distinct.tolist(), weights.tolist(), strict=True):
                entry = self.tally.hosts.setdefault((high, low), [0])
                entry[0] += int(weight)
        if len(self.tally.hosts) > 100_000:  # only the heaviest matter for a summary
            heaviest = sorted(self.tally.hosts.items(), key=lambda item: -item[1][0])[:10_000]
            self.tally.hosts = dict(heaviest)

    def flush_table(self, name: str) -> None:
        """Build and write the records of one table gathered so far."""
        batches = self.batches.pop(name, [])
        self.waiting[name] = 0
        for group in _by_dissector(batches):
            self._flush_group(name, group)

    def _flush_group(self, name: str, batches: list[Batch]) -> None:
        record, dissector = batches[0].record, batches[0].dissector
        rows, text, keys = _joined(batches)
        order = np.lexsort((keys["frame"], rows["order"]))
        rows, keys = rows[order], keys[order]
        kinds = classes(record)
        wanted = {each for each, privacy in kinds.items() if self.plan.gate.keeps(privacy)}
        made = build_columns(
            record, rows, text, keys, seed=self.plan.seed, anomalies=dissector.anomalies,
            complete=dissector.complete.get(name), names=wanted,
        )
        ordered = {each: made[each] for each in kinds if each in made}
        permitted = self.plan.gate.permit(name, ordered, kinds)
        self.tally.rows[name] += len(rows)
        self._write(name, permitted)

    def _write(self, name: str, permitted: Permitted) -> None:
        if name == "flows":
            self.tally.rows["flows"] += permitted.batch.num_rows
        self.sink.write(permitted)


def _by_dissector(batches: list[Batch]) -> list[list[Batch]]:
    """Group batches of one table by the dissector that filled them."""
    groups: dict[str, list[Batch]] = {}
    for batch in batches:
        groups.setdefault(batch.dissector.protocol.name, []).append(batch)
    return [groups[name] for name in sorted(groups)]


def _joined(batches: list[Batch]) -> tuple[Rows, Any, Rows]:
    """Lay batches one behind the other; spans follow their text."""
    rows = np.concatenate([batch.rows for batch in batches])
    keys = np.concatenate([batch.keys for batch in batches])
    if len(batches) == 1:
        return rows, batches[0].text, keys
    spans = [column.name for column in columns(batches[0].record) if column.kind.name in SPAN_KINDS]
    texts, base, start = [], 0, 0
    for batch in batches:
        part = rows[start : start + len(batch.rows)]
        used = _text_end(batch, spans)
        for name in spans:
            part[name] = np.where(part[name] >= 0, part[name] + (base << LENGTH_BITS), part[name])
        texts.append(batch.text[:used])
        base += used
        start += len(batch.rows)
    return rows, np.concatenate(texts) if texts else np.zeros(1, np.uint8), keys


SPAN_KINDS = ("text", "octets", "text_list", "u32_list")


def _text_end(batch: Batch, spans: list[str]) -> int:
    """Give how far the text of a batch reaches."""
    end = 0
    for name in spans:
        values = batch.rows[name]
        values = values[values >= 0]
        if len(values):
            end = max(end, int(((values >> LENGTH_BITS) + (values & ((1 << LENGTH_BITS) - 1))).max()))
    return end


def schema_of(plan: Plan, name: str) -> pa.Schema:
    """Give the Arrow schema that a table has after the gate."""
    record = all_records()[name]
    fields = []
    for column, (kind, field_) in catalogue(record, is_flows=name == "flows").items():
        if not plan.gate.keeps(field_.privacy):
            continue
        technique = plan.gate.policy.technique(field_.privacy)
        if technique == "pseudonymise":
            kind = pa.list_(pa.string()) if pa.types.is_list(kind) else kind if pa.types.is_boolean(kind) else pa.string()  # noqa: PLW2901
        fields.append(pa.field(column, kind))
    return pa.schema(fields)


__all__ = ["Recorder", "Tally", "schema_of", "span_offsets"]

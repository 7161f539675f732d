"""One lane: the flows of one shard, from packets to closed rows.

A lane owns its flow table, streams and record tables; nothing is shared, so lanes run
side by side without locks, and their number changes no result.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sonde.dissect import Conns, Dissector, Drivers, grow_conns, make_drivers, new_conns
from sonde.dissect.api import outs
from sonde.flow import end_all_flows, make_room, sweep_flows, update_flows
from sonde.identify import ROUTED, build_identify, new_results
from sonde.pipeline.plan import Plan
from sonde.reassemble import (
    MOST_AHEAD_OCTETS,
    Arrivals,
    close_ended,
    flush_ended,
    order_segments,
    release_turns,
)
from sonde.schema import Record, columns, row_dtype, table_name
from sonde.table.flows import ENDED, FORCED_END, LATEST, NEW, Flows, free_ended, new_flows
from sonde.table.out import CUT_TEXT, DONE, FREE, NO_ROOM, NO_ROW, TEXT, Out, move_text, new_out, settle
from sonde.table.packets import DROPS, PACKET
from sonde.table.streams import AHEAD, AHEAD_REFUSED, HELD_REFUSED, NO_STREAM, TOO_LONG, grow_streams, new_streams
from sonde.table.turns import TURN
from sonde.wire import Ints, KernelFault, Rows, Wire

STREAM_BUDGET = 64 << 20  # octets held back for all streams of a lane
MOST_STREAMS = 1 << 20
FIRST_ROWS = 1 << 10
SPARE_TEXT = 1 << 20


@dataclass(slots=True)
class Batch:
    """Closed rows of one table, the text they point to, and the flows they belong to."""

    record: type[Record]
    dissector: Dissector
    rows: Rows
    text: Wire
    keys: Rows


@dataclass(slots=True)
class Yield:
    """What one lane made of one block."""

    batches: list[Batch]
    flows: Rows
    drops: Ints
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Desk:
    """A dissector at work in a lane."""

    dissector: Dissector
    number: int
    drivers: Drivers
    conns: Conns
    tables: list[Out]
    out: Any
    wanted: bool


_DRIVERS: dict[str, Drivers] = {}
_IDENTIFY: dict[tuple[str, ...], Any] = {}


def drivers_of(dissector: Dissector) -> Drivers:
    """Give the entry kernels of a dissector, made once."""
    return _DRIVERS.setdefault(dissector.protocol.name, make_drivers(dissector))


def identify_of(plan: Plan) -> Any:  # noqa: ANN401
    """Give the identification kernel, made once for a list of protocols."""
    names = tuple(each.name for each in plan.protocols)
    if names not in _IDENTIFY:
        _IDENTIFY[names] = build_identify(plan.protocols)
    return _IDENTIFY[names]


class Lane:
    """The state of one lane; call `take` for each block, then `finish` once."""

    def __init__(self, plan: Plan, number: int) -> None:
        """Make empty tables."""
        self.plan, self.number = plan, number
        self.flows: Flows = new_flows(1 << 14)
        self.streams = new_streams(1 << 12, STREAM_BUDGET)
        self.limits = plan.limits.as_array()
        self.results = new_results(1 << 12)
        self.turns = np.empty(1 << 12, TURN)
        self.chosen = np.array([0, number, plan.overlap_last, MOST_AHEAD_OCTETS], np.int64)
        self.identify = identify_of(plan)
        self.scratch = np.zeros(1, PACKET)
        self.desks = [self._desk(dissector) for dissector in plan.dissectors]
        self.by_number = {desk.number: desk for desk in self.desks}
        self.counters: dict[str, int] = {}

    def _desk(self, dissector: Dissector) -> Desk:
        wanted = self.plan.wants(dissector)
        tables = [new_out(record, FIRST_ROWS, SPARE_TEXT, self.plan.keep(record)) for record in dissector.records]
        return Desk(
            dissector,
            self.plan.protocol_names.index(dissector.protocol.name),
            drivers_of(dissector),
            new_conns(dissector, 64, names_only=not wanted),
            tables,
            outs(dissector, tables),
            wanted,
        )

    def take(self, wire: Wire, extra: Wire, packets: Rows) -> Yield:
        """Carry the packets of this lane through flow, reassembly, identification, dissection."""
        made = Yield([], self.flows.rows[:0], np.zeros(len(DROPS), np.int64))
        self.flows = make_room(self.flows, len(packets), self.plan.most_flows)
        update_flows(self.flows, packets, self.number, self.limits, self.plan.servers, made.drops)
        sweep_flows(self.flows, int(self.flows.count[LATEST]), self.limits)
        self.streams = grow_streams(self.streams, len(packets), MOST_STREAMS)
        room = 4 * len(packets) + 2 * int(self.streams.count[AHEAD]) + 64
        self._reserve_turns(room)
        self.chosen[0] = 0
        order_segments(Arrivals(wire, extra, packets), self.flows, self.streams, self.turns, self.chosen)
        return self._read(wire, made)

    def finish(self) -> Yield:
        """The input is over: end every flow."""
        made = Yield([], self.flows.rows[:0], np.zeros(len(DROPS), np.int64))
        end_all_flows(self.flows, FORCED_END, int(self.flows.count[LATEST]), self.limits)
        self._reserve_turns(2 * int(self.streams.count[AHEAD]) + 64)
        self.chosen[0] = 0
        return self._read(np.zeros(1, np.uint8), made)

    def _reserve_turns(self, room: int) -> None:
        if len(self.turns) < room:
            self.turns = np.empty(room, TURN)

    def _read(self, wire: Wire, made: Yield) -> Yield:
        """Identify and dissect the turns, close what ended, and gather what is done."""
        flush_ended(self.flows, self.streams, self.scratch, self.turns, self.chosen)
        turns = self.turns[: self.chosen[0]]
        routed = self._identify(wire, turns, made)
        self._dissect(wire, routed, made)
        self._finish_ended(made)
        release_turns(self.streams, turns)
        self._gather(made)
        close_ended(self.flows, self.streams)
        ended = self.flows.ended[: self.flows.count[ENDED]]
        made.flows = self.flows.rows[ended]
        free_ended(self.flows)
        return made

    def _guard(self, made: Yield, kernel: Any, *args: Any) -> None:  # noqa: ANN401
        """Call a kernel that keeps its place; a tripped check costs one message, no more."""
        for _ in range(1000):
            try:
                kernel(*args)
            except (KernelFault, IndexError) as fault:
                made.faults.append(str(fault))
            else:
                return

    def _identify(self, wire: Wire, turns: Rows, made: Yield) -> Rows:
        if len(self.results.turns) < 3 * len(turns) + 64:
            self.results = new_results(3 * len(turns) + 64)
        self.results.count[ROUTED] = 0
        self._guard(made, self.identify, wire, turns, self.streams, self.flows, self.plan.matcher, self.results)
        return self.results.turns[: self.results.count[ROUTED]]

    def _dissect(self, wire: Wire, routed: Rows, made: Yield) -> None:
        if not len(routed):
            return
        protocols = routed["protocol"]
        for number in np.unique(protocols).tolist():
            desk = self.by_number.get(number)
            if desk is None:
                continue
            order = np.flatnonzero(protocols == number)
            self._make_space(desk, len(order), int(routed["length"][order].sum()))
            self._guard(made, desk.drivers.read, wire, routed, order, desk.conns, self.streams, desk.out)

    def _finish_ended(self, made: Yield) -> None:
        ended = self.flows.ended[: self.flows.count[ENDED]]
        if not len(ended):
            return
        places = self.flows.rows["stream"][ended]
        places = places[places >= 0]
        streams = self.streams.rows
        protocols = streams["protocol"][places]
        has_conn = streams["conn"][places] >= 0
        for number in np.unique(protocols[has_conn]).tolist():
            desk = self.by_number[number]
            chosen = places[(protocols == number) & has_conn].astype(np.int64)
            self._make_space(desk, len(chosen), 0)
            self._guard(made, desk.drivers.finish, chosen, desk.conns, self.streams, desk.out)

    def _make_space(self, desk: Desk, turns: int, octets: int) -> None:
        """Grow a dissector's tables to what these turns can need."""
        desk.conns = grow_conns(desk.conns, turns + 1, MOST_STREAMS)
        changed = False
        for place, out in enumerate(desk.tables):
            rows = 2 * turns + octets // 64 + 64
            room = SPARE_TEXT + 3 * octets + 4096 * min(turns, 256)
            if out.count[FREE] < rows:
                out = _grow_rows(out, rows)  # noqa: PLW2901
                changed = True
            if len(out.text) - out.count[TEXT] < room:
                text = np.empty(int(out.count[TEXT]) + 2 * room, np.uint8)
                text[: out.count[TEXT]] = out.text[: out.count[TEXT]]
                out = out._replace(text=text)  # noqa: PLW2901
                changed = True
            desk.tables[place] = out
        if changed:
            desk.out = outs(desk.dissector, desk.tables)

    def _gather(self, made: Yield) -> None:
        """Take the closed rows of all dissectors, and let their names tell applications."""
        for desk in self.desks:
            for place, (record, out) in enumerate(zip(desk.dissector.records, desk.tables, strict=True)):
                done = int(out.count[DONE])
                if not done:
                    continue
                rows = out.rows[out.done[:done]]
                self._name(record, rows, out.text)
                if desk.wanted and table_name(record) in self.plan.tables:
                    keys = self.flows.rows[rows["flow"]]
                    made.batches.append(Batch(record, desk.dissector, rows, out.text, keys))
                settle(out.rows, out.done, out.free, out.count)
                desk.tables[place] = _fresh_text(out)
            desk.out = outs(desk.dissector, desk.tables)

    def _name(self, record: type[Record], rows: Rows, text: Wire) -> None:
        for column in columns(record):
            if not column.field.names_application:
                continue
            found = self.plan.applications.match(text, rows[column.name])
            told = np.flatnonzero(found >= 0)
            applications = self.flows.rows["application"]
            for place in told.tolist():  # the first name of a flow wins
                slot = rows["flow"][place]
                if applications[slot] < 0:
                    applications[slot] = found[place]

    def tally(self) -> dict[str, int]:
        """Count what bounds cost so far, by name."""
        count = self.streams.count
        found = {
            "flows_begun": int(self.flows.count[NEW]),
            "held_refused": int(count[HELD_REFUSED]),
            "message_too_long": int(count[TOO_LONG]),
            "early_segment_refused": int(count[AHEAD_REFUSED]),
            "stream_table_full": int(count[NO_STREAM]),
        }
        for desk in self.desks:
            for out in desk.tables:
                for name, place in (("no_row", NO_ROW), ("no_text_room", NO_ROOM), ("text_cut", CUT_TEXT)):
                    found[name] = found.get(name, 0) + int(out.count[place])
        return found


def _grow_rows(out: Out, wanted: int) -> Out:
    """Give a table more rows; those in use keep their numbers."""
    old, held, done = len(out.rows), int(out.count[FREE]), int(out.count[DONE])
    capacity = max(old * 2, old + wanted)
    rows = np.empty(capacity, out.rows.dtype)
    rows[:old] = out.rows
    rows["open"][old:] = 0
    free = np.empty(capacity, np.int64)
    free[: capacity - old] = np.arange(capacity - 1, old - 1, -1)
    free[capacity - old : capacity - old + held] = out.free[:held]
    closed = np.empty(capacity, np.int64)
    closed[:done] = out.done[:done]
    out.count[FREE] = held + capacity - old
    return out._replace(rows=rows, free=free, done=closed)


def span_offsets(record: type[Record]) -> Ints:
    """Give where in a row its spans lie, in octets."""
    dtype = row_dtype(record)
    assert dtype.fields is not None  # noqa: S101
    spans = [
        dtype.fields[column.name][1]
        for column in columns(record)
        if column.kind.name in ("text", "octets", "text_list", "u32_list")
    ]
    return np.array(spans, np.int64)


def _fresh_text(out: Out) -> Out:
    """Leave the arena to the batch; carry the text of open rows into a fresh one."""
    if not out.count[TEXT]:
        return out
    fresh = np.empty(len(out.text), np.uint8)
    is_open = len(out.rows) - 1 - int(out.count[FREE])
    if is_open:
        raw = out.rows.view(np.uint8).reshape(-1)
        assert out.rows.dtype.fields is not None  # noqa: S101
        out.count[TEXT] = move_text(raw, _spans_of(out), out, fresh)
    else:
        out.count[TEXT] = 0
    return out._replace(text=fresh)


_SPANS: dict[Any, Ints] = {}


def _spans_of(out: Out) -> Ints:
    return _SPANS[out.rows.dtype]


def remember_spans(plan: Plan) -> None:
    """Note where spans lie in the rows of every table of a plan."""
    for dissector in plan.dissectors:
        for record in dissector.records:
            _SPANS[row_dtype(record)] = span_offsets(record)


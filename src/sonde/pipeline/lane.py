"""One lane: the flows of one shard, from frames to closed rows.

A lane owns its flow table, streams and record tables; nothing is shared, so lanes run
side by side without locks, and their number changes no result.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import numpy as np

from sonde.decode import settings
from sonde.dissect import Conns, Dissector, Drivers, grow_conns, make_drivers, new_conns
from sonde.dissect.api import outs
from sonde.flow import end_flows, make_room, sweep_flows
from sonde.identify import DISPLACED, ROUTED, new_results
from sonde.identify import PROGRESS as IDENTIFIED
from sonde.pipeline.batch import NO_TEXT, Batch, Yield, room_of_own, tray_of
from sonde.pipeline.carry import Shard, carry_frames, new_shard
from sonde.pipeline.gather import gather, gather_whole
from sonde.pipeline.group import group_ended, group_turns, new_starts
from sonde.pipeline.means import identify_kernel
from sonde.pipeline.plan import Plan
from sonde.reassemble import (
    MOST_AHEAD_OCTETS,
    PROGRESS,
    TURNS,
    close_ended,
    count_pending,
    flush_ended,
    new_fragments,
    release_turns,
)
from sonde.record import FlowRecord
from sonde.schema import Record, row_dtype
from sonde.table.fieldwise import Tray, views
from sonde.table.flows import (
    ENDED,
    FORCED_END,
    KEY,
    LATEST,
    LEFT,
    NEW,
    chain_all,
    grow_buckets,
    new_flows,
    open_slots,
    take_ended,
)
from sonde.table.out import (
    CUT_TEXT,
    DONE,
    NO_ROOM,
    NO_ROW,
    TEXT,
    Layout,
    Out,
    Pool,
    grow_out,
    layout_of,
    move_text,
    new_out,
    pool_of,
)
from sonde.table.packets import DROPS, FRAGMENT_INCOMPLETE, INTERNAL, PACKET
from sonde.table.streams import AHEAD, AHEAD_REFUSED, HELD_REFUSED, NO_STREAM, TOO_LONG, new_streams
from sonde.table.turns import AGAIN, TURN
from sonde.table.wraps import REFUSED
from sonde.wire import Call, Calls, Compilers, Kernel, Meanwhile, Rows, Task, Wire, forget, interpreting

STREAM_BUDGET = 64 << 20  # octets held back for all streams of a lane
MOST_STREAMS = 1 << 18  # flows under inspection at the same time
FIRST_CONNS = 1 << 12
FIRST_ROWS = 1 << 12
SPARE_TEXT = 1 << 20
ENOUGH_TEXT = 1 << 19  # octets in an arena, for a fresh one to be begun
MOST_SWITCHES = 4  # protocols inside each other that a block can tell
CORE_TASKS = 3  # see `Lane.tasks`
VOLUME = ("tls", "http", "dns", "quic")  # in nearly every capture: compiled before the first of them is met
CARRIED_AT_ONCE = 4096  # frames, before their flows are identified
BLOCK_FRAMES = 16384  # of a block from the wire, at most
ENDED_AT_ONCE = 1 << 12  # flows, when the input is over
#: Rows of a table, or octets of their text, that lanes together keep before they hand them over; see `Lane`.
ROWS_A_TRAY = 1 << 13
TEXT_A_TRAY = 4 << 20
FIRST_TRAY = 1 << 10  # rows that a table's first tray has room for; each that follows has four times as many
MOST_FAULTS = 1000  # of one kernel in one block


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
    #: The tables again, as octets.
    pools: list[Pool]
    layouts: list[Layout]
    #: Where their closed rows go; begun with the first.
    trays: list[Tray | None]
    #: How much of each arena was handed over.
    told: list[int]
    #: Whether its kernels run as plain Python, as long as there is little to do.
    meanwhile: Meanwhile = field(default_factory=Meanwhile)
    interprets: bool = False

    def replace(self, tables: list[Out]) -> None:
        """Go on with other tables."""
        forget(self.out, *self.pools)
        self.tables, self.out = tables, outs(self.dissector, tables)
        self.pools = [pool_of(out) for out in tables]


@cache
def drivers_of(dissector: Dissector) -> Drivers:
    """Give the entry kernels of a dissector, made once."""
    return make_drivers(dissector)


class Lane:
    """The state of one lane; call `take` for each block, then go through `finish` once.

    Closed rows are laid out field by field on a tray of their table, while they are still in the cache. A tray is
    handed over when it is full, or much text belongs to it; if the lane is `prompt`, after each block.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        key: int,
        room: Callable[[int], Wire] = room_of_own,
        *,
        prompt: bool = False,
    ) -> None:
        """Make empty tables; `key` is the run's secret for hashing, the same in all lanes; `room` gives memory."""
        self.plan, self.number, self.room, self.prompt = plan, number, room, prompt
        self.enough_rows, self.enough_text = ROWS_A_TRAY // plan.lanes, TEXT_A_TRAY // plan.lanes
        #: Rows that the next tray of a table has room for.
        self.next_tray: dict[type[Record], int] = {}
        chosen = np.array([0, plan.overlap_last, MOST_AHEAD_OCTETS, 0], np.int64)
        decoding = settings(verify=plan.verify_checksums, lanes=plan.lanes, key=key)
        self.shard: Shard = new_shard(
            new_flows(plan.most_flows),
            new_streams(MOST_STREAMS, STREAM_BUDGET),
            new_fragments(later_wins=plan.overlap_last),
            (decoding, plan.limits.as_array(), plan.servers, chosen, plan.scope),
            number,
        )
        self.results = new_results(1 << 12)
        self.turns = np.empty(1 << 12, TURN)
        self.identify = identify_kernel()
        self.scratch = np.zeros(1, PACKET)
        self.starts, self.octets = new_starts(len(plan.protocol_names)), np.zeros(len(plan.protocol_names), np.int64)
        self.order = np.empty(1 << 12, np.int64)
        self.ended_starts, self.ended_order = new_starts(len(plan.protocol_names)), self.order[:0]
        self.flow_rows, self.slots = views(self.shard.flows.rows.view(np.uint8)), np.empty(0, np.int64)
        self.flow_tray = self._new_tray(FlowRecord, None, 0)
        self.nowhere = Tray((), (), 0, room_of_own)  # of rows that only tell names
        self.named = np.ascontiguousarray(plan.by_ip_protocol, np.int64), plan.by_tunnel.astype(np.int64)
        self.compilers = Compilers((), 0)
        self.largest = 0  # block so far
        self.again: list[Rows] = []  # turns of this block that were identified once more
        self.desks = [self._desk(dissector) for dissector in plan.dissectors]
        self.keep_place = {carry_frames, self.identify}
        self.keep_place |= {kernel for desk in self.desks for kernel in (desk.drivers.read, desk.drivers.finish)}

    def tasks(self, rehearsals: Iterable[Callable[[], object]] = ()) -> list[Task]:
        """List what this lane calls, for compilation: what every capture needs, then each dissector.

        `rehearsals` call what others need.
        """
        wire, routed, order = np.empty(1, np.uint8), self.results.turns, self.order
        shard, matcher = self.shard, self.plan.matcher
        core: list[Task] = [
            [(carry_frames, (wire, shard.frame, 0, 0, shard, self.turns))],
            [(self.identify, (wire, self.turns, shard.chosen, shard.streams, shard.flows, matcher, self.results))],
            lambda: [rehearse() for rehearse in (*rehearsals, self._rehearse)],
        ]
        desks: list[Task] = [
            [
                (desk.drivers.read, (wire, routed, order, desk.conns, shard.streams, desk.out)),
                (desk.drivers.finish, (order, desk.conns, shard.streams, desk.out)),
            ]
            for desk in self.desks
        ]
        return core + desks

    def expected(self) -> list[int]:
        """List the tasks that nearly every capture needs."""
        names = [desk.dissector.protocol.name for desk in self.desks]
        return [CORE_TASKS + names.index(name) for name in VOLUME if name in names]

    def ahead(self) -> list[Call]:
        """List calls that the first blocks are likely to need, for their machine code to be fetched meanwhile."""
        tasks = self.tasks()
        return [*self._small(), *(call for task in self.expected() for call in cast("Sequence[Call]", tasks[task]))]

    def _small(self) -> list[Call]:
        """List calls of the small kernels, on nothing."""
        shard, none, nothing = self.shard, self.order[:0], np.empty(0, np.uint8)
        flows, streams, names = shard.flows, shard.streams, self.plan.applications.names
        tables: list[Call] = []
        if self.desks:
            pool, layout = self.desks[0].pools[0], self.desks[0].layouts[0]
            tables = [
                (gather, (pool, layout, names, flows, self.flow_rows, none, self.flow_tray.room)),
                (gather_whole, (pool, layout, flows, nothing, np.empty(0, KEY))),
                (move_text, (pool, layout, nothing)),
            ]
        return [
            (make_room, (flows, 0)),
            (sweep_flows, (flows, 0, shard.limits)),
            (flush_ended, (flows, streams, self.scratch, self.turns, shard.chosen)),
            (group_turns, (self.results, self.starts, self.octets, none)),
            (group_ended, (flows, streams, self.starts, none)),
            (release_turns, (streams, self.turns[:0])),
            (close_ended, (flows, streams)),
            (take_ended, (flows, self.flow_rows, self.named, self.flow_tray.room)),
            *tables,
            (chain_all, (flows, 0)),
            (end_flows, (flows, none, FORCED_END, 0, shard.limits)),
            (count_pending, (shard.fragments,)),
        ]

    def _rehearse(self) -> None:
        """Call the small kernels on nothing, and what calls several."""
        self.results.count[ROUTED] = 0
        for of, args in self._small():
            of(*args)
        calls = Calls()
        calls.add(count_pending, self.shard.fragments)
        calls.run(lambda kernel, fault: False)

    def _desk(self, dissector: Dissector) -> Desk:
        wanted = self.plan.wants(dissector)
        tables = [new_out(record, FIRST_ROWS, SPARE_TEXT, self.plan.keep(record)) for record in dissector.records]
        return Desk(
            dissector,
            self.plan.protocol_names.index(dissector.protocol.name),
            drivers_of(dissector),
            new_conns(dissector, FIRST_CONNS, names_only=not wanted),
            tables,
            outs(dissector, tables),
            wanted,
            [pool_of(out) for out in tables],
            [layout_of(record) for record in dissector.records],
            [None] * len(tables),
            [0] * len(tables),
        )

    def take(self, wire: Wire, frames: Rows, first: int, now_ns: int = 0) -> Yield:
        """Carry this lane's share of a block from frames to closed rows.

        `now_ns` is the time that silent flows are measured by; 0: that of the latest packet.
        """
        shard, flows = self.shard, grow_buckets(self.shard.flows)
        if flows is not shard.flows:
            forget(shard.flows, shard)
            self.shard = shard = shard._replace(flows=flows)
        made = Yield([], np.zeros(len(DROPS), np.int64), frames=len(frames), lane=self.number)
        if len(frames) and self.prompt:  # who reads a capture counts them while frames are found
            made.octets, made.last_ns = int(frames["original"].sum()), int(frames["ts"][-1])
        self._begin(4 * len(frames))
        # Blocks of a file are alike; on the wire a large one follows a small one when a burst comes.
        self.largest = max(self.largest, len(frames), BLOCK_FRAMES if now_ns else 0)
        calls = Calls()
        calls.add(carry_frames, wire, frames, first, CARRIED_AT_ONCE, self.shard, self.turns)
        self._add_identify(calls, wire)
        for _ in range(CARRIED_AT_ONCE, len(frames), CARRIED_AT_ONCE):
            calls.repeat(0)
            calls.repeat(1)
        calls.add(make_room, shard.flows, self.largest)
        calls.add(sweep_flows, shard.flows, now_ns, shard.limits)
        self._add_rest(calls, wire)
        made.drops[INTERNAL] += self._run(calls, made)[carry_frames.name]
        return self._read(wire, made)

    def finish(self) -> Iterator[Yield]:
        """End every flow: the input is over.

        What is made of a flow takes more memory than the flow, so they end some at a time, the first begun first.
        """
        shard = self.shard
        shard.undecoded[FRAGMENT_INCOMPLETE] += int(count_pending(shard.fragments))
        slots, latest = open_slots(shard.flows), int(shard.flows.count[LATEST])
        for first in range(0, max(1, len(slots)), ENDED_AT_ONCE):
            made = Yield([], np.zeros(len(DROPS), np.int64), lane=self.number)
            self._begin(0)
            ended, nothing = np.sort(slots[first : first + ENDED_AT_ONCE]), np.zeros(1, np.uint8)
            calls = Calls()
            calls.add(end_flows, shard.flows, ended, FORCED_END, latest, shard.limits)
            self._add_rest(calls, nothing)
            self._run(calls, made)
            made = self._read(nothing, made)
            if first + ENDED_AT_ONCE >= len(slots):
                self._hand_all_over(made)
            yield made

    def _begin(self, turns: int) -> None:
        """Forget the turns of the block before; make room for so many and what waits, each of which may go thrice."""
        shard = self.shard
        room = turns + 2 * int(shard.streams.count[AHEAD]) + 64
        if len(self.turns) < room:
            self.turns = np.empty(room, TURN)
            forget(self.results)
            self.results = self.results._replace(turns=np.empty(3 * room, TURN))
            self.order = np.empty(3 * room, np.int64)
        shard.chosen[TURNS] = shard.chosen[PROGRESS] = 0
        self.results.count[ROUTED] = self.results.count[IDENTIFIED] = 0

    def _add_identify(self, calls: Calls, wire: Wire) -> None:
        """Route the turns that are there to dissectors. A flow of which no more is wanted makes none from then on."""
        shard = self.shard
        given = self.turns, shard.chosen
        calls.add(self.identify, wire, *given, shard.streams, shard.flows, self.plan.matcher, self.results)

    def _add_rest(self, calls: Calls, wire: Wire) -> None:
        """Have ended flows show what waits, identify the last turns, and put all in the order of dissectors."""
        shard = self.shard
        calls.add(flush_ended, shard.flows, shard.streams, self.scratch, self.turns, shard.chosen)
        self._add_identify(calls, wire)
        calls.add(group_turns, self.results, self.starts, self.octets, self.order)

    def _read(self, wire: Wire, made: Yield) -> Yield:
        """Dissect what was identified, close what ended, and gather what is done."""
        for _ in range(MOST_SWITCHES):
            routed = self.results.turns[: self.results.count[ROUTED]]
            self._dissect(wire, routed, made)
            again = routed["protocol"] == AGAIN
            if not again.any():
                break
            self._identify_again(wire, routed[again], made)
        self._finish_ended(self.turns[: self.shard.chosen[TURNS]], made)
        self._gather(made)
        self._take_drops(made)
        return made

    def _take_drops(self, made: Yield) -> None:
        """Move what was dropped into the yield; what decode dropped counts in one lane only."""
        if self.number == 0:
            made.drops += self.shard.undecoded
        made.drops += self.shard.drops
        self.shard.undecoded[:] = 0
        self.shard.drops[:] = 0

    def _run(self, calls: Calls, made: Yield) -> "Counter[str]":
        """Make calls; of kernels that keep their place a tripped check costs one message, no more. Count those."""
        failed: Counter[str] = Counter()

        def upon(kernel: Kernel[..., Any], fault: Exception) -> bool:
            if kernel not in self.keep_place:
                raise fault
            made.faults.append(str(fault))
            failed[kernel.name] += 1
            return failed[kernel.name] < MOST_FAULTS

        calls.run(upon)
        return failed

    def _identify_again(self, wire: Wire, turns: Rows, made: Yield) -> None:
        """Route turns in which another protocol began; chunks that they got before are given back with the block's."""
        turns["chunk_class"] = -1
        self.again.append(turns)
        self.results.count[ROUTED] = self.results.count[IDENTIFIED] = 0
        shard, given, calls = self.shard, np.array([len(turns)], np.int64), Calls()
        calls.add(self.identify, wire, turns, given, shard.streams, shard.flows, self.plan.matcher, self.results)
        calls.add(group_turns, self.results, self.starts, self.octets, self.order)
        self._run(calls, made)

    def _dissect(self, wire: Wire, routed: Rows, made: Yield) -> None:
        """Have each dissector read its turns; then put the streams of ended flows in the order of dissectors."""
        flows, streams, order, calls = self.shard.flows, self.shard.streams, self.order, Calls()
        starts, octets = self.starts.tolist(), self.octets.tolist()
        needed = [place for place, desk in enumerate(self.desks) if starts[desk.number] < starts[desk.number + 1]]
        for place in needed:
            desk = self.desks[place]
            turns = starts[desk.number + 1] - starts[desk.number]
            self._make_space(desk, turns, octets[desk.number])
            args = (wire, routed, order, desk.conns, streams, desk.out)
            desk.interprets = desk.meanwhile.allows(desk.drivers.read, args, octets[desk.number], turns)
        tasks = [CORE_TASKS + place for place in needed if not self.desks[place].interprets]
        self.compilers.begin(tasks)  # first what is waited for
        self.compilers.begin([CORE_TASKS + place for place in needed])
        self.compilers.compile(tasks)
        for place in needed:
            desk = self.desks[place]
            mine = order[starts[desk.number] : starts[desk.number + 1]]
            self._call(calls, desk, made, desk.drivers.read, wire, routed, mine, desk.conns, streams, desk.out)
        if len(self.ended_order) < flows.count[ENDED]:
            self.ended_order = np.empty(int(flows.count[ENDED]), np.int64)
        calls.add(group_ended, flows, streams, self.ended_starts, self.ended_order)
        self._run(calls, made)

    def _call(self, calls: Calls, desk: Desk, made: Yield, *call: Any) -> None:  # noqa: ANN401
        """Add a call of a dissector's, or make it at once as plain Python."""
        if not desk.interprets:
            calls.add(*call)
            return
        with interpreting(is_wanted=True):
            now = Calls()
            now.add(*call)
            self._run(now, made)

    def _finish_ended(self, turns: Rows, made: Yield) -> None:
        """Tell dissectors which of their flows ended; give back what was read."""
        streams, calls = self.shard.streams, Calls()
        starts = self.ended_starts.tolist()
        for desk in self.desks:
            mine = self.ended_order[starts[desk.number] : starts[desk.number + 1]]
            if len(mine):
                self._make_space(desk, len(mine), 0)
                self._call(calls, desk, made, desk.drivers.finish, mine, desk.conns, streams, desk.out)
        for each in (turns, *self.again):
            calls.add(release_turns, streams, each)
        self._run(calls, made)
        self.again.clear()

    def _make_space(self, desk: Desk, turns: int, octets: int) -> None:
        """Grow a dissector's tables to what these turns can need."""
        conns = grow_conns(desk.conns, turns + 1, MOST_STREAMS)
        if conns is not desk.conns:
            forget(desk.conns)
            desk.conns = conns
        rows = 2 * turns + octets // 64 + 64
        room = SPARE_TEXT + 3 * octets + 4096 * min(turns, 256)
        tables = [grow_out(out, rows, room) for out in desk.tables]
        if any(new is not old for new, old in zip(tables, desk.tables, strict=True)):
            desk.replace(tables)

    def _gather(self, made: Yield) -> None:
        """Take the closed rows of all dissectors, let their names tell applications, and take ended flows."""
        flows, streams, calls = self.shard.flows, self.shard.streams, Calls()
        for desk in self.desks:
            for place, pool in enumerate(desk.pools):
                if pool.count[DONE]:
                    self._take_rows(desk, place, made, calls)
        ended = int(flows.count[ENDED])
        if self.flow_tray.left < ended:
            self._hand_flows_over(made)
            self.flow_tray = self._new_tray(FlowRecord, None, ended)
        calls.add(close_ended, flows, streams)
        calls.add(take_ended, flows, self.flow_rows, self.named, self.flow_tray.room)
        self._run(calls, made)
        if self.prompt or len(self.flow_tray) >= self.enough_rows:
            self._hand_flows_over(made)
        for desk in self.desks:
            self._hand_tables_over(desk, made)

    def _new_tray(self, record: type[Record], dissector: Dissector | None, rows: int) -> Tray:
        """Begin a tray with room for so many rows and, where they wait for more, for those of blocks to come."""
        if not self.prompt:
            most = self.enough_rows + self.enough_rows // 2
            rows = max(rows, self.next_tray.get(record, min(FIRST_TRAY, most)))
            self.next_tray[record] = min(4 * rows, most)
        return tray_of(record, dissector, rows, self.room)

    def _hand_tables_over(self, desk: Desk, made: Yield) -> None:
        """Hand over the trays of a dissector that are full, and leave arenas to them that are well used."""
        used = []
        for place, tray in enumerate(desk.trays):
            pool = desk.pools[place]
            text = int(pool.count[TEXT])
            if tray is not None and (self.prompt or len(tray) >= self.enough_rows or text >= self.enough_text):
                self._hand_over(desk, place, made)
                if text and not self.prompt:
                    used.append(place)
            if text > ENOUGH_TEXT and (self.prompt or tray is None):
                used.append(place)
        if used:
            self._renew_text(desk, used)

    def _hand_over(self, desk: Desk, place: int, made: Yield) -> None:
        """Hand over what is on a table's tray."""
        tray, desk.trays[place] = desk.trays[place], None
        if tray is not None and len(tray):
            tray.forget()
            made.batches.append(self._batch(desk, place, tray.rows(), tray.keys(), tray))

    def _hand_flows_over(self, made: Yield) -> None:
        """Hand over the flows that ended."""
        tray = self.flow_tray
        if len(tray):
            tray.forget()
            made.batches.append(Batch(FlowRecord, None, tray.rows(), NO_TEXT, 0, 0, tray.keys(), tray))
            self.flow_tray = self._new_tray(FlowRecord, None, 0)

    def _hand_all_over(self, made: Yield) -> None:
        """Hand over what is on any tray: the input is over."""
        self._hand_flows_over(made)
        for desk in self.desks:
            for place in range(len(desk.trays)):
                self._hand_over(desk, place, made)

    def _take_rows(self, desk: Desk, place: int, made: Yield, calls: Calls) -> None:
        record, pool, names = desk.dissector.records[place], desk.pools[place], self.plan.applications.names
        wanted, count = desk.wanted and self.plan.takes(record), int(pool.count[DONE])
        if record.feeds and wanted:
            dtype = row_dtype(record)
            taken, keys = np.empty(count * dtype.itemsize, np.uint8), np.empty(count, KEY)
            calls.add(gather_whole, pool, desk.layouts[place], self.shard.flows, taken, keys)
            made.batches.append(self._batch(desk, place, taken.view(dtype), keys))
            return
        if len(self.slots) < count:
            self.slots = np.empty(2 * count, np.int64)
        tray = desk.trays[place] if wanted else self.nowhere
        if tray is None or (wanted and tray.left < count):
            self._hand_over(desk, place, made)
            tray = desk.trays[place] = self._new_tray(record, desk.dissector, count)
        given = desk.layouts[place], names, self.shard.flows, self.flow_rows, self.slots, tray.room
        calls.add(gather, pool, *given)

    def _batch(self, desk: Desk, place: int, rows: Rows, keys: Rows, tray: Tray | None = None) -> Batch:
        """Put rows together with the text that is there by now."""
        pool = desk.pools[place]
        end, before = int(pool.count[TEXT]), desk.told[place]
        desk.told[place] = end
        return Batch(desk.dissector.records[place], desk.dissector, rows, pool.text, end, end - before, keys, tray)

    def _renew_text(self, desk: Desk, used: list[int]) -> None:
        """Leave arenas to their batches; the text of open rows goes to fresh ones."""
        tables = desk.tables.copy()
        for place in used:
            pool = desk.pools[place]
            fresh = np.empty(len(pool.text), np.uint8)
            move_text(pool, desk.layouts[place], fresh)
            tables[place] = tables[place]._replace(text=fresh)
            desk.told[place] = 0
        desk.replace(tables)

    @property
    def flows_now(self) -> int:
        """Give how many flows are open; any thread may ask."""
        flows = self.shard.flows
        return len(flows.rows) - int(flows.count[LEFT])

    def tally(self) -> dict[str, int]:
        """Count what bounds cost so far, by name."""
        count = self.shard.streams.count
        found = {
            "flows_begun": int(self.shard.flows.count[NEW]),
            "held_refused": int(count[HELD_REFUSED]),
            "announcement_displaced": int(self.results.expected.count[DISPLACED]),
            "message_too_long": int(count[TOO_LONG]),
            "early_segment_refused": int(count[AHEAD_REFUSED]),
            "stream_table_full": int(count[NO_STREAM]),
            "wrap_table_full": int(self.shard.streams.wraps.count[REFUSED]),
        }
        for desk in self.desks:
            for out in desk.tables:
                for name, place in (("no_row", NO_ROW), ("no_text_room", NO_ROOM), ("text_cut", CUT_TEXT)):
                    found[name] = found.get(name, 0) + int(out.count[place])
        return found

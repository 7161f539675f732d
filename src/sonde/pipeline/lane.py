"""One lane: the flows of one shard, from frames to closed rows.

A lane owns its flow table, streams and record tables; nothing is shared, so lanes run
side by side without locks, and their number changes no result.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from sonde.decode import settings
from sonde.dissect import Conns, Dissector, Drivers, grow_conns, make_drivers, new_conns
from sonde.dissect.api import outs
from sonde.flow import end_flows, evict_flows, make_room, sweep_flows
from sonde.identify import DISPLACED, ROUTED, new_results
from sonde.pipeline.carry import Shard, carry_frames, new_shard
from sonde.pipeline.gather import gather
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
from sonde.schema import Record
from sonde.table.flows import (
    ENDED,
    FORCED_END,
    KEY,
    LATEST,
    LEFT,
    NEW,
    chain_all,
    free_ended,
    new_flows,
    open_slots,
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
from sonde.wire import Compilers, Ints, KernelFault, Meanwhile, Rows, Task, Wire, interpreting

STREAM_BUDGET = 64 << 20  # octets held back for all streams of a lane
MOST_STREAMS = 1 << 18  # flows under inspection at the same time
FIRST_CONNS = 1 << 12
FIRST_ROWS = 1 << 12
SPARE_TEXT = 1 << 20
ENOUGH_TEXT = 1 << 19  # octets in an arena, for a fresh one to be begun
MOST_SWITCHES = 4  # protocols inside each other that a block can tell
CORE_TASKS = 3  # see `Lane.tasks`
VOLUME = ("tls", "http", "dns", "quic")  # in nearly every capture: compiled before the first of them is met
BLOCK_FRAMES = 16384  # of a block from the wire, at most
ENDED_AT_ONCE = 1 << 14  # flows, when the input is over
MOST_FAULTS = 1000  # of one kernel in one block


@dataclass(slots=True)
class Batch:
    """Closed rows of one table, the text they point to, and the keys of their flows.

    The arena of text is shared with batches before and after; its octets up to `end` are
    there to stay, and `added` of them are new with this batch.
    """

    record: type[Record]
    dissector: Dissector
    rows: Rows
    text: Wire
    end: int
    added: int
    keys: Rows


@dataclass(slots=True)
class Yield:
    """What one lane made of one block."""

    batches: list[Batch]
    flows: Rows
    drops: Ints
    faults: list[str] = field(default_factory=list)
    #: Frames of the block and their octets on the link: of the whole block, and not of this lane's share.
    frames: int = 0
    octets: int = 0
    last_ns: int = 0
    lane: int = 0


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
    #: How much of each arena was handed over.
    told: list[int]
    #: Whether its kernels run as plain Python, as long as there is little to do.
    meanwhile: Meanwhile = field(default_factory=Meanwhile)
    interprets: bool = False

    def replace(self, tables: list[Out]) -> None:
        """Go on with other tables."""
        self.tables, self.out = tables, outs(self.dissector, tables)
        self.pools = [pool_of(out) for out in tables]


@cache
def drivers_of(dissector: Dissector) -> Drivers:
    """Give the entry kernels of a dissector, made once."""
    return make_drivers(dissector)


class Lane:
    """The state of one lane; call `take` for each block, then go through `finish` once."""

    def __init__(self, plan: Plan, number: int, key: int) -> None:
        """Make empty tables; `key` is the run's secret for hashing, the same in all lanes."""
        self.plan, self.number = plan, number
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
        self.compilers = Compilers((), 0)
        self.largest = 0  # block so far
        self.desks = [self._desk(dissector) for dissector in plan.dissectors]
        self.by_number = {desk.number: desk for desk in self.desks}

    def tasks(self, rehearsals: Iterable[Callable[[], object]] = ()) -> list[Task]:
        """List what this lane calls, for compilation: what every capture needs, then each dissector.

        `rehearsals` call what others need.
        """
        wire, routed, order = np.empty(1, np.uint8), self.results.turns, self.order
        shard, matcher = self.shard, self.plan.matcher
        core: list[Task] = [
            [(carry_frames, (wire, shard.frame, 0, shard, self.turns))],
            [(self.identify, (wire, self.turns, shard.streams, shard.flows, matcher, self.results))],
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

    def _rehearse(self) -> None:
        """Call the small kernels on nothing."""
        shard, none = self.shard, self.order[:0]
        flows, streams, names = shard.flows, shard.streams, self.plan.applications.names
        sweep_flows(flows, 0, shard.limits)
        flush_ended(flows, streams, self.scratch, self.turns, shard.chosen)
        group_turns(self.results.turns[:0], self.starts, self.octets, none)
        group_ended(flows, streams, self.starts, none)
        release_turns(streams, self.turns[:0])
        if self.desks:
            pool, layout, nothing = self.desks[0].pools[0], self.desks[0].layouts[0], np.empty(0, np.uint8)
            gather(pool, layout, names, flows, nothing, np.empty(0, KEY))
            move_text(pool, layout, nothing)
        close_ended(flows, streams)
        free_ended(flows)
        chain_all(flows, 0)
        evict_flows(flows, 0)
        end_flows(flows, none, FORCED_END, 0, shard.limits)
        count_pending(shard.fragments)

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
            [0] * len(tables),
        )

    def take(self, wire: Wire, frames: Rows, first: int, now_ns: int = 0) -> Yield:
        """Carry this lane's share of a block from frames to closed rows.

        `now_ns` is the time that silent flows are measured by; 0: that of the latest packet.
        """
        shard = self.shard
        made = Yield([], shard.flows.rows[:0], np.zeros(len(DROPS), np.int64), frames=len(frames), lane=self.number)
        if len(frames):
            made.octets, made.last_ns = int(frames["original"].sum()), int(frames["ts"][-1])
        room = 4 * len(frames) + 2 * int(shard.streams.count[AHEAD]) + 64
        if len(self.turns) < room:
            self.turns = np.empty(room, TURN)
        shard.chosen[TURNS] = 0
        shard.chosen[PROGRESS] = 0
        before = len(made.faults)
        self._guard(made, carry_frames, wire, frames, first, shard, self.turns)
        made.drops[INTERNAL] += len(made.faults) - before
        # Blocks of a file are alike; on the wire a large one follows a small one when a burst comes.
        self.largest = max(self.largest, len(frames), BLOCK_FRAMES if now_ns else 0)
        flows = make_room(shard.flows, self.largest)
        sweep_flows(flows, now_ns or int(flows.count[LATEST]), shard.limits)
        if flows is not shard.flows:
            self.shard = shard._replace(flows=flows)
        return self._read(wire, made)

    def finish(self) -> Iterator[Yield]:
        """End every flow: the input is over.

        What is made of a flow takes more memory than the flow, so they end some at a time, the first begun first.
        """
        shard = self.shard
        shard.undecoded[FRAGMENT_INCOMPLETE] += int(count_pending(shard.fragments))
        slots, latest = open_slots(shard.flows), int(shard.flows.count[LATEST])
        for first in range(0, max(1, len(slots)), ENDED_AT_ONCE):
            made = Yield([], shard.flows.rows[:0], np.zeros(len(DROPS), np.int64))
            end_flows(shard.flows, np.sort(slots[first : first + ENDED_AT_ONCE]), FORCED_END, latest, shard.limits)
            room = 2 * int(shard.streams.count[AHEAD]) + 64
            if len(self.turns) < room:
                self.turns = np.empty(room, TURN)
            shard.chosen[TURNS] = 0
            yield self._read(np.zeros(1, np.uint8), made)

    def _read(self, wire: Wire, made: Yield) -> Yield:
        """Identify and dissect the turns, close what ended, and gather what is done."""
        flows, streams = self.shard.flows, self.shard.streams
        flush_ended(flows, streams, self.scratch, self.turns, self.shard.chosen)
        turns = self.turns[: self.shard.chosen[TURNS]]
        for _ in range(MOST_SWITCHES):
            routed = self._identify(wire, turns, made)
            self._dissect(wire, routed, made)
            again = routed["protocol"] == AGAIN
            if not again.any():
                break
            turns = routed[again]
        self._finish_ended(made)
        release_turns(streams, self.turns[: self.shard.chosen[TURNS]])
        self._gather(made)
        close_ended(flows, streams)
        ended = flows.ended[: flows.count[ENDED]]
        made.flows = flows.rows.view(f"V{flows.rows.dtype.itemsize}").take(ended).view(flows.rows.dtype)
        free_ended(flows)
        self._take_drops(made)
        return made

    def _take_drops(self, made: Yield) -> None:
        """Move what was dropped into the yield; what decode dropped counts in one lane only."""
        if self.number == 0:
            made.drops += self.shard.undecoded
        made.drops += self.shard.drops
        self.shard.undecoded[:] = 0
        self.shard.drops[:] = 0

    def _guard(self, made: Yield, kernel: Any, *args: Any) -> None:  # noqa: ANN401
        """Call a kernel that keeps its place; a tripped check costs one message, no more."""
        for _ in range(MOST_FAULTS):
            try:
                kernel(*args)
            except (KernelFault, IndexError, ArithmeticError, ValueError) as fault:
                made.faults.append(str(fault))
            else:
                return

    def _identify(self, wire: Wire, turns: Rows, made: Yield) -> Rows:
        if len(self.results.turns) < 3 * len(turns) + 64:
            self.results = self.results._replace(turns=np.empty(3 * len(turns) + 64, TURN))
        self.results.count[ROUTED] = 0
        shard, matcher = self.shard, self.plan.matcher
        self._guard(made, self.identify, wire, turns, shard.streams, shard.flows, matcher, self.results)
        return self.results.turns[: self.results.count[ROUTED]]

    def _room_to_order(self, wanted: int) -> Ints:
        if len(self.order) < wanted:
            self.order = np.empty(wanted, np.int64)
        return self.order

    def _dissect(self, wire: Wire, routed: Rows, made: Yield) -> None:
        if not len(routed):
            return
        order = self._room_to_order(len(routed))
        group_turns(routed, self.starts, self.octets, order)
        starts, octets = self.starts.tolist(), self.octets.tolist()
        needed = [place for place, desk in enumerate(self.desks) if starts[desk.number] < starts[desk.number + 1]]
        for place in needed:
            desk = self.desks[place]
            args = (wire, routed, order, desk.conns, self.shard.streams, desk.out)
            turns = starts[desk.number + 1] - starts[desk.number]
            desk.interprets = desk.meanwhile.allows(desk.drivers.read, args, octets[desk.number], turns)
        self.compilers.begin([CORE_TASKS + place for place in needed])
        self.compilers.compile([CORE_TASKS + place for place in needed if not self.desks[place].interprets])
        for desk in self.desks:
            mine = order[starts[desk.number] : starts[desk.number + 1]]
            if len(mine):
                self._make_space(desk, len(mine), octets[desk.number])
                streams = self.shard.streams
                with interpreting(desk.interprets):
                    self._guard(made, desk.drivers.read, wire, routed, mine, desk.conns, streams, desk.out)

    def _finish_ended(self, made: Yield) -> None:
        flows, streams = self.shard.flows, self.shard.streams
        ended = int(flows.count[ENDED])
        if not ended:
            return
        order = self._room_to_order(ended)
        group_ended(flows, streams, self.starts, order)
        starts = self.starts.tolist()
        for desk in self.desks:
            mine = order[starts[desk.number] : starts[desk.number + 1]]
            if len(mine):
                self._make_space(desk, len(mine), 0)
                with interpreting(desk.interprets):
                    self._guard(made, desk.drivers.finish, mine, desk.conns, streams, desk.out)

    def _make_space(self, desk: Desk, turns: int, octets: int) -> None:
        """Grow a dissector's tables to what these turns can need."""
        desk.conns = grow_conns(desk.conns, turns + 1, MOST_STREAMS)
        rows = 2 * turns + octets // 64 + 64
        room = SPARE_TEXT + 3 * octets + 4096 * min(turns, 256)
        tables = [grow_out(out, rows, room) for out in desk.tables]
        if any(new is not old for new, old in zip(tables, desk.tables, strict=True)):
            desk.replace(tables)

    def _gather(self, made: Yield) -> None:
        """Take the closed rows of all dissectors, and let their names tell applications."""
        for desk in self.desks:
            for place, pool in enumerate(desk.pools):
                if pool.count[DONE]:
                    self._take_rows(desk, place, made)
            if any(_is_used(pool) for pool in desk.pools):
                self._renew_text(desk)

    def _take_rows(self, desk: Desk, place: int, made: Yield) -> None:
        record, pool = desk.dissector.records[place], desk.pools[place]
        wanted = desk.wanted and self.plan.takes(record)
        dtype, count = desk.tables[place].rows.dtype, int(pool.count[DONE]) if wanted else 0
        taken, keys = np.empty(count * dtype.itemsize, np.uint8), np.empty(count, KEY)
        gather(pool, desk.layouts[place], self.plan.applications.names, self.shard.flows, taken, keys)
        if wanted:
            end, before = int(pool.count[TEXT]), desk.told[place]
            desk.told[place] = end
            batch = Batch(record, desk.dissector, taken.view(dtype), pool.text, end, end - before, keys)
            made.batches.append(batch)

    def _renew_text(self, desk: Desk) -> None:
        """Leave arenas that are well used to their batches; the text of open rows goes to fresh ones."""
        tables = desk.tables.copy()
        for place, pool in enumerate(desk.pools):
            if _is_used(pool):
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
        }
        for desk in self.desks:
            for out in desk.tables:
                for name, place in (("no_row", NO_ROW), ("no_text_room", NO_ROOM), ("text_cut", CUT_TEXT)):
                    found[name] = found.get(name, 0) + int(out.count[place])
        return found


def _is_used(pool: Pool) -> bool:
    """Say whether an arena holds so much that it is better left to its batches, and given back after them."""
    return int(pool.count[TEXT]) > ENOUGH_TEXT

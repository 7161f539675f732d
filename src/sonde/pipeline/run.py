"""The one place that knows the order: source, lanes (decode to dissection), records, gate, sink.

Theory of operation. One thread finds the frames of each block. Each lane has a thread that
carries its shard of each block through decode, flow, reassembly, identification and
dissection; kernels run without the GIL. The caller's thread takes what the lanes made of
each block, in the order of blocks and lanes, so that records come out the same whatever
the threads did, and builds, permits and writes records in batches. Queues are short:
whoever is ahead waits.
"""

import ctypes
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sonde.pipeline.batch import Yield, room_of_own
from sonde.pipeline.lane import CORE_TASKS, Lane
from sonde.pipeline.plan import Plan
from sonde.source import open_source
from sonde.table.frames import Block, SourceReport
from sonde.table.packets import DROPS
from sonde.wire import Compilers, Ints, Wire

BLOCKS_AHEAD = 1  # that may wait for a lane
YIELDS_AHEAD = 6  # of all lanes, that may wait for the writer: what a batch of records takes, with memory to spare
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGE_ARRAY = 1 << 20
KEPT_FREE = 8 << 20  # octets at the end of a heap, for the same reason
PATIENCE_S = 2.0  # with threads asked to end: one may wait for a pipe, one may compile
SWITCH_S = 0.0002  # a kernel that returns should not wait long for the interpreter
MOST_FAULTS_TOLD = 1000  # of a run, which may last for months; all are counted


class Input(Protocol):
    """Where blocks of frames come from: a capture, a pipe, the rings of interfaces."""

    report: SourceReport

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Give blocks of frames in order; `first` numbers the first frame."""

    def rehearse(self) -> None:
        """Have its kernels compiled."""

    def release(self, offset: int) -> None:
        """Learn that all lanes are through with what lies before an offset."""

    def close(self) -> None:
        """Let the input go."""


@dataclass
class Totals:
    """What a run counted."""

    frames: int = 0
    octets: int = 0
    drops: Ints = field(default_factory=lambda: np.zeros(len(DROPS), np.int64))
    reports: list[SourceReport] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    bounds: dict[str, int] = field(default_factory=dict)
    first_ns: int = 0
    last_ns: int = 0

    def count_block(self, block: Block) -> None:
        """Count the frames of a block."""
        if not len(block.frames):
            return
        stamps = block.frames["ts"]
        self.frames += len(block.frames)
        self.octets += int(block.frames["length"].sum())
        first, last = int(stamps.min()), int(stamps.max())
        self.first_ns = min(self.first_ns or first, first)
        self.last_ns = max(self.last_ns, last)


@dataclass(slots=True)
class Crew:
    """The queues between the reading thread, the lanes and the caller; None ends a queue."""

    blocks: "list[queue.Queue[Block | BaseException | None]]"
    yields: "list[queue.Queue[Yield | BaseException]]"
    #: For each block on its way: whose it is, and where in the input it ends.
    places: "queue.SimpleQueue[tuple[Input, int]]"
    #: Blocks that each lane is through with.
    passed: list[int]
    stop: threading.Event

    def release(self) -> None:
        """Give back the memory of blocks that all lanes are through with; called by who reads, lanes are waited for."""
        while not self.places.empty() and min(self.passed) > self.released:
            source, offset = self.places.get()
            source.release(offset)
            self.released += 1

    released: int = 0


def read_all(  # noqa: PLR0913 - what is called back, each by name
    plan: Plan,
    paths: list[str],
    key: int,
    consume: Callable[[Yield], None],
    settled: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda frames, offset: None,
    open_input: Callable[[str], Input] = open_source,
    rehearse: Callable[[], object] = lambda: None,
    started: Callable[[list[Lane]], None] = lambda lanes: None,
    *,
    prompt: bool = False,
) -> Totals:
    """Carry all inputs through the stages, in threads of this process; for the arguments see the two it calls."""
    totals = Totals()
    work = carry_all(plan, paths, key, totals, progress, open_input, rehearse, started, prompt=prompt)
    take_all(work, totals, consume, settled)
    return totals


def take_all(
    blocks: Generator[list[Yield], None, None],
    totals: Totals,
    consume: Callable[[Yield], None],
    settled: Callable[[], None],
) -> None:
    """Give `consume` what each lane made of each block, and count; `settled` when all are through with a block."""
    with closing(blocks):
        for yields in blocks:
            for made in yields:
                totals.drops += made.drops
                totals.faults += made.faults[: MOST_FAULTS_TOLD - len(totals.faults)]
                consume(made)
            settled()


def carry_all(  # noqa: PLR0913 - what is called back, each by name
    plan: Plan,
    paths: list[str],
    key: int,
    totals: Totals,
    progress: Callable[[int, int], None] = lambda frames, offset: None,
    open_input: Callable[[str], Input] = open_source,
    rehearse: Callable[[], object] = lambda: None,
    started: Callable[[list[Lane]], None] = lambda lanes: None,
    *,
    room: Callable[[int], Wire] = room_of_own,
    prompt: bool = False,
    ahead: int = YIELDS_AHEAD,
) -> Generator[list[Yield], None, None]:
    """Carry all inputs from frames to closed rows; give what the lanes made of each block; to be closed if left early.

    `rehearse`, in a process of its own, where machine code is lacking, compiles what the caller will
    need. `started` gets the lanes, whose counters may be read while they work. `room` gives memory for closed rows;
    `prompt` lanes hand them over after each block. So many yields wait for the caller.
    Totals are complete at the end, but for what is counted of yields.
    """
    give_memory_back()
    sources = [open_input(path) for path in paths]  # what cannot be opened is said before work begins
    lanes = [Lane(plan, number, key, room, prompt=prompt) for number in range(plan.lanes)]
    started(lanes)
    tasks = lanes[0].tasks([sources[0].rehearse, rehearse])
    with Compilers(tasks, os.cpu_count() or 1, CORE_TASKS) as compilers:
        compilers.begin(range(CORE_TASKS))
        compilers.begin(lanes[0].expected())
        compilers.compile(range(CORE_TASKS))
        for lane in lanes:
            lane.compilers = compilers
        with _at_work(sources, lanes, totals, progress, ahead) as crew:
            yield from _blocks_made(crew)
    for lane in lanes:
        for name, count in lane.tally().items():
            totals.bounds[name] = totals.bounds.get(name, 0) + count
    totals.reports = [source.report for source in sources]


def compile_all(plan: Plan, rehearsals: list[Callable[[], object]]) -> None:
    """Compile and load every kernel that a run can need before it begins: on the wire there is no time for it."""
    lane = Lane(plan, 0, 0)
    tasks = lane.tasks(rehearsals)
    with Compilers(tasks, os.cpu_count() or 1, len(tasks)) as compilers:
        compilers.begin(range(len(tasks)))
        compilers.compile(range(len(tasks)))
    for task in tasks:
        if callable(task):
            task()
            continue
        for kernel, args in task:
            kernel.fetch(args)


def give_memory_back() -> None:
    """Have glibc return large arrays to the system as soon as they are freed.

    By itself it raises the size from which it does so up to 32 MiB, and the arrays of
    each block then stay behind in the heaps of several threads: twice the memory, for
    no time saved.
    """
    try:
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_ARRAY)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_FREE)
    except (OSError, AttributeError):  # another C library; it has its own ways
        return


@contextmanager
def _at_work(
    sources: list[Input],
    lanes: list[Lane],
    totals: Totals,
    progress: Callable[[int, int], None],
    ahead: int,
) -> Iterator[Crew]:
    """Run the reading thread and the lanes' threads; leave none behind."""
    crew = Crew(
        [queue.Queue(BLOCKS_AHEAD) for _ in lanes],
        [queue.Queue(max(1, ahead // len(lanes))) for _ in lanes],
        queue.SimpleQueue(),
        [0] * len(lanes),
        threading.Event(),
    )
    threads = [
        threading.Thread(
            target=_read_sources, args=(sources, crew, totals, progress), name="sonde-reader", daemon=True
        ),
        *(
            threading.Thread(target=_run_lane, args=(lane, crew), name=f"sonde-lane-{lane.number}", daemon=True)
            for lane in lanes
        ),
        threading.Thread(target=_fetch_ahead, args=(lanes[0], crew), name="sonde-loader", daemon=True),
    ]
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    for thread in threads:
        thread.start()
    try:
        yield crew
    finally:
        crew.stop.set()
        patience = time.monotonic() + PATIENCE_S
        while (left := [thread for thread in threads if thread.is_alive()]) and time.monotonic() < patience:
            for blocks in crew.blocks:
                _drain(blocks)
            for yields in crew.yields:
                _drain(yields)
            for lane_waits, thread in zip(crew.blocks, threads[1:], strict=False):
                if thread.is_alive():  # else nobody takes it, and the reader waits until all is taken
                    with suppress(queue.Full):
                        lane_waits.put_nowait(_OVER)
            left[0].join(0.01)
        sys.setswitchinterval(before)


def _drain(waiting: "queue.Queue[Any]") -> None:
    """Make room in a queue, so that whoever waits to put into it can end."""
    try:
        while True:
            waiting.get_nowait()
            waiting.task_done()
    except queue.Empty:
        return


def _read_sources(sources: list[Input], crew: Crew, totals: Totals, progress: Callable[[int, int], None]) -> None:
    """Find frames in a thread of its own; what goes wrong is handed over, not lost."""
    end: BaseException | None = None
    try:
        for source in sources:
            for block in source.blocks(totals.frames):
                totals.count_block(block)
                crew.places.put((source, block.offset))
                crew.release()
                for waiting in crew.blocks:
                    waiting.put(block)
                progress(totals.frames, block.offset)
                if crew.stop.is_set():
                    return
            source.close()
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        end = error
    finally:
        for waiting in crew.blocks:
            waiting.put(end)


def _taken(blocks: "queue.Queue[Block | BaseException | None]") -> "Block | BaseException | None":
    """Take what comes next, and let the reader look for the block behind it."""
    block = blocks.get()
    blocks.task_done()
    return block


def _run_lane(lane: Lane, crew: Crew) -> None:
    """Carry blocks through a lane until the input is over."""
    mine, out = crew.blocks[lane.number], crew.yields[lane.number]
    try:
        while isinstance(block := _taken(mine), Block):
            if crew.stop.is_set():
                return
            made = lane.take(block.wire, block.frames, block.first, block.now_ns)
            crew.passed[lane.number] += 1
            out.put(made)
        if block is not None:
            out.put(block)
            return
        for made in lane.finish():
            if crew.stop.is_set():
                return
            out.put(made)
        out.put(_OVER)
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        out.put(error)


def _fetch_ahead(lane: Lane, crew: Crew) -> None:
    """Fetch kept machine code while the first block is carried: it takes as long as some five blocks."""
    for of, args in lane.ahead():
        if crew.stop.is_set():
            return
        with suppress(Exception):  # whoever needs it will hear of it
            of.fetch(args, is_kept=True)


class _Over(Exception):  # noqa: N818 - no error: it ends a queue
    """A lane is through."""


_OVER = _Over()


def _blocks_made(crew: Crew) -> Iterator[list[Yield]]:
    """Give what the lanes made of each block, and last of the end."""
    going_on = list(crew.yields)
    while going_on:
        found: list[Yield] = []
        for out in list(going_on):
            made = out.get()
            if made is _OVER:
                going_on.remove(out)
            elif isinstance(made, BaseException):
                raise made
            else:
                found.append(made)
        if found:
            yield found


__all__ = ["Input", "Totals", "carry_all", "compile_all", "give_memory_back", "read_all", "take_all"]

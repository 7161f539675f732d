"""The one place that knows the order: source, decode, fragments, lanes, records, gate, sink.

Theory of operation. One thread reads and decodes blocks of frames. Each lane has a thread
that carries its shard of each block through flow, reassembly, identification and
dissection; kernels run without the GIL. The caller's thread takes what the lanes made of
each block, in the order of blocks and lanes, so that records come out the same whatever
the threads did, and builds, permits and writes records in batches.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sonde.decode import decode_frames, settings
from sonde.decode import cursor as decode_cursor
from sonde.decode.frames import MOST_ROWS
from sonde.pipeline.lane import Lane, Yield, remember_spans
from sonde.pipeline.plan import Plan
from sonde.reassemble import count_pending, gather_fragments, new_fragments
from sonde.source import Source, open_source
from sonde.table.flows import FRAGMENT_OVERLAP
from sonde.table.frames import FRAME, Block, SourceReport
from sonde.table.packets import DROPS, FRAGMENT_INCOMPLETE, INTERNAL, MERGED_FRAGMENT, PACKET
from sonde.wire import Ints, KernelFault, Rows, Wire

BLOCK_FRAMES = 16384
BLOCKS_AHEAD = 3  # decoded blocks that may wait for lanes
MOST_FRAGMENTED = 1 << 24  # octets of whole datagrams in one block


@dataclass(slots=True)
class Work:
    """One decoded block on its way to the lanes."""

    wire: Wire
    extra: Wire
    packets: Rows
    buffer: Rows
    offset: int
    drops: Ints
    left: int = 0


@dataclass
class Totals:
    """What a run counted."""

    frames: int = 0
    packets: int = 0
    octets: int = 0
    drops: Ints = field(default_factory=lambda: np.zeros(len(DROPS), np.int64))
    reports: list[SourceReport] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    bounds: dict[str, int] = field(default_factory=dict)
    first_ns: int = 0
    last_ns: int = 0


class Decoder:
    """Blocks of frames -> packets, fragments put together; the state of one reading thread."""

    def __init__(self, plan: Plan, key: int, totals: Totals) -> None:
        """Begin without fragments."""
        self.settings = settings(verify=plan.verify_checksums, lanes=plan.lanes, key=key)
        self.fragments = new_fragments(later_wins=plan.overlap_last)
        self.cursor = np.zeros(decode_cursor.SIZE, np.int64)
        self.buffers: queue.SimpleQueue[Rows] = queue.SimpleQueue()
        self.totals = totals

    def take(self, block: Block) -> Work:
        """Decode one block."""
        buffer = self._buffer(len(block.frames))
        drops = np.zeros(len(DROPS), np.int64)
        start = np.array([block.first, 0], np.int64)
        try:
            count = decode_frames(
                block.wire, block.frames, start, buffer, drops, (self.settings.values, self.cursor)
            )
        except (KernelFault, IndexError) as fault:
            self.totals.faults.append(str(fault))
            drops[:] = 0
            drops[INTERNAL] = len(block.frames)
            count = 0
        packets, extra = self._join(block.wire, buffer, int(count), drops)
        return Work(block.wire, extra, packets, buffer, block.offset, drops)

    def _buffer(self, frames: int) -> Rows:
        try:
            buffer = self.buffers.get_nowait()
        except queue.Empty:
            buffer = np.empty(0, PACKET)
        if len(buffer) < frames * MOST_ROWS:
            buffer = np.empty(frames * MOST_ROWS, PACKET)
        return buffer

    def _join(self, wire: Wire, buffer: Rows, count: int, drops: Ints) -> tuple[Rows, Wire]:
        """Put the fragments of a block together; whole datagrams become packets where the last one stood."""
        packets = buffer[:count]
        pieces = np.flatnonzero(packets["fragment"])
        if not len(pieces):
            return packets, np.zeros(1, np.uint8)
        extra = np.empty(min(MOST_FRAGMENTED, 66000 * len(pieces)), np.uint8)
        frames = np.zeros(len(pieces), FRAME)
        done = int(gather_fragments(wire, packets, self.fragments, frames, extra, drops))
        if not done:
            return packets, extra
        rows = np.empty(done * MOST_ROWS, PACKET)
        more = np.zeros(len(DROPS), np.int64)
        made = np.empty(0, PACKET)
        start = np.zeros(2, np.int64)
        extra_rows = []
        for number in range(done):
            place = int(frames["original"][number])
            frames["original"][number] = frames["length"][number]
            found = decode_frames(
                extra, frames[number : number + 1], start, rows, more, (self.settings.values, self.cursor)
            )
            made = rows[:found].copy()
            if not found:
                continue
            made["source"] = 1
            made["frame"] = packets["frame"][place]
            made["vlan"] = packets["vlan"][place]
            made["inner_vlan"] = packets["inner_vlan"][place]
            packets[place] = made[0]
            extra_rows.append(made[1:])
        drops += more
        if sum(map(len, extra_rows)):
            packets = np.concatenate([packets, *extra_rows])
        return packets, extra


def read_all(
    plan: Plan,
    paths: list[str],
    key: int,
    consume: Callable[[Yield], None],
    progress: Callable[[int, int], None] = lambda frames, offset: None,
    open_input: Callable[[str], Source] = open_source,
) -> Totals:
    """Carry all inputs through the stages; `consume` gets what each lane made of each block."""
    remember_spans(plan)
    totals = Totals()
    sources = [open_input(path) for path in paths]  # what cannot be opened is said before work begins
    decoder = Decoder(plan, key, totals)
    lanes = [Lane(plan, number) for number in range(plan.lanes)]
    works: queue.Queue[Work | BaseException | None] = queue.Queue(BLOCKS_AHEAD)
    stop = threading.Event()
    reader = threading.Thread(
        target=_read_sources, args=(sources, decoder, works, totals, stop), name="sonde-reader", daemon=True
    )
    reader.start()
    runner = _run_one if plan.lanes == 1 else _run_many
    try:
        for work, yields in runner(lanes, works):
            if work is not None:
                _count_work(totals, work, progress)
            for made in yields:
                totals.drops += made.drops
                totals.faults += made.faults
                consume(made)
            if work is not None:
                decoder.buffers.put(work.buffer)
    finally:
        stop.set()
        _drain(works, reader)
    for lane in lanes:
        for name, count in lane.tally().items():
            totals.bounds[name] = totals.bounds.get(name, 0) + count
    totals.drops[FRAGMENT_INCOMPLETE] += int(count_pending(decoder.fragments))
    totals.reports = [source.report for source in sources]
    return totals


def _count_work(totals: Totals, work: Work, progress: Callable[[int, int], None]) -> None:
    totals.drops += work.drops
    if len(work.packets):
        stamps = work.packets["ts"]
        first, last = int(stamps.min()), int(stamps.max())
        totals.first_ns = min(totals.first_ns or first, first)
        totals.last_ns = max(totals.last_ns, last)
    progress(totals.frames, work.offset)


def _read_sources(
    sources: list[Source], decoder: Decoder, works: "queue.Queue[Work | BaseException | None]", totals: Totals,
    stop: threading.Event,
) -> None:
    """Read and decode in a thread of its own; what goes wrong is handed over, not lost."""
    try:
        for source in sources:
            for block in source.blocks(totals.frames, BLOCK_FRAMES):
                totals.frames += len(block.frames)
                totals.octets += int(block.frames["length"].sum())
                works.put(decoder.take(block))
                if stop.is_set():
                    return
            source.close()
        works.put(None)
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        works.put(error)


def _drain(works: "queue.Queue[Work | BaseException | None]", reader: threading.Thread) -> None:
    while reader.is_alive():
        try:
            works.get_nowait()
        except queue.Empty:
            reader.join(0.01)


def _next(works: "queue.Queue[Work | BaseException | None]") -> Work | None:
    work = works.get()
    if isinstance(work, BaseException):
        raise work
    return work


def _run_one(
    lanes: list[Lane], works: "queue.Queue[Work | BaseException | None]"
) -> Iterator[tuple[Work | None, list[Yield]]]:
    """Run one lane in a thread beside the caller's."""
    return _run_many(lanes, works)


def _run_many(
    lanes: list[Lane], works: "queue.Queue[Work | BaseException | None]"
) -> Iterator[tuple[Work | None, list[Yield]]]:
    """Run each lane in a thread; give their yields block by block, lane by lane."""
    inputs: list[queue.SimpleQueue[Work | None]] = [queue.SimpleQueue() for _ in lanes]
    outputs: list[queue.SimpleQueue[Yield | BaseException]] = [queue.SimpleQueue() for _ in lanes]

    def run(lane: Lane, mine: "queue.SimpleQueue[Work | None]", out: "queue.SimpleQueue[Yield | BaseException]") -> None:
        try:
            while (work := mine.get()) is not None:
                out.put(lane.take(work.wire, work.extra, work.packets))
            out.put(lane.finish())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            out.put(error)

    for number, lane in enumerate(lanes):
        threading.Thread(
            target=run, args=(lane, inputs[number], outputs[number]), name=f"sonde-lane-{number}", daemon=True
        ).start()
    pending: list[Work] = []
    over = False
    try:
        while not over or pending:
            while not over and len(pending) < BLOCKS_AHEAD:
                work = _next(works)
                if work is None:
                    over = True
                    break
                pending.append(work)
                for mine in inputs:
                    mine.put(work)
            if pending:
                yield pending.pop(0), [_made(out) for out in outputs]
    finally:
        for mine in inputs:
            mine.put(None)
    yield None, [_made(out) for out in outputs]


def _made(out: "queue.SimpleQueue[Yield | BaseException]") -> Yield:
    made = out.get()
    if isinstance(made, BaseException):
        raise made
    return made


__all__ = ["FRAGMENT_OVERLAP", "MERGED_FRAGMENT", "Totals", "read_all"]

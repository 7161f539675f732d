"""Source, decode to dissection, in a process of their own: the interpreter is no more what everybody waits for.

    with Apart(plan, paths, key, open_input, rehearse) as apart:
        for yields in apart.blocks(totals, progress):
            ...                                # as `run.carry_all` gives them

Theory of operation. The child runs what `run.carry_all` runs, reading thread and lanes. The trays of their closed
rows lie in memory that both processes share (`shared.py`). The child says on a pipe, a line of JSON for each block,
what lies where; the parent builds, permits and writes records of it. Number and content of rows are the same as in one
process. Whatever hostile octets do to the child, the parent takes numbers and octets from it, and no objects.
"""

import fcntl
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import IO, Any, NoReturn, Self

import numpy as np

from sonde.dissect import Dissector
from sonde.pipeline.batch import Batch, Yield, tray_of
from sonde.pipeline.losses import OURS, defect
from sonde.pipeline.plan import Plan
from sonde.pipeline.run import Input, Totals, carry_all
from sonde.pipeline.shared import UNIT, Shared
from sonde.record import FlowRecord
from sonde.schema import Record, row_dtype
from sonde.source import SourceError
from sonde.table.fieldwise import Tray
from sonde.table.flows import KEY
from sonde.table.frames import Damage, SourceReport
from sonde.table.out import LENGTH_BITS, layout_of, shift_spans
from sonde.wire import Wire, announce_kernel, announce_with, die_with

#: Memory in common, for each lane and as much for what is on its way: room for the trays of a good many tables, of
#: which few pages are ever touched. What does not find room goes through the pipe.
SHARED_OCTETS = 128 << 20
PIPE_OCTETS = UNIT  # of lines that wait: the child must not run ahead of the writer, for the sake of memory
YIELDS_AHEAD = 4  # that may wait to be told of: a writer at a large batch keeps a lane waiting for some blocks
WITHIN = -1  # in place of a place in common memory: the octets follow the line
F_SETPIPE_SZ = 1031  # linux/fcntl.h

Place = list[int]  # where octets lie in common memory, and how many


class ApartError(RuntimeError):
    """The child failed, or was ended; the message is for the user."""


def may_fork() -> bool:
    """Say whether a process can be forked here without harm: no other thread holds what the child would wait for."""
    return sys.platform == "linux" and threading.active_count() == 1  # elsewhere libraries do not stand it


class Apart:
    """The parent's end."""

    def __init__(
        self,
        plan: Plan,
        paths: list[str],
        key: int,
        open_input: Callable[[str], Input],
        rehearse: Callable[[], object] = lambda: None,
    ) -> None:
        """Begin the child at once; for the arguments see `run.carry_all`."""
        self.plan, self.paths = plan, paths
        self.shared = Shared(SHARED_OCTETS * (plan.lanes + 1))
        told, tell = os.pipe()
        parent = os.getpid()
        try:
            self.child = os.fork()
        except OSError:
            os.close(told)
            os.close(tell)
            raise
        if self.child == 0:
            os.close(told)
            _live(parent, Teller(plan, self.shared, tell), paths, key, open_input, rehearse)
        os.close(tell)
        self.told: IO[bytes] = os.fdopen(told, "rb")

    def blocks(self, totals: Totals, progress: Callable[[int, int], None]) -> Generator[list[Yield], None, None]:
        """Give what lanes made of each block; errors as if they had happened here."""
        for said in self._lines():
            if "totals" in said:
                _take_totals(said["totals"], totals)
                return
            yield [self._counted(*each) for each in said["yields"]]
            progress(*said["progress"])

    def _lines(self) -> Iterator[dict[str, Any]]:
        while True:
            line = self.told.readline()
            if not line.endswith(b"\n"):
                raise self._ended()
            said: dict[str, Any] = json.loads(line)
            if "error" in said:
                raise _raised(*said["error"])
            if "compiles" in said:
                announce_kernel(said["compiles"])
            else:
                yield said

    def _octets(self, place: int, length: int) -> Wire:
        if place != WITHIN:
            return self.shared.look(place, length) if length else np.empty(0, np.uint8)
        octets = self.told.read(length)
        if len(octets) < length:
            raise self._ended()
        return np.frombuffer(bytearray(octets), np.uint8)

    def _counted(self, counts: dict[str, Any], whole: list[Any], trays: list[Any]) -> Yield:
        """Look at what a lane made of a block."""
        made = Yield([], np.array(counts.pop("drops"), np.int64), **counts)
        for desk, table, *places in whole:
            dissector, record = self._table(desk, table)
            rows, text, keys = [self._octets(*place) for place in places]
            end = len(text)
            made.batches.append(Batch(record, dissector, rows.view(row_dtype(record)), text, end, end, keys.view(KEY)))
        for desk, table, count, capacity, *places in trays:
            dissector, record = (None, FlowRecord) if desk < 0 else self._table(desk, table)
            octets, text = [self._octets(*place) for place in places]
            tray = tray_of(record, dissector, capacity, partial(_as_it_is, octets))
            tray.room.filled[0] = count
            end = len(text)
            made.batches.append(Batch(record, dissector, tray.rows(), text, end, end, tray.keys(), tray))
        return made

    def _table(self, desk: int, table: int) -> tuple[Dissector, type[Record]]:
        dissector = self.plan.dissectors[desk]
        return dissector, dissector.records[table]

    def _ended(self) -> Exception:
        """Say why the child ended without a word."""
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        name = self.paths[0] if len(self.paths) == 1 else "an input"
        if number == signal.SIGBUS:
            return SourceError(f"{name} became shorter, or its disk failed, while it was read; copy it first.")
        if number == signal.SIGKILL:
            return ApartError("the process that reads was killed, perhaps for lack of memory; try a smaller --memory.")
        return ApartError(f"internal error, the process that reads ended, status {status}; please report this line.")

    def __enter__(self) -> Self:
        """Use it as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See the child end; what it is still at, nobody waits for."""
        if self.child:
            if kind is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.child, 0)
        self.told.close()


class Teller:
    """The child's end."""

    def __init__(self, plan: Plan, shared: Shared, pipe: int) -> None:
        """Tell the parent on a pipe what lies in the memory that is shared with it."""
        self.plan, self.shared = plan, shared
        with suppress(OSError):  # a system that has its own size
            fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_OCTETS)
        self.pipe: IO[bytes] = os.fdopen(pipe, "wb")
        self.lock = threading.Lock()
        self.progress = (0, 0)
        self.desks = {id(each): number for number, each in enumerate(plan.dissectors)}
        self.loose: list[Wire] = []  # what found no room in common, and follows the next line

    def reach(self, frames: int, offset: int) -> None:
        """Keep how far reading came."""
        self.progress = (frames, offset)

    def tell(self, yields: list[Yield]) -> None:
        """Tell what lanes made of a block."""
        said = []
        for made in yields:
            counts = {"drops": made.drops.tolist(), "faults": made.faults, "frames": made.frames, "lane": made.lane}
            whole = [self._batch(batch) for batch in made.batches if batch.tray is None]
            trays = [self._tray(batch, batch.tray) for batch in made.batches if batch.tray is not None]
            said.append((counts, whole, trays))
        self.say({"yields": said, "progress": self.progress})

    def _batch(self, batch: Batch) -> list[Any]:
        """Describe rows with the text that they point to, which begins anew."""
        words, layout = batch.rows.view(np.int64), layout_of(batch.record)
        spans = words.reshape(len(batch.rows), -1)[:, layout.spans]
        begin = int(spans[spans >= 0].min(initial=batch.end << LENGTH_BITS)) >> LENGTH_BITS
        shift_spans(words, layout, -(begin << LENGTH_BITS))
        pieces = [batch.rows.view(np.uint8), batch.text[begin : batch.end], batch.keys.view(np.uint8)]
        return [*self._which(batch.dissector, batch.record), *map(self._copied, pieces)]

    def _tray(self, batch: Batch, tray: Tray) -> list[Any]:
        """Describe a tray that is handed over, and the text that its rows point to."""
        if self.shared.place_of(tray.octets) == WITHIN:  # then no octets are sent that say nothing
            tray = tray.trimmed()
        which = self._which(batch.dissector, batch.record)
        return [*which, len(tray), tray.capacity, self._place(tray.octets), self._copied(batch.text[: batch.end])]

    def _which(self, dissector: Dissector | None, record: type[Record]) -> tuple[int, int]:
        return (self.desks[id(dissector)], dissector.records.index(record)) if dissector is not None else (-1, 0)

    def _copied(self, octets: Wire) -> Place:
        piece = self.shared.piece(len(octets))
        piece[:] = octets
        return self._place(piece)

    def _place(self, piece: Wire | None) -> Place:
        if piece is None or not len(piece):
            return [0, 0]
        place = self.shared.place_of(piece)
        if place == WITHIN:
            self.loose.append(piece)
        return [place, len(piece)]

    def say(self, what: dict[str, Any]) -> None:
        """Send a line that says where rows lie, and behind it the octets that found no room in common."""
        loose, self.loose = self.loose, []
        self._send(what, loose)

    def announce(self, name: str) -> None:
        """Tell of a kernel that is compiled; any thread may."""
        self._send({"compiles": name}, [])

    def _send(self, what: dict[str, Any], loose: list[Wire]) -> None:
        line = json.dumps(what).encode() + b"\n"
        with self.lock:
            self.pipe.write(line)
            for octets in loose:
                self.pipe.write(octets.data)
            self.pipe.flush()


def _live(
    parent: int,
    teller: Teller,
    paths: list[str],
    key: int,
    open_input: Callable[[str], Input],
    rehearse: Callable[[], object],
) -> NoReturn:
    """Carry all inputs and tell of it: the life of the child."""
    status = 1
    try:
        die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()  # to look at what the parent made would copy its pages
        announce_with(teller.announce)
        try:
            totals = Totals()
            work = carry_all(
                teller.plan, paths, key, totals, teller.reach, open_input, rehearse,
                room=teller.shared.piece, ahead=YIELDS_AHEAD,
            )  # fmt: skip
            with closing(work):
                for yields in work:
                    teller.tell(yields)
            teller.say({"totals": _told_of(totals)})
            status = 0
        except BrokenPipeError:
            status = 0  # nobody listens any more, and there is nobody to tell
        except BaseException as error:  # noqa: BLE001 - raised again in the parent
            teller.say({"error": _described(error)})
    except BaseException:  # noqa: BLE001 - there is nobody to tell
        status = 1
    finally:
        os._exit(status)


def _as_it_is(octets: Wire, _: int) -> Wire:
    """Give memory that is there."""
    return octets


def _told_of(totals: Totals) -> dict[str, Any]:
    return {
        "frames": totals.frames, "octets": totals.octets, "first_ns": totals.first_ns, "last_ns": totals.last_ns,
        "bounds": totals.bounds, "reports": [asdict(report) for report in totals.reports],
    }  # fmt: skip


def _take_totals(told: dict[str, Any], totals: Totals) -> None:
    totals.frames, totals.octets = told["frames"], told["octets"]
    totals.first_ns, totals.last_ns, totals.bounds = told["first_ns"], told["last_ns"], told["bounds"]
    for report in told["reports"]:
        damage = [Damage(**each) for each in report.pop("damage")]
        totals.reports.append(SourceReport(**report, damage=damage))


def _described(error: BaseException) -> list[Any]:
    """Describe an error for the parent: of one that is not written for the user, its kind and place alone."""
    if isinstance(error, SourceError):
        return ["source", str(error)]
    if isinstance(error, MemoryError):
        return ["memory", ""]
    if isinstance(error, OSError):
        return ["system", "", error.errno or 0, str(error.filename or "")]
    if type(error).__module__.partition(".")[0] == OURS:
        return ["ours", str(error)]
    return ["ours", defect(error)]


def _raised(kind: str, text: str, number: int = 0, file: str = "") -> Exception:
    """Make of a description the error that it is in one process."""
    if kind == "source":
        return SourceError(text)
    if kind == "memory":
        return MemoryError()
    if kind == "system":
        return OSError(number, os.strerror(number), file or None)
    return ApartError(text)


__all__ = ["Apart", "ApartError", "may_fork"]

"""A source that may be silent, as one that ticks: blocks of frames as they come, and empty ones while it waits.

    source = Paced(open_source("-"))
    for block in source.blocks(): ...
    source.stop()                            # from a signal handler or another thread

A thread of its own reads; what it has found waits for whoever asks. The time goes on from that of the last
frame by as much as has passed since: a capture of last year that comes through a pipe is not taken for silence.
"""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sonde.source.captures import Source
from sonde.table.frames import FRAME, Block, SourceReport

TICK_S = 0.1
BLOCKS_AHEAD = 2


class Paced:
    """A capture or pipe that goes on until it ends or is stopped; `cut` and `blocks` again goes on with the rest."""

    def __init__(self, source: Source) -> None:
        """Take a source of which nothing was read."""
        self.source = source
        source.patience_s = 0.0
        self.passed = 0  # frames given
        self.octets = 0
        self._waiting: queue.Queue[Block | BaseException | None] = queue.Queue(BLOCKS_AHEAD)
        self._stopping = self._cut = False
        self._over = False
        self._thread: threading.Thread | None = None
        self._last_ns, self._came = 0, time.monotonic_ns()

    @property
    def report(self) -> SourceReport:
        """Say what was read."""
        return self.source.report

    def rehearse(self) -> None:
        """Leave the scanner's kernel to its first use: what is rehearsed here would be lost to the run."""

    def release(self, offset: int) -> None:
        """Pass on that all is read before an offset."""
        self.source.release(offset)

    def close(self) -> None:
        """Leave the input open: a run may end and another go on with it."""

    def stop(self) -> None:
        """Take nothing further in."""
        self._stopping = True

    def cut(self) -> None:
        """End `blocks` soon; what was read meanwhile stays for the next call."""
        self._cut = True

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Give blocks as they come, an empty one at least each TICK_S."""
        self._cut = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="sonde-pipe", daemon=True)
            self._thread.start()
        given, empty = 0, np.empty(0, FRAME)
        wire = np.zeros(1, np.uint8)
        while not (self._cut or self._over):
            try:
                block = self._waiting.get(timeout=TICK_S)
            except queue.Empty:
                if self._stopping:
                    return
                now_ns = self._last_ns + time.monotonic_ns() - self._came if self._last_ns else 0
                yield Block(wire, empty, first + given, 0, now_ns)
                continue
            if not isinstance(block, Block):
                self._over = True
                if block is not None:
                    raise block
                return
            if self._stopping:
                continue  # read ahead and not recorded: as if it were still in the pipe
            self._last_ns, self._came = int(block.frames["ts"].max()), time.monotonic_ns()
            numbered = replace(block, first=first + given)
            given += len(block.frames)
            self.passed += len(block.frames)
            self.octets += int(block.frames["original"].sum())
            yield numbered

    def _read(self) -> None:
        end: BaseException | None = None
        try:
            for block in self.source.blocks():
                self._waiting.put(block)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever asks for blocks
            end = error
        self._waiting.put(end)


__all__ = ["Paced"]

"""Batches out to elsewhere: what takes them as they come, and must never hold capture up.

    outlet = Bounded(JournalOutlet(), "journal")
    outlet.write(permitted)                  # returns at once: queued, or counted as dropped
    outlet.tally()                           # rows written, dropped, failed; what waits
    outlet.close()                           # what waits is given some time

A `Sink` writes files whole or not at all. An `Outlet` hands batches to somebody who may be slow or gone:
a socket, a broker, a collector. `Bounded` stands before it: a thread of its own, and a queue
with a bound in batches and in octets. What finds no room is dropped, and counted.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from sonde.table.permitted import Permitted

MOST_BATCHES = 256  # that may wait for an outlet
MOST_OCTETS = 64 << 20  # that may wait for an outlet, as Arrow counts them
PATIENCE_S = 5.0  # at the end, for what waits


class Outlet(Protocol):
    """Who takes permitted batches away. Called by one thread; errors are exceptions, and cost that batch."""

    def write(self, permitted: Permitted) -> None:
        """Take one batch of one table; may wait. An exception means that the batch is lost."""

    def close(self) -> None:
        """Send what is held back, and let go."""

    def tally(self) -> Mapping[str, int]:
        """Give counters of its own, by name; called by any thread."""


class Bounded:
    """An outlet behind a bounded queue and a thread: `write` never waits. Written by one thread."""

    def __init__(
        self, outlet: Outlet, name: str, *, most_batches: int = MOST_BATCHES, most_octets: int = MOST_OCTETS
    ) -> None:
        """Begin the thread; `name` is what counters and messages call the outlet."""
        self.name, self.outlet = name, outlet
        self.most_batches, self.most_octets = most_batches, most_octets
        self.written = self.dropped = self.failed = 0  # rows
        self.state = "idle"  # idle, up, failing, closed
        self._waiting: deque[Permitted] = deque()
        self._octets = 0
        self._turn = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name=f"sonde-outlet-{name}", daemon=True)
        self._thread.start()

    def write(self, permitted: Permitted) -> None:
        """Queue a batch, or count its rows as dropped; TypeError for what did not pass the gate."""
        if not isinstance(permitted, Permitted):
            raise TypeError("an outlet takes only what passed the egress gate")
        size, rows = permitted.batch.nbytes, permitted.batch.num_rows
        with self._turn:
            full = len(self._waiting) >= self.most_batches or self._octets + size > self.most_octets
            if full or self._over:
                self.dropped += rows
                return
            self._waiting.append(permitted)
            self._octets += size
            self._turn.notify()

    def tally(self) -> Mapping[str, int]:
        """Give rows written, dropped and failed, what waits, and the outlet's own counters."""
        with self._turn:
            own = {
                "written": self.written,
                "dropped": self.dropped,
                "failed": self.failed,
                "waiting_batches": len(self._waiting),
                "waiting_octets": self._octets,
            }
        return {**self.outlet.tally(), **own}

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Give what waits some time, count the rest as dropped, and end."""
        deadline = time.monotonic() + patience_s
        with self._turn:
            while self._waiting and time.monotonic() < deadline:
                self._turn.wait(0.05)
            self._over = True
            self.dropped += sum(each.batch.num_rows for each in self._waiting)
            self._waiting.clear()
            self._octets = 0
            self._turn.notify()
        self._thread.join(max(0.1, deadline - time.monotonic()))
        self.state = "closed"

    def _run(self) -> None:
        while True:
            with self._turn:
                while not self._waiting and not self._over:
                    self._turn.wait()
                if not self._waiting:
                    break
                permitted = self._waiting.popleft()
                self._octets -= permitted.batch.nbytes
                self._turn.notify()
            try:
                self.outlet.write(permitted)
            except Exception:  # noqa: BLE001 - its text may repeat what was read; the count says that it failed
                self.failed += permitted.batch.num_rows
                self.state = "failing"
            else:
                self.written += permitted.batch.num_rows
                self.state = "up"
        try:
            self.outlet.close()
        except Exception:  # noqa: BLE001 - as above
            self.state = "failing"


__all__ = ["MOST_BATCHES", "MOST_OCTETS", "Bounded", "Outlet"]

"""The library on the wire: permitted batches as they come.

for batch in sonde.live("eth0", policy="office.toml", signers="allowed_signers", audit="audit"):
    batch.table, batch.batch.num_rows     # a table's name, and Arrow rows that passed the gate
"""

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sonde.pipeline.start import Options, started
from sonde.pipeline.state import State
from sonde.sink.outlet import Bounded
from sonde.table.permitted import Permitted

MIB = 1 << 20
BATCHES_AHEAD = 4
WAIT_S = 0.2


class _Handing:
    """An outlet that hands batches to whoever iterates; while that one is busy, the queue before it fills."""

    def __init__(self) -> None:
        self.batches: queue.Queue[Permitted] = queue.Queue(BATCHES_AHEAD)
        self.is_over = False

    def write(self, permitted: Permitted) -> None:
        while not self.is_over:
            try:
                self.batches.put(permitted, timeout=WAIT_S)
            except queue.Full:
                continue
            return

    def close(self) -> None:
        """Do nothing: what was handed over is there to be taken."""

    def tally(self) -> Mapping[str, int]:
        return {}


def live(  # noqa: PLR0913 - all by name
    interfaces: str | Iterable[str],
    *,
    policy: str | Path,
    signers: str | Path | None = None,
    tables: Iterable[str] | None = None,
    keys: str | Path | None = None,
    audit: str | Path | None = None,
    output: str | Path | None = None,
    filter: str = "",  # noqa: A002 - as the option is called
    lanes: int = 0,
    memory: int = 512 * MIB,
    state: State | None = None,
) -> Iterator[Permitted]:
    """Watch interfaces as `sonde live` does; give each batch that passed the gate.

    It ends when you leave the loop, or the input does (`-`, a pipe). What you are too slow for is dropped,
    and counted in `state.sinks["library"]`, if you gave a `State` to look at. The rights of your process stay
    as they are. Raises ValueError with a sentence for the user where it cannot begin.
    """
    handing = _Handing()
    options = Options(
        interfaces=[interfaces] if isinstance(interfaces, str) else list(interfaces),
        policy=str(policy),
        signers=Path(signers) if signers else None,
        output=Path(output) if output else None,
        tables=list(tables) if tables is not None else None,
        keys=Path(keys) if keys else None,
        audit=Path(audit) if audit else None,
        filter=filter,
        lanes=lanes,
        memory=memory,
        outlets=[lambda _: Bounded(handing, "library")],
        confines=False,
        state=state or State(),
    )
    failed: list[BaseException] = []
    with started(options) as probe:

        def work() -> None:
            try:
                probe.run()
            except BaseException as error:  # noqa: BLE001 - raised again where it is iterated
                failed.append(error)

        worker = threading.Thread(target=work, name="sonde-live", daemon=True)
        worker.start()
        try:
            while True:
                try:
                    yield handing.batches.get(timeout=WAIT_S)
                except queue.Empty:
                    if not worker.is_alive() and not probe.outlets[0].tally()["waiting_batches"]:
                        break
        finally:
            handing.is_over = True
            probe.stop()
            worker.join()
    if failed:
        raise failed[0]


__all__ = ["live"]

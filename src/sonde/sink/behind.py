"""A sink that writes in a thread of its own, one batch after the other, while the next is built.

    with Behind(ParquetSink(folder, schemas)) as sink:
        sink.write(permitted)
        files = sink.close()

To encode a batch as Parquet takes a third of the time that it takes to build it, and does not need the
interpreter. What goes wrong in the thread is raised by the next call.
"""

import queue
import threading
from typing import Self

from sonde.sink.files import Sink
from sonde.table.permitted import Permitted


class Behind:
    """Stands before a sink and is one."""

    def __init__(self, sink: Sink) -> None:
        """Write to this sink."""
        self.sink, self.tables_apart = sink, sink.tables_apart
        self._waiting: queue.SimpleQueue[Permitted | None] = queue.SimpleQueue()
        self._is_free = threading.Semaphore()  # one batch at a time, for the sake of memory
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write_all, name="sonde-sink", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End the thread; where something went wrong, leave what waits unwritten."""
        self._error = self._error or error
        self._end()

    def write(self, permitted: Permitted) -> None:
        """Hand a batch over when the one before is written; raise what went wrong with it."""
        self._is_free.acquire()
        if self._error is not None:
            self._is_free.release()
            raise self._error
        self._waiting.put(permitted)

    def close(self) -> dict[str, list[str]]:
        """Wait for all batches, then finish the files."""
        self._end()
        if self._error is not None:
            raise self._error
        return self.sink.close()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _write_all(self) -> None:
        while (permitted := self._waiting.get()) is not None:
            try:
                if self._error is None:
                    self.sink.write(permitted)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                self._error = error
            del permitted
            self._is_free.release()


__all__ = ["Behind"]

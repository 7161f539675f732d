"""A sink that writes in its own thread: all is written in order, and what goes wrong is raised, never lost."""

import threading
import time
from typing import Any

import pytest

from sonde.sink import Behind


class Slow:
    """A sink that takes its time, and breaks at one batch if told to."""

    tables_apart = True

    def __init__(self, breaks_at: Any = None) -> None:
        self.breaks_at = breaks_at
        self.written: list[Any] = []
        self.threads: set[str] = set()

    def write(self, permitted: Any) -> None:
        time.sleep(0.001)
        if permitted == self.breaks_at:
            raise OSError(28, "No space left on device")
        self.written.append(permitted)
        self.threads.add(threading.current_thread().name)

    def close(self) -> dict[str, list[str]]:
        return {"flows": ["part"]}


def alive() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "sonde-sink"]


def test_all_is_written_in_order_by_one_other_thread() -> None:
    slow: Any = Slow()
    with Behind(slow) as sink:
        for number in range(50):
            sink.write(number)  # type: ignore[arg-type]
        assert sink.close() == {"flows": ["part"]}
    assert slow.written == list(range(50))
    assert slow.threads == {"sonde-sink"}
    assert not alive()


def write(sink_below: Any, count: int, *, closes: bool = False, ends: BaseException | None = None) -> None:
    """Write so many batches, and then close or end."""
    with Behind(sink_below) as sink:
        for number in range(count):
            sink.write(number)  # type: ignore[arg-type]
        if closes:
            sink.close()
        if ends is not None:
            raise ends


def test_a_batch_that_cannot_be_written_is_raised_by_the_next_call() -> None:
    slow = Slow(breaks_at=3)
    with pytest.raises(OSError, match="No space left"):
        write(slow, 50)
    assert slow.written == [0, 1, 2]
    assert not alive()


def test_the_last_batch_is_waited_for_and_raised_on_closing() -> None:
    with pytest.raises(OSError, match="No space left"):
        write(Slow(breaks_at=1), 2, closes=True)
    assert not alive()


def test_an_interrupted_run_ends_the_thread() -> None:
    with pytest.raises(KeyboardInterrupt):
        write(Slow(), 1, ends=KeyboardInterrupt())
    assert not alive()

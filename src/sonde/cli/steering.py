"""Signals that steer what goes on: SIGTERM and SIGINT end it, SIGHUP reads the policy again, SIGUSR1 shows it."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

Handler: TypeAlias = Callable[[int, Any], object]


class Steered(Protocol):
    """What goes on until it is told to end."""

    is_stopping: bool

    def stop(self) -> None:
        """End clean, soon."""

    def reload(self) -> None:
        """Look at the policy's file again, soon."""


@contextmanager
def steered(probe: Steered, show: Callable[[], object]) -> Iterator[None]:
    """Let signals steer; a second request to end does not wait for the first."""

    def end(number: int, frame: object) -> None:
        if probe.is_stopping:
            raise KeyboardInterrupt
        probe.stop()

    handlers: dict[signal.Signals, Handler] = {
        signal.SIGTERM: end,
        signal.SIGINT: end,
        signal.SIGHUP: lambda _number, _frame: probe.reload(),
        signal.SIGUSR1: lambda _number, _frame: show(),
    }
    with handled(handlers):
        yield


@contextmanager
def handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Have signals handled so, and as before afterwards."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["handled", "steered"]

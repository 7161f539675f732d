"""Compiling on several cores, where a kernel is needed that no run before has kept.

Theory of operation. Numba compiles under one lock, so each core gets a process. They are
forked before this process has threads and wait on a pipe for the numbers of tasks; a task
is some calls of kernels that share what they call. What they make lies in the cache
folder. Nothing is forked where nothing is missing.
"""

import ctypes
import os
import select
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from sonde.wire.jit import INTERPRETED, Kernel, announce_kernel, keep

Call = tuple[Kernel[..., Any], tuple[Any, ...]]
PATIENCE_S = 1.0  # between looks at whether the processes live
PR_SET_PDEATHSIG = 1  # linux/prctl.h
NUMBER = 2  # octets of a task's number on a pipe


class Compilers:
    """Some processes that compile tasks; close when all is read."""

    def __init__(self, tasks: Sequence[Sequence[Call]], workers: int, sure: int = 0) -> None:
        """Begin `workers` processes if any of the first `sure` tasks, which every run needs, lacks machine code.

        What only some inputs need may lack it for ever; that is compiled where it is called.
        """
        self.tasks = tasks
        self.lock = threading.Lock()
        self.children: list[int] = []
        lacking = set() if INTERPRETED else {number for number, task in enumerate(tasks) if not _kept(task)}
        self.lacking = lacking
        if workers > 1 and not lacking.isdisjoint(range(sure)):
            self._begin(workers)

    def _begin(self, workers: int) -> None:
        import sonde.wire.compile  # noqa: F401 - Numba, once, before the fork

        wanted, self.ask = os.pipe()
        self.told, done = os.pipe()
        for _ in range(workers):
            parent, child = os.getpid(), os.fork()
            if child == 0:
                _die_with(parent)
                os.close(self.ask)
                os.close(self.told)
                _serve(self.tasks, wanted, done)
            self.children.append(child)
        os.close(wanted)
        os.close(done)

    def compile(self, numbers: Sequence[int]) -> None:
        """See to it that these tasks have machine code, where processes are there to make it."""
        if not self.lacking.intersection(numbers):
            return
        with self.lock:
            asked = [number for number in numbers if number in self.lacking]
            self.lacking -= set(asked)
            if not self.children or not asked:
                return
            announce_kernel(self.tasks[asked[0]][0][0].name)
            for number in asked:
                os.write(self.ask, number.to_bytes(NUMBER, "big"))
            left = set(asked)
            while left and self._all_alive():
                if select.select([self.told], [], [], PATIENCE_S)[0]:
                    number = int.from_bytes(os.read(self.told, NUMBER), "big")
                    left.discard(number)
                    announce_kernel(self.tasks[number][0][0].name)

    def _all_alive(self) -> bool:
        """Say whether no process has died; if one has, this one compiles what it needs."""
        for child in self.children:
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == child:
                    self.children.remove(child)
                    return False
        return bool(self.children)

    def __enter__(self) -> Self:
        """Use the processes as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes: at once where the run failed, for then nobody needs what they make."""
        for child in self.children if kind is not None else ():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """End the processes when they are through with what they are at."""
        if not self.children:
            return
        os.close(self.ask)
        os.close(self.told)
        for child in self.children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
        self.children.clear()


def _die_with(parent: int) -> None:
    """See to it that this process ends when its parent does, however that ends."""
    with suppress(OSError, AttributeError):  # another system: it ends when nobody asks any more
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _kept(task: Sequence[Call]) -> bool:
    return all(kernel.kept_at(args).exists() for kernel, args in task)


def _serve(tasks: Sequence[Sequence[Call]], wanted: int, done: int) -> None:
    """Compile what is asked for until nobody asks any more; the life of a child."""
    from sonde.wire.compile import compile_kernel

    status = 1
    try:
        while number := os.read(wanted, NUMBER):
            for kernel, args in tasks[int.from_bytes(number, "big")]:
                place = kernel.kept_at(args)
                if not place.exists():
                    with suppress(Exception):  # it will fail again, and tell, where it is called
                        keep(place, compile_kernel(kernel, args))
            os.write(done, number)
        status = 0
    finally:
        os._exit(status)

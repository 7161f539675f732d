"""Compiling on several cores, where a kernel is needed that no run before has kept.

Theory of operation. Numba compiles under one lock, so each core gets a process. They are
forked before this process has threads and wait on a pipe for the numbers of tasks; a task
is some calls of kernels that share what they call, or a rehearsal: a function that calls
kernels on empty tables, each of which is compiled when its turn comes. What they make lies
in the cache folder. Nothing is forked where nothing is missing.
"""

import ctypes
import gc
import os
import select
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

from sonde.wire.jit import INTERPRETED, Kernel, announce_kernel
from sonde.wire.kept import keep

Call = tuple[Kernel[..., Any], tuple[Any, ...]]
Task: TypeAlias = Sequence[Call] | Callable[[], object]
PATIENCE_S = 1.0  # between looks at whether the processes live
PR_SET_PDEATHSIG = 1  # linux/prctl.h
NUMBER = 2  # octets of a task's number on a pipe
MESSAGE = 16  # octets of a message: some tasks for one process, one after the other
NOTHING = b"\xff\xff"  # fills a message up: the one number that no task has


class Compilers:
    """Some processes that compile tasks; close when all is read."""

    def __init__(self, tasks: Sequence[Task], workers: int, sure: int = 0) -> None:
        """Begin `workers` processes if any of the first `sure` tasks, which every run needs, lacks machine code.

        What only some inputs need may lack it for ever; that is compiled where it is called.
        """
        self.tasks = tasks
        self.lock = threading.Lock()
        self.children: list[int] = []
        self.asked: set[int] = set()
        self.lacking: set[int] = set()
        if workers > 1 and not INTERPRETED and not all(map(_kept, tasks[:sure])):
            self.lacking = {number for number, task in enumerate(tasks) if callable(task) or not _kept(task)}
            self._begin(workers)

    def _begin(self, workers: int) -> None:
        import sonde.wire.compile  # noqa: F401 - Numba, once, before the fork

        gc.freeze()
        wanted, self.ask = os.pipe()
        self.told, done = os.pipe()
        for _ in range(workers):
            parent, child = os.getpid(), os.fork()
            if child == 0:
                die_with(parent)
                os.close(self.ask)
                os.close(self.told)
                _serve(self.tasks, wanted, done)
            self.children.append(child)
        os.close(wanted)
        os.close(done)

    def begin(self, numbers: Iterable[int]) -> None:
        """Have tasks compiled as processes become free, what is named first before others that are alike.

        `compile` waits for what is needed.
        """
        if not self.children:
            return
        fresh = [number for number in dict.fromkeys(numbers) if number in self.lacking and number not in self.asked]
        self.asked.update(fresh)
        for chain in _chains({number: _parts(self.tasks[number]) for number in fresh}):
            os.write(self.ask, _message(chain))

    def compile(self, numbers: Sequence[int]) -> None:
        """See to it that these tasks have machine code, where processes are there to make it."""
        if not self.lacking.intersection(numbers):
            return
        with self.lock:
            left = self.lacking.intersection(numbers)
            if not self.children or not left:
                self.lacking -= left
                return
            announce_kernel(self._name_of(min(left)))
            self.begin(numbers)
            while left and self._all_alive():
                if select.select([self.told], [], [], PATIENCE_S)[0]:
                    number = int.from_bytes(os.read(self.told, NUMBER), "big")
                    self.lacking.discard(number)
                    left.discard(number)
                    announce_kernel(self._name_of(number))
            self.lacking -= left

    def _name_of(self, number: int) -> str:
        task = self.tasks[number]
        return "the rest" if callable(task) else task[0][0].name

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
        """End the processes."""
        self.close()

    def close(self) -> None:
        """End the processes: what they are still at, nobody waits for."""
        if not self.children:
            return
        for child in self.children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os.close(self.ask)
        os.close(self.told)
        for child in self.children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
        self.children.clear()


def die_with(parent: int) -> None:
    """See to it that this process ends when its parent does, however that ends."""
    with suppress(OSError, AttributeError):  # another system: it ends when nobody asks any more
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _kept(task: Task) -> bool:
    """Say whether a task has its machine code; of a rehearsal only its doing would tell."""
    return callable(task) or all(kernel.kept_at(args).exists() for kernel, args in task)


def _parts(task: Task) -> frozenset[bytes]:
    """Give what a task's kernels are made from; a rehearsal calls many small ones."""
    return frozenset() if callable(task) else frozenset().union(*[kernel.parts for kernel, _ in task])


def _chains(parts: dict[int, frozenset[bytes]]) -> list[list[int]]:
    """Leave to one process, one after the other, tasks of which half is the same: it compiles that once.

    Those with a large one come first, so that no process is left with one at the end; within a chain, what was
    named first: it may be waited for, and the others not.
    """
    chains: list[list[int]] = []
    for number in sorted(parts, key=lambda number: -len(parts[number])):
        mine = parts[number]
        for chain in chains:
            other = parts[chain[0]]
            if len(mine & other) * 2 > len(mine | other) and len(chain) < MESSAGE // NUMBER:
                chain.append(number)
                break
        else:
            chains.append([number])
    places = {number: place for place, number in enumerate(parts)}
    return [sorted(chain, key=places.__getitem__) for chain in chains]


def _message(chain: Sequence[int]) -> bytes:
    """Write a chain of tasks as one message, of the length that a pipe hands to one reader whole."""
    octets = b"".join(number.to_bytes(NUMBER, "big") for number in chain)
    return octets + NOTHING * ((MESSAGE - len(octets)) // NUMBER)


def _numbers(message: bytes) -> list[int]:
    """Read the tasks of a message back."""
    numbers = [message[place : place + NUMBER] for place in range(0, len(message), NUMBER)]
    return [int.from_bytes(number, "big") for number in numbers if number != NOTHING]


def _serve(tasks: Sequence[Task], wanted: int, done: int) -> None:
    """Compile what is asked for until nobody asks any more; the life of a child."""
    gc.disable()  # Numba leaves little garbage, and looking for it takes a fifteenth of the time
    status = 1
    try:
        while message := os.read(wanted, MESSAGE):
            for number in _numbers(message):
                with suppress(Exception):  # it will fail again, and tell, where it is called
                    _compile_task(tasks[number])
                os.write(done, number.to_bytes(NUMBER, "big"))
        status = 0
    finally:
        os._exit(status)


def _compile_task(task: Task) -> None:
    from sonde.wire.compile import compile_kernel

    if callable(task):
        task()
        return
    for kernel, args in task:
        place = kernel.kept_at(args)
        if not place.exists():
            keep(place, compile_kernel(kernel, args))

"""Several kernels called one after the other, without the interpreter in between.

    calls = Calls()
    calls.add(first_kernel, wire, rows)
    calls.add(second_kernel, rows)
    calls.run(upon_fault)

Each kernel that returns to Python waits for the interpreter, which other threads are at: a block of frames
takes some fifty calls, and waiting took a fifth of a lane's time.
"""

import ctypes
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from sonde.wire.jit import INTERPRETED, Kernel, here, kernel
from sonde.wire.machine import NONE, KernelFault, Machine
from sonde.wire.read import Int, Ints

PAIR = 2  # words of a call: where its code lies, and where its arguments
#: What goes wrong in a kernel, as machine code or as plain Python.
FAULTS = (KernelFault, IndexError, ArithmeticError, ValueError)


@kernel(emit="call_at")
def call_at(address: Int, words: Int) -> Int:
    """Call the machine code at an address with the address of its arguments; give its status."""
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64)(int(address))(words)


@kernel
def call_all(calls: Ints, first: Int) -> Int:
    """Make calls from the one numbered `first` on; give the number of the one that failed, or how many there are."""
    for number in range(first, len(calls) // PAIR):
        status = call_at(calls[PAIR * number], calls[PAIR * number + 1])
        if status != 0 and status != NONE:
            return number
    return len(calls) // PAIR


class Calls:
    """Calls of kernels in order; for one thread, and to be run once."""

    def __init__(self) -> None:
        """Begin without any."""
        self.made: list[tuple[Kernel[..., Any], tuple[Any, ...]]] = []
        self.machines: list[tuple[Machine, array[int]]] = []
        self.places = array("q")

    def add(self, of: Kernel[..., Any], *args: Any) -> None:  # noqa: ANN401 - what kernels take
        """Append a call; its machine code is fetched, or made, now."""
        self.made.append((of, args))
        if not (INTERPRETED or here.interprets):
            machine, words, base = of.lay_out(args)
            self.machines.append((machine, words))
            self.places.extend((machine.address, base))

    def repeat(self, number: int) -> None:
        """Append a call that was added before, by its number: its arguments are laid out once."""
        self.made.append(self.made[number])
        if self.machines:
            self.machines.append(self.machines[number])
            self.places.extend(self.places[PAIR * number : PAIR * (number + 1)])

    def run(self, upon_fault: Callable[[Kernel[..., Any], Exception], bool]) -> None:
        """Make the calls. `upon_fault` is told of one that fails; it says whether to make it again, or raises."""
        number = 0
        places = np.frombuffer(self.places, np.int64) if self.places else None
        while number < len(self.made):
            fault: Exception | None = None
            if places is None:
                fault = _interpret(*self.made[number])
            else:
                number = call_all(places, number)
                if number < len(self.made):
                    machine, words = self.machines[number]
                    fault = machine.fault(words)
            if fault is None or not upon_fault(self.made[number][0], fault):
                number += 1


def _interpret(of: Kernel[..., Any], args: tuple[Any, ...]) -> Exception | None:
    """Run a kernel as plain Python; give what went wrong."""
    try:
        of(*args)
    except FAULTS as fault:
        return fault
    return None


__all__ = ["FAULTS", "Calls"]

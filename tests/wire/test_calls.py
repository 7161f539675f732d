"""Calls in a row: in order, each fault told with the kernel it is of, and all else done."""

import threading
import time
from array import array
from typing import Any

import numpy as np
import pytest

from sonde.wire import INTERPRETED, Calls, Kernel, interpreting, jit, kernel
from sonde.wire.calls import call_all


@kernel
def append(numbers: Any, number: int) -> None:
    """Write a number behind the others; the first says how many there are."""
    numbers[0] += 1
    numbers[numbers[0]] = number


@kernel
def total(numbers: Any) -> int:
    """Give a result, which nobody asks for."""
    return numbers[0] + 1


@kernel
def consume(numbers: Any, limit: int) -> None:
    """Take one step after the other; trip over each that is odd, one step on."""
    while numbers[0] < limit:
        numbers[0] += 1
        if numbers[0] % 2:
            numbers[len(numbers)] = 1


def refuse(of: Kernel[..., Any], fault: Exception) -> bool:
    raise fault


@pytest.mark.parametrize("interpreted", [False, True])
def test_calls_are_made_in_order(interpreted: bool) -> None:
    numbers, wide = np.zeros(8, np.int64), np.zeros(8, np.uint32)
    with interpreting(is_wanted=interpreted):
        calls = Calls()
        for number in (5, 3, 4):
            calls.add(append, numbers, number)
            calls.add(total, numbers)
            calls.add(append, wide, number + 1)
        assert not numbers.any()
        calls.run(refuse)
    assert numbers.tolist() == [3, 5, 3, 4, 0, 0, 0, 0]
    assert wide.tolist() == [3, 6, 4, 5, 0, 0, 0, 0]


@pytest.mark.parametrize("interpreted", [False, True])
def test_a_call_is_repeated_where_it_stands(interpreted: bool) -> None:
    numbers, others = np.zeros(8, np.int64), np.zeros(8, np.int64)
    with interpreting(is_wanted=interpreted):
        calls = Calls()
        calls.add(append, numbers, 5)
        calls.add(append, others, 6)
        for number in (0, 0, 1):
            calls.repeat(number)
        calls.add(append, numbers, 7)
        calls.run(refuse)
    assert numbers.tolist() == [4, 5, 5, 5, 7, 0, 0, 0]
    assert others.tolist() == [2, 6, 6, 0, 0, 0, 0, 0]


def test_no_calls_are_no_fault() -> None:
    Calls().run(refuse)


def test_a_call_that_fails_is_told_and_made_again_as_long_as_wanted() -> None:
    first, second, told = np.zeros(4, np.int64), np.zeros(4, np.int64), []
    calls = Calls()
    calls.add(consume, first, 7)
    calls.add(append, second, 9)
    calls.run(lambda of, fault: told.append((of.name, type(fault).__name__)) is None)
    assert first[0] == 7
    assert second.tolist() == [1, 9, 0, 0]
    assert [name for name, _ in told] == ["tests.wire.test_calls.consume"] * 4
    assert {kind for _, kind in told} == {"IndexError" if INTERPRETED else "KernelFault"}


def test_a_call_that_is_given_up_keeps_none_from_being_made() -> None:
    first, second = np.zeros(4, np.int64), np.zeros(4, np.int64)
    calls = Calls()
    calls.add(append, second, 1)
    calls.add(consume, first, 7)
    calls.add(append, second, 9)
    calls.run(lambda of, fault: False)
    assert first[0] == 1
    assert second.tolist() == [2, 1, 9, 0]


def test_what_is_raised_ends_the_calls() -> None:
    first, second = np.zeros(4, np.int64), np.zeros(4, np.int64)
    calls = Calls()
    calls.add(consume, first, 7)
    calls.add(append, second, 9)
    with pytest.raises(Exception, match="out of bounds"):
        calls.run(refuse)
    assert not second.any()


@pytest.mark.compiled
def test_machine_code_is_called_as_the_python_says() -> None:
    numbers = np.zeros(8, np.int64)
    machine, _, base = append.lay_out((numbers, 6))
    calls = np.array([machine.address, base], np.int64)
    assert call_all(calls, 0) == 1
    with interpreting(is_wanted=True):
        assert call_all(calls, 0) == 1
    assert numbers.tolist() == [2, 6, 6, 0, 0, 0, 0, 0]


class Slow(dict[Any, Any]):
    """Who counts its entries is overtaken by others."""

    def __len__(self) -> int:
        """Count them, and look away."""
        length = super().__len__()
        time.sleep(0.01)
        return length


def test_threads_give_no_two_types_of_tables_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a kernel would be called with tables that its machine code was not made for."""
    monkeypatch.setattr(jit, "_numbered", Slow())
    kinds = [np.dtype([(f"field_{number}", "i8")]) for number in range(8)]
    found: list[Any] = []

    def flatten(kind: Any) -> None:
        found.append(jit._flatten((np.zeros(1, kind),), array("q")))

    threads = [threading.Thread(target=flatten, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(kinds)


@pytest.mark.compiled
def test_arrays_with_gaps_are_refused() -> None:
    rows = np.zeros(8, np.dtype([("first", "i8"), ("second", "i8")]))
    square = np.zeros((4, 4), np.int64)
    for gaps in (rows["second"], np.zeros(8, np.int64)[::2], np.zeros(8, np.int64)[::-1], square.T, square[:, :2]):
        with pytest.raises(TypeError, match="without gaps"):
            append(gaps, 1)
        with pytest.raises(TypeError, match="without gaps"):
            Calls().add(append, gaps, 1)


@pytest.mark.compiled
def test_a_bound_kernel_refuses_arrays_with_gaps_behind_one_without() -> None:
    numbers = np.zeros(8, np.int64)
    bound = append.bind(5)
    bound(numbers)
    with pytest.raises(TypeError, match="without gaps"):
        bound(np.zeros(8, np.int64)[::2])

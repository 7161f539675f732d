"""What is left out to compile sooner changes nothing that a kernel does, and nothing for others who use Numba."""

import gc
import operator
from typing import Any

import numpy as np
import pytest

from sonde.wire import KernelFault, kernel

pytestmark = pytest.mark.compiled

OPERATORS = (
    *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.truediv, operator.pow),
    *(operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, operator.iadd, operator.ior),
    *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, min, max),
)


@kernel
def find_place(sorted_numbers: Any, number: int) -> int:
    """Find where a number belongs, by a function that Numba compiles with all of its passes."""
    return np.int64(np.searchsorted(sorted_numbers, number))


@kernel
def take_turns(wire: Any, times: int) -> int:
    """Give variables one type after another, and use them in and behind loops."""
    first, last = np.int64(0), (np.int64(1), np.int64(2))
    for turn in range(times):
        octet = wire[turn % len(wire)]
        first, last = last[0] + np.int64(octet), (last[1], first ^ turn)
        if first > 1000:
            first -= last[0]
            continue
        while first & 3:
            first += 1
    return first * 7 + last[0] - last[1]


@kernel
def read_at(numbers: Any, place: int) -> int:
    """Read an element."""
    return np.int64(numbers[place])


@kernel
def write_at(numbers: Any, place: int) -> int:
    """Write an element."""
    numbers[place] = 9
    return 0


@kernel
def read_side(rows: Any, row: int, side: int) -> int:
    """Read an element of an array that is a row's field."""
    return np.int64(rows[row]["pair"][side])


@kernel
def never_compiles(wire: Any) -> int:
    """Add what cannot be added."""
    return wire + "octets"  # type: ignore[no-any-return]


def test_numbers_are_resolved_as_numba_resolves_them() -> None:
    from numba import types
    from numba.core.registry import cpu_target

    from sonde.wire import compile as under_test

    context = cpu_target.typing_context
    context.refresh()
    kinds = [types.uint8, types.int64, types.uint64, types.float64, types.boolean]
    kinds += [types.IntegerLiteral(7), types.IntegerLiteral(0), types.BooleanLiteral(True)]
    for each in OPERATORS:
        function = context.resolve_value_type(each)
        for pair in [(left, right) for left in kinds for right in kinds]:
            found = [_told(under_test._resolve_once, function, context, pair) for _ in range(2)]
            assert found == [_told(under_test._resolve, function, context, pair)] * 2, (each, pair)
    assert operator.add in {function.typing_key for function, _ in under_test._resolved}
    # What Numba compiles from Python, with the options of its caller, is not kept: `min` in some versions.
    assert all(
        function.get_impl_key(told) is function.typing_key for (function, _), told in under_test._resolved.items()
    )


def _told(resolve: Any, function: Any, context: Any, pair: tuple[Any, Any]) -> Any:
    """Give a signature and what implements it; or that there is none."""
    from numba.core.errors import TypingError

    try:
        signature = resolve(function, context, pair, {})
    except TypingError:
        return None
    return signature, function.get_impl_key(signature)


def test_a_function_of_numpy_within_a_kernel_is_compiled_with_all_passes() -> None:
    numbers = np.array([2, 3, 5, 7, 11])
    assert [find_place(numbers, each) for each in (1, 5, 6, 12)] == [0, 2, 3, 5]


def test_only_kernels_go_without_lifetimes() -> None:
    from numba.core.compiler import run_frontend
    from numba.core.postproc import PostProcessor

    from sonde.wire import compile as under_test

    assert find_place.dispatcher is not None
    for function in (find_place.function, _count_down, _count_up):
        found = run_frontend(function)
        found.variable_lifetime = None
        under_test._tidy(PostProcessor(found), emit_dels=True)
        assert (found.variable_lifetime is not None) == (function is not find_place.function)


@pytest.mark.parametrize("times", [0, 1, 2, 50, 1000])
def test_variables_hold_what_they_hold_in_python(times: int) -> None:
    wire = np.arange(3, 250, 7, dtype=np.uint8)
    assert take_turns(wire, times) == take_turns.function(wire, times)


def test_numba_and_the_collector_are_left_as_they_were() -> None:
    from numba import njit
    from numba.core.errors import TypingError
    from numba.core.postproc import PostProcessor
    from numba.core.types.functions import BaseFunction

    from sonde.wire import compile as under_test

    assert gc.isenabled()
    with pytest.raises(TypingError):
        never_compiles(np.zeros(1, np.uint8))
    assert gc.isenabled()
    assert PostProcessor.run is under_test._find_lifetimes
    assert BaseFunction.get_call_type is under_test._resolve
    assert list(njit(_count_down)(3)) == [3, 2, 1]  # a generator needs to know how long variables live


def _count_down(number: int) -> Any:
    while number:
        yield number
        number -= 1


def _count_up(number: int) -> int:
    total = 0
    for each in range(number):
        total += each
    return total


def test_machine_code_tells_one_name_short_and_of_its_own() -> None:
    """The engine that loads it has one list of names: kernels of any arguments are in it."""
    from sonde.wire.compile import compile_kernel

    names = set()
    for dtype in (np.uint8, np.int64):
        head, _, code = compile_kernel(take_turns, (np.array([3, 5, 7], dtype), 10)).partition(b"\n")
        name = head.split(b" ")[0]
        names.add(name)
        assert code.count(name) == 1
        assert len(name) < 100
        assert b"take_turns" not in code.replace(name, b"")
        assert b"NumbaEnv" not in code
    assert len(names) == 2
    wide = take_turns(np.array([3, 5, 7], np.int64), 10)
    assert wide == take_turns(np.array([3, 5, 7], np.uint8), 10) == take_turns.function(np.array([3, 5, 7]), 10)


@pytest.mark.parametrize("place", [-1, -4, 4, 1 << 40, -(1 << 63)])
def test_no_index_counts_from_the_end(place: int) -> None:
    """A negative one is a defect of ours, and must not read or write what nobody meant."""
    numbers, rows = np.arange(4), np.zeros(4, [("pair", "i8", (2,))])
    assert read_at(numbers, 3) == 3
    assert read_side(rows, 3, 1) == 0
    for call in (
        lambda: read_at(numbers, place),
        lambda: write_at(numbers, place),
        lambda: read_side(rows, place, 0),
        lambda: read_side(rows, 0, place),
    ):
        with pytest.raises(KernelFault, match="out of bounds"):
            call()
    assert numbers.tolist() == [0, 1, 2, 3]
    with pytest.raises(KernelFault, match="out of bounds"):
        read_at(numbers[:0], 0)

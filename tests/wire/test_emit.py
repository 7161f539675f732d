"""Each kernel with instructions of its own does what its Python says, bounds included."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.wire import KernelFault, copy, kernel, le16, le32, pick, prefetch, put64, u8, u16, u24, u32, u48, u64
from sonde.wire.hash import fold


@kernel
def read_all(wire: Any, at: int, out: Any) -> int:
    """Read a number of each kind from one place."""
    out[0] = u8(wire, at)
    out[1] = u16(wire, at)
    out[2] = u24(wire, at)
    out[3] = u32(wire, at)
    out[4] = u48(wire, at)
    out[5] = np.int64(u64(wire, at))
    out[6] = le16(wire, at)
    out[7] = le32(wire, at)
    return 0


@kernel
def fold_one(words: Any) -> int:
    """Fold the first two words into the third."""
    words[2] = fold(words[0], words[1])
    return 0


@kernel
def copy_some(source: Any, at: int, end: int, target: Any, put: int) -> int:
    """Copy, and give the place behind."""
    return copy(source, at, end, target, put)


@kernel
def put_some(words: Any, target: Any, at: int) -> int:
    """Write the first word, and give the place behind."""
    return put64(target, at, words[0])


@kernel
def pick_some(source: Any, rows: Any, numbers: Any, target: Any) -> None:
    """Take one element of rows; `numbers` are first, last, size, offset, put and step."""
    pick(source, rows, (numbers[0], numbers[1]), numbers[2], numbers[3], target, numbers[4], numbers[5])


@kernel
def hint_at(wire: Any, at: int) -> int:
    """Hint at an octet, and give the first."""
    prefetch(wire, at)
    return u8(wire, 0)


@pytest.mark.parametrize("at", [0, 7, 8, -1, 1 << 20, 1 << 62, -(1 << 63)])
def test_a_hint_changes_nothing_wherever_it_points(at: int) -> None:
    octets = np.arange(5, 13, dtype=np.uint8)
    assert hint_at(octets, at) == 5
    assert octets.tolist() == list(range(5, 13))


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 8))
@settings(max_examples=50, deadline=None)
def test_a_word_is_written_as_it_is_spelt(value: int, at: int) -> None:
    target = np.full(16, 7, np.uint8)
    assert put_some(np.array([value], np.uint64), target, at) == at + 8
    assert target.tobytes() == bytes([7] * at) + value.to_bytes(8, "big") + bytes([7] * (8 - at))


@pytest.mark.compiled
@pytest.mark.parametrize("at", [-1, -8, 1, 8, 1 << 40])
def test_a_word_beyond_the_octets_is_not_written(at: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        put_some(np.zeros(1, np.uint64), np.zeros(8, np.uint8), at)


@given(st.binary(min_size=8, max_size=40), st.data())
@settings(max_examples=100, deadline=None)
def test_readers_give_the_numbers_that_the_octets_spell(octets: bytes, data: Any) -> None:
    at = data.draw(st.integers(0, len(octets) - 8))
    out = np.zeros(8, np.int64)
    read_all(np.frombuffer(octets, np.uint8), at, out)
    part = octets[at : at + 8]
    wanted = [int.from_bytes(part[:size], "big") for size in (1, 2, 3, 4, 6)]
    wanted += [int.from_bytes(part, "big", signed=True)]
    wanted += [int.from_bytes(part[:size], "little") for size in (2, 4)]
    assert out.tolist() == wanted


@pytest.mark.compiled
@pytest.mark.parametrize("at", [-1, -8, 1, 8, 1 << 40, -(1 << 63)])
def test_a_read_beyond_the_octets_is_refused(at: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        read_all(np.zeros(8, np.uint8), at, np.zeros(8, np.int64))


@pytest.mark.compiled
@pytest.mark.parametrize("length", range(8))
def test_a_read_of_fewer_octets_than_it_takes_is_refused(length: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        read_all(np.zeros(8, np.uint8)[:length], 0, np.zeros(8, np.int64))


WORDS = st.integers(0, (1 << 64) - 1)


@given(WORDS, WORDS)
@settings(max_examples=100, deadline=None)
def test_fold_keeps_both_halves_of_the_product(a: int, b: int) -> None:
    words = np.array([a, b, 0], np.uint64)
    fold_one(words)
    product = a * b
    assert int(words[2]) == (product >> 64) ^ (product & ((1 << 64) - 1))


def test_copy_moves_octets_downwards_within_one_array() -> None:
    octets = np.arange(16, dtype=np.uint8)
    assert copy_some(octets, 4, 12, octets, 0) == 8
    assert octets[:12].tolist() == [*range(4, 12), 8, 9, 10, 11]


def test_copy_of_nothing_needs_no_room() -> None:
    assert copy_some(np.zeros(1, np.uint8), 5, 3, np.zeros(1, np.uint8), 9) == 9


@pytest.mark.compiled
@pytest.mark.parametrize(("at", "end", "put"), [(0, 9, 0), (0, 8, 1), (-1, 4, 0), (0, 4, -1)])
def test_a_copy_beyond_either_array_is_refused(at: int, end: int, put: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        copy_some(np.zeros(8, np.uint8), at, end, np.zeros(8, np.uint8), put)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64])
def test_pick_takes_one_element_of_each_row(kind: Any) -> None:
    source, target = np.arange(60).astype(kind), np.full(12, -1).astype(kind)
    pick_some(source, np.array([9, 5, 0, 2, 9]), np.array([1, 4, 6, 4, 2, 3]), target)
    nothing = int(target[0])
    assert target.tolist() == [nothing, nothing, 34, nothing, nothing, 4, nothing, nothing, 16, *[nothing] * 3]


def test_pick_of_nothing_needs_no_room() -> None:
    pick_some(np.zeros(0, np.int64), np.zeros(0, np.int64), np.array([3, 3, 6, 4, 9, 1]), np.zeros(0, np.int64))


@pytest.mark.compiled
@pytest.mark.parametrize(
    "numbers",
    [
        (0, 3, 6, 0, 0, 1),  # a row beyond the source
        (0, 2, 6, 6, 0, 1),  # an element beyond it
        (0, 2, 6, -7, 0, 1),  # and one before it
        (0, 4, 6, 0, 0, 1),  # more rows than there are numbers
        (-1, 1, 6, 0, 0, 1),
        (0, 2, 6, 0, 3, 1),  # the target is too short
        (0, 2, 6, 0, 1, 3),
        (0, 2, 6, 0, -1, 1),
    ],
)
def test_a_pick_beyond_any_array_is_refused(numbers: tuple[int, ...]) -> None:
    target = np.zeros(4, np.int64)
    with pytest.raises((KernelFault, IndexError)):
        pick_some(np.arange(12), np.array([0, 1, 2]), np.array(numbers), target)


@pytest.mark.compiled
def test_a_pick_from_nothing_is_refused() -> None:
    with pytest.raises((KernelFault, IndexError)):
        pick_some(np.zeros(0, np.int64), np.array([0]), np.array([0, 1, 6, 0, 0, 1]), np.zeros(4, np.int64))

"""Searches find what a look at one octet after the other finds, and read nothing that is not there."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonde.wire import KernelFault, find, find_like, find_octet, kernel


@kernel
def search(wire: Any, numbers: Any, found: Any) -> None:
    """Search in each way; `numbers` are at, end, octet, mask."""
    at, end, octet, mask = numbers[0], numbers[1], numbers[2], numbers[3]
    found[0] = find_like(wire, at, end, octet & mask, mask)
    found[1] = find_octet(wire, at, end, octet)
    found[2] = find(wire, at, end, octet)


def results(octets: bytes, *numbers: int) -> list[int]:
    """Search octets that end where the array ends."""
    found = np.zeros(3, np.int64)
    search(np.frombuffer(octets, np.uint8), np.array(numbers), found)
    return [int(each) for each in found]


@given(
    st.lists(st.sampled_from([0, 9, 10, 13, 41, 65, 97, 255]), max_size=90).map(bytes),
    st.integers(0, 95),
    st.integers(0, 95),
    st.sampled_from([0, 10, 97, 255, 77]),
    st.sampled_from([255, 0xDF, 1, 0]),
)
@example(bytes(16), 0, 16, 1, 255)
@example(bytes(15) + b"\1", 0, 16, 1, 255)
@example(bytes(17) + b"\1", 1, 18, 1, 255)
@example(bytes(31) + b"\1", 0, 32, 1, 255)
@settings(max_examples=600, deadline=None)
def test_the_first_that_is_as_wanted_is_found(octets: bytes, at: int, end: int, octet: int, mask: int) -> None:
    end = min(end, len(octets))
    like = next((place for place in range(at, end) if octets[place] & mask == octet & mask), max(at, end))
    same = octets.find(octet, at, max(at, end))
    assert results(octets or b"\0", at, end, octet, mask) == [like, same if same >= 0 else max(at, end), same]


@pytest.mark.compiled
@pytest.mark.parametrize(("at", "end"), [(0, 41), (30, 41), (40, 41), (-1, 5), (-20, 1), (0, 1 << 40)])
def test_a_search_beyond_the_octets_is_refused(at: int, end: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        results(bytes(40), at, end, 1, 255)

"""Rows field by field are the rows that NumPy would lay in the same order."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.dissect import all_dissectors
from sonde.schema import row_dtype
from sonde.table.fieldwise import Fieldwise, in_order, laid_out
from sonde.table.flows import FLOW, KEY

DTYPES = [FLOW, KEY, *dict.fromkeys(row_dtype(record) for each in all_dissectors() for record in each.records)]


def room(octets: int) -> Any:
    """Give memory, not clean."""
    return np.full(octets, 0xA5, np.uint8)


LENGTHS = st.lists(st.integers(0, 90), min_size=1, max_size=4)


@given(st.sampled_from(DTYPES), LENGTHS, st.integers(0, 1 << 32), st.booleans())
@settings(max_examples=60, deadline=None)
def test_fields_are_those_of_rows_in_order(dtype: Any, lengths: list[int], seed: int, is_sorted: bool) -> None:
    chance = np.random.default_rng(seed)
    parts = [np.frombuffer(chance.bytes(length * dtype.itemsize), dtype).copy() for length in lengths]
    order = np.arange(sum(lengths)) if is_sorted else chance.permutation(sum(lengths))
    wanted = np.concatenate(parts)[order]
    found = in_order(parts, order, room)
    assert len(found) == len(wanted)
    for name in dtype.names:
        assert found[name].dtype == wanted[name].dtype
        assert found[name].shape == wanted[name].shape
        assert found[name].tobytes() == wanted[name].tobytes(), name
    assert found.octets is not None
    again = laid_out(found.octets.copy(), dtype, len(wanted))
    assert all(again[name].tobytes() == found[name].tobytes() for name in dtype.names)


def test_some_rows_are_taken_as_numpy_takes_them() -> None:
    rows = np.zeros(10, KEY)
    rows["frame"] = np.arange(10)
    whole = in_order([rows[:4].copy(), rows[4:].copy()], np.arange(10)[::-1], room)
    some = whole[2:5]
    assert isinstance(some, Fieldwise)
    assert some["frame"].tolist() == [7, 6, 5]
    assert len(whole[np.array([9, 0])]) == 2
    some["frame"][0] = 70  # of a slice, what is written is written to the whole
    assert whole["frame"][2] == 70

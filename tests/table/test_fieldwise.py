"""Rows that are laid out field by field are the rows that NumPy takes, in whatever order they are asked for."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.dissect import all_dissectors
from sonde.schema import row_dtype
from sonde.table.fieldwise import Fieldwise, Tray, chosen, joined, take_fields, views
from sonde.table.flows import FLOW, KEY, RECORDED
from sonde.wire import kernel

DTYPES = [FLOW, KEY, *dict.fromkeys(row_dtype(record) for each in all_dissectors() for record in each.records)]


def room(octets: int) -> Any:
    """Give memory, not clean."""
    return np.full(octets, 0xA5, np.uint8)


@kernel
def put_on(of: Any, size: int, numbers: Any, keyed: Any, key_size: int, slots: Any, to: Any) -> None:
    """Put rows and their keys on a tray."""
    take_fields(of, size, to.fields, numbers, len(numbers), to)
    take_fields(keyed, key_size, to.keys, slots, len(slots), to)
    to.filled[0] += len(numbers)


def rows_of(dtype: Any, length: int, chance: Any) -> Any:
    """Make rows by chance."""
    return np.frombuffer(chance.bytes(length * dtype.itemsize), dtype).copy()


LENGTHS = st.lists(st.integers(0, 90), min_size=1, max_size=4)


@given(st.sampled_from(DTYPES), LENGTHS, st.integers(0, 9), st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_fields_are_those_of_the_rows_that_were_put(dtype: Any, lengths: list[int], more: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    flows = rows_of(FLOW, 50, chance)
    tray = Tray(chosen(dtype), chosen(FLOW, KEY.names or ()), sum(lengths) + more, room)
    wanted, keys = [], []
    for length in lengths:
        rows = rows_of(dtype, 100, chance)
        numbers, slots = chance.integers(0, 100, length), chance.integers(0, 50, length)
        put_on(
            views(rows.view(np.uint8)), dtype.itemsize, numbers,
            views(flows.view(np.uint8)), FLOW.itemsize, slots, tray.room,
        )  # fmt: skip
        wanted.append(rows[numbers])
        keys.append(flows[slots])
    assert len(tray) == sum(lengths)
    assert tray.left == more
    for found in (tray, tray.trimmed()):
        assert_alike(found.rows(), np.concatenate(wanted), dtype.names)
        assert_alike(found.keys(), np.concatenate(keys), KEY.names)
    order = chance.permutation(len(tray))
    assert_alike(tray.rows()[order], np.concatenate(wanted)[order], dtype.names)
    assert_alike(joined([tray.rows(), tray.rows()]), np.concatenate(wanted * 2), dtype.names)


def assert_alike(found: Fieldwise, wanted: Any, names: Any) -> None:
    """See that fields are equal, octet for octet."""
    assert len(found) == len(wanted)
    assert set(found.names) == set(names)
    for name in names:
        assert found[name].dtype == wanted[name].dtype
        assert found[name].shape == wanted[name].shape
        assert found[name].tobytes() == wanted[name].tobytes(), name


def test_a_field_that_is_not_recorded_of_flows_is_not_there() -> None:
    rows = Tray(chosen(FLOW, RECORDED), (), 3, room).rows()
    assert "frame" in rows.names
    assert "hash" not in rows.names


def frames(count: int) -> Fieldwise:
    """Give rows that count."""
    return Fieldwise({"frame": np.arange(count), "octets": np.arange(2 * count).reshape(count, 2)}, count)


def test_some_rows_are_taken_as_numpy_takes_them() -> None:
    turned = frames(10)[np.arange(10)[::-1]]
    some = turned[2:5]
    assert some["frame"].tolist() == [7, 6, 5]
    assert some["octets"].tolist() == [[14, 15], [12, 13], [10, 11]]
    assert turned[np.array([9, 0])]["frame"].tolist() == [0, 9]
    assert turned[:10] is turned


def test_what_is_written_to_a_field_stays() -> None:
    """Dissectors complete rows in place: an anomaly is added, a status is changed."""
    for rows in (frames(10), frames(10)[np.arange(10)[::-1]]):
        rows["frame"][3] = 70
        assert rows["frame"][3] == 70
        assert rows[:4]["frame"][3] == 70
        rows[2:5]["frame"][0] = 80  # of a slice, what is written is written to the whole
        assert rows["frame"][2] == 80

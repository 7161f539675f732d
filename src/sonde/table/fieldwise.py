"""Rows of a structured type laid out field by field, each an array of its own: what columns are made from.

    rows = in_order([part, other_part], order)      # (part + other_part)[order], field by field
    rows["orig_port"], rows[:100], len(rows)

A pass over one field of structured rows brings whole rows into the cache, and there are some forty fields. So rows
are put in order, and their fields apart, in one pass that looks at each row once.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from sonde.wire import CACHE_LINE, Int, Ints, Rows, Wire, forget, kernel

ROWS_AT_ONCE = 64  # that stay in the first cache while their fields are taken
OFFSET, COUNT, START = range(3)  # of a field's places: in a row, how many elements, and where all rows' values begin
WIDTHS = (8, 4, 2, 1)  # octets of an element


class Fieldwise:
    """Fields by name, all of one length; takes what a structured array takes: a name, or which rows."""

    __slots__ = ("fields", "length", "octets")

    def __init__(self, fields: dict[str, np.ndarray], length: int, octets: Wire | None = None) -> None:
        """Take arrays whose first dimension counts the rows; `octets` is what all of them lie in, if anything."""
        self.fields, self.length, self.octets = fields, length, octets

    def __len__(self) -> int:
        """Count the rows."""
        return self.length

    def __getitem__(self, what: Any) -> Any:  # noqa: ANN401 - as NumPy's
        """Give a field's array, or some rows: of a slice as views."""
        if isinstance(what, str):
            return self.fields[what]
        found = {name: values[what] for name, values in self.fields.items()}
        return Fieldwise(found, len(next(iter(found.values()))))


class Places(NamedTuple):
    """Of fields with elements of each width: offset, count and start of each, in elements, one behind the other."""

    eight: Ints
    four: Ints
    two: Ints
    one: Ints


class Views(NamedTuple):
    """Memory as elements of each width."""

    eight: Ints
    four: Any
    two: Any
    one: Wire


@cache
def _fields(dtype: "np.dtype[Any]") -> tuple[tuple[str, Any, int, int], ...]:
    """List fields: name, type with its shape, place of the width of its elements, offset in octets."""
    assert dtype.fields is not None  # noqa: S101
    listed = []
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]
        listed.append((name, kind, WIDTHS.index(kind.base.itemsize), offset))
    return tuple(listed)


def _room(kind: "np.dtype[Any]", length: int) -> int:
    return -(-kind.itemsize * length // CACHE_LINE) * CACHE_LINE


def laid_out(octets: Wire, dtype: "np.dtype[Any]", length: int) -> Fieldwise:
    """Look at memory as rows field by field, as `in_order` lays them out."""
    found, start = {}, 0
    for name, kind, _, _ in _fields(dtype):
        values = octets[start : start + kind.itemsize * length].view(kind.base)
        found[name] = values.reshape((length, *kind.shape)) if kind.shape else values
        start += _room(kind, length)
    return Fieldwise(found, length, octets)


def in_order(parts: list[Rows], order: np.ndarray, room: Callable[[int], Wire]) -> Fieldwise:
    """Lay parts of structured rows one behind the other in an order, field by field, in memory that `room` gives."""
    dtype, length = parts[0].dtype, len(order)
    found: list[list[int]] = [[], [], [], []]
    start = 0
    for _, kind, place, offset in _fields(dtype):
        width = WIDTHS[place]
        found[place] += (offset // width, kind.itemsize // width, start // width)
        start += _room(kind, length)
    places = Places(*[np.array(each, np.int64) for each in found])
    whole = room(start)
    target = _views(whole)
    to = np.empty(length, np.int64)
    to[order] = np.arange(length)
    at = 0
    for part in parts:
        # In the order of their new places: one field of many rows is written to few lines of memory.
        mine = to[at : at + len(part)]
        rows = np.argsort(mine, kind="stable")
        source = _views(part.view(np.uint8))
        take_fields(source, dtype.itemsize, places, rows, mine[rows], target)
        forget(source)
        at += len(part)
    forget(places, target)
    return laid_out(whole, dtype, length)


def _views(octets: Wire) -> Views:
    return Views(octets.view(np.int64), octets.view(np.int32), octets.view(np.int16), octets)


@kernel
def take_fields(octets: Views, size: Int, places: Places, rows: Ints, to: Ints, whole: Views) -> None:
    """Copy the fields of these rows, of so many octets each, to the row's new place in each."""
    for first in range(0, len(to), ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, len(to))
        take_width(octets.eight, size // 8, places.eight, (first, last), rows, to, whole.eight)
        take_width(octets.four, size // 4, places.four, (first, last), rows, to, whole.four)
        take_width(octets.two, size // 2, places.two, (first, last), rows, to, whole.two)
        take_width(octets.one, size, places.one, (first, last), rows, to, whole.one)


@kernel
def take_width(
    octets: Any,  # noqa: ANN401
    size: Int,
    places: Ints,
    some: tuple[Int, Int],
    rows: Ints,
    to: Ints,
    whole: Any,  # noqa: ANN401
) -> None:
    """Do so for some rows and the fields whose elements have one width."""
    for field in range(0, len(places), START + 1):
        offset, count, start = places[field + OFFSET], places[field + COUNT], places[field + START]
        if count == 1:
            for row in range(some[0], some[1]):
                whole[start + to[row]] = octets[rows[row] * size + offset]
            continue
        for row in range(some[0], some[1]):
            for element in range(count):
                whole[start + to[row] * count + element] = octets[rows[row] * size + offset + element]


__all__ = ["Fieldwise", "in_order", "laid_out"]

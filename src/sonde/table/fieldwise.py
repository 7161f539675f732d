"""Rows laid out field by field, each field an array of its own: what columns are made from.

    tray = Tray(row_dtype(NtpRecord), 1 << 14, room)     # room for so many rows and the keys of their flows
    take_fields(...)                                     # a kernel fills it from the front
    tray.rows()["stratum"], tray.keys()["frame"], tray.rows()[order]

A pass over one field of structured rows brings whole rows into the cache, and there are some forty fields. So rows
that are done leave their table field by field, while they are still in the cache of who filled them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from sonde.wire import CACHE_LINE, Int, Ints, Wire, forget, kernel, pick

ROWS_AT_ONCE = 64  # that stay in the first cache while their fields are taken
OFFSET, COUNT, START = range(3)  # of a field's places: in a row, how many elements, and where all rows' values begin
WIDTHS = (8, 4, 2, 1)  # octets of an element

Choice = tuple[tuple[str, Any, int, int], ...]  # fields: name, type with its shape, place of its width, offset


class Fieldwise:
    """Fields by name, all of one length; takes what a structured array takes: a name, or which rows.

    Rows that were chosen by number are looked up field by field, when a field is first asked for.
    """

    __slots__ = ("_chosen", "_fields", "_ready", "length")

    def __init__(self, fields: dict[str, np.ndarray], length: int, chosen: "np.ndarray | None" = None) -> None:
        """Take arrays whose first dimension counts rows, and which rows of them these are; all, if not said."""
        self._fields, self._chosen, self.length = fields, chosen, length
        self._ready: dict[str, np.ndarray] = fields if chosen is None else {}

    def __len__(self) -> int:
        """Count the rows."""
        return self.length

    @property
    def names(self) -> tuple[str, ...]:
        """Give the fields' names."""
        return tuple(self._fields)

    def __getitem__(self, what: Any) -> Any:  # noqa: ANN401 - as NumPy's
        """Give a field's array, or some rows: of a slice as views."""
        if isinstance(what, str):
            found = self._ready.get(what)
            if found is None and self._chosen is not None:
                found = self._ready[what] = self._fields[what].take(self._chosen, axis=0)
            return found
        if isinstance(what, slice):
            if what.indices(self.length) == (0, self.length, 1):
                return self
        elif self._chosen is None:
            return Fieldwise(self._fields, len(what), what)
        some = {name: self[name][what] for name in self._fields}
        return Fieldwise(some, len(next(iter(some.values()))))


def joined(parts: "list[Fieldwise]") -> Fieldwise:
    """Lay rows behind each other."""
    if len(parts) == 1:
        return parts[0]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].names}
    return Fieldwise(whole, sum(map(len, parts)))


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


def views(octets: Wire) -> Views:
    """Look at memory, a multiple of eight octets, as elements of each width."""
    return Views(octets.view(np.int64), octets.view(np.int32), octets.view(np.int16), octets)


class Room(NamedTuple):
    """What kernels fill: memory, where the fields of rows and of their keys go, and how many rows there are."""

    octets: Views
    fields: Places
    keys: Places
    filled: Ints


@cache
def chosen(dtype: "np.dtype[Any]", names: tuple[str, ...] = ()) -> Choice:
    """List fields of a structured type: those named, or all."""
    assert dtype.fields is not None  # noqa: S101
    listed = []
    for name in names or dtype.names or ():
        kind, offset = dtype.fields[name][:2]
        listed.append((name, kind, _widest(kind.itemsize, offset), offset))
    return tuple(listed)


def _widest(octets: int, offset: int) -> int:
    """Give which is the widest element that so many octets at an offset are made of: history goes by fours."""
    return next(place for place, width in enumerate(WIDTHS) if octets % width == 0 and offset % width == 0)


def _stride(kind: "np.dtype[Any]", capacity: int) -> int:
    """Give the octets of a field's values, and of a line more: fields would else meet in few sets of the caches."""
    return (kind.itemsize * capacity // CACHE_LINE + 2) * CACHE_LINE


def _octets_for(choice: Choice, capacity: int) -> int:
    """Give how much memory so many rows take."""
    return sum(_stride(kind, capacity) for _, kind, _, _ in choice)


def _laid_out(octets: Wire, choice: Choice, capacity: int, length: int) -> Fieldwise:
    """Look at memory with room for so many rows as rows field by field, of which the first are there."""
    found, start = {}, 0
    for name, kind, _, _ in choice:
        values = octets[start : start + kind.itemsize * length].view(kind.base)
        found[name] = values.reshape((length, *kind.shape)) if kind.shape else values
        start += _stride(kind, capacity)
    return Fieldwise(found, length)


@cache
def _places(choice: Choice, capacity: int, start: int) -> Places:
    """Give where fields stand in a row, and from where on their values go."""
    found: list[list[int]] = [[], [], [], []]
    for _, kind, place, offset in choice:
        width = WIDTHS[place]
        found[place] += (offset // width, kind.itemsize // width, start // width)
        start += _stride(kind, capacity)
    return Places(*[np.array(each, np.int64) for each in found])


class Tray:
    """Room for rows of one type, filled from the front by one thread; others may look at what is filled."""

    __slots__ = ("_choice", "_keys", "capacity", "octets", "room")

    def __init__(self, choice: Choice, keys: Choice, capacity: int, give: Callable[[int], Wire]) -> None:
        """Ask `give` for memory, in octets; fields are taken of rows, and of other rows that tell their keys."""
        self._choice, self._keys, self.capacity = choice, keys, capacity
        between = _octets_for(choice, capacity)
        self.octets = give(between + _octets_for(keys, capacity))
        self.room = Room(
            views(self.octets), _places(choice, capacity, 0), _places(keys, capacity, between), np.zeros(1, np.int64)
        )

    def __len__(self) -> int:
        """Count the rows that are there."""
        return int(self.room.filled[0])

    @property
    def left(self) -> int:
        """Count the rows that find room."""
        return self.capacity - len(self)

    def rows(self) -> Fieldwise:
        """Give the rows that are there."""
        return _laid_out(self.octets, self._choice, self.capacity, len(self))

    def keys(self) -> Fieldwise:
        """Give their keys."""
        begin = _octets_for(self._choice, self.capacity)
        return _laid_out(self.octets[begin:], self._keys, self.capacity, len(self))

    def trimmed(self) -> "Tray":
        """Give a tray of their own to the rows that are there, without room for more."""
        found = Tray(self._choice, self._keys, len(self), lambda octets: np.empty(octets, np.uint8))
        found.room.filled[0] = len(self)
        for mine, its in ((self.rows(), found.rows()), (self.keys(), found.keys())):
            for name in mine.names:
                its[name][...] = mine[name]
        return found

    def forget(self) -> None:
        """Have nothing kept of it for kernels: none fills it any more."""
        forget(self.room.octets, self.room)


@kernel
def take_fields(of: Views, size: Int, places: Places, rows: Ints, count: Int, room: Room) -> None:
    """Copy fields of so many rows, each of so many octets, behind those that are there."""
    begin, whole = room.filled[0], room.octets
    for first in range(0, count, ROWS_AT_ONCE):
        some = (first, min(first + ROWS_AT_ONCE, count))
        take_width(of.eight, size // 8, places.eight, some, rows, begin, whole.eight)
        take_width(of.four, size // 4, places.four, some, rows, begin, whole.four)
        take_width(of.two, size // 2, places.two, some, rows, begin, whole.two)
        take_width(of.one, size, places.one, some, rows, begin, whole.one)


@kernel
def take_width(
    of: Any,  # noqa: ANN401
    size: Int,
    places: Ints,
    some: tuple[Int, Int],
    rows: Ints,
    begin: Int,
    whole: Any,  # noqa: ANN401
) -> None:
    """Do so for some rows and the fields whose elements have one width."""
    for field in range(0, len(places), START + 1):
        offset, count, start = places[field + OFFSET], places[field + COUNT], places[field + START]
        put = start + (begin + some[0]) * count
        for element in range(count):
            pick(of, rows, some, size, offset + element, whole, put + element, count)


__all__ = [
    "Fieldwise",
    "Room",
    "Tray",
    "Views",
    "chosen",
    "joined",
    "take_fields",
    "views",
]

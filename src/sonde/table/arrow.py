"""NumPy columns -> Arrow columns, without a copy where that can be.

`pa.array` imports pandas where pandas is installed, which costs half a second at each
start. Here every column is put together from its buffers, as Arrow lays them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sonde.schema import NO_TIME
from sonde.table.late import pa
from sonde.wire import Int, Ints, kernel

FEW = 512  # distinct values that `encode` counts before it gives up
STEPS = 2 * FEW
PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)  # the two digits of each octet
MOST_DICTIONARIES = 256  # lists of names whose texts are kept


def validity(null: np.ndarray | None) -> pa.Buffer | None:
    """Give Arrow's validity bits, or none where nothing is null."""
    if null is None or not null.any():
        return None
    return pa.py_buffer(np.packbits(~null, bitorder="little"))


def without(column: pa.Array, null: np.ndarray) -> pa.Array:
    """Make a column null in some places, where it was not before."""
    return pa.Array.from_buffers(column.type, len(column), [validity(null), *column.buffers()[1:]])


def numbers(values: np.ndarray, kind: pa.DataType, null: np.ndarray | None = None) -> pa.Array:
    """Make a column of numbers of a type that NumPy has too."""
    plain = np.ascontiguousarray(values, "float64" if kind == pa.float64() else str(kind))
    return pa.Array.from_buffers(kind, len(plain), [validity(null), pa.py_buffer(plain)])


def truths(values: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    """Make a column of true and false."""
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [validity(null), bits])


def times(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Make a column of times or durations in ns; NO_TIME is null."""
    plain = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(kind, len(plain), [validity(plain == NO_TIME), pa.py_buffer(plain)])


def named(codes: np.ndarray, names: Sequence[str | None]) -> pa.Array:
    """Make a dictionary column of numbers into names; those outside and a name of None are null."""
    absent, texts = _dictionary(tuple(names))
    within = np.clip(codes, 0, len(texts) - 1)
    null = (codes < 0) | (codes >= len(names)) | absent[within]
    return pa.DictionaryArray.from_arrays(numbers(within, pa.int32(), null), texts)


@lru_cache(maxsize=MOST_DICTIONARIES)
def _dictionary(names: tuple[str | None, ...]) -> tuple[np.ndarray, pa.Array]:
    """Say which names are none, and give them all as texts; the same come with each batch."""
    absent = np.array([name is None for name in names] or [True])
    return absent, texts_column([name or "" for name in names] or [""])


def texts_column(texts: Sequence[str | None]) -> pa.Array:
    """Make a string column of Python's strings; half a character, which no text has, costs a mark and not the run."""
    raw = [b"" if text is None else text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(raw) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, raw), np.int32, len(raw)), out=offsets[1:])
    null = np.array([text is None for text in texts], bool) if None in texts else None
    return pa.Array.from_buffers(
        pa.string(), len(raw), [validity(null), pa.py_buffer(offsets), pa.py_buffer(b"".join(raw) or b"\0")]
    )


def hex_column(octets: pa.BinaryArray) -> pa.Array:
    """Spell a column of octets in lower-case hexadecimal, all at once: each octet becomes two."""
    count, begin = len(octets), octets.offset
    offsets = np.frombuffer(octets.buffers()[1] or b"\0\0\0\0", np.int32)[begin : begin + count + 1]
    data = octets.buffers()[2]
    raw = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None and data.size else PAIRS[:0]
    buffers = [validity(nulls(octets)), pa.py_buffer(2 * (offsets - offsets[0])), pa.py_buffer(PAIRS[raw])]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def lists_column(lists: Sequence[Sequence[str] | None]) -> pa.Array:
    """Make a column of lists of strings."""
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(each or ()) for each in lists], out=offsets[1:])
    null = np.array([each is None for each in lists], bool)
    values = texts_column([text for each in lists for text in each or ()])
    buffers = [validity(null), pa.py_buffer(offsets)]
    return pa.Array.from_buffers(pa.list_(pa.string()), len(lists), buffers, children=[values])


def lists_like(column: pa.ListArray, values: pa.Array) -> pa.Array:
    """Make a list column like another, with other values in the place of its own."""
    nulls, offsets = column.buffers()[:2]
    kind = pa.list_(values.type)
    return pa.Array.from_buffers(kind, len(column), [nulls, offsets], offset=column.offset, children=[values])


def values_column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Make a column of any emitted type from Python's values; None is null."""
    absent = values.count(None)
    if absent == len(values):
        return pa.nulls(len(values), kind)
    if pa.types.is_string(kind):
        return texts_column(values)
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return lists_column(values)
    null = np.array([value is None for value in values]) if absent else np.zeros(len(values), bool)
    plain = [0 if value is None else value for value in values] if absent else values
    if pa.types.is_boolean(kind):
        return truths(np.array(plain, bool), null)
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return times(np.where(null, NO_TIME, np.array(plain, np.int64)), kind)
    return numbers(np.array(plain), kind, null)


def plain(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Give the values of a column of numbers, times or durations, and which of them are null; without a copy."""
    kind = column.type
    width = "int64" if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) else str(kind).replace("double", "f8")
    rows = slice(column.offset, column.offset + len(column))
    return np.frombuffer(column.buffers()[1] or b"", width)[rows], nulls(column)


def nulls(column: pa.Array) -> np.ndarray:
    """Say which rows of a column are null."""
    if not column.null_count:
        return np.zeros(len(column), bool)
    bits, end = np.frombuffer(column.buffers()[0], np.uint8), column.offset + len(column)
    return np.unpackbits(bits, count=end, bitorder="little")[column.offset :] == 0


def spans(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Give the octets of a column of strings, and where each begins and the last ends; null ones are empty."""
    _, places, text = column.buffers()
    at = np.frombuffer(places, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return np.frombuffer(text if text is not None and text.size else b"\0", np.uint8), at


def encode(values: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Give the distinct values, and for each value the place of its like among them."""
    plain = np.ascontiguousarray(values).astype(np.int64)
    codes = np.empty(len(plain), np.int64)
    distinct = np.empty(FEW, np.int64)
    count = encode_few(plain, np.full(STEPS, -1, np.int64), distinct, codes)
    if count >= 0:
        return distinct[:count].tolist(), codes
    many, codes = np.unique(plain, return_inverse=True)
    return many.tolist(), codes


@kernel
def encode_few(values: Ints, table: Ints, distinct: Ints, codes: Ints) -> Int:
    """Give values numbers in the order in which they come; -1 where `distinct` cannot hold them."""
    count = 0
    for row in range(len(values)):
        value = values[row]
        step = (((value ^ value >> 27) & 0x7FFFFFF) * 0x9E3779B1 >> 20) % len(table)
        while table[step] >= 0 and distinct[table[step]] != value:
            step = step + 1 if step + 1 < len(table) else 0
        if table[step] < 0:
            if count == len(distinct):
                return -1
            table[step] = count
            distinct[count] = value
            count += 1
        codes[row] = table[step]
    return count


__all__ = [
    "encode",
    "lists_column",
    "lists_like",
    "named",
    "numbers",
    "plain",
    "spans",
    "texts_column",
    "times",
    "truths",
    "validity",
    "values_column",
]

"""Columns of text in which few values come often: what is distinct among them, and distinct values laid out again.

    codes, rows = distinct(column)              # codes[row] numbers the value; rows[code] is where it first stands
    column = repeated(values, codes)            # values[codes]; null where a code is -1

Arrow does both, for the price of its module of functions: 50 ms of each start, in which nothing else runs.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from sonde.table.arrow import lists_column, spans, validity
from sonde.table.late import pa
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Int, Ints, Wire, copy, equal, kernel
from sonde.wire.hash import hash_octets


@cache
def _key() -> int:
    """Give this process's key: whoever knew it could have all texts collide."""
    return int.from_bytes(os.urandom(8)) >> 1 | 1


def distinct(column: pa.Array) -> tuple[Ints, Ints]:
    """Give the values of a column of text numbers as they come, equal ones the same and null -1; say where each begins.

    The codes are a number for each row, the rows one for each distinct value: where it stands first.
    """
    count = len(column)
    null = np.zeros(count, np.uint8)
    if column.null_count:
        bits = np.frombuffer(column.buffers()[0], np.uint8)
        rows = slice(column.offset, column.offset + count)
        null = 1 - np.unpackbits(bits, count=rows.stop, bitorder="little")[rows]
    octets, at = spans(column)
    return _numbered(octets, at[:-1], at[1:], null)


def distinct_spans(text: Wire, of: np.ndarray) -> tuple[Ints, Ints]:
    """Do so for spans of an arena of text, of which negative ones are null."""
    begins = of.astype(np.int64) >> LENGTH_BITS
    return _numbered(text, begins, begins + (of & LENGTH_MASK), (of < 0).astype(np.uint8))


def distinct_octets(text: Wire, of: np.ndarray) -> tuple[Ints, list[bytes]]:
    """Give spans numbers likewise, and the octets of each distinct one."""
    codes, rows = distinct_spans(text, of)
    ends = [(span >> LENGTH_BITS, (span >> LENGTH_BITS) + (span & LENGTH_MASK)) for span in of[rows].tolist()]
    return codes, [text[begin:end].tobytes() for begin, end in ends]


def _numbered(octets: Wire, begins: Ints, ends: Ints, null: Wire) -> tuple[Ints, Ints]:
    count = len(begins)
    codes, first = np.empty(count, np.int64), np.empty(count, np.int64)
    table = np.full(1 << (2 * count | 1).bit_length(), -1, np.int64)
    texts = octets, np.ascontiguousarray(begins), np.ascontiguousarray(ends), null
    return codes, first[: number_texts(texts, _key(), table, codes, first)]


@kernel
def number_texts(texts: tuple[Wire, Ints, Ints, Wire], key: Int, table: Ints, codes: Ints, first: Ints) -> Int:
    """Do so; `table` has more room than there are texts, and a power of two of it. Give how many are distinct."""
    octets, begins, ends, null = texts
    count, mask = np.int64(0), len(table) - 1
    for row in range(len(codes)):
        codes[row] = -1
        if null[row]:
            continue
        begin, end = begins[row], ends[row]
        step = np.int64(hash_octets(octets, begin, end, np.uint64(key)) >> np.uint64(1)) & mask
        while table[step] >= 0:
            other = first[table[step]]
            if equal(octets, begin, end, octets[begins[other] : ends[other]]):
                break
            step = step + 1 & mask
        if table[step] < 0:
            table[step] = count
            first[count] = row
            count += 1
        codes[row] = table[step]
    return count


def repeated(values: pa.Array, codes: Ints) -> pa.Array:
    """Make the column of text that has values[code] for each code, and null for -1; no value is null."""
    octets, at = spans(values)
    null = codes < 0
    within = np.where(null, 0, codes)
    lengths = np.where(null, 0, np.diff(at)[within]) if len(values) else np.zeros(len(codes), np.int64)
    places = np.zeros(len(codes) + 1, np.int64)
    np.cumsum(lengths, out=places[1:])
    out = np.empty(max(int(places[-1]), 1), np.uint8)
    repeat_texts(octets, at, codes, places, out)
    buffers = [validity(null), pa.py_buffer(places.astype(np.int32)), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.string(), len(codes), buffers)


@kernel
def repeat_texts(octets: Wire, at: Ints, codes: Ints, places: Ints, out: Wire) -> None:
    """Copy the text of each code to its place."""
    for row in range(len(codes)):
        code = codes[row]
        if code >= 0:
            copy(octets, at[code], at[code + 1], out, places[row])


def spelled(codes: Ints, lists: list[list[str] | None]) -> pa.Array:
    """Make a column of lists of names; each distinct list is spelled once."""
    kind = pa.list_(pa.string())
    if all(each is None for each in lists):
        return pa.nulls(len(codes), kind)
    column = lists_column(lists)
    begins = np.frombuffer(column.buffers()[1], np.int32).astype(np.int64)
    counts = np.diff(begins)[codes]
    places = np.zeros(len(codes) + 1, np.int32)
    np.cumsum(counts, out=places[1:])
    items = np.repeat(begins[:-1][codes] - places[:-1], counts) + np.arange(places[-1])
    null = np.array([each is None for each in lists])[codes]
    buffers = [validity(null), pa.py_buffer(places)]
    return pa.Array.from_buffers(kind, len(codes), buffers, children=[repeated(column.values, items)])


__all__ = ["distinct", "distinct_octets", "distinct_spans", "repeated", "spelled"]

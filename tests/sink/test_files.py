"""The largest and the smallest values that a column can have are spelled like any other."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sonde.policy import Gate, load_policy
from sonde.record.build import arrow_types
from sonde.schema import PROTOCOL, Field
from sonde.sink.files import CsvSink, json_lines
from sonde.table.permitted import Permitted

LEAST, MOST = -(1 << 63), (1 << 63) - 1
NULL_ROW = 3


def extremes(kind: pa.DataType) -> pa.Array:
    """Make a column of the least value, 1, the largest and null."""
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return pa.array([LEAST + 1, 1, MOST, None], pa.int64()).view(kind)
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        return pa.array([limits.min, 1, limits.max, None], kind)
    if pa.types.is_floating(kind):
        return pa.array([-1.7e308, 1.0, 1.7e308, None], kind)
    if pa.types.is_list(kind):
        items = ["", "a;\"'\n", "\u0000\U0010ffff"] if pa.types.is_string(kind.value_type) else [0, 1, (1 << 32) - 1]
        return pa.array([[], items[:1], items, None], kind)
    if pa.types.is_boolean(kind):
        return pa.array([True, False, True, None], kind)
    if pa.types.is_binary(kind):
        return pa.array([b"", b"\0", b"\xff" * 3000, None], kind)
    return pa.array(["", '\0"\\,;\r\n', "\U0010ffff" * 2000, None], pa.string()).cast(kind)


def permitted() -> Permitted:
    columns = {name: extremes(kind) for name, kind in arrow_types().items()}
    fields = {name: Field("Something", PROTOCOL) for name in columns}
    return Gate(load_policy("clear")).permit("flows", columns, fields)


EXPECTED: dict[str, list[Any]] = {
    "timestamp": ["1677-09-21T00:12:43.145224193Z", "1970-01-01T00:00:00.000000001Z", "2262-04-11T23:47:16.854775807Z"],
    "duration": [-9223372036.854775807, 1e-9, 9223372036.854775807],
    "int64": [LEAST, 1, MOST],
    "uint64": [0, 1, (1 << 64) - 1],
    "float64": [-1.7e308, 1.0, 1.7e308],
    "binary": ["", "00", "ff" * 3000],
    "string": ["", '\0"\\,;\r\n', "\U0010ffff" * 2000],
    "dictionary": ["", '\0"\\,;\r\n', "\U0010ffff" * 2000],
    "list_uint32": [[], [0], [0, 1, (1 << 32) - 1]],
}


def test_json_lines_spell_extremes() -> None:
    rows = [json.loads(line) for line in json_lines(permitted().batch)]
    assert rows[NULL_ROW] == {}
    for name, values in EXPECTED.items():
        assert [row[name] for row in rows[:NULL_ROW]] == values, name


def test_csv_spells_extremes(tmp_path: Path) -> None:
    sink = CsvSink(tmp_path, {})
    sink.write(permitted())
    sink.close()
    with (tmp_path / "flows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[NULL_ROW].values()) == {""}
    for name in ("timestamp", "int64", "uint64", "binary", "string"):
        assert [row[name] for row in rows[:NULL_ROW]] == [str(each) for each in EXPECTED[name]], name
    assert [float(row["duration"]) for row in rows[:NULL_ROW]] == pytest.approx(EXPECTED["duration"])

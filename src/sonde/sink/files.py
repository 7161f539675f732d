"""Batches out to files: Parquet, JSON Lines, CSV.

A sink takes `Permitted` batches and nothing else. It writes into a folder that the
pipeline made aside and renames when all is well, so that output appears whole or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from sonde.table.arrow import hex_column
from sonde.table.late import pa
from sonde.table.permitted import Permitted

if TYPE_CHECKING:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

ROWS_A_GROUP = 1 << 17


def load() -> None:
    """Have what writes in memory: without this it comes when first needed, while lanes are at work already.

    A process that gives privileges up calls it before, since files may be out of reach afterwards.
    """
    import pyarrow.compute  # noqa: PLC0415
    import pyarrow.csv  # noqa: PLC0415
    import pyarrow.parquet  # noqa: F401, PLC0415


class Sink(Protocol):
    """What takes permitted batches and writes them to a folder."""

    #: Each table has files of its own, so that different tables may be written at the same time.
    tables_apart: bool

    def write(self, permitted: Permitted) -> None:
        """Write one batch of one table."""

    def close(self) -> dict[str, list[str]]:
        """Finish all files; give their names by table."""


def _checked(permitted: Permitted) -> pa.RecordBatch:
    if not isinstance(permitted, Permitted):
        raise TypeError("a sink takes only what passed the egress gate")
    return permitted.batch


class ParquetSink:
    """A folder per table with Parquet parts."""

    tables_apart = True

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema]) -> None:
        """Write below `folder`; a table without rows gets an empty part, so that queries find it."""
        self.folder, self.schemas = folder, schemas
        self.writers: dict[str, pq.ParquetWriter] = {}

    def write(self, permitted: Permitted) -> None:
        """Append a batch as a row group."""
        batch = _checked(permitted)
        if permitted.table not in self.writers:
            self._open(permitted.table, batch.schema)
        self.writers[permitted.table].write_batch(batch, row_group_size=ROWS_A_GROUP)

    def _open(self, table: str, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - see `load`

        place = self.folder / table
        place.mkdir(parents=True)
        #: Repeated texts: a dictionary page makes them small and quick to write.
        repeated = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        self.writers[table] = pq.ParquetWriter(
            place / "part-0000.parquet",
            schema,
            compression="lz4",
            use_dictionary=repeated or False,
            write_statistics=[name for name in ("ts", "start") if name in schema.names],
            store_schema=True,
        )

    def close(self) -> dict[str, list[str]]:
        """Close all parts; write empty ones for tables without rows."""
        for table, schema in self.schemas.items():
            if table not in self.writers:
                self._open(table, schema)
        for writer in self.writers.values():
            writer.close()
        return {table: [f"{table}/part-0000.parquet"] for table in self.writers}


class JsonlSink:
    """A file per table, a JSON object a line."""

    tables_apart = True

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema]) -> None:
        """Write `folder/TABLE.jsonl`."""
        self.folder, self.schemas = folder, schemas
        self.files: dict[str, IO[str]] = {}

    def write(self, permitted: Permitted) -> None:
        """Append a line for each row; times as RFC 3339, durations in seconds, nulls left out."""
        batch = _checked(permitted)
        file = self._file(permitted.table)
        for line in json_lines(batch):
            file.write(line)

    def _file(self, table: str) -> IO[str]:
        if table not in self.files:
            self.files[table] = (self.folder / f"{table}.jsonl").open("w", encoding="utf-8")
        return self.files[table]

    def close(self) -> dict[str, list[str]]:
        """Close all files; tables without rows get an empty one."""
        for table in self.schemas:
            self._file(table).close()
        return {table: [f"{table}.jsonl"] for table in self.files}


def readable(column: pa.Array) -> pa.Array:
    """Make times and durations plain: RFC 3339 text with ns, seconds as a number; octets as hex."""
    import pyarrow.compute as pc  # noqa: PLC0415 - see `load`

    kind = column.type
    if pa.types.is_timestamp(kind):
        return pc.replace_substring(pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ"), "+0000", "Z")
    if pa.types.is_duration(kind):
        # Some hosts tell times of centuries; those over 104 days are not exact to the nanosecond.
        return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), 1e9)
    if pa.types.is_binary(kind):
        return hex_column(column)
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    return column


def json_lines(batch: pa.RecordBatch) -> list[str]:
    """Spell the rows of a batch as JSON objects, fields without value left out."""
    columns = zip(batch.schema.names, batch.columns, strict=True)
    spelled = [(f"{spell(name)}:", spell_column(column)) for name, column in columns]
    return [
        "{" + ",".join([name + value for name, values in spelled if (value := values[row]) is not None]) + "}\n"
        for row in range(batch.num_rows)
    ]


def spell_column(column: pa.Array) -> list[str | None]:
    """Spell the values of a column as JSON, a name of a dictionary once; None for null."""
    kind = column.type
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(kind):
        names = spell_column(column.dictionary)
        return [None if code is None else names[code] for code in column.indices.to_pylist()]
    write: Callable[[Any], str] = spell
    if pa.types.is_integer(kind):
        write = str
    elif pa.types.is_string(kind) or pa.types.is_timestamp(kind):
        write = encode_basestring
    elif pa.types.is_floating(kind) or pa.types.is_duration(kind):
        write = _spell_float
    return [None if value is None else write(value) for value in readable(column).to_pylist()]


#: `json.dumps` would make an encoder for each value.
_encode = json.JSONEncoder(ensure_ascii=False).encode


def spell(value: Any) -> str:  # noqa: ANN401
    """Spell one value as JSON."""
    return _spell_float(value) if isinstance(value, float) else _encode(value)


def _spell_float(value: float) -> str:
    """Spell a number; JSON has no word for one that is not finite (RFC 8259 §6)."""
    return repr(value) if math.isfinite(value) else "null"


class CsvSink:
    """A file per table with a header line; lists are joined with semicolons."""

    tables_apart = True

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema]) -> None:
        """Write `folder/TABLE.csv`."""
        self.folder, self.schemas = folder, schemas
        self.writers: dict[str, pa_csv.CSVWriter] = {}

    def write(self, permitted: Permitted) -> None:
        """Append the rows of a batch."""
        batch = _flat(_checked(permitted))
        if permitted.table not in self.writers:
            self.writers[permitted.table] = self._open(permitted.table, batch.schema)
        self.writers[permitted.table].write_batch(batch)

    def _open(self, table: str, schema: pa.Schema) -> pa_csv.CSVWriter:
        import pyarrow.csv as pa_csv  # noqa: PLC0415 - see `load`

        return pa_csv.CSVWriter(self.folder / f"{table}.csv", schema)

    def close(self) -> dict[str, list[str]]:
        """Close all files; tables without rows get a header line."""
        for table, schema in self.schemas.items():
            if table not in self.writers:
                empty = _flat(pa.RecordBatch.from_pylist([], schema))
                self.writers[table] = self._open(table, empty.schema)
        for writer in self.writers.values():
            writer.close()
        return {table: [f"{table}.csv"] for table in self.writers}


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow.compute as pc  # noqa: PLC0415 - see `load`

    flat = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = readable(column)
        if pa.types.is_list(values.type):
            values = pc.binary_join(values.cast(pa.list_(pa.string())), ";")
        flat[name] = values
    return pa.RecordBatch.from_pydict(flat)

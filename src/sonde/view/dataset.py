"""The library: captures in, a dataset whose tables are attributes.

    capture = sonde.read("office.pcap", tables=["flows", "dns"])
    capture.flows.to_pandas()
    capture.query("select protocol, count(*) as flows from flows group by all")

A dataset lies in a folder: the one asked for, or one that goes when the program does.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sonde.pipeline.account import accounted, folder_of_log
from sonde.pipeline.places import MANIFEST, keys_folder
from sonde.pipeline.read import Reading, find_captures, make_plan, read_captures, seed_of
from sonde.pipeline.stored import QueryError, described

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

MIB = 1 << 20
T = TypeVar("T")


class Table:
    """Records of one table, or an answer: Arrow inside, whatever is wanted outside."""

    def __init__(self, arrow: "pa.Table") -> None:
        """Hold an Arrow table."""
        self.arrow = arrow

    @property
    def columns(self) -> list[str]:
        """Give the names of the columns."""
        return list(self.arrow.schema.names)

    def to_arrow(self) -> "pa.Table":
        """Give the Arrow table."""
        return self.arrow

    def to_pandas(self) -> "pd.DataFrame":
        """Give a data frame (pandas must be installed)."""
        return self.arrow.to_pandas()

    def to_pylist(self) -> list[dict[str, Any]]:
        """Give a dict for each row."""
        rows: list[dict[str, Any]] = self.arrow.to_pylist()
        return rows

    def __len__(self) -> int:
        """Give the number of rows."""
        return int(self.arrow.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Go through the rows as dicts, a batch at a time."""
        for batch in self.arrow.to_batches(max_chunksize=1 << 12):
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<{len(self):,} rows of {', '.join(self.columns)}>"


class Dataset:
    """What was read of captures; its tables are attributes, read when first asked for."""

    def __init__(
        self,
        folder: Path,
        reading: Reading | None = None,
        temporary: Path | None = None,
    ) -> None:
        """Open the dataset in a folder; `temporary` is removed with it. QueryError if there is none."""
        self.folder = folder
        self.manifest: dict[str, Any] = described(folder)
        self.reading = reading
        self._remove = weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True) if temporary else None
        self._tables: dict[str, Table] = {}

    @property
    def tables(self) -> list[str]:
        """Give the names of the tables."""
        return sorted(self.manifest["tables"])

    def table(self, name: str) -> Table:
        """Give one table."""
        if name not in self.manifest["tables"]:
            raise QueryError(f"There is no table {name!r} in {self.folder}; there are {', '.join(self.tables)}.")
        if name not in self._tables:
            import pyarrow.parquet as pq

            is_parts = "parts" in self.manifest
            self._tables[name] = self.query(f'from "{name}"') if is_parts else Table(pq.read_table(self.folder / name))
        return self._tables[name]

    def __getattr__(self, name: str) -> Table:
        """Give a table as an attribute: `capture.flows`."""
        if name.startswith("_") or name not in self.__dict__.get("manifest", {"tables": {}})["tables"]:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute or table {name!r}")
        return self.table(name)

    def __dir__(self) -> list[str]:
        """List the tables among the attributes."""
        return [*super().__dir__(), *self.tables]

    def query(self, sql: str) -> Table:
        """Answer one question in DuckDB's SQL; the tables are those of the dataset."""
        return Table(ask(self.folder, sql, lambda answer: answer.to_arrow_table()))

    def summary(self) -> None:
        """Print the summary of the run that made it."""
        from sonde.view.summary import print_summary

        if self.reading is None:
            raise QueryError("A summary is made by the run that reads captures; this dataset was opened afterwards.")
        print_summary(self.reading)

    def close(self) -> None:
        """Forget the tables; remove the folder if it was made for this program only."""
        self._tables.clear()
        if self._remove is not None:
            self._remove()

    def __enter__(self) -> Self:
        """Use the dataset as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Say what there is."""
        rows = ", ".join(f"{name} {entry['rows']:,}" for name, entry in sorted(self.manifest["tables"].items()))
        return f"<dataset {self.folder}: {rows}>"


def read(  # noqa: PLR0913 - all by name
    captures: str | Path | Iterable[str | Path],
    *,
    tables: Iterable[str] | None = None,
    policy: str | Path = "default",
    signers: str | Path | None = None,
    keys: str | Path | None = None,
    audit: str | Path | None = None,
    output: str | Path | None = None,
    lanes: int = 0,
    memory: int = 512 * MIB,
    checksums: str = "ignore",
    overlap: str = "first",
    digest: bool = False,
) -> Dataset:
    """Read captures (files, globs, folders) as `sonde read` does; give the dataset.

    Raises ValueError with a sentence for the user where that cannot be. Damaged input is
    no error: what could be read was read, and `manifest["inputs"]` says where it ended.
    """
    paths = [str(captures)] if isinstance(captures, str | Path) else [str(each) for each in captures]
    found = find_captures(paths)
    temporary = None if output else Path(tempfile.mkdtemp(prefix="sonde-"))
    out = Path(output) if output else Path(str(temporary)) / "dataset"
    place = keys_folder(str(keys) if keys else None)
    try:
        with accounted(folder_of_log(audit, str(policy)), str(policy), place) as log:
            plan = make_plan(
                tables,
                str(policy),
                signers=Path(signers) if signers else None,
                keys=place,
                audit=log,
                lanes=lanes,
                memory=memory,
                checksums=checksums,
                overlap=overlap,
                seed=seed_of(found),
            )
            reading = read_captures(found, plan, out, digest=digest, audit=log)
    except BaseException:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Dataset(reading.folder, reading, temporary)


def open_dataset(folder: str | Path) -> Dataset:
    """Open a dataset that was written before."""
    return Dataset(Path(folder))


def connect(folder: Path, tables: Iterable[str]) -> "duckdb.DuckDBPyConnection":
    """Make a view for each table of a dataset, and let nothing else of the machine be reached."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    place = str(folder.resolve()).replace("'", "''")
    # Parts may lie under different policies, and so have different columns.
    inside, union = ("", "") if (folder / MANIFEST).exists() else ("*/", ", union_by_name = true")
    for table in sorted(tables):
        files = f"'{place}/{inside}{table}/*.parquet'{union}"
        connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM read_parquet({files})')  # noqa: S608
    connection.execute(f"SET allowed_directories = ['{place}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(folder: Path, sql: str, take: "Callable[[duckdb.DuckDBPyRelation], T]") -> T:
    """Ask a dataset one question and take the answer; QueryError where it is none or has no answer."""
    import duckdb

    connection = connect(folder, described(folder)["tables"])

    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("A query is one SELECT; it changes nothing and writes nothing.")
        return take(connection.sql(sql))
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise QueryError(f"DuckDB: {lines[0] if lines else type(error).__name__}") from None
    finally:
        connection.close()


__all__ = ["Dataset", "QueryError", "Table", "ask", "connect", "described", "open_dataset", "read"]

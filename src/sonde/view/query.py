"""`sonde query`: a dataset's tables as DuckDB views."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


class QueryError(ValueError):
    """A question that cannot be answered; the message is for the user."""


def open_dataset(dataset: Path) -> "duckdb.DuckDBPyConnection":
    """Open a dataset: one view for each table. It can read nothing else."""
    import duckdb

    manifest = dataset / "manifest.json"
    if not dataset.is_dir() or not manifest.is_file():
        raise QueryError(f"{dataset} is no dataset of Sonde's; make one with `sonde read CAPTURE`.")
    described = json.loads(manifest.read_text(encoding="utf-8"))
    if described.get("format") != "parquet":
        raise QueryError(f"{dataset} holds {described.get('format')}; queries need a dataset in parquet.")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in sorted(described["tables"]):
        parts = str(dataset / table / "*.parquet").replace("'", "''")
        connection.execute(f"CREATE VIEW \"{table}\" AS SELECT * FROM read_parquet('{parts}')")  # noqa: S608
    return connection


def print_query(dataset: Path, sql: str, form: str) -> None:
    """Run one query and print the answer."""
    import duckdb

    connection = open_dataset(dataset)
    try:
        answer = connection.sql(sql)
        if answer is None:
            return
        if form == "table":
            print(answer)
            return
        names, rows = answer.columns, answer.fetchall()
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise QueryError(f"DuckDB: {first}") from None
    _print_rows(names, rows, form)


def _print_rows(names: list[str], rows: list[Any], form: str) -> None:
    if form == "jsonl":
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False))
        return
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    writer.writerows(rows)

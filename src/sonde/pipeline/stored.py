"""Datasets that were written before: what is in one, and its records again, as they passed the gate.

    for permitted in stored(Path("office.sonde"), ["flows"]): outlet.write(permitted)

Records leave a dataset under the policy that made it: `manifest.json` says what was applied to each
column, and a column of which it says nothing stays where it is.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sonde.pipeline.plan import registry
from sonde.pipeline.read import MANIFEST
from sonde.policy import readmit
from sonde.table.permitted import Permitted

ROWS_A_BATCH = 1 << 13


class QueryError(ValueError):
    """A question that cannot be answered; the message is for the user."""


def described(folder: Path) -> dict[str, Any]:
    """Read the manifest of a dataset in Parquet."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        form, _ = found["format"], found["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        raise QueryError(f"{folder} is no dataset of Sonde's; make one with `sonde read CAPTURE`.") from None
    if form != "parquet":
        raise QueryError(f"{folder} holds {form}; only a dataset in parquet can be opened.")
    return dict(found)


def tables_of(folder: Path, wanted: Iterable[str] | None) -> list[str]:
    """Give the tables of a dataset, or those of them that are wanted; QueryError for one that is not there."""
    there = sorted(described(folder)["tables"])
    if wanted is None:
        return there
    chosen = list(dict.fromkeys(wanted))
    for name in chosen:
        if name not in there:
            raise QueryError(f"There is no table {name!r} in {folder}; there are {', '.join(there)}.")
    return chosen


def stored(folder: Path, tables: Iterable[str]) -> Iterator[Permitted]:
    """Give the records of tables of a dataset, batch by batch; QueryError or PolicyError where that cannot be."""
    manifest = described(folder)
    techniques = manifest.get("policy", {}).get("techniques", {})
    for table in tables:
        for path in sorted((folder / table).glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_A_BATCH):
                    yield readmit(table, batch, registry().get(table, {}), techniques.get(table, {}))


__all__ = ["QueryError", "described", "stored", "tables_of"]

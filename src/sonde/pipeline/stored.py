"""Datasets that were written before: what is in one, and its records again, as they passed the gate.

    for permitted in stored(Path("office.sonde"), ["flows"]): outlet.write(permitted)

Records leave a dataset under the policy that made it: `manifest.json` says what was applied to each
column, and a column of which it says nothing stays where it is.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sonde.pipeline.places import LOCK, MANIFEST, parts_of
from sonde.pipeline.plan import registry
from sonde.policy import readmit
from sonde.table.permitted import Permitted

ROWS_A_BATCH = 1 << 13


class QueryError(ValueError):
    """A question that cannot be answered; the message is for the user."""


def described(folder: Path) -> dict[str, Any]:
    """Read the manifest of a dataset in Parquet; of the parts of a probe at work, what they have together."""
    if not (folder / MANIFEST).exists() and (folder / LOCK).exists():
        return _described_parts(folder)
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        form, _ = found["format"], found["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        raise QueryError(f"{folder} is no dataset of Sonde's; make one with `sonde read CAPTURE`.") from None
    if form != "parquet":
        raise QueryError(f"{folder} holds {form}; only a dataset in parquet can be opened.")
    return dict(found)


def _described_parts(folder: Path) -> dict[str, Any]:
    """Add the manifests of parts up: tables with rows and files; how many parts there are."""
    tables: dict[str, dict[str, Any]] = {}
    parts = 0
    for part in parts_of(folder):
        with suppress(QueryError):  # deleted meanwhile, since its time is over
            for name, entry in described(part)["tables"].items():
                told = tables.setdefault(name, {"rows": 0, "files": []})
                told["rows"] += entry["rows"]
                told["files"] += [f"{part.name}/{file}" for file in entry["files"]]
            parts += 1
    if not parts:
        raise QueryError(f"Nothing in Parquet is committed in {folder} yet; ask again after the next part.")
    return {"format": "parquet", "parts": parts, "tables": {name: e for name, e in tables.items() if e["files"]}}


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
    wanted = list(tables)
    manifest = described(folder)
    if "parts" in manifest:  # of a probe at work: each was made under a policy of its own
        for part in parts_of(folder):
            with suppress(QueryError):  # deleted meanwhile, since its time is over
                yield from stored(part, wanted)
        return
    techniques = manifest.get("policy", {}).get("techniques", {})
    for table in wanted:
        for path in sorted((folder / table).glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_A_BATCH):
                    yield readmit(table, batch, registry().get(table, {}), techniques.get(table, {}))


__all__ = ["QueryError", "described", "stored", "tables_of"]

"""Read samples with a dissector; as a program: those of a file, into another, kernels interpreted."""

import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

from sonde.schema import columns, table_name
from tests.bench import Sample, trial
from tests.conformance.samples import dissector_of

Rows = dict[str, list[dict[str, Any]]]


def read(name: str, sample: Sample, **wishes: Any) -> Rows:
    """Show a sample to the dissector of a protocol; give its rows by table, without what stays inside."""
    rows = trial(dissector_of(name), sample.messages, stream=sample.stream, ports=sample.ports, **wishes)
    internal = _internal(name)
    fed = {table_name(record) for record in dissector_of(name).records if record.feeds}
    return {
        table: _pieced_together(found)
        if table in fed
        else [{key: value for key, value in row.items() if (table, key) not in internal} for row in found]
        for table, found in rows.items()
    }


def _pieced_together(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put octets that go on to the content stage together by message: how they were cut means nothing."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        whole = found.setdefault(row["message"], {"octets": b"", "marks": 0, "status": 0})
        whole["octets"] += row["octets"] or b""
        whole["marks"] |= row["marks"]
    return list(found.values())


@cache
def _internal(name: str) -> set[tuple[str, str]]:
    """Name the fields that are never emitted: raw material, which may hold what was there before."""
    return {
        (table_name(record), column.name)
        for record in dissector_of(name).records
        for column in columns(record)
        if column.field.internal
    }


if __name__ == "__main__":
    wanted, samples = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([read(wanted, sample) for sample in samples]))

"""One capture in every format: the same records, whatever writes them and however many lanes made them."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sonde.cli.main import main
from sonde.pipeline.plan import all_records
from tests.conformance.samples import capture_of_all
from tests.maker import write_pcap

TABLES = list(all_records())


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pcap(tmp_path_factory.mktemp("formats") / "all.pcap", capture_of_all()[0])


def read(capture: Path, *options: str) -> Path:
    """Read the capture once for each choice of options; give the folder."""
    folder = capture.with_name("-".join(["out", *options]).replace("--", ""))
    if not folder.exists():
        assert main(["read", str(capture), "-o", str(folder), "--policy", "clear", "--quiet", *options]) == 0
    return folder


def plain(value: Any) -> Any:
    """Spell an Arrow value as JSON lines do."""
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%dT%H:%M:%S") + f".{value.value % 10**9:09d}Z"
    if isinstance(value, timedelta):
        return pd.Timedelta(value).value / 10**9
    if isinstance(value, bytes):
        return value.hex()
    return value


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return [{name: plain(value) for name, value in row.items() if value is not None} for row in table.to_pylist()]


@pytest.mark.parametrize("table", TABLES)
def test_json_lines_hold_what_parquet_holds(capture: Path, table: str) -> None:
    expected = rows_of(pq.read_table(read(capture) / table))
    lines = (read(capture, "--format", "jsonl") / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == expected


@pytest.mark.parametrize("table", TABLES)
def test_csv_holds_what_parquet_holds(capture: Path, table: str) -> None:
    expected = rows_of(pq.read_table(read(capture) / table))
    with (read(capture, "--format", "csv") / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(expected)
    for line, row in zip(found, expected, strict=True):
        for name, text in line.items():
            value = row.get(name)
            if isinstance(value, float):
                assert float(text) == value, f"{table}.{name}"
            else:
                assert text == as_csv(value), f"{table}.{name}"


def as_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ";".join(str(each) for each in value)
    return str(value)


@pytest.mark.parametrize("table", TABLES)
def test_the_number_of_lanes_changes_no_record(capture: Path, table: str) -> None:
    one = pq.read_table(read(capture, "--lanes", "1") / table)
    three = pq.read_table(read(capture, "--lanes", "3") / table)
    assert one.schema == three.schema
    assert sorted(map(repr, one.to_pylist())) == sorted(map(repr, three.to_pylist()))


def test_packets_in_are_packets_recorded_and_dropped(capture: Path) -> None:
    manifest = json.loads((read(capture) / "manifest.json").read_text())
    packets = manifest["packets"]
    assert packets["in"] == packets["recorded"] + sum(packets["dropped"].values())
    flows = pq.read_table(read(capture) / "flows").to_pydict()
    assert sum(flows["orig_packets"]) + sum(flows["resp_packets"]) == packets["recorded"]
    for table, entry in manifest["tables"].items():
        assert entry["rows"] == pq.read_table(read(capture) / table).num_rows


def test_every_row_belongs_to_a_flow(capture: Path) -> None:
    flows = set(pq.read_table(read(capture) / "flows")["uid"].to_pylist())
    assert None not in flows
    for table in TABLES:
        assert set(pq.read_table(read(capture) / table)["uid"].to_pylist()) <= flows

"""Lanes share nothing, and their number changes no record."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from sonde.pipeline.read import make_plan, read_captures

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "first-look.pcapng"


def records(folder: Path, table: str) -> list[Any]:
    """Give all rows of a table, in an order of their own."""
    place = folder / table / "*.parquet"
    return sorted(map(repr, duckdb.connect().execute(f"select * from read_parquet('{place}')").fetchall()))


@pytest.mark.compiled
def test_the_number_of_lanes_changes_no_record(tmp_path: Path) -> None:
    made = {}
    for lanes in (1, 3):
        plan = make_plan(None, "clear", lanes=lanes, seed=7)
        made[lanes] = read_captures([str(EXAMPLE)], plan, tmp_path / f"{lanes}.sonde")
        assert made[lanes].manifest["internal_errors"] == []
    assert made[1].manifest["packets"] == made[3].manifest["packets"]
    for table, entry in made[1].manifest["tables"].items():
        if entry["rows"]:
            assert records(made[1].folder, table) == records(made[3].folder, table), table


def test_the_packets_of_flows_add_up_to_those_recorded(tmp_path: Path) -> None:
    made = read_captures([str(EXAMPLE)], make_plan(None, "clear"), tmp_path / "x.sonde")
    place = tmp_path / "x.sonde" / "flows" / "*.parquet"
    question = f"select sum(orig_packets + resp_packets) from read_parquet('{place}') where tunnel is null"
    (sum_of_flows,) = duckdb.connect().execute(question).fetchall()[0]
    packets = made.manifest["packets"]
    assert sum_of_flows == packets["recorded"] == packets["in"] - sum(packets["dropped"].values())

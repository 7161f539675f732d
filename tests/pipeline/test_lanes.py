"""Lanes share nothing, and their number changes no record."""

import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from sonde.dissect import all_dissectors, driver
from sonde.pipeline import lane
from sonde.pipeline.read import make_plan, read_captures
from sonde.pipeline.run import PATIENCE_S, read_all
from sonde.schema import columns, row_dtype
from sonde.source.captures import Source
from sonde.table import out
from sonde.table.out import FLOW_WORD, is_open, layout_of, new_out, pool_of

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


@pytest.mark.compiled
def test_when_arenas_of_text_are_left_changes_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows stay open from block to block; their text goes with them, or stays where it is."""
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 32))
    made = {}
    for enough in (-1, 1000, 1 << 30):
        monkeypatch.setattr(lane, "ENOUGH_TEXT", enough)
        plan = make_plan(None, "clear", lanes=1, seed=7)
        made[enough] = read_captures([str(EXAMPLE)], plan, tmp_path / f"{enough}.sonde")
        assert made[enough].manifest["internal_errors"] == []
    for table, entry in made[-1].manifest["tables"].items():
        if entry["rows"]:
            wanted = records(made[-1].folder, table)
            assert wanted == records(made[1000].folder, table) == records(made[1 << 30].folder, table), table


@pytest.mark.compiled
@pytest.mark.parametrize("lanes", [1, 2])
def test_when_trays_are_handed_over_changes_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 200))
    made = {}
    for rows, text in ((2, 1 << 30), (5, 1 << 12), (1 << 13, 1 << 10), (1 << 13, 1 << 30)):
        monkeypatch.setattr(lane, "FIRST_TRAY", rows)
        monkeypatch.setattr(lane, "ROWS_A_TRAY", 2 * rows)
        monkeypatch.setattr(lane, "TEXT_A_TRAY", text)
        plan = make_plan(None, "clear", lanes=lanes, seed=7)
        made[rows, text] = read_captures([str(EXAMPLE)], plan, tmp_path / f"{rows}-{text}.sonde")
        assert made[rows, text].manifest["internal_errors"] == []
    whole = made.pop((1 << 13, 1 << 30))
    for table, entry in whole.manifest["tables"].items():
        if entry["rows"]:
            wanted = records(whole.folder, table)
            assert all(records(each.folder, table) == wanted for each in made.values()), table


@pytest.mark.compiled
def test_when_tables_grow_changes_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and states that are open when their table grows go on as they were."""
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 16))
    made = {"ample": read_captures([str(EXAMPLE)], make_plan(None, "clear", seed=7), tmp_path / "ample.sonde")}
    monkeypatch.setattr(lane, "FIRST_ROWS", 2)  # the spill row and one more
    monkeypatch.setattr(lane, "FIRST_CONNS", 1)
    monkeypatch.setattr(out, "AMPLE_ROWS", 3)
    monkeypatch.setattr(driver, "AMPLE_CONNS", 2)
    made["scant"] = read_captures([str(EXAMPLE)], make_plan(None, "clear", seed=7), tmp_path / "scant.sonde")
    assert made["ample"].manifest["tables"].keys() == made["scant"].manifest["tables"].keys()
    for table in made["ample"].manifest["tables"]:
        assert records(tmp_path / "ample.sonde", table) == records(tmp_path / "scant.sonde", table)


def test_a_prompt_lane_keeps_no_closed_row() -> None:
    plan = make_plan(None, "clear", lanes=1)
    for prompt in (False, True):
        rows: list[int] = []
        told: list[int] = []

        def consume(made: Any, rows: list[int] = rows, told: list[int] = told) -> None:
            rows.append(sum(len(batch.rows) for batch in made.batches))
            told.append(made.frames)

        read_all(plan, [str(EXAMPLE)], 1, consume, prompt=prompt)
        assert sum(rows) > 100
        on_the_way = [count for count, frames in zip(rows, told, strict=True) if frames]
        assert (sum(on_the_way) > 100) == prompt


def test_every_row_begins_with_the_words_that_tables_are_gathered_by() -> None:
    for dissector in all_dissectors():
        for record in dissector.records:
            dtype = row_dtype(record)
            rows = np.zeros(2, dtype)
            rows["flow"], rows["open"] = (3, 5), (1, 0)
            table = new_out(record, 2, 64)._replace(rows=rows)
            pool, layout = pool_of(table), layout_of(record)
            width = int(layout.size[0])
            assert [pool.rows.eight[row * width + FLOW_WORD] for row in range(2)] == [3, 5]
            assert [is_open(pool, row, width) for row in range(2)] == [True, False]
            texts = [each for each in columns(record) if each.kind.name in ("text", "octets", "text_list", "u32_list")]
            for column in texts:
                rows[column.name] = 1 << 40 | column.index
            found = [int(pool.rows.eight[width + place]) - (1 << 40) for place in layout.spans]
            assert found == [each.index for each in texts]


def test_the_packets_of_flows_add_up_to_those_recorded(tmp_path: Path) -> None:
    made = read_captures([str(EXAMPLE)], make_plan(None, "clear"), tmp_path / "x.sonde")
    place = tmp_path / "x.sonde" / "flows" / "*.parquet"
    question = f"select sum(orig_packets + resp_packets) from read_parquet('{place}') where tunnel is null"
    (sum_of_flows,) = duckdb.connect().execute(question).fetchall()[0]
    packets = made.manifest["packets"]
    assert sum_of_flows == packets["recorded"] == packets["in"] - sum(packets["dropped"].values())


@pytest.mark.compiled
def test_an_interrupted_run_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits, for a block to be taken or for room, is set free: at once, not when patience ends."""
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 32))

    def interrupt(made: Any) -> None:
        raise KeyboardInterrupt

    for lanes in (1, 2):
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            read_all(make_plan(None, "clear", lanes=lanes), [str(EXAMPLE)], 1, interrupt)
        assert not [each.name for each in threading.enumerate() if each.name.startswith("sonde-")]
        assert time.monotonic() - began < PATIENCE_S

"""The stages up to dissection in a process of their own: the same records, the same errors, and nothing left behind."""

import faulthandler
import os
import signal
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sonde.cli.failures import sentence
from sonde.pipeline import apart, read
from sonde.pipeline.apart import Apart, ApartError, may_fork
from sonde.pipeline.lane import Lane
from sonde.pipeline.read import make_plan, read_captures
from sonde.pipeline.recorder import rehearse_records
from sonde.pipeline.run import Totals
from sonde.pipeline.shared import UNIT
from sonde.source import SourceError, open_source
from sonde.source.captures import Source

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "first-look.pcapng"


#: Tests before may have left a thread that waits; here it holds nothing that a child would wait for.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture(autouse=True)
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork whatever tests before left."""
    monkeypatch.setattr(read, "may_fork", lambda: True)


def rows_of(folder: Path) -> dict[str, list[Any]]:
    """Give all rows of all tables, in their order."""
    return {
        place.name: duckdb.connect().execute(f"select * from read_parquet('{place}/*.parquet')").fetchall()
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }


def no_child_is_left() -> bool:
    """Say whether every child was waited for."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.mark.compiled
@pytest.mark.parametrize("lanes", [1, 3])
def test_records_and_counts_are_those_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 64))
    made = []
    for name, shared in (("here", 0), ("apart", apart.SHARED_OCTETS), ("through-the-pipe", UNIT)):
        monkeypatch.setattr(read, "may_fork", lambda shared=shared: shared > 0)
        monkeypatch.setattr(apart, "SHARED_OCTETS", shared)
        plan = make_plan(None, "clear", lanes=lanes, seed=7)
        reading = read_captures([str(EXAMPLE)], plan, tmp_path / name)
        assert reading.manifest["internal_errors"] == []
        made.append((rows_of(reading.folder), reading.manifest, reading.tally.rows, reading.totals.octets))
    assert made[0] == made[1] == made[2]
    assert sum(made[0][2].values()) > 100
    assert no_child_is_left()


def test_progress_is_told_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 500))
    seen: list[tuple[int, int]] = []
    made = read_captures(
        [str(EXAMPLE)], make_plan(["ntp"], "clear"), tmp_path / "x", progress=lambda *reached: seen.append(reached)
    )
    assert seen == sorted(seen)
    assert seen[-1] == (made.totals.frames, EXAMPLE.stat().st_size)


def test_beside_another_thread_nothing_is_forked() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert not may_fork()
    finally:
        stop.set()
        other.join()


def test_where_no_process_is_to_be_had_this_one_does_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", none)
    made = read_captures([str(EXAMPLE)], make_plan(["ntp"], "clear"), tmp_path / "x")
    assert made.tally.rows["ntp"] > 0


def failing(tmp_path: Path, capture: Path = EXAMPLE) -> BaseException:
    """Read, which must fail and leave nothing; give the error."""
    with pytest.raises((ApartError, SourceError, MemoryError)) as caught:
        read_captures([str(capture)], make_plan(["ntp"], "clear"), tmp_path / "x.sonde")
    assert not list(tmp_path.glob("*x.sonde*"))
    assert no_child_is_left()
    return caught.value


def test_an_input_that_is_no_capture_is_said_in_the_same_words(tmp_path: Path) -> None:
    place = tmp_path / "letter.txt"
    place.write_text("Dear Sir or Madam,")
    with pytest.raises(SourceError) as here:
        open_source(str(place))
    assert str(failing(tmp_path, place)) == str(here.value)


def test_a_defect_is_told_by_kind_and_place_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lane, "tally", lambda lane: {"x": int("secret of a sender")})
    told = sentence(failing(tmp_path))
    assert told.startswith("internal error, ValueError at sonde/")
    assert "secret" not in told


def test_lack_of_memory_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(lane: Lane) -> None:
        raise MemoryError

    monkeypatch.setattr(Lane, "tally", none)
    assert isinstance(failing(tmp_path), MemoryError)


@pytest.mark.parametrize(("number", "word"), [(signal.SIGKILL, "lack of memory"), (signal.SIGSEGV, "please report")])
def test_a_child_that_is_ended_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    def die(lane: Lane) -> None:
        faulthandler.disable()
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Lane, "tally", die)
    assert word in sentence(failing(tmp_path))


def test_a_capture_that_is_cut_while_it_is_read_costs_no_dataset_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "shrinking.pcapng"
    place.write_bytes(EXAMPLE.read_bytes())
    scan = Source._scan

    def cut(source: Source, wire: Any, *args: Any) -> int:
        if len(wire) > 1:  # and not to have the kernel compiled
            faulthandler.disable()
            os.truncate(place, 0)
        return scan(source, wire, *args)

    monkeypatch.setattr(Source, "_scan", cut)
    assert "became shorter" in str(failing(tmp_path, place))


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_child_that_nobody_listens_to_any_more_ends(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, 32))

    def leave() -> None:
        with Apart(make_plan(["ntp"], "clear", lanes=2), [str(EXAMPLE)], 1, open_source) as child:
            for number, _ in enumerate(child.blocks(Totals(), lambda *reached: None)):
                if number == blocks:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert no_child_is_left()


def test_a_rehearsal_goes_through_to_its_end_and_writes_nothing() -> None:
    """What it leaves out would be compiled by the processes at work, one kernel after the other."""
    rehearse_records(make_plan(None, "default"))

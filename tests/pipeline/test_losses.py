"""What a defect of ours costs: the row or the message that it strikes, told by its place and not by what was read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.content import MessageReader
from sonde.pipeline import losses
from sonde.pipeline.feed import read_messages
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.losses import MOST_APART, MOST_TOLD, Losses
from sonde.pipeline.parts import Account
from sonde.pipeline.read import make_plan, read_captures
from sonde.pipeline.state import State
from sonde.policy import PolicyError
from sonde.record import build_columns
from tests.maker import conversation, write_pcap

SECRET = "what was read"
HELLO: list[tuple[int, bytes | int]] = [(1, b"220 mx\r\n"), (0, b"EHLO c\r\n"), (1, b"250 mx\r\n")]


def refusing(bad: set[int]) -> Callable[[slice], list[int]]:
    """Build rows of which some cannot be built."""

    def build(rows: slice) -> list[int]:
        made = list(range(rows.start, rows.stop))
        if bad.intersection(made):
            raise ValueError(SECRET)
        return made

    return build


@given(st.integers(0, 300), st.sets(st.integers(0, 299), max_size=8))
def test_rows_that_cannot_be_built_are_lost_and_no_others(count: int, bad: set[int]) -> None:
    found = Losses()
    made = [row for part in found.salvage(count, refusing(bad)) for row in part]
    assert made == [row for row in range(count) if row not in bad]
    assert found.lost["rows_lost"] == len([row for row in bad if row < count])
    assert not any(SECRET in told for told in found.faults)


def test_when_all_rows_fail_the_search_ends() -> None:
    calls = 0

    def build(rows: slice) -> None:
        nonlocal calls
        calls += 1
        raise KeyError(rows)

    found, count = Losses(), 1 << 14
    assert list(found.salvage(count, build)) == []
    assert found.lost["rows_lost"] == count
    assert calls < 3 * MOST_APART + 2 * count.bit_length()


@pytest.mark.parametrize("error", [OSError(28, "full"), MemoryError(), PolicyError("The key is gone; make another.")])
def test_what_is_no_defect_is_told_as_ever(error: Exception) -> None:
    def build(rows: slice) -> None:
        raise error

    with pytest.raises(type(error)):
        list(Losses().salvage(9, build))


def test_kinds_of_faults_are_bounded_and_all_losses_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Losses()
    for number in range(MOST_TOLD + 5):
        monkeypatch.setattr(losses, "place_of", lambda trace, number=number: f"sonde/x.py:{number}")
        found.suffer("messages", ValueError(SECRET))
    assert len(found.faults) == MOST_TOLD
    assert found.lost == {"messages_lost": MOST_TOLD + 5}


def test_a_probe_counts_them_once() -> None:
    found, state, account = Losses(), State(), Account()
    found.suffer("rows", ValueError(SECRET), 3)
    assert found.move(state, account) == "rows_lost: 3"
    assert found.move(state, account) == ""
    assert (state.faults, state.bounds, account.bounds) == (1, {"rows_lost": 3}, {"rows_lost": 3})
    assert account.faults == ["rows: ValueError at an unknown place"]


def test_what_a_probe_lost_is_warned_of_and_written_down_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, warned, written = Losses(), [], []
    ledger = Ledger(tmp_path / "log", tmp_path / "keys", probe="north", heartbeat_s=600, warn=warned.append)
    monkeypatch.setattr(ledger, "append", lambda kind, data: written.append((kind, data)))
    found.suffer("rows", ValueError(SECRET), 3)
    for _ in range(2):
        found.tell(State(), Account(), ledger)
    ledger.close()
    assert warned == ["records were lost to a defect (rows_lost: 3); the manifest's internal_errors say where."]
    assert written == [("degraded", {"what": "records", "reason": "lost to a defect: rows_lost: 3"})]


def fail_on(monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    """Give the reader of messages a defect that one subject brings out."""
    finish = MessageReader.finish

    def broken(self: MessageReader, *args: Any, **more: Any) -> Any:
        made = finish(self, *args, **more)
        if made.fields["subject"] == subject:
            raise ValueError(SECRET)
        return made

    monkeypatch.setattr(MessageReader, "finish", broken)


def test_a_message_that_strikes_a_defect_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_on(monkeypatch, "1")
    messages = list(HELLO)
    for number in range(3):
        messages += [
            (0, b"MAIL FROM:<a@example.org>\r\n"), (1, b"250 ok\r\n"),
            (0, b"RCPT TO:<b@example.net>\r\n"), (1, b"250 ok\r\n"),
            (0, b"DATA\r\n"), (1, b"354 go\r\n"),
            (0, b"Subject: %d\r\n\r\ntext\r\n.\r\n" % number), (1, b"250 ok\r\n"),
        ]  # fmt: skip
    capture = write_pcap(tmp_path / "x.pcap", conversation(messages, stream=True, ports=(40000, 25)))
    made = read_captures([str(capture)], make_plan(None, "clear"), tmp_path / "x").manifest
    (part,) = (tmp_path / "x/mail").glob("*.parquet")
    assert pq.read_table(part)["subject"].to_pylist() == ["0", "2"]
    assert made["bounds"]["messages_lost"] == 1
    (told,) = made["internal_errors"]
    assert told.startswith("messages: ValueError at sonde/")
    assert SECRET not in told


def test_stored_messages_likewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_on(monkeypatch, "1")
    for number in range(3):
        (tmp_path / f"{number}.eml").write_bytes(b"Subject: %d\r\n\r\ntext\r\n" % number)
    made = read_messages([tmp_path], make_plan(None, "clear"), tmp_path / "x")
    assert made["tables"]["mail"]["rows"] == 2
    assert made["bounds"] == {"messages_lost": 1}
    assert len(made["internal_errors"]) == 1


def test_a_row_that_strikes_a_defect_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(record: Any, rows: Any, *args: Any, **more: Any) -> Any:
        made = build_columns(record, rows, *args, **more)
        if "path" in made and "/1" in made["path"].to_pylist():
            raise OverflowError(SECRET)
        return made

    monkeypatch.setattr("sonde.pipeline.recorder.build_columns", broken)
    messages: list[tuple[int, bytes | int]] = []
    for number in range(5):
        messages += [(0, b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % number)]
        messages += [(1, b"HTTP/1.1 204 No Content\r\n\r\n")]
    capture = write_pcap(tmp_path / "x.pcap", conversation(messages, stream=True))
    made = read_captures([str(capture)], make_plan(None, "clear"), tmp_path / "x").manifest
    (part,) = (tmp_path / "x/http").glob("*.parquet")
    assert pq.read_table(part)["path"].to_pylist() == ["/0", "/2", "/3", "/4"]
    assert made["bounds"]["rows_lost"] == 1
    assert made["tables"]["http"]["rows"] == 4
    (told,) = made["internal_errors"]
    assert SECRET not in told

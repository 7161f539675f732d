"""smtp.log and files.log of mail between real programs, and what waits for its counterpart."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from sonde.pipeline.read import make_plan, read_captures
from sonde.sink import zeek_smtp
from sonde.sink.zeek_logs import State

CAPTURE = Path(__file__).parents[1] / "mail_captures/plain.pcap.gz"


def logs(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.log").read_text().splitlines()]


def test_a_message_names_its_files(tmp_path: Path) -> None:
    read_captures([str(CAPTURE)], make_plan(None, "clear"), tmp_path / "out", form="zeek")
    files = {row["fuid"]: row for row in logs(tmp_path / "out", "files") if row["source"] == "SMTP"}
    rows = logs(tmp_path / "out", "smtp")
    named = [row for row in rows if row.get("subject")]
    assert [row["subject"] for row in named] == [f"plain {number}" for number in range(3)]
    for row in named:
        text, attached = (files[each] for each in row["fuids"])
        # Zeek counts the entities of a message: the whole, the text, the attachment.
        assert (text["depth"], text["mime_type"], attached["depth"]) == (2, "text/plain", 3)
        assert (attached["filename"], attached["seen_bytes"]) == (f"{row['subject']}.bin", 3000)
        assert {each["uid"] for each in (text, attached)} == {row["uid"]}
    assert len(files) == 6


def batch(**columns: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([columns])


def test_what_waits_is_bounded_and_written_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeek_smtp, "MOST_WAITING", 2)
    state = State()
    rows = [row for number in range(4) for row in zeek_smtp.smtp(batch(uid="C", message=number, size=9), state)]
    assert [row["trans_depth"] for _, row in rows] == [0, 1]
    assert [row["trans_depth"] for _, row in state.rest()] == [2, 3]
    for number in range(4, 8):
        assert not list(zeek_smtp.mail(batch(uid="C", message=number, source="smtp"), state))
    assert len(state.messages) == 2
    for number in range(4):
        part = batch(uid="D", message=number, source="smtp", part="1", size=1)
        assert [log for log, _ in zeek_smtp.mail_part(part, state)] == ["files"]
    assert len(state.parts) == 2

"""Messages of a run: what is open at a time is bounded, and what was given up does not come back."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sonde.pipeline import mail
from sonde.pipeline.read import make_plan, read_captures
from tests.maker import conversation, write_pcap

HEAD: list[tuple[int, bytes | int]] = [
    (1, b"220 mx\r\n"),
    (0, b"EHLO c\r\n"),
    (1, b"250 mx\r\n"),
    (0, b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"),
    (1, b"250 ok\r\n250 ok\r\n354 go\r\n"),
]
TAIL: list[tuple[int, bytes | int]] = [(0, b"more\r\n.\r\n"), (1, b"250 ok\r\n")]


def test_the_message_that_waits_longest_is_ended_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MOST_OPEN", 1)
    monkeypatch.setattr("sonde.source.captures.BLOCK_OCTETS", 200)
    frames = []
    for number in range(2):  # the second begins while the first is open
        messages = [*HEAD, (0, b"Subject: %d\r\n\r\n" % number + b"x" * 900 + b"\r\n"), *TAIL]
        frames += conversation(messages, stream=True, ports=(40000 + number, 25))
    frames.sort(key=lambda frame: frame[0])
    made = read_captures([str(write_pcap(tmp_path / "x.pcap", frames))], make_plan(None, "clear"), tmp_path / "x")
    assert made.manifest["bounds"]["messages_given_up"] == 1
    (part,) = (tmp_path / "x/mail").glob("*.parquet")
    rows = sorted(pq.read_table(part).to_pylist(), key=lambda row: row["subject"])
    assert [(row["subject"], row["complete"]) for row in rows] == [("0", False), ("1", True)]
    assert json.loads((tmp_path / "x/manifest.json").read_text())["internal_errors"] == []


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: =?utf-7?q?+2AA-?=\r\n",  # half a character
        b"From: =?utf-7?q?+2AA-?= <a@example.org>\r\n",
        b"Content-Type: text/plain; charset=utf-7; name*=utf-7''%2B2AA-\r\n",
        b"Received: by a; 1 Jan 2250 00:00:00 +0000\r\nReceived: by b; 1 Jan 1690 00:00:00 +0000\r\n",
    ],
)
def test_what_a_column_cannot_hold_does_not_cost_the_run(tmp_path: Path, head: bytes) -> None:
    frames = conversation([*HEAD, (0, head + b"X: y\r\n\r\n+2AA- https://a.example/\r\n"), *TAIL], stream=True)
    made = read_captures([str(write_pcap(tmp_path / "x.pcap", frames))], make_plan(None, "clear"), tmp_path / "x")
    assert made.manifest["tables"]["mail"]["rows"] == 1
    assert made.manifest["internal_errors"] == []

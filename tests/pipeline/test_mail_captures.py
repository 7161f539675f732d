"""Mail between real programs: every message as its client sent or was given it, whatever the wire did."""

import gzip
import json
import random
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sonde.pipeline.read import make_plan, read_captures

CAPTURES = Path(__file__).parents[1] / "mail_captures"
SAID: dict[str, Any] = json.loads((CAPTURES / "said.json").read_text())
Frames = list[tuple[bytes, bytes]]  # header and octets of each


def read(path: Path, out: Path) -> dict[str, list[dict[str, Any]]]:
    made = read_captures([str(path)], make_plan(None, "clear"), out)
    assert made.manifest["internal_errors"] == []
    found: dict[str, list[dict[str, Any]]] = {}
    for table in ("flows", "smtp", "smtp_session", "imap", "pop3", "mail", "mail_part", "tls"):
        parts = (out / table).glob("*.parquet")
        found[table] = [row for part in parts for row in pq.read_table(part).to_pylist()]
    return found


def whole(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    return sorted(row["sha256"] for row in tables["mail"] if not row["partial"])


@pytest.mark.parametrize("name", sorted(SAID))
def test_every_message_is_what_its_client_says(name: str, tmp_path: Path) -> None:
    tables = read(CAPTURES / f"{name}.pcap.gz", tmp_path / "out")
    assert whole(tables) == sorted(SAID[name]["messages"])
    assert sum(row["partial"] for row in tables["mail"]) == SAID[name].get("partial", 0)
    assert all(row["complete"] for row in tables["mail"] if not row["partial"])


def test_plain(tmp_path: Path) -> None:
    tables = read(CAPTURES / "plain.pcap.gz", tmp_path / "out")
    rows = tables["smtp"]
    assert [row["recipients"] for row in rows if row["size"]] == SAID["plain"]["recipients"]
    refused = [row for row in rows if row["rcpt_to"] == ["nobody@elsewhere.test"]]
    assert [row["rcpt_codes"] for row in refused] == [[SAID["plain"]["refused"]]]
    assert [row["mail_from"] for row in rows if row["size"]] == ["bob@example.net", "bob@example.net", ""]
    assert {row["file_name"] for row in tables["mail_part"] if row["is_attachment"]} == {
        f"plain {number}.bin" for number in range(3)
    }
    assert {row["size"] for row in tables["mail_part"] if row["is_attachment"]} == {3000}


@pytest.mark.parametrize(("name", "told"), [("starttls", "used"), ("stripped", "stripped"), ("plain", "offered")])
def test_what_became_of_starttls_is_told(name: str, told: str, tmp_path: Path) -> None:
    tables = read(CAPTURES / f"{name}.pcap.gz", tmp_path / "out")
    assert {row["starttls"] for row in tables["smtp_session"]} == {told}
    assert bool(tables["tls"]) == (told == "used")
    if told == "stripped":
        assert [row["verdicts"] for row in tables["mail"]] == [["starttls_stripped"]]


def test_lmtp_has_a_reply_for_each_recipient(tmp_path: Path) -> None:
    (row,) = read(CAPTURES / "lmtp.pcap.gz", tmp_path / "out")["smtp"]
    assert (row["recipients"], row["recipients_accepted"]) == (2, 2)


def test_pop3_counts_what_was_done(tmp_path: Path) -> None:
    rows = read(CAPTURES / "pop3.pcap.gz", tmp_path / "out")["pop3"]
    (row,) = [each for each in rows if each["user"]]
    assert (row["user"], row["retrieved"], row["tops"], row["deleted"]) == ("alice", 2, 1, SAID["pop3"]["deleted"])


def frames_of(path: Path) -> tuple[bytes, Frames]:
    octets = gzip.decompress(path.read_bytes())
    found, at = [], 24
    while at < len(octets):
        length = struct.unpack_from("<I", octets, at + 8)[0]
        found.append((octets[at : at + 16], octets[at + 16 : at + 16 + length]))
        at += 16 + length
    return octets[:24], found


def write(path: Path, head: bytes, frames: Frames, times: list[bytes]) -> Path:
    path.write_bytes(
        head + b"".join(at + header[8:] + frame for at, (header, frame) in zip(times, frames, strict=True))
    )
    return path


@pytest.mark.parametrize("name", sorted(SAID))
@pytest.mark.parametrize("seed", range(2))
def test_packets_sent_again_and_out_of_order_change_nothing(name: str, seed: int, tmp_path: Path) -> None:
    head, frames = frames_of(CAPTURES / f"{name}.pcap.gz")
    chance = random.Random(f"{name} {seed}")
    changed: Frames = []
    for place, frame in enumerate(frames):
        changed.append(frame)
        if place > 3 and chance.random() < 0.2:
            changed.append(changed[-1 - chance.randrange(3)])  # a retransmission
        if place > 3 and chance.random() < 0.2 and changed[-1][1][26:34] == changed[-2][1][26:34]:
            changed[-2:] = changed[:-3:-1]  # two of one side come the other way round, as on a path with two ways
    times = sorted([header[:8] for header, _ in changed], key=lambda at: struct.unpack("<II", at))
    tables = read(write(tmp_path / "x.pcap", head, changed, times), tmp_path / "out")
    assert whole(tables) == sorted(SAID[name]["messages"])


@pytest.mark.parametrize("name", ["plain", "bdat", "lmtp", "pop3", "literals"])
def test_a_packet_that_was_lost_is_told_and_costs_its_message_alone(name: str, tmp_path: Path) -> None:
    head, frames = frames_of(CAPTURES / f"{name}.pcap.gz")
    large = [place for place, (_, frame) in enumerate(frames) if len(frame) > 1400 and is_clear(frame)]
    lost = large[1]  # in the middle of a message
    kept = frames[:lost] + frames[lost + 1 :]
    tables = read(write(tmp_path / "x.pcap", head, kept, [header[:8] for header, _ in kept]), tmp_path / "out")
    assert [row["complete"] for row in tables["mail"]].count(False) == 1
    unhurt = Counter(row["sha256"] for row in tables["mail"] if row["complete"] and not row["partial"])
    said = Counter(SAID[name]["messages"])
    assert unhurt <= said
    assert unhurt.total() == said.total() - 1


def is_clear(frame: bytes) -> bool:
    """Say whether a frame (Ethernet, IPv4, TCP) is of a conversation in clear."""
    ports = struct.unpack_from(">HH", frame, 14 + 20)
    return not {993, 995} & set(ports)

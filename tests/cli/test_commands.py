"""The commands as docs/cli.md says."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sonde.cli.main import DONE, default_output, main
from sonde.pipeline.plan import all_records
from tests.conformance.environment import environment
from tests.maker import START_NS, Frame, conversation, ethernet, pcap, tcp, udp, write_pcap

GET = b"GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FRAMES = conversation([(0, GET), (1, OK)], stream=True)
Said = pytest.CaptureFixture[str]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_pcap(tmp_path / "web.pcap", FRAMES)


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_protocols_are_listed_as_data(capsys: Said) -> None:
    assert main(["protocols", "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    keys = {"name", "kind", "title", "reference", "transports", "ports", "identifies", "dissects", "tables", "aliases"}
    assert all(set(entry) == keys for entry in found)
    assert {entry["kind"] for entry in found} == {"protocol", "application"}
    assert len({(entry["kind"], entry["name"]) for entry in found}) == len(found)
    named = {entry["name"]: entry for entry in found if entry["kind"] == "protocol"}
    assert named["dns"]["dissects"]
    assert named["dns"]["tables"] == ["dns"]
    assert 53 in named["dns"]["ports"]["udp"]
    assert {table for entry in found for table in entry["tables"]} | {"flows"} == set(all_records())


def test_protocols_are_listed_for_people(capsys: Said) -> None:
    assert main(["protocols"]) == DONE
    out = capsys.readouterr().out
    assert "Domain Name System" in out
    assert "applications, told by names:" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_manifest_can_be_had_in_place_of_a_summary(capture: Path, tmp_path: Path, capsys: Said) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--json", "--digest"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found == manifest(tmp_path / "out")
    assert found["inputs"][0]["sha256"] == hashlib.sha256(capture.read_bytes()).hexdigest()
    assert found["packets"] == {"in": len(FRAMES), "recorded": len(FRAMES), "dropped": {}}
    assert found["tables"]["http"]["rows"] == 1


def test_quiet_says_nothing(capture: Path, tmp_path: Path, capfd: Said) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    assert capfd.readouterr() == ("", "")


def test_files_globs_and_folders_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        frames = conversation([(0, b"?")], stream=False, ports=(40000 + number, 9), start_ns=START_NS + number)
        write_pcap(tmp_path / f"in/{number}.pcap", frames)
    (tmp_path / "in/notes.txt").write_text("no capture")
    for number, paths in enumerate(([str(tmp_path / "in")], [str(tmp_path / "in/*.pcap")])):
        assert main(["read", *paths, "-o", str(tmp_path / f"out{number}"), "--quiet"]) == DONE
        names = [entry["name"] for entry in manifest(tmp_path / f"out{number}")["inputs"]]
        assert names == ["0.pcap", "1.pcap", "2.pcap"]
        assert manifest(tmp_path / f"out{number}")["packets"]["recorded"] == 3


def test_standard_input_is_read(tmp_path: Path) -> None:
    child = [sys.executable, "-m", "sonde.cli.main", "read", "-", "-o", str(tmp_path / "out"), "--json"]
    done = subprocess.run(child, input=pcap(FRAMES), capture_output=True, env=environment(), check=True)
    assert json.loads(done.stdout)["packets"]["in"] == len(FRAMES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/office.pcapng.zst", "office.sonde"), ("b.pcap", "b.sonde"), ("dump", "dump.sonde"), ("-", "stdin.sonde")],
)
def test_output_is_named_after_the_first_capture(name: str, expected: str) -> None:
    assert default_output([name, "other.pcap"]) == Path(expected)


def test_only_the_tables_wanted_are_written(capture: Path, tmp_path: Path) -> None:
    options = ["--tables", "flows, http", "--format", "jsonl", "--quiet"]
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), *options]) == DONE
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["flows.jsonl", "http.jsonl", "manifest.json"]


def test_flows_alone_are_identified_all_the_same(capture: Path, tmp_path: Path) -> None:
    options = ["--tables", "flows", "--format", "jsonl", "--quiet"]
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), *options]) == DONE
    assert rows(tmp_path / "out", "flows")[0]["protocol"] == "http"


def test_zeeks_logs_are_written(capture: Path, tmp_path: Path) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--format", "zeek", "--quiet"]) == DONE
    (conn,) = [json.loads(line) for line in (tmp_path / "out/conn.log").read_text().splitlines()]
    assert (conn["proto"], conn["service"], conn["conn_state"]) == ("tcp", "http", "SF")
    (http,) = [json.loads(line) for line in (tmp_path / "out/http.log").read_text().splitlines()]
    assert (http["method"], http["host"], http["status_code"]) == ("GET", "www.example.org", 200)


def test_checksums_are_verified_when_asked(tmp_path: Path) -> None:
    wrong = bytearray(ethernet(tcp(b"x")))
    wrong[-1] ^= 1
    write_pcap(tmp_path / "in.pcap", [(START_NS, bytes(wrong))])
    for choice, payload in (("ignore", 1), ("verify", 0)):
        options = ["--checksums", choice, "--format", "jsonl", "--quiet"]
        assert main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / choice), *options]) == DONE
        (flow,) = rows(tmp_path / choice, "flows")
        assert flow["orig_payload"] == payload
        assert ("bad_checksum" in flow.get("oddities", [])) == (choice == "verify")


def test_long_flows_are_recorded_in_parts(tmp_path: Path) -> None:
    frames: list[Frame] = [(START_NS + number * 10**9, ethernet(udp(b"x", ports=(1024, 9)))) for number in range(10)]
    write_pcap(tmp_path / "in.pcap", frames)
    options = ["--interim", "4", "--format", "jsonl", "--quiet"]
    assert main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "out"), *options]) == DONE
    found = rows(tmp_path / "out", "flows")
    assert [row["part"] for row in found] == [0, 1, 2]
    assert [row["end_reason"] for row in found] == ["active_timeout", "active_timeout", "forced_end"]
    assert sum(row["orig_packets"] for row in found) == 10
    assert len({row["uid"] for row in found}) == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_answers_come_in_the_form_wanted(form: str, capture: Path, tmp_path: Path, capsys: Said) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    sql = "select protocol, orig_packets as packets from flows"
    assert main(["query", str(tmp_path / "out"), sql, "--format", form]) == DONE
    out = capsys.readouterr().out
    if form == "csv":
        assert list(csv.DictReader(io.StringIO(out))) == [{"protocol": "http", "packets": "5"}]
    elif form == "jsonl":
        assert [json.loads(line) for line in out.splitlines()] == [{"protocol": "http", "packets": 5}]
    else:
        assert "http" in out
        assert "packets" in out

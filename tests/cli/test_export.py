"""`sonde export`: what was sent is said; what cannot be is one sentence."""

import json
import socket
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sonde.cli.main import main
from tests.maker import conversation, write_pcap
from tests.reference.ipfix import Collector

GET = b"GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
Said = pytest.CaptureFixture[str]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    capture = write_pcap(tmp_path / "web.pcap", conversation([(0, GET), (1, OK)], stream=True))
    assert main(["read", str(capture), "-o", str(tmp_path / "web.sonde"), "--quiet"]) == 0
    return tmp_path / "web.sonde"


def test_flows_go_to_a_collector(dataset: Path, capsys: Said) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 0))
        taker.settimeout(10)
        assert main(["export", str(dataset), "--ipfix", f"127.0.0.1:{taker.getsockname()[1]}", "--json"]) == 0
        collector = Collector()
        while not collector.records:
            collector.take(taker.recv(65_535))
    assert collector.records[0]["applicationName"] == "http"
    assert json.loads(capsys.readouterr().out)["ipfix"]["records"] == 1


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        ([], 2, "Say where to"),
        (["--to", "somewhere"], 2, "write tcp://HOST:PORT or unix:/PATH"),
        (["--ipfix", "collector"], 2, "write HOST:PORT"),
        (["--ipfix", "127.0.0.1:4739", "--tables", "http"], 2, "IPFIX tells flows"),
        (["--to", "tcp://127.0.0.1:9", "--tables", "dance"], 2, "There is no table 'dance'"),
        (["--to", "unix:/nowhere/at/all", "--patience", "0"], 1, "is anybody listening there?"),
        (["--to", "tcp://127.0.0.1:9", "--ipfix-domain", "4294967296"], 2, "no number from 0 to 4294967295"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    dataset: Path, capsys: Said, options: list[str], status: int, sentence: str
) -> None:
    assert main(["export", str(dataset), *options]) == status
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


def test_what_is_no_dataset_is_one_sentence(tmp_path: Path, capsys: Said) -> None:
    assert main(["export", str(tmp_path), "--to", "tcp://127.0.0.1:9"]) == 2
    assert "is no dataset" in capsys.readouterr().err


def test_a_column_of_which_the_manifest_says_nothing_is_not_sent(dataset: Path, tmp_path: Path, capsys: Said) -> None:
    path = dataset / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["policy"]["techniques"]["flows"]["orig_ip"]
    path.write_text(json.dumps(manifest))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        to = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["export", str(dataset), "--to", to, "--tables", "flows"]) == 1
    assert "does not say what its policy did to flows.orig_ip; it is not sent" in capsys.readouterr().err


def test_a_column_that_no_record_declares_is_not_sent(dataset: Path, capsys: Said) -> None:
    part = dataset / "http/part-0000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.append_column("password", table["method"]), part)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        to = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["export", str(dataset), "--to", to, "--tables", "http"]) == 1
    assert "http.password is declared by no record" in capsys.readouterr().err

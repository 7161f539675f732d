"""`sonde top` from a page as a probe serves it; what it shows follows from the state's own numbers."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sonde
from sonde.cli.main import main
from sonde.pipeline.state import State
from sonde.view.page import Page
from sonde.view.summary import Style
from sonde.view.top import TopError, fetch, talkers, top_lines
from tests.maker import conversation, write_pcap
from tests.view.test_metrics import a_state

PLAIN = Style(coloured=False)
Said = pytest.CaptureFixture[str]


@pytest.fixture
def page() -> Iterator[tuple[str, State]]:
    state = a_state()
    made = Page("127.0.0.1", 0)
    made.start(state.snapshot)
    yield f"http://127.0.0.1:{made.port}", state
    made.close()


def test_one_screen_says_how_the_probe_is(page: tuple[str, State], capsys: Said) -> None:
    assert main(["top", "--metrics", page[0], "--once"]) == 0
    out = capsys.readouterr().out
    assert "1,000 received, 900 recorded" in out
    assert "50 out of scope, 5 on their way" in out
    assert "arp 30, kernel 10, not ip 5" in out
    assert "eth0 up, 1,000 frames, 1.00 % dropped by the kernel" in out
    assert "memory     123.5 MB" in out
    assert "health     well" in out
    assert "stream idle: 24 rows, 0 dropped, 0 failed" in out
    assert [line.split()[-3:-1] for line in out.splitlines() if "▇" in line] == [["800", "B"], ["60", "B"]]
    assert "talkers" not in out


def test_rates_are_those_between_two_looks() -> None:
    state = a_state()
    before = state.snapshot()
    state.interface("eth0").received += 5000
    state.octets_in += 250_000
    after = state.snapshot() | {"now_ns": before["now_ns"] + 2_000_000_000}
    (rate,) = (line for line in top_lines(after, before, 80, PLAIN) if line.startswith("rate"))
    assert "2,500 frames/s, 1.0 Mbit/s, 0.0 flows/s" in rate


@pytest.mark.parametrize("width", [1, 24, 40, 59, 60, 80, 500])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    state = a_state()
    state.protocols[f"{'long' * 20}"] = state.protocols["dns"]
    lines = list(top_lines(state.snapshot(), None, width, PLAIN, [("2001:db8:1234:5678:9abc:def0:1234:5678", 10)]))
    assert max(map(len, lines)) <= max(width, 24)


def test_what_is_wrong_is_said_first(page: tuple[str, State], capsys: Said) -> None:
    page[1].interface("eth0").is_up = False
    assert main(["top", "--metrics", page[0], "--once"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "health     Interface eth0 is down."


def test_a_page_cannot_steer_the_terminal() -> None:
    state = a_state()
    state.interface("\x1b[2Jeth1").received = 1
    assert not [line for line in top_lines(state.snapshot(), None, 80, PLAIN) if "\x1b" in line]


def test_who_talks_is_told_from_the_output(tmp_path: Path, page: tuple[str, State], capsys: Said) -> None:
    capture = write_pcap(tmp_path / "a.pcap", conversation([(0, b"SSH-2.0-a\r\n"), (1, b"SSH-2.0-b\r\n")], stream=True))
    part = tmp_path / "out/20261125T150000.000Z"
    dataset = sonde.read(capture, tables=["flows"], output=part)
    (flow,) = dataset.flows.to_pylist()
    found = talkers(tmp_path / "out")
    assert found == sorted(
        [(flow["orig_ip"], flow["orig_octets"]), (flow["resp_ip"], flow["resp_octets"])], key=lambda item: -item[1]
    )
    assert main(["top", "--metrics", page[0], "--once", "--output", str(tmp_path / "out")]) == 0
    assert flow["orig_ip"] in capsys.readouterr().out


def test_nobody_is_told_where_the_policy_keeps_no_addresses(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "a.pcap", conversation([(0, b"SSH-2.0-a\r\n")], stream=True))
    sonde.read(capture, tables=["flows"], policy="strict", output=tmp_path / "out/20261125T150000.000Z")
    assert talkers(tmp_path / "out") == "the policy keeps no addresses"
    assert talkers(tmp_path) == "no part is committed yet"


def test_nobody_there_is_one_sentence(capsys: Said) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert main(["top", "--metrics", f"http://127.0.0.1:{probe.getsockname()[1]}", "--once"]) == 1
    err = capsys.readouterr().err
    assert "Connection refused; is `sonde live --metrics` running there?" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("url", ["", "eth0", "https://127.0.0.1", "http://", "http://a:b", "file:///etc/passwd"])
def test_what_is_no_page_is_one_sentence(url: str) -> None:
    with pytest.raises(TopError, match="write it as http://127"):
        fetch(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\n\r\n\xff",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_another_server_is_told_from_a_probe(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(1000)
                taken.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(TopError, match=r"is no page of a probe|no answer"):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(5)


def test_the_screen_is_left_as_it_was_found(page: tuple[str, State]) -> None:
    """In a terminal: the other screen, `q`, and back."""
    command = [sys.executable, "-m", "sonde.cli.main", "top", "--metrics", page[0], "--every", "0.2"]
    terminal, theirs = os.openpty()
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs)
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 30
    while b"900 recorded" not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 1 << 16)
    os.write(terminal, b"q")
    while True:
        try:
            more = os.read(terminal, 1 << 16)
        except OSError:  # the child is gone
            break
        if not more:
            break
        shown += more
    assert child.wait(30) == 0
    os.close(terminal)
    assert shown.index(b"\x1b[?1049h") < shown.index(b"900 recorded") < shown.rindex(b"\x1b[?1049l")


def test_the_page_is_json_that_any_tool_reads(page: tuple[str, State]) -> None:
    found: Any = fetch(page[0])
    assert json.loads(json.dumps(found)) == found

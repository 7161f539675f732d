"""What Prometheus and a watcher get of a probe's state, over HTTP as they ask for it."""

import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import sonde.view.page
from sonde.pipeline.state import Seen, State
from sonde.view.metrics import complaints, metrics
from sonde.view.page import MOST_AT_ONCE, Page, PageError

# Prometheus, exposition formats, text format 0.0.4: comments, then name, labels, value.
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"')


def a_state() -> State:
    state = State(policy='of"fice\\.toml', version=3, phase="running", policy_until_ns=time.time_ns() + 10**15)
    eth0 = state.interface("eth0")
    eth0.received, eth0.kernel_drops, eth0.octets = 1000, 10, 64_000
    state.frames_in, state.recorded, state.out_of_scope, state.dropped = 990, 900, 50, {"arp": 30, "not_ip": 5}
    state.octets_in, state.flows, state.memory_octets = 64_000, 7, 123_456_789
    state.rows = {"flows": 20, "dns": 4}
    state.protocols = {"dns": Seen(4, 800), "unknown": Seen(1, 60)}
    state.sink("stream").written = 24
    state.sink("stream").more = {"lines": 24}
    return state


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Read the format as its specification has it; AssertionError for what is none of it."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    kinds: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, "a metric is told in one group"
            assert kind in {"counter", "gauge", "untyped"}
            kinds[name] = kind
            continue
        if line.startswith("# HELP "):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert name == list(kinds)[-1]
        assert name.endswith("_total") == (kinds[name] == "counter")
        key = (name, tuple(LABEL.findall(labels or "")))
        assert key not in found
        found[key] = float(value)
    return found


def test_every_line_is_of_the_text_format() -> None:
    found = parsed(metrics(a_state().snapshot()))
    assert found["sonde_received_frames_total", ()] == 1000
    assert found["sonde_protocol_bytes_total", (("protocol", "dns"),)] == 800
    assert found["sonde_sink_rows_total", (("sink", "stream"), ("outcome", "written"))] == 24
    assert found["process_resident_memory_bytes", ()] == 123_456_789
    assert next(labels for name, labels in found if name == "sonde_build_info")[1] == ("policy", r"of\"fice\\.toml")


def test_the_account_of_frames_adds_up() -> None:
    found = parsed(metrics(a_state().snapshot()))
    outcomes = sum(value for (name, _), value in found.items() if name == "sonde_frames_total")
    assert outcomes + found["sonde_unaccounted_frames", ()] == found["sonde_received_frames_total", ()]
    assert outcomes == 995


def test_a_state_without_anything_is_told_too() -> None:
    assert parsed(metrics(State().snapshot()))["sonde_frames_total", (("outcome", "recorded"),)] == 0


def test_complaints_name_what_is_wrong() -> None:
    state = a_state()
    assert complaints(state.snapshot()) == []
    state.interface("eth0").is_up = False
    state.sink("stream").state = "failing"
    state.policy_until_ns = time.time_ns() - 1
    state.phase = "stopping"
    assert complaints(state.snapshot()) == [
        "The probe is stopping.",
        "The policy has ended; sign a new one.",
        "Interface eth0 is down.",
        "Sink stream cannot be written to.",
    ]


@pytest.fixture
def page() -> Iterator[tuple[Page, State]]:
    state = a_state()
    made = Page("127.0.0.1", 0)
    made.start(state.snapshot)
    yield made, state
    made.close()


def get(page: Page, target: str, **fields: str) -> tuple[int, Any, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{page.port}{target}", headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def test_prometheus_gets_metrics(page: tuple[Page, State]) -> None:
    status, fields, body = get(page[0], "/metrics")
    assert (status, fields["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert parsed(body)["sonde_received_frames_total", ()] == 1000


def test_health_is_a_status_and_the_reasons(page: tuple[Page, State]) -> None:
    assert (get(page[0], "/healthz")[0], json.loads(get(page[0], "/healthz")[2])) == (
        200,
        {"ok": True, "why": [], "phase": "running"},
    )
    page[1].interface("eth0").is_up = False
    status, _, body = get(page[0], "/healthz")
    assert (status, json.loads(body)["why"]) == (503, ["Interface eth0 is down."])


def test_the_state_is_what_the_probe_counts(page: tuple[Page, State]) -> None:
    found = json.loads(get(page[0], "/state")[2])
    expected = page[1].snapshot()
    assert {**found, "now_ns": 0} == {**expected, "now_ns": 0}


def test_nothing_else_is_known(page: tuple[Page, State]) -> None:
    assert get(page[0], "/")[0] == 404
    assert get(page[0], "/metrics/../state")[0] == 404
    assert get(page[0], "/metrics?a=b")[0] == 200


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: localhost:9480\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:9480\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /state HTTP/1.1\r\nHost: rebound.example.org\r\n\r\n", b"421"),
        (b"POST /state HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
        (b"GET /state\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000, b"431"),
    ],
)
def test_each_request_has_its_answer(page: tuple[Page, State], request_head: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page[0].port), timeout=10) as asking:
        asking.sendall(request_head)
        assert asking.recv(100).split(b" ")[1] == status


def test_an_answer_to_head_has_no_body(page: tuple[Page, State]) -> None:
    head, _, body = page[0].answer(b"HEAD /healthz HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(b'{"ok": true, "why": [], "phase": "running"}\n') in head
    assert body == b""


def test_who_says_nothing_is_not_waited_for(page: tuple[Page, State], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sonde.view.page, "PATIENCE_S", 0.2)
    with socket.create_connection(("127.0.0.1", page[0].port), timeout=10) as asking:
        asking.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert asking.recv(100) == b""


def test_too_many_at_once_are_refused_and_counted(page: tuple[Page, State]) -> None:
    silent = [socket.create_connection(("127.0.0.1", page[0].port), timeout=10) for _ in range(MOST_AT_ONCE)]
    with socket.create_connection(("127.0.0.1", page[0].port), timeout=10) as asking:
        assert asking.recv(100) == b""
    assert page[0].refused == 1
    for each in silent:
        each.close()


def test_a_port_in_use_is_one_sentence(page: tuple[Page, State]) -> None:
    with pytest.raises(PageError, match=f"at 127.0.0.1, port {page[0].port}: Address already in use; choose another"):
        Page("127.0.0.1", page[0].port)

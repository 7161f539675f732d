"""A probe at work, from a pipe, under a signed policy: every flow reaches its outlets, and its page says so."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sonde.pipeline.stored import stored
from tests.live.bench import Pair, Place, Running, counted, environment, frames_of, needs_wire
from tests.policy.keys import make_key, needs_ssh_keygen, public, sign
from tests.reference.ipfix import Collector
from tests.sink.test_stream import Listener

EXAMPLE = Path(__file__).parents[2] / "examples/first-look.pcapng"
POLICY = """
schema = 1
version = 1
operator = "Example University"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = 2099-12-31T00:00:00Z
[[network]]
cidr = "192.0.2.0/24"
role = "clients"
[[network]]
cidr = "198.51.100.0/24"
role = "servers"
[[network]]
cidr = "2001:db8::/32"
role = "clients"
[classes]
ENDPOINT = "keep"
PERSON = "pseudonymise"
[pseudonym]
epoch = "24h"
keep_keys = "48h"
[retention]
records = "30d"
[signatures]
policy = 1
[audit]
log = "audit"
heartbeat = "10m"
"""
# As the command, but for the rights that it gives up for good: whoever runs tests may be root, and has no other user.
COMMAND = """
import functools, sys
import sonde.pipeline.start as start
start.Options = functools.partial(start.Options, confines=False)
from sonde.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def office(tmp_path: Path) -> list[str]:
    """Write a policy, sign it, and give the options that a probe needs."""
    policy, key = tmp_path / "office.toml", make_key(tmp_path, "signer")
    policy.write_text(POLICY)
    (tmp_path / "office.toml.sig").write_bytes(sign(key, policy.read_bytes(), "sonde-policy@v1"))
    (tmp_path / "signers").write_text(f'officer namespaces="sonde-policy@v1" {public(key)}\n')
    places = {
        "--policy": policy,
        "--signers": tmp_path / "signers",
        "--keys": tmp_path / "keys",
        "-o": tmp_path / "out",
    }
    return [text for name, place in places.items() for text in (name, str(place))]


def wait_until(holds: Callable[[], Any]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def state_of(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return {"phase": "not yet", "frames": {"recorded": 0}}


@needs_ssh_keygen
@pytest.mark.slow
@pytest.mark.compiled
def test_every_flow_of_a_probe_reaches_its_outlets(office: list[str], tmp_path: Path) -> None:
    listener = Listener(socket.create_server(("127.0.0.1", 0)))
    taker, port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), free_port()
    taker.bind(("127.0.0.1", 0))
    taker.settimeout(1)
    options = ["--to", f"tcp://127.0.0.1:{listener.listener.getsockname()[1]}", "--tables", "flows", "--quiet"]
    options += ["--ipfix", f"127.0.0.1:{taker.getsockname()[1]}", "--metrics", str(port)]
    command = [sys.executable, "-c", COMMAND, "live", "-", *office, *options]
    with closing(listener), closing(taker), subprocess.Popen(command, stdin=subprocess.PIPE) as probe:
        try:
            assert probe.stdin is not None
            octets = EXAMPLE.read_bytes()
            probe.stdin.write(octets[:-100])
            probe.stdin.flush()
            wait_until(lambda: probe.poll() is not None or state_of(port)["frames"]["recorded"] > 1000)
            state = state_of(port)
            assert state["phase"] == "running"
            wait_until(lambda: set(state_of(port)["sinks"]) >= {"stream", "ipfix"})
            probe.stdin.write(octets[-100:])
            probe.stdin.close()
            assert probe.wait(60) == 0
        finally:
            probe.kill()
        rows = [
            row
            for path in sorted((tmp_path / "out").glob("2*/flows/*.parquet"))
            for row in pq.read_table(path).to_pylist()
        ]
        lines = listener.wait_for(0, len(rows))
        collector = Collector()
        while len(collector.records) < len(rows):
            collector.take(taker.recv(65_535))
    assert len(rows) > 200
    # What it left is sent again part by part, each under its own manifest.
    assert sum(permitted.batch.num_rows for permitted in stored(tmp_path / "out", ["flows"])) == len(rows)
    assert sorted(line["uid"] for line in lines) == sorted(row["uid"] for row in rows)
    assert sum(record["packetDeltaCount"] for record in collector.records) == sum(row["orig_packets"] for row in rows)


@pytest.mark.compiled
@needs_wire
def test_a_probe_that_gave_up_its_rights_feeds_outlets_and_its_page(wire: Pair, place: Place, kernels: Path) -> None:
    """The listener is a socket of this side; the broker is away, which costs messages that are counted, and no time."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(place.folder / "in.sock"))
    (place.folder / "in.sock").chmod(0o777)
    made.listen()
    wire.run("ip", "link", "set", "lo", "up")
    away = {"kafka": "127.0.0.1:9"} if importlib.util.find_spec("confluent_kafka") else {}
    options = {"to": f"unix:{place.folder / 'in.sock'}", "metrics": "9480", "tables": "flows", **away}
    frames = frames_of()
    with closing(Listener(made)) as listener:
        words = place.words(wire.watched, roll="600", lanes="1", **options)
        probe = Running(wire.start(*words, environment=environment(kernels)))
        wire.send(frames, pause_s=0.002)
        top = [sys.executable, "-m", "sonde.cli.main", "top", "--once"]
        wait_until(lambda: f"{len(frames):,} received" in wire.run(*top))
        shown = wire.run(*top)
        said = probe.end()
        assert probe.process.returncode == 0
        uids = [uid for (uid,) in place.rows("flows", "uid")]
        assert sorted(line["uid"] for line in listener.wait_for(0, len(uids))) == uids
    told = counted(said)
    assert told["unaccounted"] == 0
    assert f"{told['recorded']:,} recorded" in shown
    assert "health     well" in shown
    assert "capabilities none," in said
    assert f"stream closed: {len(uids):,} rows, 0 dropped, 0 failed" in said


@needs_ssh_keygen
def test_a_port_in_use_is_said_before_anything_is_captured(office: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-c", COMMAND, "live", "-", *office, "--metrics", str(taken.getsockname()[1])]
        said = subprocess.run(command, input=b"", capture_output=True, timeout=60, env=dict(os.environ))
    assert said.returncode == 1
    assert b"Address already in use; choose another" in said.stderr
    assert said.stderr.count(b"\n") == 1
    assert not (tmp_path / "out").exists()


@needs_ssh_keygen
@pytest.mark.parametrize("text", ["port", "127.0.0.1:", "0", "70000", "1:2:3"])
def test_what_is_no_port_is_one_sentence(office: list[str], text: str) -> None:
    command = [sys.executable, "-c", COMMAND, "live", "-", *office, "--metrics", text]
    said = subprocess.run(command, input=b"", capture_output=True, timeout=60)
    assert said.returncode == 2
    assert b"is no port for --metrics; write PORT, or HOST:PORT." in said.stderr

"""The engine without a wire or rights: a capture through a pipe, a clock set back, outlets, a policy that ends."""

import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sonde.pipeline.live import ExpiredError, Probe
from sonde.pipeline.start import Options, started
from sonde.sink.outlet import Bounded
from tests.live.bench import Place
from tests.live.test_live import udp
from tests.live.test_outlet import Held
from tests.policy.keys import needs_ssh_keygen

pytestmark = [pytest.mark.compiled, needs_ssh_keygen]
HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)


def record(frame: bytes, second: int) -> bytes:
    return struct.pack("<IIII", second, 0, len(frame), len(frame)) + frame


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as end:
        monkeypatch.setattr(sys, "stdin", end)
        os.write(write, HEAD)
        yield write


def options(place: Place, **more: object) -> Options:
    return Options(
        interfaces=["-"], policy=str(place.policy), signers=place.signers, output=place.output, audit=place.audit,
        keys=place.keys, tables=["flows"], lanes=1, confines=False, roll_s=600, **more,
    )  # fmt: skip


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)


def feed(probe: Probe, pipe: int, between: Callable[[], None]) -> None:
    os.write(pipe, record(udp(40001), 100))
    wait_for(lambda: probe.state.frames_in == 1)
    between()
    os.write(pipe, record(udp(40002), 101))
    wait_for(lambda: probe.state.frames_in == 2)
    os.close(pipe)


def test_a_clock_set_back_cuts_flows_and_is_logged(pipe: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    said: list[str] = []
    with started(options(place, warn=said.append)) as probe:

        def set_back() -> None:
            probe.clock.offset_ns += 3600 * 10**9  # as if it had shown an hour more until now
            wait_for(lambda: probe.state.parts_committed == 1)

        feeder = meanwhile(lambda: feed(probe, pipe, set_back))
        probe.run()
        feeder.join()
    assert [each["packets"]["in"] for each in place.manifests()] == [1, 1]
    assert place.rows("flows", "orig_port, end_reason") == [(40001, "forced_end"), (40002, "forced_end")]
    assert place.entries().count("clock.jump") == 1
    assert any("clock was set back" in each for each in said)
    assert (probe.state.recorded, probe.state.unaccounted) == (2, 0)
    assert place.verify() == "sound"


def test_a_slow_outlet_holds_nobody_up(pipe: int, tmp_path: Path) -> None:
    place, held = Place(tmp_path), Held()
    outlets = [lambda state: Bounded(held, f"held-{len(state.sinks)}")]
    with started(options(place, outlets=outlets)) as probe:
        feeder = meanwhile(lambda: feed(probe, pipe, lambda: None))
        probe.run()
        feeder.join()
        held.may.set()
    assert held.rows == 2
    assert [row[0] for row in place.rows("flows", "orig_port")] == [40001, 40002]


def test_when_the_policy_ends_it_ends(pipe: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    soon = datetime.now(UTC) + timedelta(seconds=6)
    place.write(until=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    os.write(pipe, record(udp(40001), 100))
    with pytest.raises(ExpiredError, match="not valid any more"), started(options(place)) as probe:
        probe.run()
    os.close(pipe)
    assert place.rows("flows", "orig_port") == [(40001,)]
    assert place.entries()[-1] == "shutdown"
    assert "policy.refuse" in place.entries()
    assert place.verify() == "sound"


def test_a_policy_that_is_unfit_is_refused_and_logged(pipe: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(needed=0)
    with pytest.raises(ValueError, match="asks for no signature"), started(options(place)):
        pass
    os.close(pipe)
    assert place.entries() == ["log.genesis", "boot", "policy.refuse", "shutdown"]

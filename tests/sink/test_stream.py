"""JSON Lines to a socket: every row arrives, and a listener that went is found again."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import sonde
from sonde.pipeline.stored import stored
from sonde.sink.connection import Endpoint, OutletError, endpoint, host_and_port
from sonde.sink.stream import StreamOutlet
from tests.maker import conversation, write_pcap

GET = b"GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    capture = write_pcap(folder / "web.pcap", conversation([(0, GET), (1, OK)], stream=True))
    sonde.read(capture, tables=["flows", "http"], output=folder / "web.sonde")
    return folder / "web.sonde"


class Listener:
    """Takes connections one after the other and keeps their lines."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.lines: list[list[str]] = []
        self.open: list[socket.socket] = []
        self.changed = threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(taken)
            self.lines.append([])
            with taken, taken.makefile(encoding="utf-8") as stream:
                for line in stream:
                    with self.changed:
                        self.lines[-1].append(line)
                        self.changed.notify_all()

    def wait_for(self, connection: int, lines: int) -> list[dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.lines) > connection and len(self.lines[connection]) >= lines, 10
            )
        return [json.loads(line) for line in self.lines[connection]]

    def close(self) -> None:
        self.listener.close()
        for each in self.open:
            each.close()


@pytest.fixture(params=["tcp", "unix"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Listener, Endpoint]]:
    if request.param == "tcp":
        listener = Listener(socket.create_server(("127.0.0.1", 0)))
        to = endpoint(f"tcp://127.0.0.1:{listener.listener.getsockname()[1]}")
    else:
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(tmp_path / "in.sock"))
        made.listen()
        listener, to = Listener(made), endpoint(f"unix:{tmp_path / 'in.sock'}")
    with closing(listener):
        yield listener, to


def test_each_row_is_a_line_that_names_its_table(dataset: Path, listening: tuple[Listener, Endpoint]) -> None:
    listener, to = listening
    with closing(StreamOutlet(to)) as outlet:
        for permitted in stored(dataset, ["flows", "http"]):
            outlet.write(permitted)
        flow, request = listener.wait_for(0, 2)
    assert (flow["table"], flow["protocol"], flow["orig_packets"]) == ("flows", "http", 5)
    assert (request["table"], request["host"], request["path"]) == ("http", "www.example.org", "/a")
    assert request["uid"] == flow["uid"]
    assert next(iter(flow)) == "table"
    assert outlet.tally()["lines"] == 2


def test_a_listener_that_went_is_found_again(dataset: Path, listening: tuple[Listener, Endpoint]) -> None:
    listener, to = listening
    (permitted,) = stored(dataset, ["flows"])
    with closing(StreamOutlet(to)) as outlet:
        outlet.write(permitted)
        listener.wait_for(0, 1)
        listener.open[0].shutdown(socket.SHUT_RDWR)
        outlet.write(permitted)
        assert listener.wait_for(1, 1) == listener.wait_for(0, 1)
    tally = outlet.tally()
    assert (tally["lines"], tally["connections"], tally["lost_connections"]) == (2, 2, 1)


def test_who_takes_nothing_is_given_up_after_some_attempts(dataset: Path) -> None:
    (permitted,) = stored(dataset, ["flows"])
    permitted.batch = pa.Table.from_batches([permitted.batch] * 20_000).combine_chunks().to_batches()[0]
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, and nobody reads
        to = endpoint(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        with closing(StreamOutlet(to)) as outlet:
            outlet.connection.timeout_s = 0.2
            with pytest.raises(OutletError, match="timed out"):
                outlet.write(permitted)
    tally = outlet.tally()
    assert (tally["lines"], tally["connections"], tally["lost_connections"]) == (0, 3, 3)


def test_nobody_there_is_one_sentence(dataset: Path, tmp_path: Path) -> None:
    (permitted,) = stored(dataset, ["flows"])
    with pytest.raises(OutletError, match=r"in\.sock: No such file or directory; is anybody listening there"):
        StreamOutlet(endpoint(f"unix:{tmp_path}/in.sock"), patience_s=0).write(permitted)
    with pytest.raises(OutletError, match=r"nobody\.invalid:9: .*; is anybody listening there"):
        StreamOutlet(endpoint("tcp://nobody.invalid:9"), patience_s=0).write(permitted)


@pytest.mark.parametrize(
    "text", ["", "tcp:", "tcp://", "tcp://host", "tcp://host:0", "tcp://host:65536", "tcp://::1:80", "unix:", "unix:a"]
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(OutletError, match=r"write (tcp://)?HOST:PORT"):
        endpoint(text)


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert host_and_port("[2001:db8::1]:4739", "udp") == Endpoint("udp", "2001:db8::1", 4739)
    assert str(host_and_port("[2001:db8::1]:4739", "udp")) == "udp://[2001:db8::1]:4739"


def test_what_did_not_pass_the_gate_is_not_sent() -> None:
    with pytest.raises(TypeError, match="egress gate"):
        StreamOutlet(Endpoint("tcp", "127.0.0.1", 9)).write(pa.record_batch({"a": [1]}))  # type: ignore[arg-type]

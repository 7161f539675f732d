"""Flows to real collectors: nfdump's nfcapd over UDP, and one of our own over TCP, which goes away and comes back."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.pipeline.stored import stored
from sonde.sink.collector import IpfixOutlet
from sonde.sink.connection import Endpoint, OutletError, host_and_port
from tests.reference.ipfix import Collector

EXAMPLE = Path(__file__).parents[2] / "examples/first-look.pcapng"
needs_nfdump = pytest.mark.skipif(
    not shutil.which("nfcapd") or not shutil.which("nfdump"), reason="nfdump is not installed"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collector") / "example.sonde"
    sonde.read(EXAMPLE, tables=["flows"], output=folder)
    return folder


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def nfcapd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Start a collector on loopback; ending it closes its file."""
    port = free_port(socket.SOCK_DGRAM)
    command = ["nfcapd", "-w", str(tmp_path), "-p", str(port), "-b", "127.0.0.1", "-t", "3600", "-B", "4000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "Startup" in line:
                    break
            yield port, tmp_path
        finally:
            process.kill()


def ended(folder: Path, port: int) -> list[dict[str, Any]]:
    """End the collector and read what it wrote."""
    (own,) = (
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.read_bytes().split(b"\0")[:5] == [b"nfcapd", b"-w", str(folder).encode(), b"-p", str(port).encode()]
    )
    wait_until(lambda: waiting_octets(port) == 0)  # before it looks at the signal
    os.kill(own, signal.SIGTERM)
    wait_until(lambda: any(folder.glob("nfcapd.2*")))
    (file,) = folder.glob("nfcapd.2*")
    said = subprocess.run(["nfdump", "-r", str(file), "-o", "json"], capture_output=True, text=True, timeout=30)
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def waiting_octets(port: int) -> int:
    """Give what the kernel holds for whoever listens at a port (proc(5), /proc/net/udp: local_address, rx_queue)."""
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(line[4].split(":")[1], 16) for line in lines if int(line[1].split(":")[1], 16) == port)


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise TimeoutError


FLAGS = "CEUAPRSF"  # nfdump's letters, from the highest bit on


def as_nfdump(row: dict[str, Any]) -> dict[str, Any]:
    """Say what nfdump shows of a flow, by its documentation."""
    version = "6" if ":" in row["orig_ip"] else "4"
    shown = {
        "first": row["start"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
        "last": row["end"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
        "proto": row["ip_protocol"],
        "in_packets": row["orig_packets"],
        "in_bytes": row["orig_octets"],
        f"src{version}_addr": row["orig_ip"],
        f"dst{version}_addr": row["resp_ip"],
    }
    if row["resp_packets"]:
        shown |= {"out_packets": row["resp_packets"], "out_bytes": row["resp_octets"]}
    if row["transport"] in {"icmp", "icmp6"}:
        one_way = row["orig_port"] not in {0, 8, 128, 129, 133, 134, 135, 136}
        shown |= {"icmp_type": row["orig_port"], "icmp_code": row["resp_port"] if one_way else 0}
    else:
        shown |= {"src_port": row["orig_port"], "dst_port": row["resp_port"]}
    if row["transport"] == "tcp":
        bits = row["orig_tcp_flags"]
        shown["tcp_flags"] = "".join(letter if bits >> 7 - n & 1 else "." for n, letter in enumerate(FLAGS))
    if row["vlan"] is not None:
        shown["src_vlan"] = row["vlan"]
    return shown


@needs_nfdump
def test_nfcapd_reads_every_flow(dataset: Path, nfcapd: tuple[int, Path]) -> None:
    port, folder = nfcapd
    outlet = IpfixOutlet(host_and_port(f"127.0.0.1:{port}", "udp"))
    for permitted in stored(dataset, ["flows"]):
        outlet.write(permitted)
    outlet.close()
    found = ended(folder, port)
    rows = pq.read_table(dataset / "flows").to_pylist()
    assert len(found) == len(rows) == outlet.tally()["records"]
    expected = [as_nfdump(row) for row in rows]
    # nfdump shows more than we send (interfaces, masks ...): of each record, what we have said.
    shown = [{name: record.get(name) for name in as_sent(record)} for record in found]
    assert sorted(map(key, shown)) == sorted(map(key, expected))


def as_sent(record: dict[str, Any]) -> list[str]:
    names = ["first", "last", "proto", "in_packets", "in_bytes", "src4_addr", "dst4_addr", "src6_addr", "dst6_addr"]
    names += ["out_packets", "out_bytes", "icmp_type", "icmp_code", "src_port", "dst_port", "src_vlan"]
    return [name for name in [*names, *(["tcp_flags"] if record["proto"] == 6 else [])] if name in record]


def key(record: dict[str, Any]) -> str:
    return repr(sorted(record.items()))


class TcpCollector:
    """Takes sessions over TCP one after the other; each is a collector of its own."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sessions: list[Collector] = []
        self.open: list[socket.socket] = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(taken)
            self.sessions.append(Collector())
            with taken, taken.makefile("rb") as stream:
                while head := stream.read(16):
                    message = head + stream.read(int.from_bytes(head[2:4], "big") - 16)
                    with self.changed:
                        self.sessions[-1].take(message)
                        self.changed.notify_all()

    def wait_for(self, session: int, records: int) -> None:
        with self.changed:
            done = self.changed.wait_for(
                lambda: len(self.sessions) > session and len(self.sessions[session].records) >= records, 10
            )
        assert done

    def close(self) -> None:
        self.listener.close()
        for each in self.open:
            each.close()


def test_a_session_over_tcp_begins_anew_after_the_collector_went(dataset: Path) -> None:
    collector = TcpCollector()
    outlet = IpfixOutlet(host_and_port(f"127.0.0.1:{collector.port}", "tcp"))
    (permitted,) = stored(dataset, ["flows"])
    rows = permitted.batch.num_rows
    try:
        outlet.write(permitted)
        outlet.write(permitted)
        collector.wait_for(0, 2 * rows)
        collector.open[0].shutdown(socket.SHUT_RDWR)
        collector.thread.join(0.2)
        outlet.write(permitted)
        collector.wait_for(1, rows)
    finally:
        outlet.close()
        collector.close()
    assert [len(session.records) for session in collector.sessions] == [2 * rows, rows]
    assert collector.sessions[1].records == collector.sessions[0].records[:rows]
    tally = outlet.tally()
    assert (tally["records"], tally["sessions"], tally["lost_connections"]) == (3 * rows, 2, 1)


def test_other_tables_are_passed_over(dataset: Path) -> None:
    outlet = IpfixOutlet(Endpoint("tcp", "127.0.0.1", 1), patience_s=0)
    (permitted,) = stored(dataset, ["flows"])
    permitted.table = "dns"
    outlet.write(permitted)
    assert outlet.tally()["sessions"] == 0


def test_a_collector_that_is_away_is_one_sentence(dataset: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    outlet = IpfixOutlet(host_and_port(f"127.0.0.1:{port}", "tcp"), patience_s=0)
    (permitted,) = stored(dataset, ["flows"])
    with pytest.raises(OutletError, match=f"tcp://127.0.0.1:{port}: Connection refused; is anybody listening there"):
        outlet.write(permitted)


def test_sending_over_udp_keeps_its_pace(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (permitted,) = stored(dataset, ["flows"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 0))
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        with closing(IpfixOutlet(host_and_port(f"127.0.0.1:{taker.getsockname()[1]}", "udp"), pace=100_000)) as outlet:
            outlet.write(permitted)
    # Nobody waits here, so that each wait tells all that lies before it: the octets at that pace, less the burst.
    assert slept[-1] == pytest.approx(outlet.tally()["octets"] / 100_000, rel=0.3)
    assert outlet.connection.octets > 20_000


def test_datagrams_fit_a_packet(dataset: Path) -> None:
    (permitted,) = stored(dataset, ["flows"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 0))
        taker.setblocking(False)
        with closing(IpfixOutlet(host_and_port(f"127.0.0.1:{taker.getsockname()[1]}", "udp"))) as outlet:
            outlet.write(permitted)
        collector = Collector()
        while len(collector.records) < permitted.batch.num_rows:
            collector.take(taker.recv(65_535))
    assert 1000 < max(collector.lengths) <= 1500 - 28


def test_a_collector_that_came_back_is_told_all_templates_and_the_count_goes_on(dataset: Path) -> None:
    (permitted,) = stored(dataset, ["flows"])
    taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taker.bind(("127.0.0.1", 0))
    place = taker.getsockname()
    with closing(IpfixOutlet(host_and_port(f"127.0.0.1:{place[1]}", "udp"))) as outlet:
        outlet.write(permitted)
        sent = outlet.exporter.sequence
        taker.close()
        with suppress(OutletError):  # that nobody is there shows at the second message at the latest
            outlet.write(permitted)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(place)
            again.settimeout(10)
            outlet.write(permitted)
            first = again.recv(65_535)
    _, _, _, sequence, _, number, _ = struct.unpack_from(">HHIIIHH", first)
    assert number == 2  # RFC 7011 §3.3.2: a set of templates
    assert sequence > sent == permitted.batch.num_rows
    assert outlet.tally()["lost_connections"] >= 1


def test_what_did_not_pass_the_gate_is_not_sent() -> None:
    with pytest.raises(TypeError, match="egress gate"):
        IpfixOutlet(Endpoint("udp", "127.0.0.1", 4739)).write(pa.record_batch({"a": [1]}))  # type: ignore[arg-type]

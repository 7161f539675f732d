"""The probe on a wire: what it records, what it counts, what it does when told, and what it refuses."""

import json
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.live.bench import EXAMPLE, USER, Pair, Place, Running, counted, environment, frames_of, needs_wire

pytestmark = [pytest.mark.compiled, needs_wire]


def begin(wire: Pair, place: Place, kernels: Path, interface: str = "", **options: str) -> Running:
    given = {"roll": "600", "lanes": "1", **options}
    words = place.words(interface or wire.watched, **given)
    return Running(wire.start(*words, environment=environment(kernels)))


def holds(told: dict[str, int], sent: int) -> None:
    """The account adds up to what the sender sent."""
    assert told["unaccounted"] == 0
    assert told["received"] == sent
    assert told["recorded"] + told["out_of_scope"] + told["dropped"] + told["kernel_drops"] == sent


def test_live_records_are_those_of_the_file_and_every_frame_is_accounted_for(
    wire: Pair, place: Place, kernels: Path, tmp_path: Path
) -> None:
    import sonde

    frames = frames_of()
    probe = begin(wire, place, kernels)
    compiled = {each.name for each in kernels.rglob("*")}
    before = wire.counted(wire.watched, "rx_packets")
    sent = wire.send(frames, pause_s=0.002)
    assert wire.counted(wire.watched, "rx_packets") - before == sent
    told = counted(probe.end())
    assert probe.process.returncode == 0
    assert {each.name for each in kernels.rglob("*")} == compiled  # while frames come there is no time for it
    holds(told, sent)
    assert told["kernel_drops"] == 0
    places = {name: tmp_path / name for name in ("keys", "output", "audit")}
    read = sonde.read(EXAMPLE, policy=place.policy, signers=place.signers, **places)
    assert told["recorded"] == read.manifest["packets"]["recorded"]
    offline = {name: entry["rows"] for name, entry in read.manifest["tables"].items()}
    live = dict.fromkeys(offline, 0)
    for manifest in place.manifests():
        for name, entry in manifest["tables"].items():
            live[name] += entry["rows"]
    assert live == offline
    steady = "orig_ip, orig_port, resp_ip, resp_port, transport, protocol, application, evidence, community_id, vlan"
    count = "orig_packets, resp_packets, orig_octets, resp_octets, history, state, missed"
    count = ", ".join(each for each in count.split(", ") if each in read.flows.columns)
    there = duckdb.sql(
        f"select {steady}, {count} from read_parquet('{read.folder}/flows/*.parquet') order by all"
    ).fetchall()
    assert place.rows("flows", f"{steady}, {count}") == there
    names = "orig_port, query, rcode_name" if "rcode_name" in read.dns.columns else "orig_port, query"
    there = duckdb.sql(f"select {names} from read_parquet('{read.folder}/dns/*.parquet') order by all").fetchall()
    assert place.rows("dns", names) == there
    assert place.verify() == "sound"
    entries = place.entries()
    assert entries[:3] == ["log.genesis", "boot", "policy.load"]
    assert entries[-3:] == ["tally", "output.commit", "shutdown"]
    assert "nobody" in probe.said
    assert "capabilities none" in probe.said
    owner = {each.owner() for each in place.output.rglob("*")}
    assert owner == {"nobody"}


def udp(port: int, *, vlan: int | None = None, source: str = "192.0.2.7") -> bytes:
    """An Ethernet frame with a UDP datagram of 10 octets to 198.51.100.1 port 53 (RFC 768, RFC 791, IEEE 802.1Q)."""
    payload = b"0123456789"
    datagram = struct.pack(">HHHH", port, 53, 8 + len(payload), 0) + payload
    addresses = bytes(map(int, source.split("."))) + bytes((198, 51, 100, 1))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0) + addresses
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
    tag = struct.pack(">HH", 0x8100, vlan) if vlan is not None else b""
    return b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02" + tag + b"\x08\x00" + head + datagram


def test_vlans_filters_rings_scope_and_an_interface_that_goes_down(wire: Pair, place: Place, kernels: Path) -> None:
    probe = begin(wire, place, kernels, rings="2", filter="udp and not port 34000", lanes="2", roll="1")
    sent = wire.send([udp(port, vlan=port % 3 or None) for port in range(31000, 31200)])
    sent += wire.send([udp(port, source="203.0.113.9") for port in range(32000, 32010)])
    wire.send([udp(34000)] * 50)  # the filter's
    outside = wire.send([bytes(12) + b"\x08\x06" + bytes(46)] * 5)  # ARP is no UDP
    assert outside == 5
    time.sleep(0.3)
    wire.link("set", wire.watched, "down")
    time.sleep(1.5)
    wire.link("set", wire.watched, "up")
    time.sleep(0.5)
    sent += wire.send([udp(port) for port in range(33000, 33100)])
    told = counted(probe.end())
    holds(told, sent)
    ports = dict(place.rows("flows", "orig_port, vlan"))
    tagged = {port: port % 3 or None for port in range(31000, 31200)}
    assert ports == tagged | dict.fromkeys([*range(33000, 33100), *range(32000, 32010)])
    inputs = [each for manifest in place.manifests() for each in manifest["inputs"]]
    assert sum(each["received"] for each in inputs) == sent
    assert place.verify() == "sound"


def test_on_loopback_each_frame_is_seen_once(wire: Pair, place: Place, kernels: Path) -> None:
    wire.link("set", "lo", "up")
    probe = begin(wire, place, kernels, "lo")
    sent = wire.send([udp(34000 + number) for number in range(20)], interface="lo")
    holds(counted(probe.end()), sent)
    assert len(place.rows("flows", "orig_port")) == 20


def test_when_the_interface_is_removed_it_ends_and_says_so(wire: Pair, place: Place, kernels: Path) -> None:
    wire.link("add", "gone0", "type", "veth", "peer", "name", "gone1")
    for each in ("gone0", "gone1"):
        wire.link("set", each, "up")
    probe = begin(wire, place, kernels, "gone1")
    wire.send([udp(35000)], interface="gone0")
    time.sleep(0.5)
    wire.link("del", "gone0")
    _, said = probe.process.communicate(timeout=30)
    assert probe.process.returncode == 1
    assert "no such interface is left" in said
    assert place.rows("flows", "orig_port") == [(35000,)]
    assert place.verify() == "sound"


def test_out_of_scope_is_counted_and_not_recorded(wire: Pair, place: Place, kernels: Path) -> None:
    probe = begin(wire, place, kernels)
    far = udp(35000, source="203.0.113.9")
    far = far.replace(bytes((198, 51, 100, 1)), bytes((203, 0, 113, 1)))
    sent = wire.send([far] * 30 + [udp(35001)] * 12)
    told = counted(probe.end())
    holds(told, sent)
    assert told["out_of_scope"] == 30
    assert place.rows("flows", "orig_port") == [(35001,)]


def test_hup_takes_a_new_policy_and_refuses_a_bad_one(wire: Pair, place: Place, kernels: Path) -> None:
    probe = begin(wire, place, kernels)
    sent = wire.send([udp(31111)])
    place.write(signed=False, version=9)
    probe.tell(signal.SIGHUP)
    assert "goes on" in probe.hear("goes on")
    place.write(version=2)
    probe.tell(signal.SIGHUP)
    assert "version 3 was in force" in probe.hear("goes on")
    place.write(version=4, endpoint="pseudonymise")
    probe.tell(signal.SIGHUP)
    probe.hear("version 4 of office.toml is in force")
    sent += wire.send([udp(32222)])
    told = counted(probe.end())
    holds(told, sent)
    policies = [each["policy"]["version"] for each in place.manifests() if each["packets"]["in"]]
    assert policies == [3, 4]
    shown = dict(place.rows("flows", "orig_port, orig_ip"))
    assert shown[31111] == "192.0.2.7"
    assert shown[32222].startswith("p:")
    assert place.verify() == "sound"
    kinds = place.entries()
    assert kinds.count("policy.load") == 2
    assert kinds.count("policy.refuse") == 2


def test_usr1_says_how_things_are(wire: Pair, place: Place, kernels: Path) -> None:
    probe = begin(wire, place, kernels)
    probe.tell(signal.SIGUSR1)
    assert "running" in probe.hear("sonde: running")
    assert "landlock" in probe.hear("confined")
    probe.end(signal.SIGINT)
    assert probe.process.returncode == 0


def test_flows_end_by_the_clock_when_the_wire_is_silent(wire: Pair, place: Place, kernels: Path) -> None:
    syn = udp(1)[:23] + b"\x06" + udp(1)[24:34]  # a TCP SYN, which is given up after five seconds
    syn += struct.pack(">HHIIBBHHH", 7777, 80, 1, 0, 0x50, 2, 31000, 0, 0)
    probe = begin(wire, place, kernels, roll="1", quiet="")
    sent = wire.send([syn.replace(struct.pack(">H", 38), struct.pack(">H", 40), 1)])
    for _ in range(100):
        if any(each["tables"]["flows"]["rows"] for each in place.manifests()):
            break
        time.sleep(0.1)
    rows = place.rows("flows", "orig_port, state, end_reason")
    assert rows == [(7777, "S0", "idle_timeout")]
    holds(counted(probe.end()), sent)


def test_killed_at_any_moment_it_starts_again_and_the_log_verifies(wire: Pair, place: Place, kernels: Path) -> None:
    committed = 0
    for turn in range(3):
        probe = begin(wire, place, kernels, roll="1")
        wire.send([udp(31000 + turn * 100 + number) for number in range(100)])
        time.sleep(0.7 + 0.37 * turn)
        probe.kill()
        parts = len(place.manifests())
        assert parts >= committed
        committed = parts
    left = place.output / ".partial/20200101T000000.000Z"
    left.mkdir()
    shutil.chown(left, USER)
    probe = begin(wire, place, kernels)
    assert "unfinished part" in probe.said
    sent = wire.send([udp(39999)])
    holds(counted(probe.end()), sent)
    assert not list((place.output / ".partial").iterdir())
    assert (39999,) in place.rows("flows", "orig_port")
    assert place.verify() == "sound"


def test_a_full_disk_costs_parts_that_are_counted_and_no_more(wire: Pair, place: Place, kernels: Path) -> None:
    place.output.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "lab", place.output], check=True)
    try:
        for each in (place.output, *list(place.output.parents)[:1]):
            subprocess.run(["chown", "nobody", each], check=True)
        filler = place.output / "filler"
        probe = begin(wire, place, kernels, roll="1", keep_free="0%")
        filler.write_bytes(bytes((2 << 20) - 16384))
        sent = wire.send([udp(31000 + number) for number in range(500)])
        assert "could not be written" in probe.hear("could not be written")
        filler.unlink()
        sent += wire.send([udp(39999)])
        told = counted(probe.end())
        holds(told, sent)
        assert (39999,) in place.rows("flows", "orig_port")
        assert place.verify() == "sound"
        assert "degraded" in place.entries()
    finally:
        subprocess.run(["umount", place.output], check=True)


def refused(wire: Pair, place: Place, kernels: Path, interface: str = "", **options: str) -> str:
    words = place.words(interface or wire.watched, **options)
    done = wire.start(*words, environment=environment(kernels))
    _, said = done.communicate(timeout=60)
    assert done.returncode in (1, 2), said
    assert said.count("\n") == 1, said
    assert said.startswith("sonde: ")
    assert not place.output.exists() or not place.manifests()
    return said


def test_what_lacks_is_said_in_one_sentence(wire: Pair, place: Place, kernels: Path) -> None:
    assert "There is no interface 'eth9'" in refused(wire, place, kernels, "eth9")
    assert "--user" in refused(wire, place, kernels, user="")
    assert "no user 'nobody-at-all'" in refused(wire, place, kernels, user="nobody-at-all")
    assert "built in" in refused(wire, place, kernels, policy="default", signers="")
    assert "--signers" in refused(wire, place, kernels, signers="")
    assert "10.0.0.9" in refused(wire, place, kernels, filter="net 10.0.0.9")
    place.write(signed=False)
    assert "asks for the signature" in refused(wire, place, kernels)
    place.write(needed=0)
    assert "asks for no signature" in refused(wire, place, kernels)
    place.policy.write_text(place.policy.read_text().replace("2035", "2020"))
    assert "expired on 2020-06-30" in refused(wire, place, kernels)


def test_a_capture_comes_through_a_pipe(wire: Pair, place: Place, kernels: Path) -> None:
    words = place.words("-", lanes="1", roll="600")
    done = wire.start("sh", "-c", f'exec "$@" < {EXAMPLE}', "sh", *words, environment=environment(kernels))
    _, said = done.communicate(timeout=100)
    assert done.returncode == 0, said
    holds(counted(said), len(frames_of()))
    assert json.loads(next(place.output.glob("*/manifest.json")).read_text())["inputs"][0]["kind"] == "pipe"


def test_a_watched_folder_gives_each_finished_capture_once(wire: Pair, place: Place, kernels: Path) -> None:
    spool = place.folder / "spool"
    spool.mkdir()
    shutil.copy(EXAMPLE, spool / "one.pcapng")
    (spool / "none.pcap").write_text("this is no capture")
    (spool / "notes.txt").write_text("nor is this")
    words = place.words("watch-here", lanes="1", quiet_for="1", tables="flows,dns")
    at = words.index("live")
    words[at : at + 2] = ["watch", str(spool)]
    watcher = Running(wire.start(*words, environment=environment(kernels)))
    watcher.hear("none.pcap is no capture")
    wait_for(lambda: len(place.manifests()) == 1)
    growing = spool / "two.pcapng"
    growing.write_bytes(EXAMPLE.read_bytes()[:100_000])
    with growing.open("ab") as file:
        time.sleep(0.7)
        file.write(EXAMPLE.read_bytes()[100_000:])
    wait_for(lambda: len(place.manifests()) == 2)
    watcher.end()
    assert watcher.process.returncode == 0
    assert [each["packets"]["in"] for each in place.manifests()] == [2143, 2143]
    journal = place.output / ".journal"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]) + '{"name": "tw')  # torn
    again = Running(wire.start(*words, environment=environment(kernels)))
    time.sleep(3)
    said = again.end()
    assert "1 captures were read, 0 files" in said  # the one whose line was torn; it was there already
    assert len(place.manifests()) == 2
    assert place.verify() == "sound"


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


LIBRARY = """
import sonde, sys
rows = {{}}
for batch in sonde.live("wire1", policy="{policy}", signers="{signers}", audit="{audit}", keys="{keys}", lanes=1):
    rows[batch.table] = rows.get(batch.table, 0) + batch.batch.num_rows
    if batch.table == "dns":
        break
print(rows, file=sys.stderr)
"""


def test_the_library_gives_batches_as_they_come(wire: Pair, place: Place, kernels: Path) -> None:
    import sys

    told = LIBRARY.format(policy=place.policy, signers=place.signers, audit=place.audit, keys=place.keys)
    process = wire.start(sys.executable, "-c", told, environment=environment(kernels))
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        wire.send(frames_of(), pause_s=0.001)
        time.sleep(0.5)
    _, said = process.communicate(timeout=30)
    assert "'dns'" in said, said
    assert place.entries()[-1] == "shutdown"

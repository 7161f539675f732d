"""What is meant to bring the flow table down: chosen collisions, and floods larger than the table."""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import xor
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import sonde
from lab.crowd import Frames, ends_of, lookup, talk, web, write_capture
from lab.floods import crc_collisions, flood, half_open, no_collisions, real, rounds, xor_collisions
from sonde.decode import decode, settings
from sonde.source import open_source

FLOWS = 20_000
BUCKETS = 1 << 15
LONGEST = 12  # 20,000 thrown into 32,768 buckets by chance: 8 or more in one is rare, 12 one in 10^8 tables
KEY = 0x5EED_0123_4567_89AB
REAL = 60
SMALL = 33 << 20  # octets of flow table: room for some sixty thousand flows

Ends = tuple[int, int, int, int]

pytestmark = pytest.mark.compiled


def octets(ends: Ends) -> bytes:
    source, destination, source_port, port = ends
    return b"".join((source.to_bytes(4, "big"), destination.to_bytes(4, "big"), source_port.to_bytes(2, "big"),
                     port.to_bytes(2, "big"), b"\x11"))  # fmt: skip


def test_the_collisions_are_some() -> None:
    """Those who would hash without a key have one bucket here."""
    made = [(source, destination, out, port) for source, out, destination, port in crc_collisions(FLOWS)]
    assert len({crc32(octets(each)) for each in made}) == 1
    assert len(set(made)) == FLOWS
    words = [(source, destination, out << 16 | port) for source, out, destination, port in xor_collisions(FLOWS)]
    assert len({reduce(xor, each) for each in words}) == 1
    assert len(set(words)) == FLOWS


@pytest.mark.parametrize("kind", [no_collisions, crc_collisions, xor_collisions])
def test_chosen_collisions_are_none_under_our_key(kind: Callable[[int], Iterable[Ends]], tmp_path: Path) -> None:
    capture = tmp_path / "collide.pcap"
    write_capture(capture, rounds(kind(FLOWS), 2))
    chosen = settings(verify=False, lanes=1, key=KEY)
    hashes = np.concatenate([decode(block, chosen)[0]["hash"] for block in open_source(str(capture)).blocks()])
    distinct = np.unique(hashes)
    assert len(distinct) == FLOWS
    assert np.bincount((distinct & np.uint64(BUCKETS - 1)).astype(np.int64)).max() < LONGEST
    with sonde.read(capture, tables=["flows"], policy="clear") as dataset:
        found = dataset.query("select count(*) as flows, sum(orig_packets) as packets from flows").to_pylist()
    assert found == [{"flows": FLOWS, "packets": 2 * FLOWS}]


@pytest.mark.parametrize(("made", "count"), [(flood, 150_000), (half_open, 100_000)])
def test_of_a_flood_larger_than_the_table_all_is_recorded(
    made: Callable[[int, Iterable[Frames]], Iterable[bytes]], count: int, tmp_path: Path
) -> None:
    capture = tmp_path / "flood.pcap"
    frames = write_capture(capture, made(count, real(REAL)), tick_ns=5_000)
    with sonde.read(capture, tables=["flows", "dns", "http"], policy="clear", memory=SMALL, lanes=1) as dataset:
        assert dataset.manifest["packets"]["recorded"] == frames, dataset.manifest["packets"]
        evicted = "select count(*) as n from flows where end_reason = 'lack_of_resources'"
        assert dataset.query(evicted).to_pylist()[0]["n"] >= count - SMALL // 520
        paths = {row["path"] for row in dataset.http.to_pylist()}
        names = {row["query"] for row in dataset.dns.to_pylist()}
    assert paths == {f"/page/{number}" for number in range(5 << 20, (5 << 20) + REAL) if number % 2}
    assert names == {f"host{number}.example.com" for number in range(5 << 20, (5 << 20) + REAL) if number % 2 == 0}


def test_lanes_may_have_unlike_numbers_of_flows_to_end(tmp_path: Path) -> None:
    """All flows of two hosts are one lane's: it ends them in several steps, while the others have none."""
    capture = tmp_path / "two_hosts.pcap"
    source, out, destination, port = ends_of(1, 9000)
    write_capture(capture, rounds(((source, out + number, destination, port) for number in range(2 * FLOWS)), 1))
    with sonde.read(capture, tables=["flows"], policy="clear", lanes=3) as dataset:
        found = dataset.query("select count(*) as flows, count(distinct orig_port) as ports from flows").to_pylist()
    assert found == [{"flows": 2 * FLOWS, "ports": 2 * FLOWS}]


def test_the_makers_of_conversations_are_believed(tmp_path: Path) -> None:
    """What benches count is first what was meant: whole conversations, their ends as given."""
    capture = tmp_path / "few.pcap"
    few = [*web(1), *web(2, ends=False), *lookup(3), *talk(4, 7000, b"ping", b"pong", ends=True)]
    assert write_capture(capture, few) == 9 + 6 + 2 + 9
    with sonde.read(capture, tables=["flows", "http", "dns"], policy="clear", checksums="ignore") as dataset:
        flows = sorted((row["resp_port"], row["state"], row["history"]) for row in dataset.flows.to_pylist())
    assert flows == [(53, "SF", "Dd"), (80, "S1", "ShADd"), (80, "SF", "ShADdFf"), (7000, "SF", "ShADdFf")]

"""Cases of `bench/endurance.py` that come through a pipe or a file: floods, half-open handshakes, collisions."""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from live import prepare, usage_of

from lab.crowd import write_capture
from lab.floods import crc_collisions, flood, half_open, no_collisions, real, rounds, xor_collisions
from lab.pair import Pair

ROOT = Path(__file__).resolve().parents[1]
MIB = 1 << 20
PATIENCE_S = 600
KINDS = {"nobody's choice": no_collisions, "one CRC-32": crc_collisions, "one exclusive or": xor_collisions}


def besiege(args: argparse.Namespace, folder: Path, start: Callable[..., Any]) -> int:
    """Show a probe a flood with real conversations in it, by a pipe or on the wire; say which of these it recorded.

    A pipe waits for the probe, a wire does not: there frames may be lost, and are counted.
    """
    capture = folder / "flood.pcap"
    made = flood if args.case == "flood" else half_open
    frames = write_capture(capture, made(args.flows, real(args.real)), tick_ns=1_000_000_000 // args.rate)
    sample = folder / "sample.pcap"
    write_capture(sample, made(1_000, real(20)))
    prepare(folder, sample)
    print(f"{frames:,} frames, {args.flows:,} hostile flows, {args.real} real ones", flush=True)
    with Pair("sonde-assault") as pair:  # for a pipe too: there is what lets another user read what the probe is of
        sender = None
        if args.wire:
            watcher = start(pair, folder, args)
            sender = pair.start("tcpreplay", "-q", f"--pps={args.rate}", "-i", pair.sender, capture)
        else:
            cache = {"SONDE_CACHE": os.environ.get("SONDE_CACHE", str(ROOT / ".cache"))}
            words = probe_words(folder, args.memory, args.lanes)
            watcher = pair.start("sh", "-c", f'exec "$@" < {capture}', "sh", *words, environment=cache)
        began = time.monotonic()
        peaks = follow(watcher, sender)
        took = time.monotonic() - began
        said = watcher.communicate(timeout=PATIENCE_S)[1]
        if args.wire:
            print(f"sent {pair.counted(pair.sender, 'tx_packets'):,}")
    print(said)
    print(f"{frames / took:,.0f} frames/s, the time that it takes to start or to end in it")
    grown = [round(peaks[len(peaks) * share // 100] / MIB) for share in (10, 25, 50, 75, 90)]
    print(f"most memory {max(peaks) / MIB:,.0f} MiB with --memory {args.memory}; as time went {grown}")
    tell_real(folder / "out", args.real)
    return int(watcher.returncode)


def follow(watcher: "subprocess.Popen[str]", sender: "subprocess.Popen[str] | None") -> list[int]:
    """Note the most memory that a probe had so far, until it ends; it is told to when its sender is through."""
    peaks, told = [0], False
    while watcher.poll() is None:
        with suppress(OSError, IndexError):  # it ended meanwhile
            peaks.append(usage_of(watcher.pid)[1] or peaks[-1])
        time.sleep(0.2)
        if sender is not None and sender.poll() is not None and not told:
            time.sleep(3)
            watcher.terminate()
            told = True
    return peaks


def probe_words(folder: Path, memory: str, lanes: str) -> list[str]:
    """Give the words of a probe that reads standard input, all tables."""
    places = {"output": folder / "out", "audit": folder / "audit", "keys": folder / "keys"}
    terms = {"policy": folder / "bench.toml", "signers": folder / "signers"}
    options = {**places, **terms, "memory": memory, "lanes": lanes, "user": "nobody", "keep-free": "0%"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "sonde.cli.main", "live", "-", *words]


def tell_real(output: Path, count: int) -> None:
    """Say how many of the real conversations have their rows, and how the hostile ones were recorded."""
    import duckdb  # noqa: PLC0415 - of the extra [dev]

    def ask(table: str, what: str) -> list[tuple[object, ...]]:
        files = f"read_parquet('{output}/*/{table}/*.parquet', union_by_name = true)"
        return duckdb.sql(what.format(table=files)).fetchall()

    web = count // 2
    print("real HTTP rows", *ask("http", "select count(*), count(distinct uid) from {table}")[0], "of", web)
    print("real DNS rows", *ask("dns", "select count(*), count(distinct uid) from {table}")[0], "of", count - web)
    whole = "select count(*) from {table} where state = 'SF' and (transport <> 'tcp' or history like 'Sh%')"
    print("real flows recorded whole", ask("flows", whole)[0][0], "of", count)
    print("flows by end", ask("flows", "select state, end_reason, count(*) from {table} group by all order by 3 desc"))


def collide(args: argparse.Namespace, folder: Path) -> int:
    """Read flows that an unkeyed hash would put into one bucket, and as many that nobody chose, in turn."""
    captures = {}
    for number, (name, kind) in enumerate(KINDS.items()):
        captures[name] = folder / f"{number}.pcap"
        write_capture(captures[name], rounds(kind(args.flows), args.times))
    took: dict[str, list[float]] = {name: [] for name in captures}
    for turn in range(args.rounds):
        for name, capture in captures.items():
            output = folder / f"{turn}-{capture.stem}"
            words = [sys.executable, "-m", "sonde.cli.main", "read", capture, "-o", output, "--tables", "flows"]
            began = os.times()
            said = subprocess.run([*words, "--json", "--lanes", "1"], check=True, capture_output=True, text=True).stdout
            ended = os.times()
            used = ended.children_user + ended.children_system - began.children_user - began.children_system
            took[name].append(used)
            rows = re.search(r'"rows": (\d+)', said)
            print(f"{name:18} {used:6.2f} s of processor, {rows[1] if rows else '?'} flows", flush=True)
    best = {name: min(each) for name, each in took.items()}
    usual = best["nobody's choice"]
    for name, seconds in best.items():
        print(f"{name:18} best {seconds:.2f} s, {seconds / usual:.2f} of what nobody chose")
    return 0

"""Cases of `bench/endurance.py` that come through a pipe or a file: floods, half-open handshakes, collisions."""

import argparse
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from live import prepare, usage_of

from lab.crowd import write_capture
from lab.floods import crc_collisions, flood, half_open, no_collisions, real, rounds, xor_collisions
from lab.pair import Pair

ROOT = Path(__file__).resolve().parents[1]
MIB = 1 << 20
PATIENCE_S = 600
KINDS = {"nobody's choice": no_collisions, "one CRC-32": crc_collisions, "one exclusive or": xor_collisions}


def besiege(args: argparse.Namespace, folder: Path) -> int:
    """Pipe a flood with real conversations in it to `sonde live -`, and say which of these were recorded."""
    capture = folder / "flood.pcap"
    made = flood if args.case == "flood" else half_open
    frames = write_capture(capture, made(args.flows, real(args.real)), tick_ns=1_000_000_000 // args.rate)
    sample = folder / "sample.pcap"
    write_capture(sample, made(1_000, real(20)))
    prepare(folder, sample)
    print(f"{frames:,} frames, {args.flows:,} hostile flows, {args.real} real ones", flush=True)
    cache = {"SONDE_CACHE": os.environ.get("SONDE_CACHE", str(ROOT / ".cache"))}
    with Pair("sonde-assault") as pair:  # for the user and what it can read, not for the wire
        piped = ("sh", "-c", f'exec "$@" < {capture}', "sh", *probe_words(folder, args.memory, args.lanes))
        watcher = pair.start(*piped, environment=cache)
        began, seen = time.monotonic(), [0]
        while watcher.poll() is None:
            with suppress(OSError, IndexError):  # it ended meanwhile
                seen.append(usage_of(watcher.pid)[1] or seen[-1])
            time.sleep(0.2)
        said = watcher.communicate(timeout=PATIENCE_S)[1]
    print(said)
    print(f"{frames / (time.monotonic() - began):,.0f} frames/s with the start of the process in it")
    growth = [round(seen[len(seen) * share // 100] / MIB) for share in (10, 25, 50, 75, 90)]
    print(
        f"most memory {max(seen) / MIB:,.0f} MiB with --memory {args.memory}; by tenth, quarters, nine tenths: {growth}"
    )
    tell_real(folder / "out", args.real)
    return watcher.returncode


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

"""Measure Sonde beside other tools on one machine, interleaved, over several rounds.

    python bench/run.py [--rounds 3] [--copies 20] [--capture FILE] [--skip-slow]

The capture is the mix that ../shared/bench/make_mix.py makes of real captures; where that is
absent, the example capture many times over. Everything runs in turn, round after round, so
that what the machine does besides strikes all alike; ratios are medians over the rounds.
What takes minutes runs in the first round only.
"""

import argparse
import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MAKE_MIX = ROOT.parent / "shared/bench/make_mix.py"
EXAMPLE = ROOT / "examples/first-look.pcapng"
OUT = ROOT / "bench/out"
LONGEST_S = 300.0  # of one command
LOOK_S = 0.01  # between looks at memory
REFERENCE = "ndpiReader, flows as CSV"


class Job(NamedTuple):
    """A command line to be measured, and the outcome of one round."""

    name: str
    command: list[str]
    is_slow: bool = False


class Cost(NamedTuple):
    """What a command cost: wall clock, processor time, most memory."""

    wall_s: float
    cpu_s: float
    peak_octets: int


class JobError(RuntimeError):
    """A command failed, or took longer than anybody waits for."""


def main() -> int:
    """Make the capture, run all jobs in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=20, help="of all captures in the mix")
    parser.add_argument("--capture", type=Path, help="measure on this one instead")
    parser.add_argument("--skip-slow", action="store_true", help="leave out tools that take minutes")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    capture = args.capture or make_capture(args.copies)
    packets = int(in_python(COUNT_PACKETS, capture))
    print(f"{capture.name}: {packets:,} packets, {capture.stat().st_size / 1e6:,.0f} MB; {os.cpu_count()} cores")
    jobs, missing = find_jobs(capture)
    jobs = [job for job in jobs if not (args.skip_slow and job.is_slow)]
    for name in missing:
        print(f"not installed, so not measured: {name}")
    peaks: dict[str, int] = {}
    for job in jobs:
        if job.name.startswith("sonde"):
            measure(job)  # kernels are compiled and kept before anything counts
            peaks[job.name] = measure(job, of_all=True).peak_octets  # a round of its own: to look takes time
    costs: dict[str, list[Cost]] = {job.name: [] for job in jobs}
    for number in range(args.rounds):
        for job in jobs:
            if job.is_slow and number:
                continue
            try:
                cost = measure(job)
            except JobError as error:
                print(f"round {number + 1}: {error}", file=sys.stderr)
                continue
            print(f"round {number + 1}: {job.name}: {cost.wall_s:.2f} s", file=sys.stderr)
            costs[job.name].append(cost._replace(peak_octets=peaks.get(job.name, cost.peak_octets)))
    report({name: rounds for name, rounds in costs.items() if rounds}, packets)
    return 0


def make_capture(copies: int) -> Path:
    """Make the mix, or many copies of the example where its parts are absent."""
    made = OUT / f"{'mix' if MAKE_MIX.is_file() else 'example'}-{copies}.pcap"
    if made.is_file():
        return made
    aside = made.with_suffix(".partial")
    if MAKE_MIX.is_file():
        subprocess.run([sys.executable, MAKE_MIX, aside, "--copies", str(copies)], check=True)
    else:
        in_python(REPEAT_EXAMPLE, EXAMPLE, aside, copies * 50)
    return aside.rename(made)


def in_python(code: str, *arguments: object) -> str:
    """Run a program in a process of its own: this one stays small, or its memory would count as its children's."""
    child = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(child, check=True, capture_output=True, text=True).stdout


COUNT_PACKETS = """
import sys
from sonde.source import open_source
print(sum(len(block.frames) for block in open_source(sys.argv[1]).blocks()))
"""

#: Each copy comes a minute later and with other IPv4 addresses. Checksums are not adjusted; nobody asks for them.
REPEAT_EXAMPLE = """
import struct, sys
from sonde.source import open_source
blocks = [(block.wire.tobytes(), block.frames.copy()) for block in open_source(sys.argv[1]).blocks()]
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
    for copy in range(int(sys.argv[3])):
        mark = copy.to_bytes(2, "big")
        for wire, frames in blocks:
            for frame in frames:
                ts = int(frame["ts"]) + copy * 60 * 10**9
                octets = bytearray(wire[frame["at"] : frame["at"] + frame["length"]])
                if octets[12:14] == b"\\x08\\x00":
                    octets[26:28] = octets[30:32] = mark
                file.write(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(octets), int(frame["original"])) + octets)
"""


def find_jobs(capture: Path) -> tuple[list[Job], list[str]]:
    """List what can be measured here, and what is not installed."""
    sonde = [sys.executable, "-m", "sonde.cli.main", "read", str(capture), "--quiet", "-o", str(OUT / "dataset")]
    jobs = [
        Job("sonde, flows, 1 lane", [*sonde, "--tables", "flows", "--lanes", "1"]),
        Job("sonde, flows, 2 lanes", [*sonde, "--tables", "flows", "--lanes", "2"]),
        Job("sonde, everything, 1 lane", [*sonde, "--lanes", "1"]),
        Job("sonde, everything, 2 lanes", [*sonde, "--lanes", "2"]),
    ]
    missing = []
    if shutil.which("ndpiReader"):
        reader = ["ndpiReader", "-q", "-i", str(capture)]
        jobs += [Job(REFERENCE, [*reader, "-C", str(OUT / "ndpi.csv")]), Job("ndpiReader, nothing written", reader)]
    else:
        missing.append("ndpiReader")
    if (Path(sysconfig.get_paths()["purelib"]) / "nfstream").is_dir():
        code = "import sys, nfstream; nfstream.NFStreamer(source=sys.argv[1]).to_csv(path=sys.argv[2])"
        jobs.append(
            Job("nfstream, flows as CSV", [sys.executable, "-c", code, str(capture), str(OUT / "nf.csv")], True)
        )
    else:
        missing.append("nfstream")
    if shutil.which("tshark"):
        fields = ["-T", "fields", "-e", "frame.number", "-e", "frame.protocols"]
        jobs.append(Job("tshark, two fields a packet", ["tshark", "-n", "-r", str(capture), *fields], is_slow=True))
    else:
        missing.append("tshark")
    return jobs, missing


def measure(job: Job, *, of_all: bool = False) -> Cost:
    """Run a command once; JobError where it fails or takes longer than LONGEST_S.

    Memory is that of the process that has most, or `of_all` together; what they share counts once.
    """
    for left in OUT.iterdir():
        if left.suffix != ".pcap":
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    began = time.monotonic()
    with (OUT / "said.txt").open("wb") as said:
        child = subprocess.Popen(job.command, stdout=subprocess.DEVNULL, stderr=said)
        alarm = threading.Timer(LONGEST_S, child.kill)
        alarm.start()
        peak, over = [0], threading.Event()
        watcher = threading.Thread(target=watch, args=(child.pid, peak, over))
        if of_all:
            watcher.start()
        _, status, used = os.wait4(child.pid, 0)
        alarm.cancel()
        over.set()
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - began
    if child.returncode not in (0, 3):  # 3: a capture of the mix ends early
        told = (OUT / "said.txt").read_text(errors="replace").strip()[-500:]
        raise JobError(f"{job.name} ended with {child.returncode} after {wall_s:.0f} s: {told}")
    if of_all:
        watcher.join()
    return Cost(wall_s, used.ru_utime + used.ru_stime, peak[0] or used.ru_maxrss * 1024)


def watch(process: int, peak: list[int], over: threading.Event) -> None:
    """Note the most octets that a process and its children have at a time (PSS of proc_pid_smaps_rollup(5))."""
    while not over.wait(LOOK_S):
        peak[0] = max(peak[0], sum(map(octets_of, family(process))))


def family(process: int) -> list[int]:
    """List a process and all below it."""
    found = [process]
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def octets_of(process: int) -> int:
    """Give a process's part of memory."""
    with suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


def report(costs: dict[str, list[Cost]], packets: int) -> None:
    """Print medians, and how many times faster than the reference each is, round by round."""

    def median(name: str, of: Callable[[Cost], float]) -> float:
        return statistics.median(of(cost) for cost in costs[name])

    print(f"{'':<30}{'wall s':>8}{'cpu s':>8}{'M packets/s':>13}{'peak MB':>9}{'ratio':>8}")
    table = []
    for name, rounds in costs.items():
        ratio = ""
        if REFERENCE in costs:
            pairs = zip(costs[REFERENCE], rounds, strict=False)  # slow ones run in the first round only
            ratio = f"{statistics.median(ours.wall_s and theirs.wall_s / ours.wall_s for theirs, ours in pairs):.2f}"
        wall, cpu = median(name, lambda cost: cost.wall_s), median(name, lambda cost: cost.cpu_s)
        peak = median(name, lambda cost: cost.peak_octets) / 1e6
        print(f"{name:<30}{wall:>8.2f}{cpu:>8.2f}{packets / wall / 1e6:>13.2f}{peak:>9.0f}{ratio:>8}")
        table.append([name, f"{wall:.3f}", f"{cpu:.3f}", f"{packets / wall:.0f}", f"{peak:.0f}", ratio])
    if REFERENCE in costs:
        print(f"ratio: how many times faster than {REFERENCE}, median of {len(costs[REFERENCE])} rounds")
    with (OUT / "bench.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["job", "wall_s", "cpu_s", "packets_per_s", "peak_mb", "ratio"], *table])


if __name__ == "__main__":
    sys.exit(main())

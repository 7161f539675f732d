"""Measure how a probe stands load that lasts: memory, losses and what stays right, each case by itself.

    python bench/endurance.py steady [--minutes 30] [--flows 200000] [--rate 30000]
    python bench/endurance.py flood | half-open | collide | kills

Needs root; `steady` and `kills` need network namespaces, and `steady` tcpreplay. `steady` keeps so many flows open by
replaying a capture of them in a loop, and samples the probe each ten seconds; the account is the sender's count
against the probe's. `flood` and `half-open` come through a pipe (`sonde live -`), or with `--wire` by tcpreplay;
`collide` comes from a file (`sonde read`). With pipe and file the tables are measured, not the wire.
`kills` kills the probe at random moments under traffic.
"""

import argparse
import csv
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from assault import besiege, collide  # noqa: E402 - found from here
from kills import kill_often  # noqa: E402
from live import prepare  # noqa: E402

from lab.crowd import crowd, write_capture  # noqa: E402
from lab.pair import Pair, obstacle  # noqa: E402

PORT = 9480
EVERY_S = 10.0
SETTLED_MIN = 5.0
MIB = 1 << 20
ASK = f"from urllib.request import urlopen; print(urlopen('http://127.0.0.1:{PORT}/state', timeout=5).read().decode())"
COLUMNS = ("seconds", "rss_mib", "flows", "received", "kernel_drops", "unaccounted", "evictions", "sent")


def main() -> int:
    """Run the case that was asked for."""
    args = arguments().parse_args()
    if why_not := obstacle():
        print(f"Not measured: {why_not}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="sonde-endure-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        return int(args.run(args, folder))


def arguments() -> argparse.ArgumentParser:
    """Give the cases and what each can be told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = parser.add_subparsers(dest="case", required=True)
    one = cases.add_parser("steady", help="many flows that stay open")
    one.add_argument("--minutes", type=float, default=30)
    one.add_argument("--flows", type=int, default=200_000)
    one.add_argument("--passing", type=int, default=5_000, help="flows that begin and end in each loop")
    one.add_argument("--rate", type=int, default=30_000, help="packets a second")
    one.add_argument("--csv", type=Path, default=Path("endurance.csv"))
    _terms(one, steady, "512M")
    for name, count, memory in (("flood", 5_000_000, "128M"), ("half-open", 1_000_000, "512M")):
        one = cases.add_parser(name, help="hostile flows with real ones among them")
        one.add_argument("--flows", type=int, default=count)
        one.add_argument("--real", type=int, default=500)
        one.add_argument("--rate", type=int, default=200_000, help="packets a second, by the capture's clock")
        one.add_argument("--lanes", default="1")
        one.add_argument("--wire", action="store_true", help="over virtual Ethernet, and not by a pipe")
        _terms(one, partial(besiege, start=start_probe), memory)
    one = cases.add_parser("collide", help="flows that an unkeyed hash would put into one bucket")
    one.add_argument("--flows", type=int, default=200_000)
    one.add_argument("--times", type=int, default=5, help="packets of each flow")
    one.add_argument("--rounds", type=int, default=3)
    one.set_defaults(run=collide)
    one = cases.add_parser("kills", help="kill -9 at random moments")
    one.add_argument("--kills", type=int, default=50)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--roll", default="1")
    _terms(one, partial(kill_often, start=start_probe), "512M")
    return parser


def _terms(parser: argparse.ArgumentParser, run: Callable[..., int], memory: str) -> None:
    parser.add_argument("--memory", default=memory)
    parser.add_argument("--ring", default="128M")
    parser.set_defaults(run=run)


def steady(args: argparse.Namespace, folder: Path) -> int:
    """Keep flows open for so many minutes, and say what that took."""
    capture = folder / "crowd.pcap"
    frames = write_capture(capture, crowd(args.flows, args.passing))
    loops = max(1, round(args.minutes * 60 * args.rate / frames))
    print(f"{frames:,} frames a loop of {frames / args.rate:.0f} s, {loops} loops", flush=True)
    prepare(folder, first_frames(capture))
    with Pair("sonde-endure") as pair:
        probe = start_probe(pair, folder, args)
        before = pair.counted(pair.sender, "tx_packets")
        rate = f"--pps={args.rate}"
        sender = pair.start("tcpreplay", "-q", rate, f"--loop={loops}", "-i", pair.sender, capture)
        rows = sample(pair, probe.pid, sender, args.csv, before)
        time.sleep(3)
        sent = pair.counted(pair.sender, "tx_packets") - before
        probe.send_signal(signal.SIGTERM)
        said = probe.communicate(timeout=300)[1]
    print(said)
    conclude(rows, sent, said)
    return 0


def first_frames(capture: Path, octets: int = 4 << 20) -> Path:
    """Give the beginning of a capture as one of its own: enough to tell which networks it is of."""
    place = capture.with_suffix(".first.pcap")
    data = capture.read_bytes()[:octets]
    end = 24
    while end + 16 <= len(data) and (following := end + 16 + int.from_bytes(data[end + 8 : end + 12], "little")):
        if following > len(data):
            break
        end = following
    place.write_bytes(data[:end])
    return place


def start_probe(pair: Pair, folder: Path, args: argparse.Namespace, *, wait: bool = True) -> Any:  # noqa: ANN401 - Popen, and `said`
    """Start the probe with all tables, and wait until it lets frames in; what it said until then is in `said`."""
    pair.link("set", "lo", "up")
    places = {"output": folder / "out", "audit": folder / "audit", "keys": folder / "keys"}
    terms = {"policy": folder / "bench.toml", "signers": folder / "signers", "metrics": str(PORT)}
    options = {**places, **terms, "ring": args.ring, "memory": args.memory, "user": "nobody", "keep-free": "0%"}
    options["roll"] = getattr(args, "roll", "60")
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    cache = {"SONDE_CACHE": os.environ.get("SONDE_CACHE", str(ROOT / ".cache"))}
    probe: Any = pair.start(sys.executable, "-m", "sonde.cli.main", "live", pair.watched, *words, environment=cache)
    probe.said = ""
    while wait and "watching" not in probe.said:
        line = probe.stderr.readline()
        probe.said += line
        if not line:
            raise RuntimeError(f"the probe did not start: {probe.said}")
    return probe


def sample(
    pair: Pair, process: int, sender: "subprocess.Popen[str]", place: Path, before: int
) -> list[dict[str, float]]:
    """Note what the probe says of itself, and what the system says of it, while the sender runs."""
    rows: list[dict[str, float]] = []
    began = time.monotonic()
    with place.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        while sender.poll() is None:
            try:
                state = json.loads(pair.run(sys.executable, "-c", ASK))
            except subprocess.SubprocessError as error:
                print(f"no state at {time.monotonic() - began:.0f} s: {error}", flush=True)
                time.sleep(EVERY_S)
                continue
            frames = state["frames"]
            row = {
                "seconds": round(time.monotonic() - began, 1),
                "rss_mib": round(resident(process) / MIB, 1),
                "flows": state["flows"]["now"],
                "received": frames["received"],
                "kernel_drops": frames["kernel_drops"],
                "unaccounted": frames["unaccounted"],
                "evictions": state["flows"]["evictions"],
                "sent": pair.counted(pair.sender, "tx_packets") - before,
            }
            writer.writerow(row)
            file.flush()
            rows.append(row)
            time.sleep(EVERY_S)
    return rows


def resident(process: int) -> int:
    """Give the octets of memory that a process has resident, mapped rings among them."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) << 10 if found else 0


def conclude(rows: list[dict[str, float]], sent: int, said: str) -> None:
    """Say how memory went after it settled, and what was lost."""
    settled = [row for row in rows if row["seconds"] >= SETTLED_MIN * 60]
    if len(settled) > 1:
        slope = statistics.linear_regression([row["seconds"] for row in settled], [row["rss_mib"] for row in settled])
        print(f"memory at minute {SETTLED_MIN:.0f}: {settled[0]['rss_mib']} MiB")
        print(f"most after it: {max(row['rss_mib'] for row in settled)} MiB")
        print(f"slope after it: {slope.slope * 60:+.2f} MiB a minute")
        print(f"flows open after it: at least {min(row['flows'] for row in settled):,}")
    told = said.replace(",", "")
    lost, on_way = re.findall(r"(\d+) dropped by the kernel (-?\d+) on their way", told)[-1]
    received = int(re.findall(r"(\d+) received by the kernel", told)[-1])
    print(f"sent {sent:,}, received {received:,}, dropped by the kernel {int(lost):,}, unaccounted {int(on_way):,}")


if __name__ == "__main__":
    sys.exit(main())

"""Measure a probe on the wire beside `tcpdump -w`: what each loses of a replay, and what it takes.

    python bench/live.py --capture mix.pcap [--rounds 3] [--rate 0] [--loops 1]

Needs root, network namespaces, tcpreplay and tcpdump. In each round the capture is replayed over a pair of
virtual Ethernet ends, once for each watcher, at the sender's top rate or at so many packets a second.
The account is the sender's count against the watcher's own, and the kernel's.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.pair import Pair, obstacle  # noqa: E402 - found from here

PATIENCE_S = 300
POLICY = """\
schema = 1
version = 1
operator = "Bench"
contact = "bench@example.org"
purpose = "capacity"
valid_until = {until}
{networks}
[classes]
ENDPOINT = "keep"
PERSON = "pseudonymise"
[pseudonym]
epoch = "24h"
keep_keys = "48h"
[signatures]
policy = 1
"""


class Outcome(NamedTuple):
    """What one watcher did in one round."""

    name: str
    sent: int
    seconds: float
    lost: int
    cpu_s: float
    peak_octets: int
    unaccounted: int = 0


def main() -> int:
    """Replay in turn before each watcher, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--capture", type=Path, default=ROOT / "examples/first-look.pcapng")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=0, help="packets a second (default: the sender's top rate)")
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument("--ring", default="128M")
    args = parser.parse_args()
    why_not = obstacle() or next((f"{tool} is not installed" for tool in TOOLS if not shutil.which(tool)), "")
    if why_not:
        print(f"Not measured: {why_not}.")
        return 1
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="sonde-bench-") as name, Pair("sonde-bench") as pair:
        folder = Path(name)
        folder.chmod(0o777)
        prepare(folder, args.capture)
        for number in range(args.rounds):
            found.append(watch_with_tcpdump(pair, args, folder))
            found.append(watch_with_sonde(pair, args, folder / str(number)))
            print(*found[-2:], sep="\n", flush=True)
    for watcher in ("tcpdump -w", "sonde live"):
        mine = [each for each in found if each.name == watcher]
        told = {
            "packets/s sent": statistics.median(each.sent / each.seconds for each in mine),
            "lost %": 100 * statistics.median(each.lost / each.sent for each in mine),
            "us of processor a packet": 1e6 * statistics.median(each.cpu_s / each.sent for each in mine),
            "peak MiB": statistics.median(each.peak_octets for each in mine) / (1 << 20),
        }
        print(f"{watcher:12}", ", ".join(f"{name} {value:,.2f}" for name, value in told.items()))
    return 0


MOST_NETWORKS = 12
TOOLS = ("tcpreplay", "tcpdump", "ssh-keygen")


def networks_of(capture: Path) -> str:
    """Declare the networks that most frames are from, as wide as a policy may: most is to be looked at."""
    import dpkt  # noqa: PLC0415 - of the extra [dev]

    firsts: Counter[str] = Counter()
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.UniversalReader(file):
            if frame[12:14] == b"\x08\x00" and 0 < frame[26] < 224:
                firsts[f"{frame[26]}.0.0.0/8"] += 1
    found = [*[name for name, _ in firsts.most_common(MOST_NETWORKS)], "fe80::/16", "2001:400::/24"]
    return "\n".join(f'[[network]]\ncidr = "{each}"\nrole = "clients"' for each in dict.fromkeys(found))


def prepare(folder: Path, capture: Path) -> None:
    """Write and sign a policy that has most in scope."""
    until = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 30 * 86_400))
    policy = folder / "bench.toml"
    policy.write_text(POLICY.format(until=until, networks=networks_of(capture)))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    public = " ".join((folder / "key.pub").read_text().split()[:2])
    (folder / "signers").write_text(f'bench@example.org namespaces="sonde-policy@v1" {public}\n')
    sign = [sys.executable, "-m", "sonde.cli.main", "policy", "sign", policy, "--key", folder / "key"]
    subprocess.run(sign, check=True, stdout=subprocess.DEVNULL)
    for each in folder.iterdir():
        each.chmod(0o644)


def replay(pair: Pair, args: argparse.Namespace) -> tuple[int, float]:
    """Send the capture; give how many frames went out, and in what time."""
    before = pair.counted(pair.sender, "tx_packets")
    speed = [f"--pps={args.rate}"] if args.rate else ["--topspeed"]
    began = time.monotonic()
    pair.run("tcpreplay", "-q", "-K", *speed, f"--loop={args.loops}", "-i", pair.sender, args.capture)
    return pair.counted(pair.sender, "tx_packets") - before, time.monotonic() - began


def watch_with_tcpdump(pair: Pair, args: argparse.Namespace, folder: Path) -> Outcome:
    """Write all frames to the disk."""
    place = folder / "tcpdump.pcap"
    watcher = pair.start("tcpdump", "-q", "-n", "-B", str(128 << 10), "-i", pair.watched, "-w", place, "-Z", "root")
    while "listening" not in (watcher.stderr.readline() if watcher.stderr else ""):
        pass
    sent, seconds = replay(pair, args)
    time.sleep(2)
    usage = usage_of(watcher.pid)
    watcher.send_signal(signal.SIGINT)
    said = watcher.communicate(timeout=PATIENCE_S)[1]
    place.unlink()
    kept = int(re.search(r"(\d+) packets captured", said)[1])  # type: ignore[index]
    return Outcome("tcpdump -w", sent, seconds, sent - kept, *usage)


def watch_with_sonde(pair: Pair, args: argparse.Namespace, folder: Path) -> Outcome:
    """Record everything, all tables."""
    above = folder.parent
    places = {"output": folder / "out", "audit": folder / "audit", "keys": folder / "keys"}
    terms = {"policy": above / "bench.toml", "signers": above / "signers"}
    options = {**places, **terms, "ring": args.ring, "user": "nobody", "keep-free": "0%"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    cache = {"SONDE_CACHE": os.environ.get("SONDE_CACHE", str(ROOT / ".cache"))}
    command = [sys.executable, "-m", "sonde.cli.main", "live", pair.watched, *words]
    watcher = pair.start(*command, environment=cache)
    said = ""
    while "watching" not in (line := watcher.stderr.readline() if watcher.stderr else ""):
        said += line
        if not line:
            raise RuntimeError(f"the probe did not start: {said}")
    before = usage_of(watcher.pid)[0]
    sent, seconds = replay(pair, args)
    time.sleep(2)
    cpu_s, peak = usage_of(watcher.pid)
    watcher.send_signal(signal.SIGTERM)
    said = watcher.communicate(timeout=PATIENCE_S)[1].replace(",", "")
    print(said)
    lost, on_way = re.findall(r"(\d+) dropped by the kernel (-?\d+) on their way", said)[-1]
    received = int(re.findall(r"(\d+) received by the kernel", said)[-1])
    return Outcome("sonde live", sent, seconds, int(lost), cpu_s - before, peak, sent - received + int(on_way))


def usage_of(process: int) -> tuple[float, int]:
    """Give a process's seconds of processor so far, and the most memory that it had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return cpu_s, int(peak[1]) << 10 if peak else 0


if __name__ == "__main__":
    sys.exit(main())

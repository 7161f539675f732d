"""What identification costs: a payload through the matcher, a further 200 protocols, a cold compilation.

    python bench/identify.py mix.pcap                    # an Ethernet capture of libpcap's form
    python bench/identify.py mix.pcap --payloads 2000 --rounds 3

Payloads are the first of each flow of the capture, as the matcher meets them; each is put to it many times. For the
protocols, 200 that have signatures alone lose them, and the capture is read with and without, in turn; medians count.
"""

import argparse
import dataclasses
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sonde.dissect import all_dissectors
from sonde.identify import all_protocols, build_matcher
from sonde.identify.catalogue import identified_only
from sonde.identify.match import build_look
from sonde.pipeline.read import make_plan, read_captures
from sonde.schema import DST_PORT_SHIFT, SRC_PORT_SHIFT, STREAM
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import Int, Ints, Wire, kernel

if TYPE_CHECKING:
    from sonde.pipeline.plan import Plan

FIRST = 3  # payloads of a flow
REPEATS = 400
FEWER = 200
COLD = """
import time
import numpy as np
from sonde.pipeline.lane import Lane
from sonde.pipeline.read import make_plan
lane = Lane(make_plan(lanes=1), 0, 1)
start = time.perf_counter()
matcher = lane.plan.matcher
lane.identify(np.zeros(1, np.uint8), lane.turns[:0], lane.shard.streams, lane.shard.flows, matcher, lane.results)
print(time.perf_counter() - start)
"""


def payloads_of(path: Path, most: int) -> list[tuple[bytes, int]]:
    """Give first payloads of flows of all an Ethernet capture, chosen by chance, with the hint that goes with them."""
    found: list[tuple[bytes, int]] = []
    seen, source, met = Counter[tuple[bytes, bytes]](), random.Random(1), 0  # noqa: S311 - a choice
    with path.open("rb") as file:
        order = "<" if file.read(24)[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        while len(head := file.read(16)) == 16:
            frame = file.read(struct.unpack(order + "IIII", head)[2])
            if frame[12:14] != b"\x08\0" or len(frame) < 34 or frame[23] not in (6, 17):
                continue
            at = 14 + 4 * (frame[14] & 15)
            ports = frame[at : at + 4]
            body = at + (4 * (frame[at + 12] >> 4) if frame[23] == 6 and len(frame) > at + 12 else 8)
            octets = frame[body : 14 + int.from_bytes(frame[16:18], "big")]
            pair = (bytes(sorted(frame[26:34])), bytes(sorted(ports)))
            if not octets or seen[pair] >= FIRST:
                continue
            seen[pair] += 1
            met += 1
            src, dst = struct.unpack("!HH", ports)
            chosen = (octets, src << SRC_PORT_SHIFT | dst << DST_PORT_SHIFT | (STREAM if frame[23] == 6 else 0))
            place = len(found) if len(found) < most else source.randrange(met)
            if place < most:
                found[place : place + 1] = [chosen]
    return found


def cost_of_payloads(found: list[tuple[bytes, int]]) -> np.ndarray:
    """Give nanoseconds a payload, the least of three measurements of each."""
    every = all_protocols([each.protocol for each in all_dissectors()])
    lookup, look = build_matcher(every, set()).lookup, build_look(every)

    @kernel(name="repeat")
    def repeat(lookup: Any, octets: Wire, hint: Int, bits: Ints, times: Int) -> Int:  # noqa: ANN401
        total = np.int64(0)
        for _ in range(times):
            total += look(lookup, octets, 0, len(octets), hint, bits)
        return total

    bits, spent = np.zeros(CANDIDATE_WORDS, np.int64), []
    for octets, hint in found:
        wire = np.frombuffer(octets, np.uint8)
        repeat(lookup, wire, hint, bits, 1)
        rounds = []
        for _ in range(3):
            start = time.perf_counter_ns()
            repeat(lookup, wire, hint, bits, REPEATS)
            rounds.append((time.perf_counter_ns() - start) / REPEATS)
        spent.append(min(rounds))
    return np.array(spent)


def read_time(capture: Path, matcher: Any) -> float:  # noqa: ANN401
    """Give the seconds that reading a capture into flows takes with a matcher, on one lane."""
    plan: Plan = make_plan(["flows"], lanes=1)
    plan.__dict__["matcher"] = matcher._replace(dissected=plan.matcher.dissected, told=plan.matcher.told)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        read_captures([str(capture)], plan, Path(folder) / "out")
        return time.perf_counter() - start


def cost_of_protocols(capture: Path, rounds: int) -> tuple[float, float]:
    """Give seconds of reading with all protocols, and with 200 fewer."""
    dissected = {each.protocol.name for each in all_dissectors()}
    every = all_protocols([each.protocol for each in all_dissectors()])
    plain = [each.name for each in identified_only() if each.identify is None and each.signatures]
    without = set(random.Random(1).sample(plain, FEWER))  # noqa: S311 - a choice
    fewer = [dataclasses.replace(each, signatures=()) if each.name in without else each for each in every]
    matchers = (build_matcher(every, dissected), build_matcher(fewer, dissected))
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for which in (0, 1):
            took = read_time(capture, matchers[which])
            if number:  # the first warms up
                spent[which].append(took)
    return statistics.median(spent[0]), statistics.median(spent[1])


def cold() -> float:
    """Give the seconds that the identification kernel takes to compile with nothing kept."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", COLD],
            env={**os.environ, "SONDE_CACHE": cache},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--payloads", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5, help="of reading the capture; 0 leaves it out")
    args = parser.parse_args()
    spent = cost_of_payloads(payloads_of(args.capture, args.payloads))
    shares = ", ".join(f"{each}% {np.percentile(spent, each):.0f}" for each in (50, 90, 99))
    print(f"payloads        {len(spent):,}: {shares}, mean {spent.mean():.0f} ns")
    if args.rounds:
        full, fewer = cost_of_protocols(args.capture, args.rounds)
        more = 100 * (full / fewer - 1)
        print(f"{FEWER} protocols   {full:.2f} s with, {fewer:.2f} s without: {more:+.1f}% of read time")
    print(f"cold            {cold():.1f} s to compile identification")


if __name__ == "__main__":
    main()

"""The case of `bench/endurance.py` that kills the probe at random moments, and looks at what each kill cost."""

import argparse
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live import prepare

from lab.crowd import lookup, write_capture
from lab.pair import Pair

STARTING = 5  # one in so many is killed while it starts
LONGEST_S = 5.0
PAUSE_S = 0.005


class Asker:
    """A thread that looks up one name after the other, and notes when."""

    def __init__(self, pair: Pair) -> None:
        """Open the socket; `start` begins."""
        self.socket = pair.socket()
        self.sent: dict[int, float] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self.over.wait(PAUSE_S):
            number += 1
            for frame in lookup(number):
                self.socket.send(frame)
            self.sent[number] = time.time()

    def stop(self) -> None:
        """End the thread."""
        self.over.set()
        self.thread.join(10)
        self.socket.close()


def kill_often(args: argparse.Namespace, folder: Path, start: Callable[..., Any]) -> int:
    """Kill the probe so many times while lookups go over the wire; say what was lost, and whether the log verifies."""
    chance = random.Random(args.seed)  # noqa: S311 - no secret
    sample = folder / "sample.pcap"
    write_capture(sample, (frame for number in range(1, 100) for frame in lookup(number)))
    prepare(folder, sample)
    verdicts: Counter[str] = Counter()
    told_parts, lives = 0, []
    with Pair("sonde-kills") as pair:
        asker = Asker(pair)
        asker.thread.start()
        try:
            for turn in range(args.kills):
                early = turn % STARTING == STARTING - 1
                probe = start(pair, folder, args, wait=not early)
                watching = 0.0 if early else time.time()
                time.sleep(chance.uniform(0.1, LONGEST_S))
                killed = time.time()
                probe.kill()
                said = probe.said + (probe.communicate(timeout=30)[1] or "")
                told_parts += "unfinished part" in said
                verdicts[verdict_of(folder)] += 1
                lives.append((watching, killed))
            probe = start(pair, folder, args, wait=True)
            last = time.time()
            time.sleep(1)
        finally:
            asker.stop()
        time.sleep(1)
        probe.terminate()
        said = probe.said + probe.communicate(timeout=60)[1]
        told_parts += "unfinished part" in said
    ended = verdict_of(folder)
    lives.append((last, 0.0))
    conclude(args, folder, lives, asker.sent)
    print(f"verdicts after each kill: {dict(verdicts)}; at the end: {ended}")
    print(f"starts that told of an unfinished part: {told_parts} of {args.kills}")
    print(f"boots by how the last run ended: {dict(boots(folder))}")
    return 0 if ended == "sound" else 1


def conclude(args: argparse.Namespace, folder: Path, lives: list[tuple[float, float]], sent: dict[int, float]) -> None:
    """Say how old the oldest lookup was that a kill cost, of those sent while the probe was watching."""
    kept = recorded(folder / "out")
    oldest, lost, due, holes = 0.0, 0, 0, 0
    for watching, killed in lives:
        mine = [(number, when) for number, when in sent.items() if watching and watching <= when < (killed or 1e12)]
        missing = [when for number, when in mine if number not in kept]
        due, lost = due + len(mine), lost + len(missing)
        newest = max((when for number, when in mine if number in kept), default=0.0)
        holes += sum(when < newest for when in missing)
        if missing and not killed:
            print(f"{len(missing)} lookups of the life that was not killed are missing")
        if missing and killed:
            oldest = max(oldest, killed - min(missing))
    print(f"{args.kills} kills, {len(lives) - 1} restarts succeeded after them, parts of {args.roll} s")
    print(f"lookups sent while it watched {due:,}, lost {lost:,}; the oldest lost was {oldest:.2f} s before its kill")
    print(f"lost though a later one of the same life was kept: {holes}")


def recorded(output: Path) -> set[int]:
    """Give the numbers of the lookups that parts have."""
    import duckdb  # noqa: PLC0415 - of the extra [dev]

    files = f"read_parquet('{output}/*/dns/*.parquet', union_by_name = true)"
    rows = duckdb.sql(f"from {files}").project("query").fetchall()
    return {int(name.split(".")[0].removeprefix("host")) for (name,) in rows}


def verdict_of(folder: Path) -> str:
    """Give what the verifier says of the log and of the parts that it tells of."""
    from sonde.audit.verify import own_key, verify  # noqa: PLC0415 - late, as the probe's own start

    if not (folder / "audit/checkpoint").exists():
        return "no log yet"
    found = verify(folder / "audit", own_key(folder / "audit"), outputs=folder / "out")
    return found.status if found.status == "sound" else f"{found.status}: {found.faults}"


def boots(folder: Path) -> Counter[str]:
    """Count the log's boots by how it says that the run before ended."""
    from sonde.audit.folder import read_log  # noqa: PLC0415
    from sonde.audit.note import read_checkpoint, split_note  # noqa: PLC0415

    note = (folder / "audit/checkpoint").read_bytes()
    entries = read_log(folder / "audit", read_checkpoint(split_note(note)[0]).size, []).entries()
    found = (json.loads(octets) for _, octets in entries)
    return Counter(str(each["data"]["previous"]) for each in found if each["type"] == "boot")

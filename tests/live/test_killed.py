"""Kills at random moments while lookups go over the wire: the newest are lost, and nothing else."""

import json
import random
import threading
import time
from pathlib import Path

import pytest

from lab.crowd import lookup
from tests.live.bench import Pair, Place, Running, environment, needs_wire

pytestmark = [needs_wire, pytest.mark.compiled]

KILLS = 5
OURS = 'cidr = "10.0.0.0/8"\nrole = "clients"\n'


def ask(wire: Pair, sent: list[int], over: threading.Event) -> None:
    """Look up one name after the other; the number of each is in `sent` once it is out."""
    with wire.socket() as opened:
        while not over.wait(0.004):
            for frame in lookup(len(sent) + 1):
                opened.send(frame)
            sent.append(len(sent) + 1)


def test_kills_at_random_moments_cost_the_newest_records_and_no_more(wire: Pair, place: Place, kernels: Path) -> None:
    place.write(until=f"2035-06-30T00:00:00Z\n\n[[network]]\n{OURS}")  # the policy's first list of networks
    chance, sent, over = random.Random(5), [], threading.Event()
    asker = threading.Thread(target=ask, args=(wire, sent, over))
    asker.start()
    lives: list[tuple[int, int]] = []
    words = place.words(wire.watched, lanes="1", roll="1")
    try:
        for turn in range(KILLS):
            if turn == 2:  # in the midst of its start
                starting = wire.start(*words, environment=environment(kernels))
                time.sleep(chance.uniform(0.2, 1.0))
                starting.kill()
                starting.wait(10)
                continue
            probe = Running(wire.start(*words, environment=environment(kernels)))
            assert ("the run before did not end itself" in probe.said) == (turn > 0)
            first = len(sent) + 2  # the one after that on its way now
            time.sleep(chance.uniform(0.3, 3.5))
            lives.append((first, len(sent)))
            probe.kill()
            assert place.verify() == "sound"
        probe = Running(wire.start(*words, environment=environment(kernels)))
        first = len(sent) + 2
        time.sleep(0.5)
    finally:
        over.set()
        asker.join(10)
    lives.append((first, len(sent)))
    said = probe.end()
    assert "the run before did not end itself" in said
    assert probe.process.returncode == 0, said
    kept = {int(name.split(".")[0].removeprefix("host")) for (name,) in place.rows("dns", "query")}
    for first, last in lives:
        mine = [number in kept for number in range(first, last + 1)]
        assert mine == sorted(mine, reverse=True), f"a hole between {first} and {last}"
    assert all(number in kept for number in range(*lives[-1])), "of the life that ended well, all"
    assert sum(number in kept for first, last in lives[:-1] for number in range(first, last + 1)) > 0
    assert place.verify() == "sound"
    assert not list((place.output / ".partial").iterdir())
    assert unclean(place) >= KILLS - 1  # one killed before it opened the log left no trace there


def unclean(place: Place) -> int:
    """Count the boots that tell of a run before which did not end itself."""
    from sonde.audit.folder import read_log
    from sonde.audit.note import read_checkpoint, split_note

    size = read_checkpoint(split_note((place.audit / "checkpoint").read_bytes())[0]).size
    entries = [json.loads(octets) for _, octets in read_log(place.audit, size, []).entries()]
    return sum(each["type"] == "boot" and each["data"]["previous"] == "unclean" for each in entries)

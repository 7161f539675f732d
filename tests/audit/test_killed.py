"""kill -9 at any moment: the log verifies, and nothing that was said to be written is lost."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sonde.audit import read_verifier, verify
from sonde.audit.folder import read_log
from sonde.audit.verify import own_key

WRITER = """
import sys
from pathlib import Path
from sonde.audit import AuditLog
log = AuditLog.open(Path(sys.argv[1]), Path(sys.argv[2]), probe="north")
print(log.size, flush=True)
number = int(sys.argv[3])
while True:
    step = (1, 1, 1, 2, 40, 300)[number % 6]
    entries = [("degraded", {"what": "mark", "reason": f"{number}.{place}"}) for place in range(step)]
    log.append_many(entries)
    print(log.size, number, step, flush=True)
    number += 1
"""
ROUNDS = 200


@pytest.mark.slow
def test_nothing_that_was_committed_is_lost(tmp_path: Path) -> None:
    chance = random.Random(20260601)
    folder, keys = tmp_path / "audit", tmp_path / "keys"
    marks: dict[int, str] = {}  # place in the log: what stands there, as was reported
    number, unfinished = 0, 0
    for _ in range(ROUNDS):
        if marks and max(marks) > 1500:  # verifying takes as long as the log is
            folder, marks = tmp_path / f"audit-{number}", {}
        args = [sys.executable, "-c", WRITER, str(folder), str(keys), str(number)]
        with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as writer:
            writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
            told = writer.stdout.read()
        for line in told[: told.rfind("\n") + 1].splitlines():  # a torn line reports nothing
            size, number, step = map(int, line.split())
            for place in range(step):
                marks[size - step + place] = f'"reason":"{number}.{place}"'
        number += 1
        found = verify(folder, own_key(folder))
        assert (found.status, found.faults) == ("sound", [])
        assert found.checkpoint.size > max(marks, default=-1)
        entries = dict(read_log(folder, found.checkpoint.size).entries())
        assert [place for place, mark in marks.items() if mark.encode() not in entries[place]] == []
        unfinished += found.beyond > 0
    assert number >= ROUNDS
    assert unfinished  # some were killed while they wrote


@pytest.mark.slow
def test_a_first_start_can_be_killed(tmp_path: Path) -> None:
    """Before there is a checkpoint there is no log, and the next start begins one."""
    chance = random.Random(7)
    for turn in range(15):
        folder, keys = tmp_path / f"{turn}/audit", tmp_path / f"{turn}/keys"
        args = [sys.executable, "-c", WRITER, str(folder), str(keys), "0"]
        with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as writer:
            while not folder.exists():
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.06))
            writer.send_signal(signal.SIGKILL)
        code = WRITER.replace("while True", "for _ in range(3)") + "log.close()"
        again = subprocess.run([*args[:2], code, *args[3:]], check=True, capture_output=True)
        assert again.stderr == b""
        key = own_key(folder)
        assert verify(folder, read_verifier(str(key))).status == "sound"

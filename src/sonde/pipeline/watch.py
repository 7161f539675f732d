"""A folder into which finished captures come: each is read once, whatever happens in between.

    watcher = Watcher(Path("spool"), Path("office"), make_plan_again, audit)
    watcher.run()                            # until `stop`, or KeyboardInterrupt

A capture is finished when neither its size nor its time changed for QUIET_S. What it gave is a dataset of its own,
whole or not there, named by the capture's time and name; then a line in the journal says that it was read. A crash
between the two is found at the next start: a dataset that is there was read.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sonde.pipeline.live import ExpiredError
from sonde.pipeline.parts import Warn
from sonde.pipeline.places import LOCK, MANIFEST, name_of, parts_of
from sonde.pipeline.plan import Plan
from sonde.pipeline.read import is_capture, read_captures, seed_of
from sonde.pipeline.retention import clear_parts
from sonde.pipeline.whole import OutputError
from sonde.policy import PolicyError
from sonde.source import SourceError

if TYPE_CHECKING:
    from sonde.audit import AuditLog

JOURNAL = ".journal"
QUIET_S = 5.0  # after which a capture that did not change is taken to be finished
LOOK_S = 1.0
CLEAR_S = 60.0


class Found(NamedTuple):
    """A capture as it was when it was looked at."""

    name: str
    size: int
    mtime_ns: int

    @property
    def part(self) -> str:
        """Name the dataset that it becomes."""
        return f"{name_of(self.mtime_ns)}-{self.name}"


class Watcher:
    """Reads what comes into a folder."""

    def __init__(
        self,
        folder: Path,
        out: Path,
        make: Callable[[], Plan],
        audit: "AuditLog",
        *,
        form: str = "parquet",
        keep_free: float = 0.1,
        quiet_s: float = QUIET_S,
        warn: Warn = lambda text: None,
    ) -> None:
        """Take a folder that is there, and the place of the output; a sentence for the user otherwise."""
        if not folder.is_dir():
            raise SourceError(f"{folder} is no folder; name the one into which captures come.")
        self.folder, self.out, self.make, self.audit = folder, out, make, audit
        self.form, self.keep_free, self.quiet_s, self.warn = form, keep_free, quiet_s, warn
        self.plan = make()
        self.read = self.failed = 0
        self.is_stopping = self.reload = False
        self._seen: dict[Found, float] = {}
        self._take_place()
        self.done = self._journal()

    def _take_place(self) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.out / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OutputError(f"Another probe writes to {self.out}; choose another place with -o.") from None
            left = list(self.out.glob(".*.partial"))
            for each in left:
                shutil.rmtree(each)
        except OSError as error:
            raise OutputError(f"{self.out} cannot be written ({error.strerror}); choose another place.") from None
        if left:
            told = f"{len(left)} unfinished parts of the run before were removed"
            self.warn(f"{told}; their captures are read again.")
            self.audit.append("degraded", {"what": "output", "reason": told})

    def _journal(self) -> set[Found]:
        """Read which captures were read; a line that a crash cut short counts for nothing."""
        done: set[Found] = set()
        try:
            lines = (self.out / JOURNAL).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return done
        for line in lines:
            try:
                said = json.loads(line)
                done.add(Found(str(said["name"]), int(said["size"]), int(said["mtime_ns"])))
            except (ValueError, KeyError, TypeError):
                continue
        return done

    def run(self) -> None:
        """Read what is finished, as it comes, until `stop`."""
        cleared = 0.0
        while not self.is_ending():
            if self.reload:
                self.reload = False
                self._take_policy()
            for found in self.finished():
                self._check_time()
                self.take(found)
                if self.is_ending():
                    break
            if time.monotonic() - cleared >= CLEAR_S:
                cleared = time.monotonic()
                self._clear()
            self.audit.beat()
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """End when the capture at hand is read."""
        self.is_stopping = True

    def is_ending(self) -> bool:
        """Say whether it was told to end."""
        return self.is_stopping

    def finished(self) -> list[Found]:
        """Give captures that are finished and were not read, the oldest first."""
        now, wall = time.monotonic(), time.time()
        there: dict[Found, float] = {}
        for path in self.folder.iterdir():
            if not is_capture(path):
                continue
            try:
                status = path.stat()
            except OSError:
                continue
            found = Found(path.name, status.st_size, status.st_mtime_ns)
            if found not in self.done:
                old = wall - status.st_mtime
                there[found] = self._seen.get(found, now - max(0.0, min(old, self.quiet_s)))
        self._seen = there
        ready = [found for found, since in there.items() if now - since >= self.quiet_s]
        return sorted(ready, key=lambda found: (found.mtime_ns, found.name))

    def take(self, found: Found) -> None:
        """Read one capture and write down that it was read."""
        place = self.out / found.part
        path = self.folder / found.name
        failure = ""
        if not (place / MANIFEST).is_file():  # else it was read, and only the journal does not say so
            plan = replace(self.plan, seed=seed_of([str(path)]))
            try:
                reading = read_captures([str(path)], plan, place, form=self.form, audit=self.audit)
            except SourceError as error:
                failure = str(error)
            except OutputError as error:
                self.warn(f"{error} It is tried again.")
                return
            else:
                for report in reading.totals.reports:
                    for damage in report.damage:
                        self.warn(f"{damage.path}, octet {damage.offset}: {damage.reason}.")
        if failure:
            self.failed += 1
            self.warn(failure)
            self.audit.append("degraded", {"what": "input", "reason": "a file that is no capture was passed over"})
        else:
            self.read += 1
        self._note(found, failed=bool(failure))

    def _note(self, found: Found, *, failed: bool) -> None:
        with (self.out / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(found._asdict() | {"failed": failed}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.add(found)
        self._seen.pop(found, None)

    def _take_policy(self) -> None:
        try:
            self.plan = self.make()
        except (PolicyError, ValueError, OSError) as error:
            told = str(error) if isinstance(error, PolicyError) else "The policy cannot be read."
            self.warn(f"{told} The policy that was in force goes on.")
            return
        self.warn(f"version {self.plan.gate.policy.version} of the policy is in force.")

    def _check_time(self) -> None:
        policy = self.plan.gate.policy
        if policy.valid_until is not None and policy.valid_until <= datetime.now(UTC):
            raise ExpiredError(f"{policy.name} is not valid any more; nothing further is read.")

    def _clear(self) -> None:
        def tell(kind: str, said: dict[str, str | int]) -> bool:
            self.audit.append(kind, said)
            return True

        policy = self.plan.gate.policy
        done = clear_parts(parts_of(self.out), policy, time.time_ns(), keep_free=self.keep_free, told=tell)
        if done.for_space:
            self.warn(f"the disk is nearly full: {done.for_space} of the oldest parts were deleted.")
        self.plan.gate.keys.destroy_expired()

    def close(self) -> None:
        """Let the place of the output go."""
        os.close(self._lock)


__all__ = ["Watcher"]

"""Output of a probe at work: one dataset after the other, each whole or not there at all.

    parts = Parts(Path("office"), "parquet", ledger, state)
    parts.begin(plan)
    parts.write(permitted)                # never raises: what cannot be written is counted
    parts.commit(account)                 # office/20261125T150000.000Z/flows/part-0000.parquet ...

A part is prepared in `.partial`, written through to the disk, told to the audit log, and renamed to its place: all of
its tables appear at once. What a crash left in `.partial` is found at the next start and removed.
A part is a dataset as `sonde read` writes it, so that whatever reads, verifies or deletes datasets does so with parts.
"""

import fcntl
import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

import sonde
from sonde.pipeline.account import output_entries
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.places import ASIDE, LOCK, MANIFEST, name_of
from sonde.pipeline.plan import Plan
from sonde.pipeline.read import cut_time, policy_told
from sonde.pipeline.recorder import schema_of
from sonde.pipeline.state import State
from sonde.pipeline.whole import OutputError
from sonde.sink import Sink, open_sink
from sonde.table.permitted import Permitted

FORMATS = ("parquet", "jsonl", "csv")
SINK = "parts"  # its name among the sinks of the state


@dataclass
class Account:
    """What was counted since the last part."""

    frames: int = 0
    octets: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    #: Of each interface: received, dropped by the kernel.
    inputs: list[dict[str, Any]] = field(default_factory=list)
    bounds: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0
    #: What `frames` counts: packets, or messages of a mail feed.
    unit: str = "packets"


class Parts:
    """The folder of parts, and the one that is being written; a sink for recorders."""

    tables_apart = True

    def __init__(self, folder: Path, form: str, ledger: Ledger, state: State) -> None:
        """Make the folder, or take one that is there; OutputError where it cannot be ours alone."""
        self.folder, self.form, self.ledger, self.state = folder, form, ledger, state
        self.told = state.sink(SINK)
        self.removed = self._take_place()
        self.plan: Plan | None = None
        self.sink: Sink | None = None
        self.aside = folder
        self.rows: Counter[str] = Counter()
        self.octets = 0
        self.began_ns = 0
        self.began = time.monotonic()
        self._day = ""
        self._turn = threading.Lock()

    def _take_place(self) -> int:
        """Be the only writer here; remove what an interrupted one left, and give how many parts that was."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / MANIFEST).exists():
                raise OutputError(f"{self.folder} is a dataset of `sonde read`; choose another place with -o.")
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            (self.folder / ASIDE).mkdir(exist_ok=True)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OutputError(f"Another probe writes to {self.folder}; choose another place with -o.") from None
            left = list((self.folder / ASIDE).iterdir())
            for each in left:
                shutil.rmtree(each)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror}); choose another place with -o."
            ) from None
        return len(left)

    @property
    def age_s(self) -> float:
        """Give how long the present part is open."""
        return time.monotonic() - self.began

    def begin(self, plan: Plan) -> None:
        """Begin a part; where that fails, the next batch tries again."""
        self.plan, self.sink = plan, None
        self.rows.clear()
        self.octets = 0
        self.began, self.began_ns = time.monotonic(), time.time_ns()

    def _open(self) -> Sink:
        """Make the folder aside. The first part of a day has all tables, so that those without rows are known too."""
        assert self.plan is not None  # noqa: S101 - begun
        name = name_of(self.began_ns)
        while (self.folder / name).exists() or (self.folder / ASIDE / name).exists():
            self.began_ns += 1_000_000
            name = name_of(self.began_ns)
        self.aside = self.folder / ASIDE / name
        self.aside.mkdir()
        plan, schemas = self.plan, {}
        if self._day != name[:8]:
            schemas = {table: schema_of(plan, table) for table in sorted(plan.tables)}
        return open_sink(self.form, self.aside, schemas)

    def write(self, permitted: Permitted) -> None:
        """Write a batch; a disk that is full costs this part, is counted and told, and stops nothing."""
        rows = permitted.batch.num_rows
        if not rows:
            return
        try:
            with self._turn:
                if self.sink is None:
                    self.sink = self._open()
                sink = self.sink
            sink.write(permitted)
        except (OSError, pa.ArrowException) as error:
            self._give_up(error, rows)
            return
        with self._turn:
            self.rows[permitted.table] += rows
            self.octets += permitted.batch.nbytes

    def commit(self, account: Account) -> bool:
        """Finish the part and let it appear; say whether it did, or there was nothing to say."""
        assert self.plan is not None  # noqa: S101 - begun
        if not account.frames and not self.rows and not any(each.get("received") for each in account.inputs):
            self._drop_aside()
            self.begin(self.plan)
            return True
        try:
            if self.sink is None:
                self.sink = self._open()
            files = self.sink.close()
            manifest = self._manifest(account, files)
            (self.aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            octets = write_through(self.aside)
            place = self.folder / self.aside.name
            if not self.ledger.append_many(output_entries(self.aside, place.name, manifest)):
                raise OSError(0, "the audit log cannot be written")  # noqa: TRY301 - one way out for all that fails
            self.aside.rename(place)
            sync_folder(self.folder)
        except (OSError, pa.ArrowException) as error:
            self._give_up(error, 0)
            self.begin(self.plan)
            return False
        with self._turn:
            for table, rows in self.rows.items():
                self.state.rows[table] = self.state.rows.get(table, 0) + rows
            self.told.written += self.rows.total()
        self.told.state = "up"
        self.state.parts_committed += 1
        self.state.output_octets += octets
        self.state.last_commit_ns = time.time_ns()
        self._day = place.name[:8]
        self.begin(self.plan)
        return True

    def _give_up(self, error: Exception, rows: int) -> None:
        """Count a part as lost, and say so; what comes next begins another."""
        with self._turn:
            lost = self.rows.total() + rows
            self.rows.clear()
            sink, self.sink = self.sink, None
            self.told.failed += lost
        self.told.state = "failing"
        self.state.parts_failed += 1
        if sink is not None:
            with suppress(OSError, pa.ArrowException):  # it is why we are here
                sink.close()
        self._drop_aside()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        if isinstance(error, OSError) and not error.errno:
            reason = "the audit log cannot be written"
        self.ledger.warn(f"a part of {self.folder} could not be written ({reason}): {lost} rows are lost.")
        self.ledger.append("degraded", {"what": "output", "reason": f"a part was lost with {lost} rows: {reason}"})

    def _drop_aside(self) -> None:
        if self.aside != self.folder:
            shutil.rmtree(self.aside, ignore_errors=True)
        self.aside, self.sink = self.folder, None

    def _manifest(self, account: Account, files: dict[str, list[str]]) -> dict[str, Any]:
        assert self.plan is not None  # noqa: S101 - begun
        drops = {name: count for name, count in sorted(account.drops.items()) if count}
        return {
            "schema": 1,
            "sonde": sonde.__version__,
            "format": self.form,
            "inputs": account.inputs,
            "policy": policy_told(self.plan),
            account.unit: {
                "in": account.frames,
                "recorded": account.frames - sum(drops.values()),
                "dropped": drops,
                "dropped_by_kernel": sum(each["kernel_drops"] for each in account.inputs),
            },
            "first_ns": cut_time(self.plan, account.first_ns),
            "last_ns": cut_time(self.plan, account.last_ns),
            "tables": {
                name: {"rows": int(self.rows[name]), "files": files.get(name, [])}
                for name in sorted(self.plan.tables | set(files))
            },
            "bounds": {name: count for name, count in account.bounds.items() if count},
            "internal_errors": sorted(set(account.faults))[:20],
        }

    def close(self) -> dict[str, list[str]]:
        """Let the folder go; a part that was not committed is removed."""
        self._drop_aside()
        os.close(self._lock)
        return {}


def write_through(folder: Path) -> int:
    """See to it that a folder's files are on the disk; give their octets."""
    octets = 0
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
            octets += os.fstat(file.fileno()).st_size
    sync_folder(folder)
    return octets


def sync_folder(folder: Path) -> None:
    """See to it that a folder's names are on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


#: What may be told while a probe works; on standard error for the command line.
Warn = Callable[[str], None]

__all__ = ["FORMATS", "Account", "Parts", "Warn"]

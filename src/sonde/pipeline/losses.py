"""What a defect of ours costs: the message or the rows that it strikes, counted, and never the run.

Octets are hostile, and code that turns them into records may have a defect that a sender finds before us.
Kernels keep their place when a check trips; what Python does with messages and rows is contained here.
An error is told by its kind and its place in the code: its text may repeat what was read.
"""

import os
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sonde.pipeline.ledger import Ledger
    from sonde.pipeline.parts import Account
    from sonde.pipeline.state import State

OURS = "sonde"
REPORT = "what was being read is not repeated here; please report this line"
MOST_TOLD = 20  # kinds of faults of a run; all are counted
MOST_APART = 64  # rows of one batch that are found one by one; where more fail, so do all that are left

Made = TypeVar("Made")


class Losses:
    """Counts what was lost; any thread may."""

    def __init__(self) -> None:
        """Begin with none."""
        self.faults: dict[str, int] = {}
        self.lost: Counter[str] = Counter()
        self._lock = threading.Lock()

    def suffer(self, what: str, error: Exception, count: int = 1) -> None:
        """Count a defect, and what it cost; an error that is no defect is raised again."""
        if not is_defect(error):
            raise error
        told = f"{what}: {type(error).__name__} at {place_of(error.__traceback__)}"
        with self._lock:
            self.lost[f"{what}_lost"] += count
            if told in self.faults or len(self.faults) < MOST_TOLD:
                self.faults[told] = self.faults.get(told, 0) + 1

    def move(self, state: "State", account: "Account") -> str:
        """Move what was counted to the counters of a probe and of its part; say in a few words what was lost."""
        with self._lock:
            faults, self.faults = self.faults, {}
            lost, self.lost = self.lost, Counter()
        state.faults += sum(faults.values())
        account.faults = (account.faults + sorted(faults))[:MOST_TOLD]
        for name, count in lost.items():
            state.bounds[name] = state.bounds.get(name, 0) + count
            account.bounds[name] = account.bounds.get(name, 0) + count
        return ", ".join(f"{name}: {count}" for name, count in sorted(lost.items()))

    def tell(self, state: "State", account: "Account", ledger: "Ledger") -> None:
        """Move what was counted likewise; where anything was lost, warn of it and write it down."""
        if lost := self.move(state, account):
            ledger.warn(f"records were lost to a defect ({lost}); the manifest's internal_errors say where.")
            ledger.append("degraded", {"what": "records", "reason": f"lost to a defect: {lost}"})

    def salvage(self, count: int, build: Callable[[slice], Made]) -> Iterator[Made]:
        """Build rows all at once; where that fails, in halves, until those that fail stand alone and are lost."""
        waiting, apart = [slice(0, count)], 0
        while waiting:
            rows = waiting.pop()
            length = rows.stop - rows.start
            try:
                made = build(rows)
            except Exception as error:  # noqa: BLE001 - sorted out by `suffer`
                if length > 1 and apart < MOST_APART and is_defect(error):
                    middle = rows.start + length // 2
                    waiting += [slice(middle, rows.stop), slice(rows.start, middle)]
                    continue
                self.suffer("rows", error, length)
                apart += 1
                continue
            yield made


def is_defect(error: Exception) -> bool:
    """Say whether an error is a mistake in the code: not the disk's, not the memory's, and not written for the user."""
    house, _, stage = type(error).__module__.partition(".")
    is_told = house == OURS and not stage.startswith("dissect")  # a dissector's own errors are for itself
    return not is_told and not isinstance(error, (OSError, MemoryError))


def defect(error: BaseException) -> str:
    """Tell a user of a defect."""
    return f"internal error, {type(error).__name__} at {place_of(error.__traceback__)}; {REPORT}."


def place_of(trace: TracebackType | None) -> str:
    """Name the last line of our own code that a traceback went through."""
    lines = [
        (frame.f_code.co_filename, number)
        for frame, number in traceback.walk_tb(trace)
        if frame.f_globals.get("__name__", "").partition(".")[0] == OURS
    ]
    if not lines:
        return "an unknown place"
    file, number = lines[-1]
    return f"{OURS}{file.rpartition(f'{os.sep}{OURS}')[2].replace(os.sep, '/')}:{number}"


__all__ = ["OURS", "Losses", "defect", "is_defect", "place_of"]

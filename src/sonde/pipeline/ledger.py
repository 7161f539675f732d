"""The audit log of a probe that runs for months: it may fail for a while, and output stops until it works again.

    ledger = Ledger(folder, keys, probe="north", heartbeat_s=600)
    if ledger.append("output.commit", said): ...     # only what is in the log may be done

A writer that failed once writes no more (see `audit.log`). Here another is opened, which reads what the disk has
and says `boot` anew, at most each RETRY_S. Whoever asks meanwhile is told no.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sonde.audit import AuditError, AuditLog

RETRY_S = 10.0
TELL_S = 60.0  # how long outlets may go on without a log (ACCOUNTABILITY §4: within a minute)


class Ledger:
    """An audit log that is opened again when it failed; used by one thread, and by makers of keys."""

    def __init__(
        self,
        folder: Path,
        keys: Path,
        *,
        probe: str = "",
        heartbeat_s: int,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Open the log, or begin one; AuditError where that cannot be. `warn` hears of later failures."""
        self.folder, self.keys, self.probe, self.heartbeat_s, self.warn = folder, keys, probe, heartbeat_s, warn
        self.log: AuditLog | None = self._open()
        #: Says in a log that was opened again what is in force.
        self.reopened: Callable[[AuditLog], None] = lambda log: None
        self.failures = 0
        self._failed_at = 0.0
        self._tried_at = 0.0

    def _open(self) -> AuditLog:
        return AuditLog.open(self.folder, self.keys, probe=self.probe, heartbeat_s=self.heartbeat_s)

    @property
    def is_silent(self) -> bool:
        """Say whether the log has failed for so long that nothing at all may leave."""
        return self.log is None and time.monotonic() - self._failed_at > TELL_S

    @property
    def size(self) -> int:
        """Give how many entries there are; 0 where the log cannot be written now."""
        return self.log.size if self.log is not None else 0

    def append(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Write one entry; say whether it is on the disk."""
        return self.append_many([(kind, data)])

    def append_many(self, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
        """Write entries, all or none; say whether they are on the disk."""
        if not self.is_there():
            return False
        assert self.log is not None  # noqa: S101 - it is there
        try:
            self.log.append_many(entries)
        except AuditError as error:
            self._fail(error)
            return False
        return True

    def beat(self) -> None:
        """Write a heartbeat if it is time for one; open a failed log again."""
        if self.is_there():
            assert self.log is not None  # noqa: S101 - as above
            try:
                self.log.beat()
            except AuditError as error:
                self._fail(error)

    def is_there(self) -> bool:
        """Say whether entries can be written, after another try where the last was a while ago."""
        now = time.monotonic()
        if self.log is None and now - self._tried_at >= RETRY_S:
            self._tried_at = now
            try:
                log = self._open()
                self.reopened(log)
            except AuditError:
                return False
            self.log = log
            self.warn("the audit log can be written again.")
        return self.log is not None

    def close(self, reason: str = "done") -> None:
        """Say why the probe ends, and end."""
        if self.log is not None:
            try:
                self.log.close(reason)
            except AuditError as error:
                self._fail(error)

    def _fail(self, error: AuditError) -> None:
        self.failures += 1
        self._failed_at = self._tried_at = time.monotonic()
        if self.log is not None:
            with suppress(AuditError):  # told below: this is why we are here
                self.log.close("failed")
        self.log = None
        self.warn(f"{error} Until it can be written, no output is committed.")


__all__ = ["Ledger"]

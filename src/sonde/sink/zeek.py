"""Zeek's logs as JSON lines: our tables under Zeek's names and meanings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from sonde.sink import zeek_logs
from sonde.sink.files import spell
from sonde.table.late import pa
from sonde.table.permitted import Permitted


class ZeekSink:
    """A file per log, a JSON object a line, fields without value left out."""

    tables_apart = False  # several tables tell of one log

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema]) -> None:  # noqa: ARG002 - a log without rows has no file
        """Write `folder/LOG.log`."""
        self.folder = folder
        self.files: dict[str, IO[str]] = {}
        self.state = zeek_logs.State()

    def write(self, permitted: Permitted) -> None:
        """Append what the rows of a batch say in Zeek's logs."""
        if not isinstance(permitted, Permitted):
            raise TypeError("a sink takes only what passed the egress gate")
        convert: Callable[..., Any] | None = zeek_logs.CONVERTERS.get(permitted.table)
        if convert is None:
            return
        for log, row in convert(permitted.batch, self.state):
            self._put(log, row)

    def _put(self, log: str, row: dict[str, Any]) -> None:
        if log not in self.files:
            self.files[log] = (self.folder / f"{log}.log").open("w", encoding="utf-8")
        cells = [f"{spell(name)}:{spell(value)}" for name, value in row.items() if value is not None]
        self.files[log].write("{" + ",".join(cells) + "}\n")

    def close(self) -> dict[str, list[str]]:
        """Write what waited for its counterpart and close all files."""
        for log, row in self.state.rest():
            self._put(log, row)
        for file in self.files.values():
            file.close()
        return {log: [f"{log}.log"] for log in self.files}

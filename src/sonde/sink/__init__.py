"""Batches out: Parquet, JSON Lines, CSV, Zeek logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sonde.sink.behind import Behind
from sonde.sink.files import CsvSink, JsonlSink, ParquetSink, Sink
from sonde.sink.files import load as load_sinks
from sonde.sink.zeek import ZeekSink
from sonde.table.late import pa

FORMATS = ("parquet", "jsonl", "csv", "zeek")


def open_sink(name: str, folder: Path, schemas: Mapping[str, pa.Schema]) -> Sink:
    """Make the sink of a format, writing below `folder`."""
    makers: dict[str, Callable[[Path, Mapping[str, pa.Schema]], Sink]] = {
        "parquet": ParquetSink,
        "jsonl": JsonlSink,
        "csv": CsvSink,
        "zeek": ZeekSink,
    }
    return makers[name](folder, schemas)


__all__ = ["FORMATS", "Behind", "Sink", "load_sinks", "open_sink"]

"""`sonde query`: a question to a dataset, answered as a table, CSV or JSON lines."""

import json
import sys
from pathlib import Path
from typing import Any

from sonde.view.dataset import ask


def print_query(dataset: Path, sql: str, form: str) -> None:
    """Run one query and print the answer."""
    if form == "table":
        print(ask(dataset, sql, str).rstrip("\n"))
        return
    names, rows = ask(dataset, sql, lambda answer: (answer.columns, answer.fetchall()))
    _print_rows(names, rows, form)


def _print_rows(names: list[str], rows: list[Any], form: str) -> None:
    if form == "jsonl":
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False))
        return
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)

"""People read a policy: `sonde policy explain`, as text or as JSON."""

import dataclasses
import json
from collections.abc import Iterator
from itertools import groupby

from sonde.pipeline.explain import TableExplained, explain, terms_in_words
from sonde.policy import Policy

WIDTH = 96


def print_explanation(policy: Policy, *, as_json: bool = False) -> None:
    """Print what a policy lets be seen."""
    if as_json:
        tables = [dataclasses.asdict(table) for table in explain(policy)]
        told = {"policy": policy.name, "digest": policy.digest, "terms": list(terms_in_words(policy)), "tables": tables}
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return
    for line in explanation(policy):
        print(line)


def explanation(policy: Policy) -> Iterator[str]:
    """Compose the explanation line by line."""
    yield f"Policy {policy.name}, SHA-256 {policy.digest}"
    yield ""
    yield from terms_in_words(policy)
    for table in explain(policy):
        yield ""
        yield from _table(table)


def _table(table: TableExplained) -> Iterator[str]:
    yield f"{table.name}: {table.meaning}"
    if table.is_dropped:
        yield "  This table is not made at all."
        return
    told = [(field.seen, field.why) for field in table.fields]
    order = sorted(set(told), key=told.index)
    by_kind = sorted(table.fields, key=lambda field: order.index((field.seen, field.why)))
    for (seen, why), fields in groupby(by_kind, key=lambda field: (field.seen, field.why)):
        yield f"  seen: {seen}; because {why}"
        yield from _listed([f"{field.name} ({field.meaning})" for field in fields])


def _listed(words: list[str]) -> Iterator[str]:
    line = "   "
    for number, word in enumerate(words):
        end = "" if number == len(words) - 1 else ","
        if len(line) + len(word) + 2 > WIDTH and line.strip():
            yield line
            line = "   "
        line += f" {word}{end}"
    yield line

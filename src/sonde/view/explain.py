"""`sonde explain`: the story of one flow, from what a dataset holds of it.

    story = explain_flow(Path("office.sonde"), "CHhAvVGS1DHFjwGM9")
    story.flows[0]["protocol"], story.records["dns"]

Nothing is read again of the capture: what the policy dropped is not there.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sonde.dissect import all_dissectors
from sonde.identify import all_protocols
from sonde.identify.describe import rules_of, structure_of
from sonde.schema import Protocol
from sonde.view.dataset import QueryError, described

MOST_RECORDS = 5  # of one table that are printed
LONGEST_UID = 64
HOW = {
    "signature": "octets that only this protocol has",
    "structure": "its structure, followed through a payload",
    "handshake": "both sides, or several datagrams in a row, that fit",
    "port_and_signature": "octets that fit, on a port registered for it",
    "expected": "another flow announced it",
    "ip_protocol": "the number in the IP header",
    "tunnel": "what it carries was unwrapped",
}


@dataclass(frozen=True)
class Story:
    """A flow (several rows where it was recorded in parts), its relatives, and its records by table."""

    uid: str
    flows: list[dict[str, Any]]
    parent: dict[str, Any] | None = None
    announced: list[dict[str, Any]] = field(default_factory=list)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def explain_flow(folder: Path, uid: str) -> Story:
    """Gather all that a dataset holds of a flow; QueryError with a sentence for the user where that cannot be."""
    tables = described(folder)["tables"]
    if "flows" not in tables:
        raise QueryError(f"{folder} has no table flows; read the capture again with flows among --tables.")
    if not uid.isalnum() or len(uid) > LONGEST_UID:
        raise QueryError("A uid has letters and digits only; `sonde query DATASET 'select uid from flows'` lists them.")
    flows = _rows(folder, "flows", "uid", uid)
    if not flows:
        raise QueryError(
            f"{folder} has no flow {uid}; `sonde query DATASET 'from flows'` lists them all, each with its uid."
        )
    above = flows[0].get("parent")
    return Story(
        uid,
        flows,
        next(iter(_rows(folder, "flows", "uid", above)), None) if above else None,
        _rows(folder, "flows", "parent", uid),
        {name: rows for name in sorted(tables) if name != "flows" and (rows := _rows(folder, name, "uid", uid))},
    )


def _rows(folder: Path, table: str, column: str, value: str) -> list[dict[str, Any]]:
    """Read the rows of a table with a value in a column; none where the column was not kept."""
    import pyarrow.parquet as pq

    source = folder / table
    parts = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    if not parts or column not in pq.read_schema(parts[0]).names:
        return []
    rows: list[dict[str, Any]] = pq.read_table(source, filters=[(column, "=", value)]).to_pylist()
    return rows


@cache
def _protocols() -> dict[str, Protocol]:
    return {each.name: each for each in all_protocols([each.protocol for each in all_dissectors()])}


def rule_in_words(rule: str | None) -> str:
    """Say what a rule (`flows.rule`) demands; empty where this version does not know it."""
    name, _, which = (rule or "").rpartition(" ")
    protocol = _protocols().get(name)
    if protocol is None:
        return ""
    if which == "structure":
        return structure_of(protocol)
    rules = rules_of(protocol)
    return rules[int(which) - 1] if which.isdecimal() and 1 <= int(which) <= len(rules) else ""


def print_story(story: Story) -> None:
    """Print it."""
    for flow in story.flows:
        _print_flow(flow)
    if story.parent is not None:
        print(f"{'announced by':<14}{_brief(story.parent)}")
    for other in story.announced:
        print(f"{'announced':<14}{_brief(other)}")
    for name, rows in story.records.items():
        print(f"{'records':<14}{name} {len(rows):,}")
        for row in rows[:MOST_RECORDS]:
            said = [
                f"{key}={_spelled(value)}" for key, value in row.items() if key != "uid" and value not in (None, [], "")
            ]
            print(f"{'':<14}  {'  '.join(said)}")
        if len(rows) > MOST_RECORDS:
            print(f"{'':<14}  and {len(rows) - MOST_RECORDS:,} more")


def _print_flow(flow: dict[str, Any]) -> None:
    name = flow.get("protocol")
    protocol = _protocols().get(name or "")
    lines = [
        ("flow", _brief(flow)),
        ("time", " to ".join(str(flow[each]) for each in ("start", "end") if flow.get(each) is not None)),
        ("layers", ", ".join(flow.get("layers") or [])),
        ("protocol", f"{name}: {protocol.title} ({protocol.reference})" if protocol else name or "unknown"),
        ("known by", f"{flow['evidence']}: {HOW.get(flow['evidence'], '')}" if flow.get("evidence") else ""),
        ("rule", f"{flow['rule']}: {rule_in_words(flow['rule'])}" if flow.get("rule") else ""),
        ("took", f"{flow['took']} payload{'s' * (flow['took'] != 1)}" if flow.get("took") else ""),
        ("application", _application(flow)),
        ("confirmed", "a dissector read it as this protocol" if flow.get("confirmed") and protocol else ""),
        ("state", " ".join(str(flow[each]) for each in ("state", "history") if flow.get(each))),
        ("sent", _volume(flow, "orig")),
        ("received", _volume(flow, "resp")),
        ("odd", ", ".join(flow.get("oddities") or [])),
    ]
    for key, value in lines:
        if value:
            print(f"{key:<14}{_spelled(value)}")


def _application(flow: dict[str, Any]) -> str:
    told = flow.get("application_evidence")
    how = f": told by {'an' if told == 'agent' else 'a'} {told}" if told else ""
    return f"{flow['application']}{how}" if flow.get("application") else ""


def _brief(flow: dict[str, Any]) -> str:
    """Name a flow in a line: uid, ends, transport, protocol."""
    ends = [f"{flow.get(f'{side}_ip') or '?'} port {flow.get(f'{side}_port', '?')}" for side in ("orig", "resp")]
    return f"{flow['uid']}  {ends[0]} to {ends[1]}  {flow.get('transport') or ''} {flow.get('protocol') or ''}".rstrip()


def _volume(flow: dict[str, Any], side: str) -> str:
    packets, octets = flow.get(f"{side}_packets"), flow.get(f"{side}_octets")
    return f"{packets:,} packets, {octets:,} octets" if packets is not None and octets is not None else ""


def _spelled(value: object) -> str:
    """Spell a value on one line, without what a terminal would act on."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(each if each.isprintable() else "?" for each in text)

"""What an audit log tells, for people: a verdict, and a public statement."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sonde.audit.verify import INCOMPLETE, SOUND, Verdict

MOST_FAULTS = 20
Row = tuple[str, ...]

SENTENCES = {
    SOUND: "Sound: every entry is there, signed, and within the rules.",
    INCOMPLETE: "Incomplete: nothing that was found is wrong, and something could not be checked.",
    "violated": "Violated: the log is not what was signed, or it tells of what may not be.",
}


def print_verdict(verdict: Verdict, *, as_json: bool, since: int) -> None:
    """Print what was found."""
    if as_json:
        print(json.dumps(verdict.as_dict(), indent=1))
        return
    print(SENTENCES[verdict.status])
    for fault in verdict.faults[:MOST_FAULTS]:
        place = f"entry {fault.entry}: " if fault.entry is not None else ""
        print(f"  {fault.name}: {place}{_shown(fault.text)}")
    if len(verdict.faults) > MOST_FAULTS:
        print(f"  and {len(verdict.faults) - MOST_FAULTS} more; --json tells them all")
    for line in _notes(verdict, since=since):
        print(f"  {line}")


def _notes(verdict: Verdict, *, since: int) -> Iterator[str]:
    """Say what is no fault, and what was not looked at."""
    checkpoint, story = verdict.checkpoint, verdict.story
    if checkpoint is not None:
        yield f"{_shown(checkpoint.origin)}, {checkpoint.size:,} entries, root {checkpoint.root.hex()}"
    if story is not None:
        yield f"from {story.first} to {story.last}"
        if story.unclean:
            yield f"{story.unclean} times the writer ended without saying so"
        if verdict.outputs:
            yield f"{verdict.outputs} datasets compared"
    if verdict.beyond:
        yield f"{verdict.beyond} entries lie behind the checkpoint: a writer is at work, was killed, or was rolled back"
    if not since:
        yield "no older checkpoint was given (--since): a log that was rebuilt and signed again would not show"


def print_report(verdict: Verdict, form: str, *, is_given: bool) -> None:
    """Print the log as a public statement, in text or Markdown."""
    is_markdown = form == "markdown"
    for title, lines, rows in _sections(verdict, is_given=is_given):
        print(f"## {title}\n" if is_markdown else f"{title}\n{'-' * len(title)}")
        for line in lines:
            print(f"{_escaped(line)}\n" if is_markdown else line)
        _print_rows(rows, is_markdown=is_markdown)
        print()


def _print_rows(rows: list[Row], *, is_markdown: bool) -> None:
    if is_markdown and rows:
        for number, row in enumerate(rows):
            print("| " + " | ".join(map(_escaped, row)) + " |")
            if not number:
                print("|" + "---|" * len(row))
        return
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _escaped(text: str) -> str:
    """Keep what a log says from being read as Markdown or HTML."""
    return "".join(f"\\{letter}" if letter in "|*_`<>[]&#" else letter for letter in text)


def _sections(verdict: Verdict, *, is_given: bool) -> Iterator[tuple[str, list[str], list[Row]]]:
    """Give the report: titles, sentences and tables."""
    whose = "a key given beforehand" if is_given else "the key that the log itself names, which proves little"
    lines = [SENTENCES[verdict.status], *_notes(verdict, since=0), f"Checked with {whose}."]
    faults = [(each.name, "" if each.entry is None else f"{each.entry}", _shown(each.text)) for each in verdict.faults]
    yield "Audit log", lines, [("fault", "entry", "what"), *faults] if faults else []
    story = verdict.story
    if story is None:
        return
    yield "Entries", [], [("type", "entries"), *((kind, f"{count:,}") for kind, count in story.counts.most_common())]
    by_type: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for _, entry in story.entries:
        by_type.setdefault(entry["type"], []).append((entry["t"], entry["data"]))
    yield "Policies", [], _rows(by_type, "policy.load", ("name", "version", "signers", "digest"))
    names = ("authorisation", "purpose", "networks", "mail_domains", "artefacts", "not_after", "signers")
    granted = _rows(by_type, "authorisation.activate", names)
    yield "Content authorised", [] if granted else ["None: no content was kept."], granted
    ends = [each for kind in ("revoke", "expire", "close") for each in by_type.get(f"authorisation.{kind}", [])]
    kept = [
        (t, *_cells(data, ("authorisation", "reason", "messages", "octets"))) for t, data in sorted(ends, key=_first)
    ]
    if kept:
        yield "Content kept", [], [("when", "authorisation", "reason", "messages", "octets"), *kept]
    yield "Datasets written", [], _rows(by_type, "output.commit", ("name", "files", "rows", "digest"))
    for title, kind, columns in (
        ("Datasets deleted", "retention.delete", ("dataset", "octets")),
        ("Refused", "authorisation.refuse", ("reason",)),
        ("Policies refused", "policy.refuse", ("reason",)),
        ("Self-tests", "selftest", ("canaries", "outputs", "failures")),
        ("Clock set back", "clock.jump", ("back_ms",)),
        ("Degraded", "degraded", ("what", "reason")),
    ):
        rows = _rows(by_type, kind, columns)
        if rows:
            yield title, [], rows
    endings = Counter(data["reason"] for _, data in by_type.get("shutdown", []))
    rows = [(reason, str(count)) for reason, count in sorted(endings.items())]
    yield "How runs ended", [], [("reason", "runs"), *rows, ("without saying so", str(story.unclean))]


def _first(each: tuple[str, Any]) -> str:
    return each[0]


def _rows(by_type: dict[str, list[tuple[str, dict[str, Any]]]], kind: str, names: tuple[str, ...]) -> list[Row]:
    """Give the entries of a type as a table; nothing if there are none."""
    found = by_type.get(kind, [])
    return [("when", *names), *((when, *_cells(data, names)) for when, data in found)] if found else []


def _cells(data: dict[str, Any], names: Iterable[str]) -> list[str]:
    values = [data.get(name, "") for name in names]
    return [_shown(", ".join(value) if isinstance(value, list) else f"{value}") for value in values]


def _shown(text: str) -> str:
    """Keep what a log says from moving a terminal's cursor, or telling it anything else."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


__all__ = ["print_report", "print_verdict"]

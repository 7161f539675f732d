"""The summary after `sonde read`: what, who, how much, oddities, drops, time.

Plain text in 80 columns; colour only where standard output is a terminal.
"""

import ipaddress
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sonde.pipeline.plan import registry
from sonde.pipeline.read import Reading
from sonde.table.flows import ODDITIES

WIDEST, NARROWEST = 100, 60
TITLE, COUNT, SIZE, BAR = 14, 9, 11, 14  # columns; the rest is for names
PROTOCOLS, APPLICATIONS, TALKERS, NAMES = 8, 6, 5, 6  # rows shown
BOLD, DIM, CYAN, YELLOW, RED, GREEN = "1", "2", "36", "33", "31", "32"


class Row(NamedTuple):
    """One line of a list: a name, how many, how much, and its share of the whole."""

    name: str
    flows: str
    amount: str
    share: float


class Style:
    """Puts colour around text, or does not."""

    def __init__(self, *, coloured: bool) -> None:
        """Colour text if it is wanted."""
        self.coloured = coloured

    def __call__(self, text: str, code: str) -> str:
        """Give the text in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured and text and code else text


def size(octets: float) -> str:
    """Give octets in a unit that reads well."""
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1000
    return f"{octets:.1f} TB"


def print_summary(reading: Reading, *, compiled: bool = False) -> None:
    """Print the summary to standard output; `compiled` says that this run had to compile kernels."""
    is_terminal = sys.stdout.isatty()
    style = Style(coloured=is_terminal and "NO_COLOR" not in os.environ)
    width = shutil.get_terminal_size().columns if is_terminal else 80
    for line in summary_lines(reading, min(max(width, NARROWEST), WIDEST), style, compiled=compiled):
        print(line.rstrip())


def summary_lines(reading: Reading, width: int, style: Style, *, compiled: bool = False) -> Iterator[str]:
    """Compose the summary line by line."""
    yield from _head(reading, style)
    yield ""
    yield from _lists(reading, width, style)
    yield from _oddities(reading, width, style)
    yield from _records(reading, width, style, compiled=compiled)


def _head(reading: Reading, style: Style) -> Iterator[str]:
    manifest, totals = reading.manifest, reading.totals
    names = [entry["name"] for entry in manifest["inputs"]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    yield style(", ".join(names[:3]) + more, BOLD)
    first_ns, last_ns = manifest["first_ns"], manifest["last_ns"]  # cut as the policy cuts times
    lasted = (last_ns - first_ns) / 1e9
    begun = datetime.fromtimestamp(first_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield (
        f"{manifest['packets']['in']:,} packets, {size(totals.octets)}, {reading.tally.flows:,} flows"
        + (f" in {_span(lasted)} from {begun}" if first_ns else "")
    )


def _span(seconds: float) -> str:
    """Give a length of time as people say it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 120 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _lists(reading: Reading, width: int, style: Style) -> Iterator[str]:
    tally, plan = reading.tally, reading.plan
    total = max(tally.octets, 1)
    protocols = _top(tally.protocols, [str(name) for name in plan.protocol_names], total)
    yield from _list("protocols", protocols, PROTOCOLS, width, style)
    titles = [item.title for item in plan.applications.items]
    known = {number: sums for number, sums in tally.applications.items() if number >= 0}
    yield from _list("applications", _top(known, titles, total), APPLICATIONS, width, style)
    flows = registry()["flows"]
    if any(plan.gate.policy.technique("flows", name, flows[name]) != "keep" for name in ("orig_ip", "resp_ip")):
        return
    hosts = sorted(tally.hosts.items(), key=lambda item: (-item[1][0], item[0]))
    talkers = [Row(_address(key), "", size(octets), octets / total) for key, (octets,) in hosts[:TALKERS]]
    yield from _list("talkers", talkers, TALKERS, width, style)
    named = sorted(tally.names.items(), key=lambda item: (-item[1], item[0]))
    most = max(named[0][1], 1) if named else 1
    names = [Row(name, "", f"{count:,} x", count / most) for name, count in named[: NAMES + 1]]
    yield from _list("names", names, NAMES, width, style, of=len(named))


def _top(sums: dict[int, list[int]], names: list[str], total: int) -> list[Row]:
    """Order by octets; -1 is unknown."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return [
        Row(names[number] if number >= 0 else "unknown", f"{flows:,}", size(octets), octets / total)
        for number, (flows, octets) in ordered
    ]


def _list(title: str, rows: list[Row], most: int, width: int, style: Style, *, of: int = 0) -> Iterator[str]:
    """Lay out a list, each row with a bar of its share, and say what is left out."""
    count = COUNT if any(row.flows for row in rows) else 0
    room = width - TITLE - count - SIZE - BAR - 2
    for place, row in enumerate(rows[:most]):
        name = row.name if len(row.name) <= room else row.name[: room - 1] + "…"
        bar = "▇" * round(row.share * BAR) or "▏"
        yield (
            style((title if place == 0 else "").ljust(TITLE), BOLD)
            + style(printable(name).ljust(room), DIM if row.name == "unknown" else "")
            + row.flows.rjust(count)
            + row.amount.rjust(SIZE)
            + "  "
            + style(bar, CYAN)
        )
    left = max(of, len(rows)) - most
    if rows and left > 0:
        yield " " * TITLE + style(f"and {left:,} more", DIM)
    if rows:
        yield ""


def printable(text: str) -> str:
    """Make what came from the wire harmless to a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _oddities(reading: Reading, width: int, style: Style) -> Iterator[str]:
    manifest = reading.manifest
    odd = [f"{_words(ODDITIES[bit])} {count:,}" for bit, count in reading.tally.oddities.most_common()]
    yield from _wrapped("odd flows", odd, width, style, YELLOW)
    dropped = [f"{_words(name)} {count:,}" for name, count in manifest["packets"]["dropped"].items()]
    yield from _wrapped("not recorded", dropped or ["nothing"], width, style, BOLD)
    bounds = [f"{_words(name)} {count:,}" for name, count in manifest["bounds"].items()]
    yield from _wrapped("bounds hit", bounds, width, style, YELLOW)
    inputs = manifest["inputs"]
    damage = [f"{entry['name']} at octet {each['offset']:,}" for entry in inputs for each in entry["damage"]]
    yield from _wrapped("damaged", damage[:5], width, style, RED)
    faults = manifest["internal_errors"]
    yield from _wrapped("our defects", [f"{len(faults)}, the first: {faults[0]}"] if faults else [], width, style, RED)


def _records(reading: Reading, width: int, style: Style, *, compiled: bool) -> Iterator[str]:
    manifest, policy = reading.manifest, reading.plan.gate.policy
    records = [f"{name} {entry['rows']:,}" for name, entry in manifest["tables"].items() if entry["rows"]]
    yield from _wrapped("records", records or ["none"], width, style, BOLD)
    yield from _wrapped("policy", [policy.name + (f": {policy.notice}" if policy.notice else "")], width, style, BOLD)
    rate = manifest["packets"]["in"] / max(reading.seconds, 1e-9)
    speed = f"{rate / 1e6:.2f} million" if rate >= 1e6 else f"{rate:,.0f}"
    pace = "kernels compiled, once, included" if compiled else f"{speed} packets/s"
    yield (
        style("written to".ljust(TITLE), BOLD)
        + f"{style(str(reading.folder), GREEN)} in {reading.seconds:.2f} s, {pace}"
    )


def _wrapped(title: str, words: Iterable[str], width: int, style: Style, code: str) -> Iterator[str]:
    """Lay out a list of short texts over as many lines as it takes."""
    line, heading = "", title
    for word in words:
        if line and len(line) + len(word) + 2 > width - TITLE:
            yield style(heading.ljust(TITLE), code) + line + ","
            line, heading = word, ""
        else:
            line = f"{line}, {word}" if line else word
    if line:
        yield style(heading.ljust(TITLE), code) + line


def _words(name: str) -> str:
    return name.replace("_", " ")


def _address(key: tuple[int, int]) -> str:
    high, low = key
    if high == 0 and low >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(low & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))

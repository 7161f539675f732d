"""`sonde top`: a probe at work in a terminal, from its page; rates, protocols, drops, sinks, memory.

    snapshot = fetch("http://127.0.0.1:9480")
    print(*top_lines(snapshot, before, 80, style), sep=chr(10))

Who talks most is not on the page, which anybody on the machine may read. It is shown to who may read the
probe's output, from the newest parts of it, and only if the policy kept addresses.
"""

import http.client
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from sonde.pipeline.places import parts_of
from sonde.pipeline.stored import QueryError, described
from sonde.policy.terms import KEEP, PREFIX, TRUNCATE
from sonde.view.metrics import complaints
from sonde.view.summary import BOLD, CYAN, DIM, GREEN, RED, YELLOW, Style, printable, size

DEFAULT_PAGE = "http://127.0.0.1:9480"
TIMEOUT_S = 5.0
MOST_ANSWER = 4 << 20  # octets of a page
NARROWEST, WIDEST = 24, 120
TITLE, BAR = 11, 12  # columns
MOST_PROTOCOLS, MOST_TALKERS, MOST_LISTED = 8, 6, 6
NEWEST_PARTS, MOST_ROWS = 3, 1 << 20  # that talkers are told from
SECOND_NS = 1_000_000_000
CLEAR, HOME, TO_END = "\x1b[2J", "\x1b[H", "\x1b[J"
ALTERNATE, ORDINARY = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
Snapshot = Mapping[str, Any]
#: The sections that a page must have to be one of a probe's.
SECTIONS = {"frames", "flows", "interfaces", "protocols", "sinks", "policy", "output", "ring", "queues", "rows"}


class TopError(ValueError):
    """A page that cannot be read; the message is for the user."""


def fetch(page: str) -> dict[str, Any]:
    """Get the state of a probe from its page; TopError where that cannot be."""
    try:
        place = urlsplit(page)
        host, port = place.hostname, place.port or 80
    except ValueError:
        host = None
    if not host or place.scheme != "http":
        raise TopError(f"{page!r} is no page; write it as {DEFAULT_PAGE}.")
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/state")
        answer = connection.getresponse()
        body = answer.read(MOST_ANSWER + 1)
        found = json.loads(body) if answer.status == 200 and len(body) <= MOST_ANSWER else None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no answer"
        raise TopError(f"{page}: {reason}; is `sonde live --metrics` running there?") from None
    except (http.client.HTTPException, ValueError):
        found = None
    finally:
        connection.close()
    if not isinstance(found, dict) or not found.keys() >= SECTIONS:
        raise TopError(f"{page} is no page of a probe; is `sonde live --metrics` running there?")
    return found


def show_top(page: str, output: Path | None, every_s: float, *, once: bool) -> None:
    """Show the state of a probe until interrupted, or once."""
    snapshot = fetch(page)
    is_terminal = sys.stdout.isatty()
    style = Style(coloured=is_terminal and "NO_COLOR" not in os.environ)
    if once or not is_terminal:
        width = shutil.get_terminal_size().columns if is_terminal else 80
        for line in top_lines(snapshot, None, width, style, talkers(output)):
            print(line)
        return
    with _screen():
        before = None
        while True:
            columns, rows = shutil.get_terminal_size()
            lines = list(top_lines(snapshot, before, columns, style, talkers(output)))[: rows - 1]
            print(HOME + "".join(f"{line}\x1b[K\n" for line in lines) + TO_END, end="", flush=True)
            if _asked_to_end(every_s):
                return
            before, snapshot = snapshot, fetch(page)


@contextmanager
def _screen() -> Iterator[None]:
    """Use the terminal's other screen, and read keys as they are pressed."""
    import termios
    import tty

    entered = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    print(ALTERNATE + CLEAR, end="", flush=True)
    try:
        if entered is not None:
            tty.setcbreak(sys.stdin)
        yield
    finally:
        print(ORDINARY, end="", flush=True)
        if entered is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, entered)


def _asked_to_end(seconds: float) -> bool:
    """Wait; say whether `q` was pressed meanwhile."""
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return False
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0] and os.read(sys.stdin.fileno(), 1) in {b"q", b"Q", b""}:
            return True
    return False


def top_lines(
    snapshot: Snapshot, before: Snapshot | None, columns: int, style: Style, told: list[tuple[str, int]] | str = ""
) -> Iterator[str]:
    """Compose a screen; rates are those since `before`, or on average. `told`: who talks, or why that is not shown."""
    width = min(max(columns, NARROWEST), WIDEST)
    for title, text, code in (*_head(snapshot), *_traffic(snapshot, before), *_stores(snapshot)):
        yield from _laid(title, text, width, style, code)
    yield from _bars("protocols", _protocols(snapshot, before), MOST_PROTOCOLS, width, style)
    if isinstance(told, str):
        yield from _laid("talkers", told, width, style, DIM) if told else ()
    else:
        yield from _bars("talkers", told, MOST_TALKERS, width, style)


def _head(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    policy, why = snapshot["policy"], complaints(snapshot)
    lasted = _span((snapshot["now_ns"] - snapshot["started_ns"]) / SECOND_NS)
    yield "sonde", f"{snapshot['phase']} for {lasted}, policy {policy['name']} version {policy['version']}", ""
    yield "health", " ".join(why) or "well", RED if why else GREEN


def _traffic(snapshot: Snapshot, before: Snapshot | None) -> Iterator[tuple[str, str, str]]:
    frames, flows = snapshot["frames"], snapshot["flows"]
    packets, octets = (_rate(snapshot, before, "frames", key) for key in ("received", "octets"))
    begun = _rate(snapshot, before, "flows", "begun")
    yield "rate", f"{_short(packets)} frames/s, {size(octets * 8).replace('B', 'bit')}/s, {_short(begun)} flows/s", ""
    yield "frames", f"{frames['received']:,} received, {frames['recorded']:,} recorded", ""
    yield "", f"{frames['out_of_scope']:,} out of scope, {frames['unaccounted']:,} on their way", ""
    lost = {**frames["dropped"], **({"kernel": frames["kernel_drops"]} if frames["kernel_drops"] else {})}
    yield "dropped", _listed(lost) or "nothing", YELLOW if lost else ""
    for name, each in snapshot["interfaces"].items():
        share = f", {100 * each['kernel_drops'] / max(each['received'], 1):.2f} % dropped by the kernel"
        state = "up" if each["is_up"] else "DOWN"
        yield "interface", f"{name} {state}, {each['received']:,} frames{share}", "" if each["is_up"] else RED
    yield "flows", f"{flows['now']:,} now, {flows['most']:,} at most, {flows['evictions']:,} evicted", ""


def _stores(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    ring, output = snapshot["ring"], snapshot["output"]
    rings = f", rings {size(ring['used_octets'])} of {size(ring['octets'])}" if ring["octets"] else ""
    yield "memory", f"{size(snapshot['memory_octets'])}{rings}", ""
    if snapshot["rows"]:
        yield "records", _listed(snapshot["rows"]), ""
    yield "output", f"{output['parts']:,} parts, {size(output['octets'])}, {output['failed']:,} failed", ""
    for name, sink in snapshot["sinks"].items():
        lost = f"{sink['dropped']:,} dropped, {sink['failed']:,} failed"
        is_failing = sink["state"] == "failing" or sink["dropped"] or sink["failed"]
        yield "sink", f"{name} {sink['state']}: {sink['written']:,} rows, {lost}", YELLOW if is_failing else ""
    if snapshot["bounds"]:
        yield "bounds hit", _listed(snapshot["bounds"]), YELLOW
    if snapshot["faults"]:
        yield "defects", f"{snapshot['faults']:,} internal errors", RED


def _rate(snapshot: Snapshot, before: Snapshot | None, section: str, key: str) -> float:
    """Give a counter's growth in a second."""
    since_ns = before["now_ns"] if before else snapshot["started_ns"]
    grown = snapshot[section][key] - (before[section][key] if before else 0)
    return float(max(grown, 0) * SECOND_NS / max(snapshot["now_ns"] - since_ns, 1))


def _protocols(snapshot: Snapshot, before: Snapshot | None) -> list[tuple[str, int]]:
    """Give octets by protocol: of flows that ended since `before`, if any did, else of all."""
    now = {name: seen["octets"] for name, seen in snapshot["protocols"].items()}
    then = {name: seen["octets"] for name, seen in before["protocols"].items()} if before else {}
    fresh = {name: octets - then.get(name, 0) for name, octets in now.items() if octets > then.get(name, 0)}
    return sorted((fresh or now).items(), key=lambda item: (-item[1], item[0]))


def _laid(title: str, text: str, width: int, style: Style, code: str = "") -> Iterator[str]:
    """Lay a text out behind its title, over as many lines as it takes."""
    line = ""
    for word in printable(text).split(" "):
        if line and len(line) + 1 + len(word) > width - TITLE:
            yield style(title.ljust(TITLE), BOLD) + style(line, code)
            line, title = word, ""
        else:
            line = f"{line} {word}" if line else word
    yield style(title.ljust(TITLE), BOLD) + style(line[: width - TITLE], code)


def _bars(title: str, values: list[tuple[str, int]], most: int, width: int, style: Style) -> Iterator[str]:
    total = max(sum(octets for _, octets in values), 1)
    bar = BAR if width >= 60 else 0
    room = width - TITLE - 10 - (bar + 1 if bar else 0)
    for place, (name, octets) in enumerate(values[:most]):
        shown = printable(name)
        shown = shown if len(shown) <= room else shown[: room - 1] + "…"
        head = style((title if place == 0 else "").ljust(TITLE), BOLD)
        mark = " " + style("▇" * round(octets / total * bar) or "▏", CYAN) if bar else ""
        yield head + shown.ljust(room) + size(octets).rjust(10) + mark


def _listed(counts: Mapping[str, int]) -> str:
    named = sorted(counts.items(), key=lambda item: -item[1])
    more = f" and {len(named) - MOST_LISTED} more" if len(named) > MOST_LISTED else ""
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in named[:MOST_LISTED]) + more


def _short(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _span(seconds: float) -> str:
    whole = max(int(seconds), 0)
    days, rest = divmod(whole, 86_400)
    return (f"{days} d " if days else "") + f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def talkers(output: Path | None) -> list[tuple[str, int]] | str:
    """Give octets by address of the newest parts of a probe's output, or say why not; TopError for none at all."""
    if output is None:
        return ""
    newest = list(parts_of(output))[-NEWEST_PARTS:]
    if not newest:
        return "no part is committed yet"
    sums: dict[str, int] = {}
    for part in reversed(newest):
        try:
            applied = described(part)["policy"]["techniques"].get("flows", {})
            if any(applied.get(side) not in {KEEP, PREFIX, TRUNCATE} for side in ("orig_ip", "resp_ip")):
                return "the policy keeps no addresses"
            _add_talkers(part / "flows", sums)
        except (OSError, QueryError, KeyError, pa.ArrowException):
            continue  # retention deleted it while we looked, or it has no flows
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def _add_talkers(folder: Path, sums: dict[str, int]) -> None:
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["orig_ip", "resp_ip", "orig_octets", "resp_octets"]).slice(0, MOST_ROWS)
        for address, octets in (("orig_ip", "orig_octets"), ("resp_ip", "resp_octets")):
            grouped = table.group_by(address).aggregate([(octets, "sum")])
            names, amounts = grouped[address].to_pylist(), grouped[f"{octets}_sum"].to_pylist()
            for name, amount in zip(names, amounts, strict=True):
                if name is not None:
                    sums[name] = sums.get(name, 0) + (amount or 0)


__all__ = ["DEFAULT_PAGE", "TopError", "fetch", "show_top", "talkers", "top_lines"]

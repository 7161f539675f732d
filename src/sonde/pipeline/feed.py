"""Mail from the operator's own server into the tables of mail: files, and what a server tells its filter.

    feed = Feed(recorder, plan)
    feed.take_file(found)                        # a message in a Maildir or in a file
    incoming = feed.begin("milter", envelope)    # or one that comes in pieces; None where it is out of scope

A policy that declares own mail domains bounds what is looked at: of other messages only the mailboxes were read, and
they are counted. Nothing is decrypted, and nothing goes back to the server.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import sonde
from sonde.content import Connection, Head
from sonde.pipeline.mail import Met, Open
from sonde.pipeline.mailboxes import domains_of, is_own, named_in
from sonde.pipeline.plan import Plan
from sonde.pipeline.read import cut_time, policy_told
from sonde.pipeline.recorder import Recorder, schema_of
from sonde.pipeline.whole import OutputError, whole
from sonde.sink import open_sink
from sonde.source import SourceError
from sonde.source.messages import ENDING, MAILDIR, Found, find_messages
from sonde.source.milter import Envelope

if TYPE_CHECKING:
    from sonde.audit import AuditLog
    from sonde.pipeline.keeping import Keeper

FORMATS = ("parquet", "jsonl", "csv")
TABLES = ("mail", "mail_part")
AT_ONCE = 1 << 20  # octets of a file that are read at a time
MOST_HEAD = 256 << 10  # of a file's first octets in which its mailboxes are looked for
MILTER = "milter"
OUT_OF_SCOPE, UNREADABLE = "out_of_scope", "unreadable"
NOWHERE = IPv6Address(0)


class Feed:
    """Reads messages one by one, or some at a time, and counts those that are not to be read."""

    def __init__(self, recorder: Recorder, plan: Plan, keeper: "Keeper | None" = None) -> None:
        """Hand rows to a recorder; content goes to a keeper, if any."""
        self.recorder, self.keeper = recorder, keeper
        self.own = plan.gate.policy.mail_domains
        self.messages = self.octets = 0
        self.first_ns = self.last_ns = 0
        self.dropped: Counter[str] = Counter()

    def take_file(self, found: Found) -> bool:
        """Read a message in a file; False where it is not there any more, as when its reader moved it."""
        try:
            with found.path.open("rb") as file:
                stamp_ns = found.path.stat().st_mtime_ns
                first = file.read(AT_ONCE)
                head = Head(head_of(first))
                if not self._is_taken(domains_of(named_in(head)), stamp_ns):
                    return True
                kind = MAILDIR if found.kind == MAILDIR else "file"
                opened = self._open(kind, Met(self.messages, stamp_ns), None)
                opened.known.is_stored, opened.known.direction = True, "stored"
                octets = first
                while octets:
                    self.feed(opened, octets)
                    octets = file.read(AT_ONCE)
        except FileNotFoundError:
            return False
        except OSError:
            self._count(time.time_ns())
            self.dropped[UNREADABLE] += 1
            return True
        self.end(opened)
        return True

    def begin(self, envelope: Envelope) -> Open | None:
        """Begin a message of which a server tells its filter; None where it is out of scope."""
        stamp_ns = time.time_ns()
        mailboxes = [each for each in (envelope.sender, *envelope.recipients) if each]
        if not self._is_taken(domains_of(mailboxes), stamp_ns):
            return None
        met = Met(self.messages, stamp_ns, address_of(envelope.peer.address), envelope.peer.port)
        opened = self._open(MILTER, met, mailboxes)
        opened.known.return_path = envelope.sender
        return opened

    def feed(self, opened: Open, octets: bytes) -> None:
        """Take the next octets of a message."""
        self.octets += len(octets)
        self.recorder.mail.show(opened, opened.reader.feed, np.frombuffer(octets, np.uint8))

    def end(self, opened: Open) -> None:
        """Know that a message is over; its rows wait for the recorder."""
        self.recorder.mail.end(opened)

    def lose(self, opened: Open) -> None:
        """Know that the rest of a message will not come."""
        opened.is_complete = False
        self.end(opened)

    def _open(self, source: str, met: Met, envelope: Sequence[str] | None) -> Open:
        taker = self.keeper.taker("smtp", NOWHERE, envelope) if self.keeper is not None else None
        return self.recorder.mail.begin(Connection(source=source), met, taker)

    def _is_taken(self, domains: frozenset[str], stamp_ns: int) -> bool:
        self._count(stamp_ns)
        if self.own and not is_own(domains, self.own):
            self.dropped[OUT_OF_SCOPE] += 1
            return False
        return True

    def _count(self, stamp_ns: int) -> None:
        self.messages += 1
        self.first_ns = min(self.first_ns or stamp_ns, stamp_ns)
        self.last_ns = max(self.last_ns, stamp_ns)


def read_messages(
    places: Sequence[Path],
    plan: Plan,
    out: Path,
    *,
    form: str = "parquet",
    audit: "AuditLog | None" = None,
    keeper: "Keeper | None" = None,
    progress: Callable[[int], None] = lambda messages: None,
) -> dict[str, Any]:
    """Read the messages that lie in files and folders now into a dataset, whole or not at all; give its manifest."""
    if form not in FORMATS:
        raise OutputError(f"There is no format {form!r} for mail; there are {', '.join(FORMATS)}.")
    found = [each for place in places for each in find_messages(place)]
    if not found:
        raise SourceError(f"There is no message in {', '.join(map(str, places))}: no Maildir, and no file *{ENDING}.")
    plan.gate.keys.destroy_expired()
    with whole(out, audit) as prepared:
        sink = open_sink(form, prepared.aside, {name: schema_of(plan, name) for name in sorted(plan.tables)})
        recorder = Recorder(plan, sink, keeper)
        feed = Feed(recorder, plan, keeper)
        for number, each in enumerate(found, 1):
            feed.take_file(each)
            recorder.settle()
            progress(number)
            if audit is not None:
                audit.beat()
        recorder.finish()
        prepared.manifest = manifest_of(feed, plan, recorder, form, sink.close())
        if keeper is not None:
            prepared.manifest["content"] = keeper.account()
    return prepared.manifest


def manifest_of(feed: Feed, plan: Plan, recorder: Recorder, form: str, files: dict[str, list[str]]) -> dict[str, Any]:
    """Say of a dataset what it was made of."""
    return {
        "schema": 1,
        "sonde": sonde.__version__,
        "format": form,
        "inputs": [],
        "policy": policy_told(plan),
        "messages": {
            "in": feed.messages,
            "recorded": feed.messages - feed.dropped.total(),
            "dropped": dict(sorted(feed.dropped.items())),
            "octets": feed.octets,
        },
        "first_ns": cut_time(plan, feed.first_ns),
        "last_ns": cut_time(plan, feed.last_ns),
        "tables": {
            name: {"rows": int(recorder.tally.rows[name]), "files": files.get(name, [])} for name in sorted(plan.tables)
        },
        "bounds": dict(sorted(recorder.losses.lost.items())),
        "internal_errors": sorted(recorder.losses.faults),
    }


def head_of(octets: bytes) -> bytes:
    """Give the head at the beginning of a message, as far as it is looked at."""
    octets = octets[:MOST_HEAD]
    ends = [at for at in (octets.find(b"\r\n\r\n"), octets.find(b"\n\n")) if at >= 0]
    return octets[: min(ends) + 1] if ends else octets


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address that a server told; None where it is none."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


__all__ = ["FORMATS", "TABLES", "Feed", "read_messages"]

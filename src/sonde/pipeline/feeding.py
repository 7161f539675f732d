"""A mail feed that goes on: folders that are watched, and mail servers that tell of messages, into parts.

    with fed(FeedOptions(places=[Path("Maildir")], milter="inet:127.0.0.1:8899", ...)) as probe:
        probe.run()                            # until `stop`

One thread does it all. A file is taken once, across restarts: what a part holds stands in its manifest, under digests,
since names of files may tell of persons, and in `.taken` beside the parts. What a part that failed held is taken again.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.pipeline.account import folder_of_log
from sonde.pipeline.feed import FORMATS, TABLES, Feed
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.parts import Account, Parts, Warn
from sonde.pipeline.places import keys_folder, parts_of
from sonde.pipeline.plan import Plan
from sonde.pipeline.policies import open_policy
from sonde.pipeline.read import default_seed, make_plan
from sonde.pipeline.recorder import Recorder
from sonde.pipeline.retention import clear_parts
from sonde.pipeline.state import State
from sonde.pipeline.taken import Taken
from sonde.pipeline.whole import OutputError
from sonde.policy import Policy, PolicyError, load_policy
from sonde.policy.terms import SECOND_NS
from sonde.source import SourceError
from sonde.source.messages import MAILDIR, Found, find_messages
from sonde.source.milter import Envelope, MilterSession
from sonde.source.milter_server import MilterServer

if TYPE_CHECKING:
    from sonde.pipeline.keeping import Keeper
    from sonde.pipeline.mail import Open

WAIT_S = 0.2  # for mail servers, at a time
LOOK_S = 1.0  # between looks at folders, at least; large ones are looked at more seldom
LOOK_SHARE = 20.0  # as many times as a look takes
SETTLED_S = 2.0  # since a file of a plain folder was written to last: until then somebody may still write
CLEAR_S = 30.0


@dataclass
class FeedOptions:
    """Everything that can be chosen of a feed; see `sonde mail-feed --help`."""

    policy: str
    output: Path
    places: Sequence[Path] = ()
    milter: str = ""
    signers: Path | None = None
    form: str = "parquet"
    keys: Path | None = None
    audit: Path | None = None
    probe: str = ""
    roll_s: float = 60.0
    keep_free: float = 0.1
    authorisation: Path | None = None
    vault: Path | None = None
    warn: Warn = field(default=lambda text: None)


class MailProbe:
    """A feed at work. `run` in the main thread; `stop` and `reload` from a signal handler."""

    def __init__(self, options: FeedOptions, plan: Plan, ledger: Ledger, parts: Parts, keeper: "Keeper | None") -> None:
        """Begin with a plan; listen, if that is wanted."""
        self.options, self.plan, self.ledger, self.parts, self.keeper = options, plan, ledger, parts, keeper
        self.state: State = parts.state
        self.taken = Taken(parts.folder, parts_of(parts.folder))
        self.pending: list[str] = []  # digests of the files in the part that is being written
        self.files: list[Found] = []  # that wait
        self.recorder = Recorder(plan, parts)
        self.feed = Feed(self.recorder, plan, keeper)
        self.server = MilterServer(options.milter, self._session) if options.milter else None
        self.is_stopping = self._reload = False
        self._due = self._cleared = 0.0
        self._told: dict[str, int] = {}
        parts.begin(plan)
        self._tell_terms()

    def stop(self) -> None:
        """End clean, soon."""
        self.is_stopping = True

    def reload(self) -> None:
        """Look at the policy's file again, soon."""
        self._reload = True

    def run(self) -> None:
        """Work until `stop`, or until the policy's time is over (then: PolicyError)."""
        self.state.phase = "running"
        while not self.is_stopping:
            if self.server is not None:
                self.server.serve(0.0 if self.files else WAIT_S)
            elif not self.files:
                time.sleep(WAIT_S)
            self._look_for_files()
            self._take_files()
            self._settle()
            self._hold_to_policy()
        self.state.phase = "stopped"
        self._end()

    def close(self) -> None:
        """Let mail servers and content go."""
        if self.server is not None:
            self.server.close()
        if self.keeper is not None:
            self.keeper.close()

    def _session(self) -> MilterSession:
        """Make what listens to one connection; each has a message at a time."""
        opened: list[Open] = []

        def begin(envelope: Envelope) -> None:
            found = self.feed.begin(envelope)
            if found is not None:
                opened.append(found)

        def octets(some: bytes) -> None:
            if opened:
                self.feed.feed(opened[0], some)

        def end() -> None:
            if opened:
                self.feed.end(opened.pop())

        def drop() -> None:
            if opened:
                self.feed.lose(opened.pop())

        return MilterSession(begin, octets, end, drop)

    def _look_for_files(self) -> None:
        """List the files that are new; what may still be written to waits for the next time."""
        now = time.monotonic()
        if self.files or now < self._due or not self.options.places:
            return
        settled = time.time() - SETTLED_S
        present: set[str] = set()
        for place in self.options.places:
            try:
                found = find_messages(place)
            except (SourceError, OSError):  # gone for a while, as a disk over the network
                self.state.interface(str(place)).is_up = False
                continue
            self.state.interface(str(place)).is_up = True
            for each in found:
                present.add(each.digest)
                if each.digest not in self.taken and (each.kind == MAILDIR or _written(each.path) < settled):
                    self.files.append(each)
        self.taken.forget_all_but(present)
        self.files.reverse()  # the oldest name last: taken from the end
        self._due = now + max(LOOK_S, LOOK_SHARE * (time.monotonic() - now))

    def _take_files(self) -> None:
        """Read files for a while, so that mail servers need not wait."""
        until = time.monotonic() + WAIT_S
        while self.files and time.monotonic() < until and not self.is_stopping:
            found = self.files.pop()
            if self.feed.take_file(found):
                self.taken.add(found.digest)
                self.pending.append(found.digest)
            self._guarded(self.recorder.settle)

    def _settle(self) -> None:
        """Do what is due between messages."""
        feed, state = self.feed, self.state
        state.frames_in, state.octets_in = feed.messages, feed.octets
        state.out_of_scope = feed.dropped["out_of_scope"]
        state.dropped = {name: count for name, count in feed.dropped.items() if name != "out_of_scope"}
        state.recorded = feed.messages - feed.dropped.total()
        state.interface("messages").received = feed.messages
        if self.server is not None:
            for name in ("refused", "broken", "failed"):
                self._count(f"milter_{name}", getattr(self.server, name))
        state.audit_entries = self.ledger.size or state.audit_entries
        self._guarded(self.recorder.settle)
        self.ledger.beat()
        if self.parts.age_s >= self.options.roll_s:
            self._commit()
        if time.monotonic() - self._cleared >= CLEAR_S:
            self._cleared = time.monotonic()
            self._guarded(self.plan.gate.keys.destroy_expired)
            self._guarded(self._clear)

    def _count(self, name: str, count: int) -> None:
        if count:
            self.state.bounds[name] = count

    def _clear(self) -> None:
        done = clear_parts(
            parts_of(self.parts.folder),
            self.plan.gate.policy,
            time.time_ns(),
            keep_free=self.options.keep_free,
            told=self.ledger.append,
        )
        self.state.retention_deletions += done.over
        self.state.space_deletions += done.for_space

    def _commit(self) -> None:
        """Let what was taken appear, with its account; what could not be written is taken again."""
        self._guarded(self.recorder.flush_all)
        feed, before = self.feed, self._told
        now = {"in": feed.messages, "octets": feed.octets, **{f"-{name}": n for name, n in feed.dropped.items()}}
        more = {name: count - before.get(name, 0) for name, count in now.items()}
        account = Account(frames=more["in"], octets=more["octets"], unit="messages")
        account.drops.update({name[1:]: count for name, count in more.items() if name.startswith("-")})
        account.first_ns, account.last_ns = feed.first_ns, feed.last_ns
        account.inputs = [{"kind": "mail-feed", "received": more["in"], "kernel_drops": 0, "taken": self.pending}]
        self._told, feed.first_ns, feed.last_ns = now, 0, 0
        self.recorder.losses.tell(self.state, account, self.ledger)
        if self.parts.commit(account):
            self.taken.keep(self.pending)
        else:
            self.taken.remove(self.pending)
        self.pending = []

    def _end(self) -> None:
        if self.server is not None:
            self.server.close()  # what is on its way is cut short, and said to be
        self._guarded(self.recorder.finish)
        self._settle_counts()
        self._commit()

    def _settle_counts(self) -> None:
        self.state.recorded = self.feed.messages - self.feed.dropped.total()
        self.state.frames_in = self.state.interface("messages").received = self.feed.messages

    def _guarded(self, act: Callable[[], object]) -> None:
        """Do something with records that may fail for want of disk or keys: rows are lost and counted, and we go on."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a probe outlives a defect; only the kind of error is told
            self.state.sink("gate").failed += 1
            self.state.faults += 1
            self.options.warn(f"records were lost on their way out ({type(error).__name__}).")
            self.ledger.append("degraded", {"what": "records", "reason": f"lost: {type(error).__name__}"})

    def _hold_to_policy(self) -> None:
        """Stop when the policy's time is over; take another when asked to."""
        until = self.plan.gate.policy.valid_until
        if until is not None and until <= datetime.now(UTC):
            self.ledger.append("policy.refuse", {"reason": "policy", "digest": self.plan.gate.policy.digest})
            self._end()
            raise PolicyError(f"{self.plan.gate.policy.name} is not valid any more; nothing further is taken.")
        if not self._reload:
            return
        self._reload = False
        try:
            least = self.ledger.log.highest_policy_version if self.ledger.log is not None else 0
            check_feed(open_policy(self.options.policy, signers=self.options.signers, least_version=least))
            plan = plan_of(self.options, self.ledger)
        except (PolicyError, ValueError, OSError) as error:
            self.state.policy_refusals += 1
            told = str(error) if isinstance(error, PolicyError) else "The policy cannot be read."
            self.options.warn(f"{told} The policy that was in force goes on.")
            return
        self._commit()
        self._take_plan(plan)

    def _take_plan(self, plan: Plan) -> None:
        """Go on under another policy: parts are of one each; messages on their way end under the new one."""
        if self.keeper is not None:
            self.keeper.end(
                "Another policy is in force, under which nothing is authorised; no content is kept any more."
            )
        made, self.plan = self.recorder.mail, plan
        self.recorder = Recorder(plan, self.parts)
        made.own_domains = plan.gate.policy.mail_domains
        self.recorder.mail = made
        self.feed.recorder, self.feed.own = self.recorder, plan.gate.policy.mail_domains
        self.parts.begin(plan)
        self.state.policy_reloads += 1
        self._tell_terms()
        self.options.warn(f"version {self.state.version} of {self.state.policy} is in force.")

    def _tell_terms(self) -> None:
        policy = self.plan.gate.policy
        self.state.policy, self.state.version = Path(policy.name).name, policy.version


def _written(path: Path) -> float:
    """Give when a file was written to last; far ahead where that cannot be said."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def check_feed(policy: Policy) -> None:
    """Refuse a policy that is not fit for a feed that goes on: as for live capture, with mail domains for networks."""
    lacks = []
    if policy.is_built_in:
        lacks.append("it is built in: a feed that goes on needs a policy file of your own")
    if not policy.mail_domains:
        lacks.append("it declares no [[mail_domain]]")
    if policy.signatures.policy < 1:
        lacks.append("it asks for no signature: write policy = 1 or more in [signatures]")
    if lacks:
        raise PolicyError(f"{policy.name} is not fit for a mail feed: {'; '.join(lacks)}.")


def plan_of(options: FeedOptions, ledger: Ledger) -> Plan:
    """Make a plan of the policy as it is now; the log hears of it first."""
    keys = options.keys or keys_folder()
    return make_plan(
        TABLES, options.policy, keys=keys, signers=options.signers, audit=ledger.log, check=check_feed,
        seed=default_seed(),
    )  # fmt: skip


@contextmanager
def fed(options: FeedOptions) -> Iterator[MailProbe]:
    """Give a feed that is ready to run: all that can fail has not; ValueError of some kind otherwise."""
    if options.form not in FORMATS:
        raise OutputError(f"There is no format {options.form!r} for mail; there are {', '.join(FORMATS)}.")
    for place in options.places:
        if not place.is_dir():
            raise SourceError(f"{place} is no folder, and only folders are watched.")
        if not os.access(place, os.R_OK | os.X_OK):
            raise SourceError(f"{place} cannot be read (Permission denied).")
    log = folder_of_log(options.audit, options.policy)
    policy = load_policy(options.policy)
    if log is None:
        check_feed(policy)
        raise PolicyError("A feed that goes on has an audit log; name its folder with --audit DIR.")
    heartbeat_s = policy.audit.heartbeat_ns // SECOND_NS
    keys = options.keys or keys_folder()
    ledger = Ledger(log, keys, probe=options.probe, heartbeat_s=heartbeat_s, warn=options.warn)
    reason = "failed"
    try:
        with _probe(options, ledger) as probe:
            yield probe
        reason = "done"
    except KeyboardInterrupt:
        reason = "interrupted"
        raise
    finally:
        ledger.close(reason)


@contextmanager
def _probe(options: FeedOptions, ledger: Ledger) -> Iterator[MailProbe]:
    plan = plan_of(options, ledger)
    parts = Parts(options.output, options.form, ledger, State())
    if parts.removed:
        told = f"{parts.removed} unfinished parts of the run before were removed"
        options.warn(f"{told}; the files in them are taken again.")
        ledger.append("degraded", {"what": "output", "reason": told})
    probe: MailProbe | None = None
    try:
        probe = MailProbe(options, plan, ledger, parts, _keeper(options, plan, ledger))
        yield probe
    finally:
        if probe is not None:
            with suppress(OSError):
                probe.close()
        parts.close()


def _keeper(options: FeedOptions, plan: Plan, ledger: Ledger) -> "Keeper | None":
    if options.authorisation is None or options.vault is None:
        return None
    from sonde.pipeline.keeping import Wanted, open_keeper  # noqa: PLC0415 - ciphers take time to import

    return open_keeper(
        Wanted(options.authorisation, options.vault, options.signers), plan, ledger.log, [], options.warn
    )


__all__ = ["FeedOptions", "MailProbe", "check_feed", "fed"]

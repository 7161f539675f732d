"""What entries must say of one another: the rules that an honest probe keeps (ACCOUNTABILITY §5).

    story = Story(origin, key)
    for number, octets in contents.entries(): story.take(number, octets)
    story.faults

Each rule has a name, which is that of the fault where it is broken (docs/audit.md lists them).
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias

from sonde.audit.entry import GENESIS, EntryError, decode_entry
from sonde.audit.folder import Fault
from sonde.audit.kinds import MOST_HEARTBEAT_S

Entry: TypeAlias = dict[str, Any]

LEAST_SIGNERS = 2  # on an authorisation whose scope has no captures (ACCOUNTABILITY §3)
LONGEST = timedelta(days=14)  # of an authorisation
HEARTBEATS = 2  # may pass before one is missed: a machine may be busy
ENDS = ("authorisation.revoke", "authorisation.expire", "authorisation.close")
MOST_FAULTS = 1000  # told; more of them say nothing new
_DIGEST = re.compile(r"[0-9a-f]{64}")
REASONS = ("done", "failed", "interrupted")


@dataclass
class Granted:
    """An authorisation in force, and what was stored under it."""

    data: Entry
    begins: datetime
    ends: datetime
    octets: int = 0
    #: The values of each kind of scope that it has, and all of them.
    kinds: list[frozenset[str]] = field(default_factory=list)
    whole: frozenset[str] = frozenset()


@dataclass
class Story:
    """What was told so far."""

    origin: str
    key: str
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    entries: list[tuple[int, Entry]] = field(default_factory=list)  # all that a report tells one by one
    first: str = ""
    last: str = ""
    unclean: int = 0
    _previous: Entry | None = None
    _boots: set[str] = field(default_factory=set)
    _policy: Entry | None = None
    _in_force: str = ""
    _version: int = 0
    _digest: str = ""
    _nonces: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)
    _grants: dict[str, Granted] = field(default_factory=dict)
    _heartbeat_s: int = 0
    _now: str = ""

    def take(self, number: int, octets: bytes) -> None:
        """Hold the next entry to every rule."""
        try:
            entry = decode_entry(octets)
        except EntryError as error:
            self.fault(error.fault, number, f"{error}")
            self._previous = None  # what follows cannot be held to it
            return
        self.counts[entry["type"]] += 1
        self.first = self.first or entry["t"]
        if entry["t"] > self.last:  # noqa: PLR1730 - a call for each entry takes its time
            self.last = entry["t"]
        self._hold_to_order(number, entry)
        self._hold_to_time(number, entry)
        self._hold_to_policy(number, entry)
        self._now = entry["t"]
        act = self._ACTS.get(entry["type"])
        if act is not None:
            act(self, number, entry["data"])
        if entry["type"] not in UNTOLD:
            self.entries.append((number, entry))
        self._previous = entry

    def fault(self, name: str, number: int, text: str) -> None:
        """Note that a rule is broken."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(name, number, f"{text}."))

    def _hold_to_order(self, number: int, entry: Entry) -> None:
        """Genesis first and once; boots one after the other, each from its entry `boot`; n without a gap."""
        previous, kind = self._previous, entry["type"]
        if (number == 0) != (kind == GENESIS):
            self.fault("genesis", number, "the first entry must be log.genesis, and no other")
        if number == 0:
            self._boots.add(entry["boot"])
            if entry["n"]:
                self.fault("n-gap", number, "the log does not begin with n = 0")
        if previous is None:
            self._boots.add(entry["boot"])
            return
        if entry["probe"] != previous["probe"]:
            self.fault("probe", number, "another probe writes")
        if entry["boot"] == previous["boot"]:
            if entry["n"] != previous["n"] + 1:
                self.fault("n-gap", number, f"n is {entry['n']} after {previous['n']}")
            if entry["code"] != previous["code"]:
                self.fault("code-changed", number, "the program changed while it ran")
            if previous["type"] == "shutdown":
                self.fault("after-shutdown", number, "something follows a shutdown")
            if (kind == "boot") != (previous["type"] == GENESIS):
                self.fault("boot-order", number, "boot must be the first entry of a writer")
            return
        if entry["boot"] in self._boots:
            self.fault("boot-again", number, "a writer that had ended writes again")
        if entry["n"]:
            self.fault("n-gap", number, "a writer does not begin with n = 0")
        if kind != "boot":
            self.fault("boot-order", number, "boot must be the first entry of a writer")
        self._boots.add(entry["boot"])

    def _hold_to_time(self, number: int, entry: Entry) -> None:
        """Never back, unless said; never silent for longer than promised."""
        previous = self._previous
        if previous is None or entry["t"] == previous["t"]:
            return
        if entry["t"] < previous["t"]:
            if entry["type"] != "clock.jump":
                self.fault("time-backwards", number, "the clock went back, and nothing says so")
        elif self._heartbeat_s and entry["boot"] == previous["boot"]:
            silent = datetime.fromisoformat(entry["t"]) - datetime.fromisoformat(previous["t"])
            if silent > timedelta(seconds=HEARTBEATS * self._heartbeat_s):
                self.fault("heartbeat-missing", number, f"nothing was written for {silent}")

    def _hold_to_policy(self, number: int, entry: Entry) -> None:
        """Each entry names the policy in force: none after a boot, then that of the last policy.load."""
        if entry["type"] == "boot":
            self._in_force, self._policy = "", None
            self._grants.clear()  # a grant ends with the process
        elif entry["type"] == "policy.load":
            self._in_force = entry["data"]["digest"]
        if entry["policy"] != self._in_force:
            self.fault("policy-other", number, "names another policy than the one in force")

    def _genesis(self, number: int, data: Entry) -> None:
        if data["origin"] != self.origin or data["key"] != self.key:
            self.fault("genesis", number, "the log began under another origin or key")

    def _boot(self, number: int, data: Entry) -> None:
        self._heartbeat_s = data["heartbeat_s"]
        if self._heartbeat_s > MOST_HEARTBEAT_S:
            self.fault("entry-data", number, "promises heartbeats so rare that they say nothing")
            self._heartbeat_s = 0
        previous = self._previous
        if previous is None:
            return
        was = {GENESIS: "first", "shutdown": "clean"}.get(previous["type"], "unclean")
        if data["previous"] != was:
            self.fault("boot-claim", number, f"says that the writer before ended {data['previous'][:20]!r}: {was}")
        self.unclean += was == "unclean"

    def _shutdown(self, number: int, data: Entry) -> None:
        if data["reason"] not in REASONS:
            self.fault("entry-data", number, "gives a reason that is not known")

    def _load(self, number: int, data: Entry) -> None:
        """Versions rise, and one version is one text; as many distinct keys signed as are needed."""
        version = data["version"]
        if version:
            if version < self._version:
                self.fault("policy-lowered", number, f"version {version} after version {self._version}")
            elif version == self._version and data["digest"] != self._digest:
                self.fault("policy-changed", number, f"version {version} has another text than before")
            else:
                self._version, self._digest = version, data["digest"]
        if len(set(data["signers"])) < data["needed"]:
            self.fault("policy-unsigned", number, f"{data['needed']} keys are needed on the policy")
        self._policy = data

    def _activate(self, number: int, data: Entry) -> None:
        """Once, under the policy in force, by enough keys, within its time, which is bounded."""
        if data["nonce"] in self._nonces or data["authorisation"] in self._ids:
            self.fault("nonce-replayed", number, "the authorisation was used before")
        self._nonces.add(data["nonce"])
        self._ids.add(data["authorisation"])
        if self._policy is None or data["policy"] != self._policy["digest"]:
            self.fault("authorisation-policy", number, "the authorisation is for another policy")
        needed = max(1, self._policy["authorisation"]) if self._policy else 1
        if not data["captures"]:
            needed = max(needed, LEAST_SIGNERS)
        if len(set(data["signers"])) < needed:
            self.fault("authorisation-signers", number, f"{needed} keys are needed on the authorisation")
        if not (data["networks"] or data["mail_domains"] or data["captures"]):
            self.fault("authorisation-scope", number, "the authorisation has no scope")
        begins, ends = _time(data["not_before"]), _time(data["not_after"])
        if begins is None or ends is None or ends <= begins or ends - begins > LONGEST:
            self.fault("authorisation-time", number, "the authorisation has no time, or one longer than 14 days")
            return
        now = datetime.fromisoformat(self._now)
        if not begins <= now < ends:
            self.fault("authorisation-expired", number, "the authorisation was not in force when it was activated")
        kinds = [frozenset(data[name]) for name in ("networks", "mail_domains", "captures") if data[name]]
        self._grants[data["authorisation"]] = Granted(data, begins, ends, 0, kinds, frozenset[str]().union(*kinds))

    def _store(self, number: int, data: Entry) -> None:
        """Under an authorisation in force, within its time, scope and caps."""
        grant = self._grants.get(data["authorisation"])
        if grant is None:
            self.fault("store-unauthorised", number, "no authorisation was in force")
            return
        if not grant.begins <= datetime.fromisoformat(self._now) < grant.ends:
            self.fault("store-expired", number, "the authorisation's time was over")
        allowed, scope = grant.data, data["scope"]
        if not grant.whole.issuperset(scope) or [1 for values in grant.kinds if values.isdisjoint(scope)]:
            self.fault("store-scope", number, "the object is not in the scope of its authorisation")
        if data["protocol"] not in allowed["protocols"] or data["artefact"] not in allowed["artefacts"]:
            self.fault("store-scope", number, "the object is of a kind that was not authorised")
        grant.octets += data["octets"]
        if grant.octets > allowed["max_octets"]:
            self.fault("store-caps", number, "more octets were stored than were authorised")

    def _end(self, number: int, data: Entry) -> None:
        """Hold the account of an authorisation to what was stored, and to its caps."""
        grant = self._grants.pop(data["authorisation"], None)
        if grant is None:
            self.fault("authorisation-unknown", number, "an authorisation ends that was not in force")
        elif data["octets"] < grant.octets or data["octets"] > grant.data["max_octets"]:
            self.fault("authorisation-account", number, "the octets told are not those stored, or too many")
        elif data["messages"] > grant.data["max_messages"]:
            self.fault("authorisation-account", number, "more messages were kept than were authorised")

    def _commit(self, number: int, data: Entry) -> None:
        if self._policy is None:
            self.fault("output-unruled", number, "records were written under no policy")
        if not _DIGEST.fullmatch(data["digest"]):
            self.fault("entry-data", number, "has a digest that is none")

    _ACTS: ClassVar[dict[str, Callable[["Story", int, Entry], None]]] = {
        GENESIS: _genesis,
        "boot": _boot,
        "shutdown": _shutdown,
        "policy.load": _load,
        "authorisation.activate": _activate,
        "content.store": _store,
        "output.commit": _commit,
        **dict.fromkeys(ENDS, _end),
    }


def _time(text: str) -> datetime | None:
    """Read a time of an authorisation, which has its zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


#: Told in sums by a report.
UNTOLD = ("heartbeat", "content.store", "tally")

__all__ = ["Story"]

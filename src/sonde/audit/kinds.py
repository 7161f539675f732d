"""Every type of entry, and what its data says. The list is closed: no other is written, and none accepted.

docs/audit.md explains each; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

TEXT, COUNT, TEXTS = "text", "count", "texts"


@dataclass(frozen=True)
class Kind:
    """Keys that an entry's data must have, and may have besides, each with what it holds."""

    needed: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    meaning: str = ""

    def fault(self, data: Mapping[str, object]) -> str | None:
        """Say what is wrong with data, or None."""
        names, types, counts, lists = self._usual
        if list(data) != names or list(map(type, data.values())) != types:
            return self._unusual(data)
        for name in counts:
            if not 0 <= data[name] <= MOST_COUNT:  # type: ignore[operator]
                return f"has a {name} that is no count"
        for name in lists:
            if any(type(each) is not str for each in data[name]):  # type: ignore[attr-defined]
                return f"has a {name} that is no list of texts"
        return None

    @cached_property
    def _usual(self) -> tuple[list[str], list[type], list[str], list[str]]:
        """Give the names in the order of canonical data without optional ones, their types, counts and lists."""
        names = sorted(self.needed)
        of = {kind: [name for name in names if self.needed[name] == kind] for kind in PYTHON}
        return names, [PYTHON[self.needed[name]] for name in names], of[COUNT], of[TEXTS]

    def _unusual(self, data: Mapping[str, object]) -> str | None:
        """Say what is wrong with data that may be in another order, or have optional keys."""
        for name in self.needed:
            if name not in data:
                return f"has no {name}"
        for name, value in data.items():
            holds = self.needed.get(name) or self.optional.get(name)
            if holds is None:
                return f"knows no {name[:40]}"
            if type(value) is not PYTHON[holds]:
                return f"has a {name} that is no {holds}"
            if holds == COUNT and not 0 <= value <= MOST_COUNT:  # type: ignore[operator]
                return f"has a {name} that is no count"
            if holds == TEXTS and any(type(each) is not str for each in value):  # type: ignore[attr-defined]
                return f"has a {name} that is no list of texts"
        return None


PYTHON: Mapping[str, type] = {TEXT: str, COUNT: int, TEXTS: list}
MOST_COUNT = (1 << 63) - 1
MOST_HEARTBEAT_S = 86_400
_ACCOUNT = {"authorisation": TEXT, "reason": TEXT, "messages": COUNT, "octets": COUNT, "refused": TEXTS}

KINDS: Mapping[str, Kind] = {
    "log.genesis": Kind({"origin": TEXT, "key": TEXT}, meaning="the log begins; its origin and its key"),
    "boot": Kind(
        {"version": TEXT, "previous": TEXT, "discarded": COUNT, "heartbeat_s": COUNT},
        meaning="a writer begins; how the last one ended (first, clean, unclean), entries found unfinished and "
        "discarded, and the longest time between entries (0: none promised)",
    ),
    "shutdown": Kind({"reason": TEXT}, meaning="a writer ends: done, failed, interrupted"),
    "policy.load": Kind(
        {"digest": TEXT, "name": TEXT, "version": COUNT, "needed": COUNT, "signers": TEXTS, "authorisation": COUNT},
        meaning="a policy is in force; keys needed on it, keys that signed, keys it asks for on an authorisation",
    ),
    "policy.refuse": Kind({"reason": TEXT}, {"digest": TEXT}, meaning="a policy was not accepted"),
    "authorisation.activate": Kind(
        {
            "authorisation": TEXT,
            "digest": TEXT,
            "nonce": TEXT,
            "policy": TEXT,
            "purpose": TEXT,
            "networks": TEXTS,
            "mail_domains": TEXTS,
            "captures": TEXTS,
            "protocols": TEXTS,
            "artefacts": TEXTS,
            "not_before": TEXT,
            "not_after": TEXT,
            "max_messages": COUNT,
            "max_octets": COUNT,
            "recipients": TEXTS,
            "signers": TEXTS,
        },
        meaning="an authorisation is in force, until it ends or this writer does",
    ),
    "authorisation.refuse": Kind(
        {"reason": TEXT}, {"authorisation": TEXT, "digest": TEXT}, meaning="one was not accepted, or refused something"
    ),
    "authorisation.revoke": Kind(_ACCOUNT, meaning="one was ended by somebody; what was kept and refused under it"),
    "authorisation.expire": Kind(_ACCOUNT, meaning="the time of one is over; likewise"),
    "authorisation.close": Kind(_ACCOUNT, meaning="one ended otherwise; likewise"),
    "content.store": Kind(
        {
            "object": TEXT,
            "authorisation": TEXT,
            "protocol": TEXT,
            "artefact": TEXT,
            "octets": COUNT,
            "sealed": COUNT,
            "sha256": TEXT,
            "stored": TEXT,
            "scope": TEXTS,
        },
        meaning="an object is put into the vault; the SHA-256 is of the encrypted file",
    ),
    "output.commit": Kind(
        {"name": TEXT, "digest": TEXT, "files": COUNT, "octets": COUNT, "rows": COUNT},
        meaning="a dataset is about to appear; the digest over all of its files",
    ),
    "tally": Kind(
        {"frames": COUNT, "recorded": COUNT, "out_of_scope": COUNT, "dropped": TEXTS, "bounds": TEXTS, "faults": COUNT},
        meaning="what was seen, recorded and lost since the last tally, by reason",
    ),
    "key.rotate": Kind({"key": TEXT, "epoch_start_ns": COUNT}, meaning="a key of pseudonyms was made"),
    "key.destroy": Kind({"key": TEXT, "epoch_start_ns": COUNT}, meaning="a key of pseudonyms was destroyed"),
    "retention.delete": Kind(
        {"dataset": TEXT, "octets": COUNT, "since_ns": COUNT}, meaning="a dataset's time is over; it is being deleted"
    ),
    "heartbeat": Kind({}, meaning="nothing happened, and the probe was there"),
    "clock.jump": Kind(
        {}, {"authorisation": TEXT, "back_ms": COUNT}, meaning="the clock went back; by how much, or what it ended"
    ),
    "selftest": Kind(
        {"policies": TEXTS, "canaries": COUNT, "outputs": COUNT, "milliseconds": COUNT, "failures": TEXTS},
        meaning="canaries were searched for in all outputs",
    ),
    "degraded": Kind({"what": TEXT, "reason": TEXT}, meaning="something does not work as it should"),
}

__all__ = ["COUNT", "KINDS", "MOST_COUNT", "MOST_HEARTBEAT_S", "TEXT", "TEXTS", "Kind"]

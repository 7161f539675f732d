"""Every type of entry, and what its data says. The list is closed: no other is written, and none accepted.

docs/audit.md explains each; a test holds the two together.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

TEXT, COUNT, TEXTS = "text", "count", "texts"


class Kind(NamedTuple):
    """Keys that an entry's data must have, and may have besides, each with what it holds."""

    needed: Mapping[str, str]
    optional: Mapping[str, str] = MappingProxyType({})
    meaning: str = ""

    def fault(self, data: Mapping[str, object]) -> str | None:
        """Say what is wrong with data, or None."""
        needed, optional = self.needed, self.optional
        for name in needed:
            if name not in data:
                return f"has no {name}"
        for name, value in data.items():
            holds = needed.get(name) or optional.get(name)
            if holds is None:
                return f"knows no {name}"
            kind = type(value)
            if holds == COUNT:
                right = kind is int and 0 <= value <= MOST_COUNT  # type: ignore[operator]
            elif holds == TEXT:
                right = kind is str
            else:
                right = kind is list and all(type(each) is str for each in value)  # type: ignore[attr-defined]
            if not right:
                return f"has a {name} that is no {holds}"
        return None


MOST_COUNT = (1 << 63) - 1
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

__all__ = ["COUNT", "KINDS", "MOST_COUNT", "TEXT", "TEXTS", "Kind"]

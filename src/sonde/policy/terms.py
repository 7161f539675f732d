"""What a policy says: classes, fields, networks, terms of keeping; and the policies built in.

    policy = BUILT_IN["default"]
    policy.technique("http", "username", field)    # "pseudonymise"

`document.py` reads a policy from a file; this module knows nothing of files.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network

from sonde.policy.error import PolicyError
from sonde.schema import Field, Privacy

KEEP, DROP, TRUNCATE, PSEUDONYMISE, PREFIX = "keep", "drop", "truncate", "pseudonymise", "prefix-preserving"
#: Techniques (RFC 6235) from the loosest to the strictest; those of one rank differ in kind.
RANK = {KEEP: 0, PREFIX: 1, TRUNCATE: 1, PSEUDONYMISE: 2, DROP: 3}
TECHNIQUES = tuple(RANK)

#: What no policy can lower (ACCOUNTABILITY §1): content needs an authorisation, secrets never pass.
FLOOR = {Privacy.CONTENT: DROP, Privacy.SECRET: DROP}

SECOND_NS = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * SECOND_NS, 86400 * SECOND_NS
PURPOSES = ("network-defence", "mail-abuse", "capacity", "research", "incident")
ROLES = ("clients", "servers")
ANY_TABLE = "*"


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the operator runs; traffic with no endpoint in any is not looked at."""

    cidr: IPv4Network | IPv6Network
    role: str


@dataclass(frozen=True, slots=True)
class Truncation:
    """How much is left of what is truncated: prefix lengths in bits, times in ns (0: times are kept whole)."""

    ipv4: int = 24
    ipv6: int = 48
    times_ns: int = 0


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """How long a key of pseudonyms serves, and is kept after; an epoch of 0 is the run, its key kept nowhere."""

    epoch_ns: int = 0
    keep_keys_ns: int = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long datasets and stored content may be kept, in ns; 0: the policy does not say."""

    records_ns: int = 0
    content_ns: int = 0


@dataclass(frozen=True, slots=True)
class Signatures:
    """Distinct keys needed on the policy file, and on each authorisation."""

    policy: int = 0
    authorisation: int = 2


@dataclass(frozen=True, slots=True)
class Audit:
    """The folder of the audit log, as written, and the longest time between its heartbeats in ns."""

    log: str = ""
    heartbeat_ns: int = 10 * 60 * SECOND_NS


@dataclass(frozen=True)
class Policy:
    """What may be known, for how long, and who said so."""

    name: str
    techniques: Mapping[Privacy, str]
    notice: str = ""
    #: By "table.column", or "*.column" for that column of every table; stricter than the class.
    fields: Mapping[str, str] = field(default_factory=dict)
    #: Tables that are not made at all.
    dropped_tables: frozenset[str] = frozenset()
    version: int = 0
    operator: str = ""
    contact: str = ""
    purpose: str = ""
    valid_until: datetime | None = None
    networks: tuple[Network, ...] = ()
    mail_domains: tuple[str, ...] = ()
    truncation: Truncation = Truncation()
    pseudonym: Pseudonym = Pseudonym()
    retention: Retention = Retention()
    signatures: Signatures = Signatures()
    audit: Audit = Audit()
    #: Fingerprints of the distinct keys whose signatures on the file were verified.
    signed_by: tuple[str, ...] = ()
    #: The exact octets of the file, over which signatures are made; empty for a built-in policy.
    octets: bytes = field(default=b"", repr=False)

    @property
    def is_built_in(self) -> bool:
        """Say whether it came with the program and not from a file."""
        return not self.octets

    @property
    def canonical_text(self) -> str:
        """Spell the terms of a built-in policy, always alike."""
        terms = [f"{privacy.name} {self.of_class(privacy)}" for privacy in Privacy]
        cut = self.truncation
        return "\n".join(
            [self.name, *terms, f"ipv4 {cut.ipv4}", f"ipv6 {cut.ipv6}", f"times {cut.times_ns} ns", ""],
        )

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal: of the file's octets, or of a built-in policy's canonical text."""
        return hashlib.sha256(self.octets or self.canonical_text.encode()).hexdigest()

    def of_class(self, privacy: Privacy) -> str:
        """Give the technique applied to a class; the floor wins over what is written."""
        if privacy in FLOOR:
            return FLOOR[privacy]
        return self._known(self.techniques.get(privacy, DROP), privacy.name)

    def technique(self, table: str, column: str, declared: Field) -> str:
        """Give the technique applied to a field: the strictest of its floor, its class and what names it."""
        if table in self.dropped_tables:
            return DROP
        strictest = self.of_class(declared.privacy)
        for name in (f"{ANY_TABLE}.{column}", f"{table}.{column}"):
            if name in self.fields:
                chosen = self._known(self.fields[name], name)
                strictest = chosen if RANK[chosen] >= RANK[strictest] else strictest
        return strictest

    def _known(self, technique: str, place: str) -> str:
        if technique not in RANK:
            raise PolicyError(f"policy {self.name}: unknown technique {technique!r} for {place}")
        return technique


BUILT_IN = {
    "default": Policy("default", {Privacy.PROTOCOL: KEEP, Privacy.ENDPOINT: KEEP, Privacy.PERSON: PSEUDONYMISE}),
    "clear": Policy(
        "clear",
        {Privacy.PROTOCOL: KEEP, Privacy.ENDPOINT: KEEP, Privacy.PERSON: KEEP},
        notice="Policy `clear` keeps fields that name or describe persons.",
    ),
    # Pseudonyms and not Crypto-PAn: a prefix that is kept lets who can send a packet find its neighbours.
    "strict": Policy(
        "strict",
        {Privacy.PROTOCOL: KEEP, Privacy.ENDPOINT: PSEUDONYMISE, Privacy.PERSON: PSEUDONYMISE},
        truncation=Truncation(times_ns=SECOND_NS),
    ),
}

__all__ = [
    "ANY_TABLE",
    "BUILT_IN",
    "DAY_NS",
    "DROP",
    "FLOOR",
    "HOUR_NS",
    "KEEP",
    "PREFIX",
    "PSEUDONYMISE",
    "PURPOSES",
    "RANK",
    "ROLES",
    "SECOND_NS",
    "TECHNIQUES",
    "TRUNCATE",
    "Audit",
    "Network",
    "Policy",
    "Pseudonym",
    "Retention",
    "Signatures",
    "Truncation",
]

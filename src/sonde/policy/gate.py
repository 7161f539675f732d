"""The egress gate: the only way from columns to records.

    gate = Gate(load_policy("default"))
    batch = gate.permit("http", columns, classes)     # Permitted: what sinks accept

Every column needs a privacy class; what has none, or a class that the policy does not
keep, does not pass. The gate fails closed: an unknown technique or class is an error.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from sonde.policy.error import PolicyError
from sonde.schema import Privacy
from sonde.table.arrow import lists_like, texts_column
from sonde.table.permitted import Permitted, take_seal

KEEP, DROP, PSEUDONYMISE = "keep", "drop", "pseudonymise"
TECHNIQUES = (KEEP, DROP, PSEUDONYMISE)
PSEUDONYM_OCTETS = 16  # 128 bits

#: What no policy can lower (ACCOUNTABILITY §1): content needs an authorisation, secrets never pass.
FLOOR = {Privacy.CONTENT: DROP, Privacy.SECRET: DROP}


@dataclass(frozen=True)
class Policy:
    """What may be known: a technique for each privacy class."""

    name: str
    techniques: Mapping[Privacy, str]
    notice: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's terms, for the manifest."""
        terms = "\n".join(f"{privacy.name} {self.technique(privacy)}" for privacy in Privacy)
        return hashlib.sha256(f"{self.name}\n{terms}\n".encode()).hexdigest()

    def technique(self, privacy: Privacy) -> str:
        """Give the technique applied to a class; the floor wins over what is written."""
        if privacy in FLOOR:
            return FLOOR[privacy]
        chosen = self.techniques.get(privacy, DROP)
        if chosen not in TECHNIQUES:
            raise PolicyError(f"policy {self.name}: unknown technique {chosen!r} for {privacy.name}")
        return chosen


BUILT_IN = {
    "default": Policy("default", {Privacy.PROTOCOL: KEEP, Privacy.ENDPOINT: KEEP, Privacy.PERSON: PSEUDONYMISE}),
    "clear": Policy(
        "clear",
        {Privacy.PROTOCOL: KEEP, Privacy.ENDPOINT: KEEP, Privacy.PERSON: KEEP},
        notice="Policy `clear` keeps fields that name or describe persons.",
    ),
}


def load_policy(name: str) -> Policy:
    """Give a built-in policy; PolicyError with a sentence for the user otherwise."""
    if name not in BUILT_IN:
        known = " and ".join(sorted(BUILT_IN))
        raise PolicyError(f"There is no policy {name!r}; the built-in ones are {known}.")
    return BUILT_IN[name]


_SEAL = take_seal()


@dataclass
class Gate:
    """Applies one policy to columns; holds the key of this run's pseudonyms, nowhere else kept."""

    policy: Policy
    key: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    applied: dict[str, dict[str, str]] = field(default_factory=dict)

    def keeps(self, privacy: Privacy) -> bool:
        """Say whether a class leaves the parser in any form."""
        return self.policy.technique(privacy) != DROP

    def permit(self, table: str, columns: Mapping[str, pa.Array], classes: Mapping[str, Privacy]) -> Permitted:
        """Apply the policy to columns; PolicyError for one without a class."""
        kept: dict[str, pa.Array] = {}
        techniques = self.applied.setdefault(table, {})
        for name, column in columns.items():
            privacy = classes.get(name)
            if not isinstance(privacy, Privacy):
                raise PolicyError(f"{table}.{name} has no privacy class and cannot be emitted")
            technique = self.policy.technique(privacy)
            techniques[name] = technique
            if technique == KEEP:
                kept[name] = column
            elif technique == PSEUDONYMISE:
                kept[name] = self.pseudonymise(f"{table}.{name}", column)
        return Permitted(table, pa.RecordBatch.from_pydict(kept), seal=_SEAL)

    def pseudonymise(self, place: str, column: pa.Array) -> pa.Array:
        """Replace values by HMAC-SHA-256 of field and value; equal values stay equal."""
        if pa.types.is_list(column.type):
            inner = self.pseudonymise(place, column.values)
            return lists_like(column, inner)
        if pa.types.is_boolean(column.type):
            return pa.nulls(len(column), pa.bool_())
        if pa.types.is_binary(column.type):
            column = texts_column([None if value is None else value.hex() for value in column.to_pylist()])
        encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column.cast(pa.string()))
        names = [self.pseudonym(place, value) for value in encoded.dictionary.to_pylist()]
        return pa.DictionaryArray.from_arrays(encoded.indices, texts_column(names)).cast(pa.string())

    def pseudonym(self, place: str, value: str | None) -> str | None:
        """Give the pseudonym of one value; a mail address keeps its domain."""
        if value is None:
            return None
        digest = hmac.digest(self.key, f"{place}\0{value}".encode(), "sha256")
        text = "p:" + digest[:PSEUDONYM_OCTETS].hex()
        local, at, domain = value.rpartition("@")
        if at and local and "." in domain and " " not in value and "/" not in domain and len(domain) < 254:
            return f"{text}@{domain}"
        return text

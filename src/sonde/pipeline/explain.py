"""What a policy lets be seen, table by table and field by field, and why: for people who answer for it.

    for table in explain(policy):
        table.name, table.fields[0].technique, table.fields[0].why

It asks the same function that the gate asks (`policy.applied`), so it cannot tell otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from sonde.pipeline.plan import all_records, table_columns
from sonde.policy import Policy, applied
from sonde.policy.terms import ANY_TABLE, DROP, FLOOR, KEEP, PREFIX, PSEUDONYMISE, SECOND_NS, TRUNCATE
from sonde.policy.values import spelled
from sonde.schema import Field, Privacy

CLASSES = {
    Privacy.PROTOCOL: "says nothing of a person",
    Privacy.ENDPOINT: "names a machine or a service",
    Privacy.PERSON: "names or describes what a person does",
    Privacy.CONTENT: "is what was said or sent",
    Privacy.SECRET: "lets someone act as another",
}


@dataclass(frozen=True)
class FieldExplained:
    """One field: what it is, what happens to it, what is seen of it, and why."""

    name: str
    meaning: str
    privacy: str
    technique: str
    seen: str
    why: str


@dataclass(frozen=True)
class TableExplained:
    """One table; it is dropped as a whole where it is not made at all."""

    name: str
    meaning: str
    is_dropped: bool
    fields: list[FieldExplained]


def explain(policy: Policy) -> Iterator[TableExplained]:
    """Go through all tables."""
    for table, record in all_records().items():
        fields = []
        for name, (kind, declared) in table_columns(table).items():
            technique = applied(policy, table, name, declared, kind)
            fields.append(
                FieldExplained(
                    name,
                    declared.doc,
                    declared.privacy.name,
                    technique,
                    seen_of(policy, technique, declared),
                    _why(policy, table, name, declared),
                )
            )
        meaning = (record.__doc__ or "").splitlines()[0]
        yield TableExplained(table, meaning, table in policy.dropped_tables, fields)


def seen_of(policy: Policy, technique: str, declared: Field) -> str:
    """Say in words what is left of a field."""
    cut = policy.truncation
    if technique == TRUNCATE:
        bits = f"the first {cut.ipv4} bits of an IPv4 and {cut.ipv6} bits of an IPv6 address"
        return {
            "address": f"only {bits}",
            "host": f"only the registered domain (example.org of www.example.org), or {bits}",
            "mail": "only the domain of the mail address",
            "mac": "only who made the network card",
            "time": f"the time, to {spelled(cut.times_ns or SECOND_NS)}",
        }[declared.shape]
    if technique == PREFIX:
        return "another address; those of one network stay together"
    if technique == PSEUDONYMISE:
        lasts = f"{spelled(policy.pseudonym.epoch_ns)}" if policy.pseudonym.epoch_ns else "this run"
        keeps = policy.of_class(Privacy.ENDPOINT) == KEEP
        return f"a pseudonym that stays the same for {lasts}" + (", a mail address with its domain" if keeps else "")
    return {KEEP: "as it was", DROP: "nothing"}[technique]


def _why(policy: Policy, table: str, column: str, declared: Field) -> str:
    if table in policy.dropped_tables:
        return f"[tables] drops {table}"
    if declared.privacy in FLOOR:
        return f"it {CLASSES[declared.privacy]}, and no policy can keep that"
    for name in (f"{table}.{column}", f"{ANY_TABLE}.{column}"):
        if name in policy.fields:
            return f'[fields] says so of "{name}"'
    if declared.shape == "time" and policy.truncation.times_ns:
        return f"times are cut to {spelled(policy.truncation.times_ns)}"
    return f"it {CLASSES[declared.privacy]}"


def terms_in_words(policy: Policy) -> Iterator[str]:
    """Say what else a policy lays down, a sentence each."""
    if policy.is_built_in:
        yield f"The policy {policy.name!r} is built in; it is for reading captures that one holds."
    else:
        by = f"{policy.operator} ({policy.contact})"
        yield f"Version {policy.version} of {policy.name}, by {by}, for {policy.purpose}."
    if policy.valid_until:
        yield f"It is valid until {policy.valid_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC and refused after."
    if policy.networks:
        networks = ", ".join(f"{each.cidr} ({each.role})" for each in policy.networks)
        yield f"Only traffic with an endpoint in {networks} is looked at; all other is counted and passed over."
    else:
        yield "It declares no networks: all traffic of a capture is looked at."
    if policy.mail_domains:
        yield f"Content could be authorised for the mail domains {', '.join(policy.mail_domains)}, and for no other."
    if policy.pseudonym.epoch_ns:
        epoch, kept = spelled(policy.pseudonym.epoch_ns), spelled(policy.pseudonym.keep_keys_ns)
        yield f"Pseudonyms change every {epoch}; the key that links them is destroyed {kept} later."
    else:
        yield "Pseudonyms are of one run; their key is kept nowhere."
    if policy.retention.records_ns:
        yield f"Records are deleted after {spelled(policy.retention.records_ns)} (`sonde retention`)."
    if not policy.is_built_in:
        yield f"It needs {policy.signatures.policy} signatures; content would need {policy.signatures.authorisation}."
    if policy.notice:
        yield policy.notice
    yield "Passwords, cookies, tokens and keys are never recorded, under any policy; only that one was there."
    yield "Who was with whom, when, and how much may still tell of persons: none of this is anonymous."


__all__ = ["CLASSES", "FieldExplained", "TableExplained", "explain", "seen_of", "terms_in_words"]

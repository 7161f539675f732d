"""Values of a policy file: each reader gives what it means, or a ValueError that says the mend.

The text of the error follows the name of the key: `network.0.cidr is no network; ...`.
Every bound has its name here.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from sonde.policy.domains import is_public_suffix, spelled_domain
from sonde.policy.terms import DAY_NS, HOUR_NS, PREFIX, PURPOSES, ROLES, SECOND_NS, TRUNCATE

MINUTE_NS = 60 * SECOND_NS
UNITS_NS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")

MOST_NETWORKS, MOST_DOMAINS = 256, 256
NARROWEST_CLIENTS = {4: 24, 6: 56}  # ACCOUNTABILITY §2: one host is one person
WIDEST = {4: 8, 6: 16}  # nobody runs more, and the whole Internet is no network of one's own
UNIQUE_LOCAL = ip_network("fc00::/7")  # RFC 4193; all of it may be declared
#: IPv6 in which IPv4 addresses are spelled (RFC 4291 §2.5.5, 6052, 3056, 4380): each has one spelling, or a
#: client's address could be declared once more in another role.
SPELLS_IPV4 = tuple(ip_network(each) for each in ("::/8", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
TOP_LEVEL_OF_PERSONS = ".name"  # delegated for individuals alone (ICANN, .name Agreement, Appendix 11)
LONGEST_LINE = 200  # characters of a text
MOST_SIGNERS = 16
EPOCH_NS, SHORTEST_EPOCH_NS, LONGEST_EPOCH_NS = 24 * HOUR_NS, 10 * MINUTE_NS, 31 * DAY_NS
KEEP_KEYS_NS, LONGEST_KEEP_KEYS_NS = 48 * HOUR_NS, 90 * DAY_NS
LONGEST_RECORDS_NS, LONGEST_CONTENT_NS = 3660 * DAY_NS, 14 * DAY_NS
HEARTBEAT_NS, SHORTEST_HEARTBEAT_NS, LONGEST_HEARTBEAT_NS = 10 * MINUTE_NS, MINUTE_NS, HOUR_NS
IPV4_BITS, IPV6_BITS = (8, 24), (16, 56)  # what a truncated address may keep

EXAMPLES = {
    "schema": "write schema = 1.",
    "version": "write version = 1 and raise it with each change.",
    "operator": 'write operator = "Example University".',
    "contact": 'write contact = "abuse@example.org".',
    "purpose": f"write purpose as one of {', '.join(PURPOSES)}.",
    "valid_until": "write valid_until = 2027-06-30T00:00:00Z.",
    "classes": 'write [classes] with ENDPOINT = "keep" and PERSON = "pseudonymise" below it.',
    "ENDPOINT": 'write ENDPOINT = "keep".',
    "PERSON": 'write PERSON = "pseudonymise".',
    "network": 'write cidr = "10.20.0.0/16" and role = "clients".',
    "mail_domain": 'write name = "example.org".',
}
WHY_FLOOR = {
    "CONTENT": "what was said or sent is dropped unless an authorisation in force covers it.",
    "SECRET": "what lets someone act as another never leaves the parser.",
}
#: What each technique that shortens can shorten, by shape of the field.
SHORTENED = {TRUNCATE: ("address", "host", "mail", "mac", "time"), PREFIX: ("address", "host")}
WHAT_SHORTENS = {
    TRUNCATE: "addresses, host names, mail addresses, hardware addresses and times can; use 'pseudonymise' or 'drop'.",
    PREFIX: "only addresses and host names, which may be addresses, can; use 'pseudonymise' or 'drop'.",
}


def text(value: object) -> str:
    """Read text."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes.")  # noqa: TRY004 - one kind of error for all that a user wrote
    return value


def line(value: object) -> str:
    """Read a line of text that can be printed."""
    found = text(value).strip()
    if not found or len(found) > LONGEST_LINE or not found.isprintable():
        raise ValueError(f"must be one line of 1 to {LONGEST_LINE} printable characters.")
    return found


def whole(value: object, least: int, most: int) -> int:
    """Read a whole number between two bounds, both allowed."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}, not {value!r}.")
    return value


def version(value: object) -> int:
    """Read a version."""
    return whole(value, 1, (1 << 31) - 1)


def signers(value: object) -> int:
    """Read how many keys must sign the policy; 0 is for reading captures only."""
    return whole(value, 0, MOST_SIGNERS)


def authorisers(value: object) -> int:
    """Read how many keys must sign each authorisation."""
    return whole(value, 1, MOST_SIGNERS)


def ipv4_bits(value: object) -> int:
    """Read how many bits of an IPv4 address are left."""
    return whole(value, *IPV4_BITS)


def ipv6_bits(value: object) -> int:
    """Read how many bits of an IPv6 address are left."""
    return whole(value, *IPV6_BITS)


def purpose(value: object) -> str:
    """Read a purpose, one of a closed list."""
    return _one_of(value, PURPOSES)


def role(value: object) -> str:
    """Read the role of a network."""
    return _one_of(value, ROLES)


def _one_of(value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"is {value!r}; write one of {', '.join(known)}.")
    return str(value)


def instant(value: object) -> datetime:
    """Read a date and time with its zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a date, a time and a zone, without quotes: 2027-06-30T00:00:00Z.")
    return value.astimezone(UTC)


def duration(value: object, least_ns: int, most_ns: int) -> int:
    """Read a length of time such as 90s, 10m, 24h, 30d; in ns."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'is {value!r}; write a number and s, m, h or d in quotes, such as "24h".')
    length = int(found[1]) * UNITS_NS[found[2]]
    if not least_ns <= length <= most_ns:
        raise ValueError(f"is {value!r}; it must be from {spelled(least_ns)} to {spelled(most_ns)}.")
    return length


def spelled(length_ns: int) -> str:
    """Spell a length of time in the largest unit that it fills."""
    for unit in ("d", "h", "m"):
        if length_ns and length_ns % UNITS_NS[unit] == 0 and (unit != "d" or length_ns > 2 * DAY_NS):
            return f"{length_ns // UNITS_NS[unit]}{unit}"
    return f"{length_ns // SECOND_NS}s"


def precision(value: object) -> int:
    """Read to what times are cut."""
    return duration(value, SECOND_NS, DAY_NS)


def epoch(value: object) -> int:
    """Read for how long one key of pseudonyms serves."""
    return duration(value, SHORTEST_EPOCH_NS, LONGEST_EPOCH_NS)


def keep_keys(value: object) -> int:
    """Read how long a key is kept after its epoch."""
    return duration(value, 0, LONGEST_KEEP_KEYS_NS)


def keep_records(value: object) -> int:
    """Read how long datasets are kept."""
    return duration(value, HOUR_NS, LONGEST_RECORDS_NS)


def keep_content(value: object) -> int:
    """Read how long stored content is kept."""
    return duration(value, HOUR_NS, LONGEST_CONTENT_NS)


def heartbeat(value: object) -> int:
    """Read the longest time between heartbeats of the audit log."""
    return duration(value, SHORTEST_HEARTBEAT_NS, LONGEST_HEARTBEAT_NS)


def network_of(role_of_it: str) -> Callable[[object], IPv4Network | IPv6Network]:
    """Give the reader of a network in a role."""

    def network(value: object) -> IPv4Network | IPv6Network:
        try:
            loose = ip_network(text(value), strict=False)
        except ValueError:
            raise ValueError(f'is {value!r}, which is no network; write one such as "10.20.0.0/16".') from None
        if "/" not in text(value):
            raise ValueError(f'is {value!r}; write its length too, such as "{loose.supernet(new_prefix=24)}".')
        try:
            found = ip_network(text(value))
        except ValueError:
            raise ValueError(f'is {value!r}, which has bits behind its length; write "{loose}".') from None
        narrowest, widest = NARROWEST_CLIENTS[found.version], WIDEST[found.version]
        if role_of_it == "clients" and found.prefixlen > narrowest:
            mend = found.supernet(new_prefix=narrowest)
            raise ValueError(f'is narrower than /{narrowest}, and one host is one person; write "{mend}" or wider.')
        if found.prefixlen < widest and found != UNIQUE_LOCAL:
            raise ValueError(f"is wider than /{widest}; declare the networks that you run, one by one.")
        if found.version == 6 and any(found.overlaps(each) for each in SPELLS_IPV4):
            raise ValueError(f"is {value!r}, where IPv4 addresses are spelled as IPv6; write networks of IPv4 as such.")
        return found

    return network


def mail_domain(value: object) -> str:
    """Read a mail domain of one's own, in lower case; a public suffix is nobody's own."""
    found = spelled_domain(text(value))
    if not found or "." not in found:
        raise ValueError(f'is {value!r}, which is no domain; write one such as "example.org".')
    if is_public_suffix(found):
        raise ValueError(f"is {value!r}, under which anybody registers names; write your own domain.")
    from sonde.policy.persons import what_names_a_person  # noqa: PLC0415 - its patterns take 8 ms of each start

    if (kind := what_names_a_person(found)) or found.endswith(TOP_LEVEL_OF_PERSONS):
        raise ValueError(f"has {kind or 'the name of a person'}; write the domain of an organisation.")
    return found

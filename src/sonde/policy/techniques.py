"""What a policy does to a column: keep, drop, truncate, pseudonymise, prefix-preserving (RFC 6235 §4).

    technique = applied(policy, "dns", "query", declared, kind)
    column = transform(technique, Task("dns.query", declared, policy), column, key)

Each distinct value is treated once. A value that is not what its field holds, a word where an
address is expected, is not kept for that: it gets a pseudonym.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from sonde.policy.domains import registrable
from sonde.policy.keys import Key
from sonde.policy.pseudonyms import pseudonyms
from sonde.policy.terms import DROP, KEEP, PREFIX, PSEUDONYMISE, SECOND_NS, TRUNCATE, Policy, Truncation
from sonde.policy.values import SHORTENED
from sonde.schema import ENDPOINT, NO_TIME, Field
from sonde.table.arrow import hex_column, lists_like, plain, texts_column, times
from sonde.table.late import pa
from sonde.table.texts import distinct, repeated

OUI_LENGTH = 8  # characters of a hardware address that name its maker (RFC 6235 §4.2)
SAMPLE, MOSTLY = 1000, 0.9  # values that are looked at, and the share of distinct ones among them
Texts = Sequence[str]


class Task(NamedTuple):
    """One field under one policy."""

    place: str  # "table.column"
    declared: Field
    policy: Policy


def applied(policy: Policy, table: str, column: str, declared: Field, kind: pa.DataType) -> str:
    """Give the technique applied to a column, all told: what its class cannot do to it is a pseudonym."""
    technique = policy.technique(table, column, declared)
    is_time = pa.types.is_timestamp(kind)
    if technique in SHORTENED and not is_time and declared.shape not in SHORTENED[technique]:
        return PSEUDONYMISE
    if is_time and technique in (PREFIX, PSEUDONYMISE):
        return DROP  # a time has no pseudonym
    if technique == KEEP and is_time and policy.truncation.times_ns:
        return TRUNCATE
    return technique


def type_after(technique: str, kind: pa.DataType) -> pa.DataType:
    """Give the type of a column after a technique."""
    if technique == KEEP or pa.types.is_timestamp(kind) or pa.types.is_boolean(kind):
        return kind
    return pa.list_(pa.string()) if pa.types.is_list(kind) else pa.string()


def transform(technique: str, task: Task, column: pa.Array, key: Key) -> pa.Array:
    """Apply a technique other than keep and drop to a column, under the key of its rows' epoch."""
    if pa.types.is_timestamp(column.type):
        return truncate_times(column, task.policy.truncation.times_ns or SECOND_NS)
    if pa.types.is_list(column.type):
        return lists_like(column, transform(technique, task, column.values, key))
    if pa.types.is_boolean(column.type):
        return pa.nulls(len(column), pa.bool_())  # a pseudonym of two values would tell both
    if pa.types.is_binary(column.type):
        column = hex_column(column)
    # Of a mail address the domain is a machine's name, and stays where those stay.
    keep_domain = task.policy.of_class(ENDPOINT) == KEEP
    if technique == PSEUDONYMISE and _is_mostly_distinct(column):
        return pseudonyms(column, task.place, key.states, keep_domain=keep_domain)
    if pa.types.is_dictionary(column.type):
        values, (codes, null) = column.dictionary, plain(column.indices)
        codes = np.where(null, -1, codes).astype(np.int64)
    else:
        column = column if pa.types.is_string(column.type) else column.cast(pa.string())
        codes, rows = distinct(column)
        values = repeated(column, rows)
    named = pseudonyms(values, task.place, key.states, keep_domain=keep_domain)
    if technique != PSEUDONYMISE:
        found = shorten(technique, task, values.to_pylist(), key)
        if any(each is None for each in found):
            stand_ins = named.to_pylist()
            found = [each if each is not None else stand_ins[row] for row, each in enumerate(found)]
        named = texts_column(found)
    return repeated(named, codes)


def _is_mostly_distinct(column: pa.Array) -> bool:
    """Say whether to look for equal values would cost more than to treat each, as far as the first ones tell."""
    if not pa.types.is_string(column.type) or column.null_count or len(column) < SAMPLE:
        return False
    return len(distinct(column[:SAMPLE])[1]) > SAMPLE * MOSTLY


def truncate_times(column: pa.Array, unit_ns: int) -> pa.Array:
    """Cut times to a whole unit since 1970; null stays null."""
    raw = column.buffers()[1]
    values = np.frombuffer(raw, np.int64)[column.offset : column.offset + len(column)]
    cut = values - values % unit_ns
    null = values == NO_TIME
    if column.null_count:
        null |= ~np.unpackbits(
            np.frombuffer(column.buffers()[0], np.uint8), count=column.offset + len(column), bitorder="little"
        )[column.offset :].astype(bool)
    return times(np.where(null, NO_TIME, cut), column.type)


def shorten(technique: str, task: Task, values: Texts, key: Key) -> list[str | None]:
    """Shorten distinct values by what their field holds; None for one that is not that."""
    shape = task.declared.shape
    if shape == "mac":
        return [value[:OUI_LENGTH] + ":00:00:00" if value.count(":") == 5 else None for value in values]
    if shape == "mail":
        return [registrable(value.rpartition("@")[2]) or None for value in values]
    hosts = [host_of(value) for value in values] if shape == "host" else values
    if technique == PREFIX:
        return map_addresses(hosts, key)
    cut = partial(truncate_address, terms=task.policy.truncation)
    if shape == "address":
        return [cut(value) for value in hosts]
    return [cut(value) or registrable(value) or None for value in hosts]


def host_of(value: str) -> str:
    """Leave the port of a host away, and the brackets of an address (RFC 3986 §3.2.2)."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    host, colon, port = value.partition(":")
    return host if colon and port.isdecimal() else value


def packed(value: str) -> bytes | None:
    """Give an address as 4 or 16 octets; None for what is none."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)
    except (OSError, ValueError):
        return None


def spelled(octets: bytes) -> str:
    """Spell an address (RFC 5952)."""
    return socket.inet_ntop(socket.AF_INET if len(octets) == 4 else socket.AF_INET6, octets)


def truncate_address(value: str, terms: Truncation) -> str | None:
    """Set the last bits of an address to zero; None for what is no address."""
    octets = packed(value)
    if octets is None:
        return None
    size = len(octets)
    cut = 8 * size - (terms.ipv4 if size == 4 else terms.ipv6)
    return spelled((int.from_bytes(octets, "big") >> cut << cut).to_bytes(size, "big"))


def map_addresses(values: Texts, key: Key) -> list[str | None]:
    """Map addresses by Crypto-PAn, all of one version at a time; None for what is no address."""
    found: list[str | None] = [None] * len(values)
    raw = [packed(value) for value in values]
    for size in (4, 16):
        places = [place for place, octets in enumerate(raw) if octets is not None and len(octets) == size]
        if places:
            joined = b"".join(octets for octets in raw if octets is not None and len(octets) == size)
            mapped = key.prefix.addresses(np.frombuffer(joined, np.uint8).reshape(-1, size)).tobytes()
            for number, place in enumerate(places):
                found[place] = spelled(mapped[number * size : (number + 1) * size])
    return found


__all__ = ["Task", "applied", "transform", "type_after"]

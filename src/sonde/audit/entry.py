"""One entry of the log: a JSON object in its one canonical spelling.

Keys sorted, no white space, no floating point, no null, UTF-8, 8 KiB at most; as RFC 8785 spells it,
but that integers go up to 2^63 - 1.

| key | |
|---|---|
| v | 1 |
| t | when, as 2026-06-01T12:00:00.000Z |
| type | one of `sonde.audit.kinds` |
| probe | name of the probe, the same in the whole log |
| boot | drawn by chance when a writer begins |
| n | 0, 1, 2 ... within a boot |
| code | SHA-256 over the installed package |
| policy | SHA-256 of the policy in force; empty before one is |
| actor | fingerprints of keys of those who caused it |
| data | what the type says |
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sonde.audit.error import AuditError
from sonde.audit.kinds import KINDS, MOST_COUNT
from sonde.audit.tiles import MOST_ENTRY_OCTETS

VERSION = 1
KEYS = {"actor", "boot", "code", "data", "n", "policy", "probe", "t", "type", "v"}
ALL_TEXT = [str] * 6
GENESIS = "log.genesis"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BOOT = re.compile(r"[0-9a-f]{32}")
_PROBE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_read = json.JSONDecoder().raw_decode


class EntryError(AuditError):
    """An entry that may not stand in a log; `fault` is its name in the list of faults."""

    def __init__(self, fault: str, text: str) -> None:
        """Refuse with a name and a sentence."""
        super().__init__(text)
        self.fault = fault


class Speller:
    """Spells the entries of one writer; what stays the same is spelled once."""

    def __init__(self, probe: str, boot: str, code: str) -> None:
        """Take what is the same in every entry of a boot."""
        if not is_probe(probe) or not _BOOT.fullmatch(boot) or not _DIGEST.fullmatch(code):
            raise EntryError("entry-fields", "has a key whose value cannot be")
        self._begin = f'"boot":"{boot}","code":"{code}","data":'
        self._probe = f'","probe":"{probe}","t":"'

    def spell(
        self, kind: str, data: Mapping[str, Any], now: str, number: int, *, policy: str, actor: list[str]
    ) -> bytes:
        """Spell an entry; EntryError where its type or its data are not declared so, or it is too long."""
        declared = KINDS.get(kind)
        if declared is None:
            raise EntryError("type-unknown", "has a type that is not known")
        fault = declared.fault(data)
        if fault is None and policy and not _DIGEST.fullmatch(policy):
            fault = "has a policy that is no digest"
        if fault is not None:
            raise EntryError("entry-data", fault)
        text = (
            f'{{"actor":{_encode(actor)},{self._begin}{_encode(data)},"n":{number},"policy":"{policy}{self._probe}'
            f'{now}","type":"{kind}","v":{VERSION}}}'
        )
        try:
            octets = text.encode()
        except UnicodeEncodeError:
            raise EntryError("entry-json", "has a text that is not Unicode") from None
        if len(octets) > MOST_ENTRY_OCTETS:
            raise EntryError("entry-size", f"has {len(octets):,} octets, which is more than {MOST_ENTRY_OCTETS:,}")
        return octets


def decode_entry(octets: bytes) -> dict[str, Any]:
    """Read an entry, strictly; EntryError with the first fault."""
    if len(octets) > MOST_ENTRY_OCTETS:
        raise EntryError("entry-size", f"has {len(octets):,} octets, which is more than {MOST_ENTRY_OCTETS:,}")
    try:
        text = octets.decode()
        entry, _ = _read(text)  # what follows is seen where the spelling is compared
    except (ValueError, RecursionError):
        raise EntryError("entry-json", "is no JSON") from None
    if type(entry) is not dict:
        raise EntryError("entry-json", "is no object")
    is_right = _has_fields(entry)
    try:
        # Most of an entry was checked to have one spelling; the whole is spelled only where that does not fit.
        if not (is_right and _spell_checked(entry) == text) and _encode(entry) != text:
            raise EntryError("entry-canonical", "is not spelled canonically (order, spaces, keys that come twice)")
    except (ValueError, RecursionError) as error:
        if isinstance(error, EntryError):
            raise
        raise EntryError("entry-canonical", "has values that have no canonical spelling") from None
    if not is_right:
        raise EntryError("entry-fields", "has not the keys of an entry, or one whose value cannot be")
    kind = KINDS.get(entry["type"])
    if kind is None:
        raise EntryError("type-unknown", f"has the type {entry['type'][:40]!r}, which is not known")
    fault = kind.fault(entry["data"])
    if fault is not None:
        raise EntryError("entry-data", f"of type {entry['type']} {fault}")
    return entry


def _has_fields(entry: Mapping[str, Any]) -> bool:
    """Say whether an entry has every key of one and no other, with values that can be."""
    if entry.keys() != KEYS:
        return False
    number, actor = entry["n"], entry["actor"]
    texts = (entry["boot"], entry["code"], entry["policy"], entry["probe"], entry["t"], entry["type"])
    return (
        type(entry["v"]) is int
        and entry["v"] == VERSION
        and type(number) is int
        and 0 <= number <= MOST_COUNT
        and list(map(type, texts)) == ALL_TEXT
        and type(actor) is list
        and (not actor or all(type(each) is str for each in actor))
        and type(entry["data"]) is dict
        and _is_whose(*texts[:4])
        and is_time(texts[4])
    )


def _spell_checked(entry: Mapping[str, Any]) -> str:
    """Spell an entry whose fields are right; a type that is not known may come out wrong."""
    actor = _encode(entry["actor"]) if entry["actor"] else "[]"
    return (
        f'{{"actor":{actor},"boot":"{entry["boot"]}","code":"{entry["code"]}","data":{_encode(entry["data"])},'
        f'"n":{entry["n"]},"policy":"{entry["policy"]}","probe":"{entry["probe"]}","t":"{entry["t"]}",'
        f'"type":"{entry["type"]}","v":{VERSION}}}'
    )


def is_probe(name: str) -> bool:
    """Say whether a probe can be named so."""
    return _PROBE.fullmatch(name) is not None


@lru_cache(64)
def _is_whose(boot: str, code: str, policy: str, probe: str) -> bool:
    """Check what is the same in many entries."""
    digests = _DIGEST.fullmatch(code) and (not policy or _DIGEST.fullmatch(policy))
    return bool(digests and _BOOT.fullmatch(boot) and is_probe(probe))


def is_time(text: str) -> bool:
    """Say whether a text is a time as entries have it."""
    return _TIME.fullmatch(text) is not None and _is_second(text[:-5])


@lru_cache(64)
def _is_second(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def spell_time(time_ms: int) -> str:
    """Spell milliseconds since 1970 as entries have it."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}Z"


@lru_cache(16)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


__all__ = ["GENESIS", "EntryError", "Speller", "decode_entry", "is_probe", "is_time", "spell_time"]

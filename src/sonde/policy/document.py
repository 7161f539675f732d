"""The policy file: TOML in, a `Policy` or a list of faults out, each with its line and its mend.

    policy = load_policy("office.toml", registry)
    faults = check_text(octets, "office.toml", registry)[1]

Strict (ACCOUNTABILITY §2): an unknown key, table, field, class or technique, a wrong type,
a network that is too narrow, a date gone by: each is an error and never a warning.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any, NamedTuple, TypeAlias

from sonde.policy import values
from sonde.policy.error import PolicyError
from sonde.policy.lines import Path, key_lines, line_of
from sonde.policy.terms import (
    ANY_TABLE,
    BUILT_IN,
    DROP,
    FLOOR,
    KEEP,
    PREFIX,
    PSEUDONYMISE,
    RANK,
    TECHNIQUES,
    TRUNCATE,
    Audit,
    Network,
    Policy,
    Pseudonym,
    Retention,
    Signatures,
    Truncation,
)
from sonde.schema import Field, Privacy

#: Every field that can be emitted, by table and column.
Registry: TypeAlias = Mapping[str, Mapping[str, Field]]

SCHEMA = 1
MOST_OCTETS = 1 << 16  # of a policy file
#: What rows are told apart and kept in time by; a policy can shorten times, not drop these.
NEEDED = ("ts", "start", "end", "uid")

TOP = (
    "schema version operator contact purpose valid_until network mail_domain classes fields tables truncate "
    "pseudonym retention signatures audit"
).split()
REQUIRED = ("schema", "version", "operator", "contact", "purpose", "valid_until", "classes")
TABLES: dict[str, tuple[str, ...]] = {
    "network": ("cidr", "role"),
    "mail_domain": ("name",),
    "truncate": ("ipv4", "ipv6", "times"),
    "pseudonym": ("epoch", "keep_keys"),
    "retention": ("records", "content"),
    "signatures": ("policy", "authorisation"),
    "audit": ("log", "heartbeat"),
}
LISTS = ("network", "mail_domain")


class Fault(NamedTuple):
    """What is wrong with a policy file, where, and how to mend it."""

    line: int
    text: str


def load_policy(
    name_or_path: str | FilePath, registry: Registry | None = None, *, now: datetime | None = None
) -> Policy:
    """Give a built-in policy by name, or one from a file; PolicyError with a sentence for the user otherwise.

    Without a registry names of fields and tables are not looked up: nothing is recorded
    under such a policy, for `Gate` asks for one that was checked.
    """
    name = str(name_or_path)
    if name in BUILT_IN:
        return BUILT_IN[name]
    octets = read_octets(FilePath(name))
    policy, faults = check_text(octets, FilePath(name).name, registry, now=now)
    if policy is None or faults:
        first = faults[0]
        more = f" (and {len(faults) - 1} more: `sonde policy check {name}` lists them)" if len(faults) > 1 else ""
        raise PolicyError(f"{name}, line {first.line}: {first.text}{more}")
    return policy


def read_octets(path: FilePath) -> bytes:
    """Read a policy file; PolicyError where it is none."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except FileNotFoundError:
        known = ", ".join(sorted(BUILT_IN))
        raise PolicyError(
            f"There is no policy {str(path)!r}: the built-in ones are {known}, and there is no such file; "
            "`sonde policy init` writes one."
        ) from None
    except OSError as error:
        raise PolicyError(f"The policy {path} cannot be read: {error.strerror}.") from None
    if len(octets) > MOST_OCTETS:
        raise PolicyError(f"{path} is no policy: it has more than {MOST_OCTETS} octets.")
    return octets


def check_text(
    octets: bytes, name: str, registry: Registry | None = None, *, now: datetime | None = None
) -> tuple[Policy | None, list[Fault]]:
    """Read a policy's octets; give it, and what is wrong with it in the order of its lines."""
    try:
        text = octets.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        return None, [Fault(line, "this is not UTF-8; save the file as UTF-8.")]
    except tomllib.TOMLDecodeError as error:
        return None, [_syntax_fault(str(error), text)]
    except RecursionError:
        return None, [Fault(1, "this is no policy: brackets are nested too deeply.")]
    reader = Reader(key_lines(text), registry, now or datetime.now(UTC))
    policy = reader.read(document, name, octets)
    return (None if reader.faults else policy), sorted(set(reader.faults))


def _syntax_fault(message: str, text: str) -> Fault:
    reason, _, place = message.partition(" (at ")
    line = "".join(each for each in place.partition(",")[0] if each.isdigit())
    number = int(line) if line else text.count("\n") + 1
    return Fault(number, f"this is not TOML: {reason[:1].lower()}{reason[1:]}.")


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was perhaps meant, or which there are."""
    choices = list(known)
    close = difflib.get_close_matches(word, choices, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(choices) > 12:
        return "`docs/records.md` lists them all."
    return f"there are {', '.join(choices)}."


class Reader:
    """Reads one document; gathers its faults."""

    def __init__(self, lines: Mapping[Path, int], registry: Registry | None, now: datetime) -> None:
        """Read with these lines of keys, against this registry, at this time."""
        self.lines, self.registry, self.now = lines, registry, now
        self.faults: list[Fault] = []

    def fault(self, path: Path, text: str) -> None:
        """Note what is wrong at a key."""
        self.faults.append(Fault(line_of(self.lines, path), text))

    def read(self, document: dict[str, Any], name: str, octets: bytes) -> Policy:
        """Make a policy of a document; it means something only where no fault was noted."""
        for key in document:
            if key not in TOP:
                self.fault((key,), f"there is no key {key!r}; {nearest(key, TOP)}")
        for key in REQUIRED:
            if key not in document:
                self.fault((), f"{key!r} is missing; {values.EXAMPLES[key]}")
        if type(schema := document.get("schema", SCHEMA)) is not int or schema != SCHEMA:
            self.fault(("schema",), f"schema is {schema!r}; this version of Sonde reads schema = {SCHEMA}.")
        classes = self._classes(document)
        networks = self._networks(document)
        return Policy(
            name,
            classes,
            notice=self._notice(classes),
            fields=self._fields(document, classes),
            dropped_tables=self._tables(document),
            version=self._value(document, "version", values.version, 0),
            operator=self._value(document, "operator", values.line, ""),
            contact=self._value(document, "contact", values.line, ""),
            purpose=self._value(document, "purpose", values.purpose, ""),
            valid_until=self._valid_until(document),
            networks=networks,
            mail_domains=self._mail_domains(document),
            truncation=Truncation(
                self._term(document, "truncate", "ipv4", values.ipv4_bits, 24),
                self._term(document, "truncate", "ipv6", values.ipv6_bits, 48),
                self._term(document, "truncate", "times", values.precision, 0),
            ),
            pseudonym=Pseudonym(
                self._term(document, "pseudonym", "epoch", values.epoch, values.EPOCH_NS),
                self._term(document, "pseudonym", "keep_keys", values.keep_keys, values.KEEP_KEYS_NS),
            ),
            retention=Retention(
                self._term(document, "retention", "records", values.keep_records, 0),
                self._term(document, "retention", "content", values.keep_content, 0),
            ),
            signatures=Signatures(
                self._term(document, "signatures", "policy", values.signers, 1),
                self._term(document, "signatures", "authorisation", values.authorisers, 2),
            ),
            audit=Audit(
                self._term(document, "audit", "log", values.line, ""),
                self._term(document, "audit", "heartbeat", values.heartbeat, values.HEARTBEAT_NS),
            ),
            octets=octets,
        )

    def _value(self, table: Mapping[str, Any], key: str, read: Any, default: Any, path: Path = ()) -> Any:  # noqa: ANN401
        """Read one value; note a fault where it cannot be, and give the default."""
        if key not in table:
            return default
        try:
            return read(table[key])
        except ValueError as error:
            self.fault((*path, key), f"{'.'.join(map(str, (*path, key)))} {error}")
            return default

    def _term(self, document: Mapping[str, Any], table: str, key: str, read: Any, default: Any) -> Any:  # noqa: ANN401
        """Read one value of a table of terms."""
        found = self._table(document, table)
        return self._value(found, key, read, default, (table,))

    def _table(self, document: Mapping[str, Any], table: str) -> dict[str, Any]:
        """Give a table; note what is in it and known to nobody."""
        found = document.get(table, {})
        if not isinstance(found, dict):
            self.fault((table,), f"{table} must be a table; write [{table}] on a line of its own.")
            return {}
        for key in found:
            if key not in TABLES[table]:
                self.fault((table, key), f"there is no key {key!r} in [{table}]; {nearest(key, TABLES[table])}")
        return found

    def _items(self, document: Mapping[str, Any], table: str, most: int) -> list[tuple[Path, dict[str, Any]]]:
        """Give the tables of a list of tables with their places."""
        found = document.get(table, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.fault((table,), f"{table} must be a list of tables; write [[{table}]] above each.")
            return []
        if len(found) > most:
            self.fault((table, most), f"there are {len(found)} of [[{table}]], {most} at most.")
        items: list[tuple[Path, dict[str, Any]]] = []
        for place, each in enumerate(found[:most]):
            for key in each:
                if key not in TABLES[table]:
                    mend = nearest(key, TABLES[table])
                    self.fault((table, place, key), f"there is no key {key!r} in [[{table}]]; {mend}")
            for key in TABLES[table]:
                if key not in each:
                    self.fault((table, place), f"[[{table}]] lacks {key!r}; {values.EXAMPLES[table]}")
            items.append(((table, place), each))
        return items

    def _valid_until(self, document: Mapping[str, Any]) -> datetime | None:
        until: datetime | None = self._value(document, "valid_until", values.instant, None)
        if until is not None and until <= self.now:
            spelled = until.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
            self.fault(("valid_until",), f"this policy expired on {spelled}; those responsible must renew it.")
        return until

    def _networks(self, document: Mapping[str, Any]) -> tuple[Network, ...]:
        networks: list[Network] = []
        for path, item in self._items(document, "network", values.MOST_NETWORKS):
            role = self._value(item, "role", values.role, "", path)
            cidr = self._value(item, "cidr", values.network_of(role), None, path)
            if not role or cidr is None:
                continue
            for other in networks:
                if other.role != role and other.cidr.version == cidr.version and other.cidr.overlaps(cidr):
                    self.fault(
                        (*path, "cidr"), f"{cidr} overlaps {other.cidr}, which has another role; keep them apart."
                    )
            networks.append(Network(cidr, role))
        return tuple(networks)

    def _mail_domains(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        items = self._items(document, "mail_domain", values.MOST_DOMAINS)
        found = [self._value(item, "name", values.mail_domain, "", path) for path, item in items]
        return tuple(dict.fromkeys(each for each in found if each))

    def _classes(self, document: Mapping[str, Any]) -> dict[Privacy, str]:
        found = document.get("classes", {})
        chosen = {Privacy.PROTOCOL: KEEP}
        if not isinstance(found, dict):
            self.fault(("classes",), "classes must be a table; write [classes] on a line of its own.")
            return chosen
        names = [privacy.name for privacy in Privacy]
        for name, technique in found.items():
            path = ("classes", name)
            if name not in names:
                self.fault(path, f"there is no class {name!r}; {nearest(name.upper(), names)}")
            elif not self._is_technique(path, technique):
                continue
            elif Privacy[name] in FLOOR and technique != DROP:
                self.fault(path, f"no policy can keep {name}; {values.WHY_FLOOR[name]}")
            elif name == "PROTOCOL" and technique != KEEP:
                self.fault(
                    path, 'PROTOCOL says nothing of a person and is kept; use [truncate] times = "1s" or [fields].'
                )
            else:
                chosen[Privacy[name]] = technique
        for privacy in (Privacy.ENDPOINT, Privacy.PERSON):
            if "classes" in document and privacy.name not in found:
                mend = values.EXAMPLES[privacy.name]
                self.fault(("classes",), f"[classes] must say what happens to {privacy.name}; {mend}")
        return chosen

    def _is_technique(self, path: Path, technique: object) -> bool:
        if isinstance(technique, str) and technique in RANK:
            return True
        known = (
            nearest(technique, TECHNIQUES) if isinstance(technique, str) else f"write one of {', '.join(TECHNIQUES)}."
        )
        self.fault(path, f"there is no technique {technique!r}; {known}")
        return False

    def _notice(self, classes: Mapping[Privacy, str]) -> str:
        return "This policy keeps fields that name or describe persons." if classes.get(Privacy.PERSON) == KEEP else ""

    def _fields(self, document: Mapping[str, Any], classes: Mapping[Privacy, str]) -> dict[str, str]:
        found = document.get("fields", {})
        if not isinstance(found, dict):
            self.fault(("fields",), "fields must be a table; write [fields] on a line of its own.")
            return {}
        chosen: dict[str, str] = {}
        for name, technique in found.items():
            path = ("fields", name)
            if isinstance(technique, dict):
                inner = f"{name}.{next(iter(technique), 'field')}"
                self.fault((*path, *technique), f'write the name of a field in quotes: "{inner}" = "drop".')
            elif self._is_technique(path, technique) and self._is_field(path, name):
                self._check_field(path, name, str(technique), classes)
                chosen[name] = str(technique)
        return chosen

    def _is_field(self, path: Path, name: str) -> bool:
        table, _, column = name.partition(".")
        if not column:
            self.fault(path, f'{name!r} names no field; write "table.field", such as "dns.query".')
            return False
        if self.registry is None:
            return True
        if table != ANY_TABLE and table not in self.registry:
            self.fault(path, f"there is no table {table!r}; {nearest(table, self.registry)}")
            return False
        if not self._meant(name):
            among = {each for columns in self.registry.values() for each in columns}
            known = among if table == ANY_TABLE else self.registry[table]
            close = difflib.get_close_matches(column, list(known), 1)
            mend = f"did you mean {f'{table}.{close[0]}'!r}?" if close else "`docs/records.md` lists them all."
            self.fault(path, f"there is no field {name!r}; {mend}")
            return False
        return True

    def _meant(self, name: str) -> dict[str, Field]:
        """Give the fields that a name of [fields] means."""
        table, _, column = name.partition(".")
        registry = self.registry or {}
        tables = registry if table == ANY_TABLE else {table: registry.get(table, {})}
        return {f"{each}.{column}": columns[column] for each, columns in tables.items() if column in columns}

    def _check_field(self, path: Path, name: str, technique: str, classes: Mapping[Privacy, str]) -> None:
        """Note where a field would be looser than its class, or cannot be treated in this way."""
        column = name.partition(".")[2]
        if column in NEEDED and technique in (DROP, PSEUDONYMISE):
            self.fault(path, f'{name} is needed to order and keep records; use [truncate] times = "1s" to blur times.')
            return
        for place, declared in self._meant(name).items():
            floor = FLOOR.get(declared.privacy) or classes.get(declared.privacy, DROP)
            if RANK[technique] < RANK[floor]:
                self.fault(path, f"{place} is {declared.privacy.name}, which is {floor!r}; it can only be stricter.")
                return
            if technique in (TRUNCATE, PREFIX) and declared.shape not in values.SHORTENED[technique]:
                self.fault(path, f"{place} cannot be {technique!r}; {values.WHAT_SHORTENS[technique]}")
                return

    def _tables(self, document: Mapping[str, Any]) -> frozenset[str]:
        found = document.get("tables", {})
        if not isinstance(found, dict):
            self.fault(("tables",), "tables must be a table; write [tables] on a line of its own.")
            return frozenset()
        dropped = set()
        for name, technique in found.items():
            path = ("tables", name)
            if self.registry is not None and name not in self.registry:
                self.fault(path, f"there is no table {name!r}; {nearest(name, self.registry)}")
            elif technique != DROP:
                self.fault(path, f'a table can only be dropped: {name} = "drop"; single fields stand in [fields].')
            else:
                dropped.add(name)
        return frozenset(dropped)


__all__ = ["MOST_OCTETS", "NEEDED", "Fault", "Registry", "check_text", "load_policy", "read_octets"]

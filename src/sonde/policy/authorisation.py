"""The authorisation of content: TOML in, terms or a list of faults out, each with line and mend.

    document, faults = check_authorisation(octets, policy, now)

Strict (ACCOUNTABILITY §3): an unknown key is an error, and nothing in it may name a person. A
scope is networks of servers and mail domains that the policy declares as own, or the digests of
captures. What a value was is never repeated in a message: it may be a person's.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple, Protocol

from sonde.policy.error import PolicyError
from sonde.policy.lines import Path, key_lines, line_of, toml_lines
from sonde.policy.persons import what_names_a_person
from sonde.policy.prose import MOST_DIGITS, what_is_no_prose
from sonde.policy.values import SPELLS_IPV4
from sonde.table.granted import ARTEFACTS, Recipient, Terms
from sonde.wire.bech32 import decode_bech32

SCHEMA = 1
MOST_OCTETS = 1 << 16  # of the file
DEFAULT_TIME, LONGEST_TIME = timedelta(hours=72), timedelta(days=14)
MOST_AHEAD = timedelta(days=14)  # how far not_before may lie in the future
MOST_MESSAGES, MOST_KEPT_OCTETS = 1_000_000, 1 << 40
MOST_SCOPE_VALUES, MOST_RECIPIENTS = 64, 20
LEAST_JUSTIFICATION, MOST_JUSTIFICATION = 20, 1000
PURPOSES = ("network-defence", "mail-abuse", "capacity", "research", "incident")
PROTOCOLS = ("smtp", "imap", "pop3", "http", "ftp", "smb", "mqtt")  # that carry content
#: Narrower than this a network is one machine or two, unless the policy declares just that as servers'.
NARROWEST_SERVERS = {4: 29, 6: 125}

TOP = (
    "schema id purpose case_ref justification policy protocols artefacts not_before not_after max_messages "
    "max_octets nonce recipients scope"
).split()
REQUIRED = tuple(name for name in TOP if name not in {"not_after", "scope"})
SCOPE = ("networks", "mail_domains", "captures")
EXAMPLES = {
    "schema": "write schema = 1.",
    "id": 'write id = "a-" and 16 hexadecimal digits drawn by chance; `sonde authorize draft` does.',
    "purpose": f"write purpose as one of {', '.join(PURPOSES)}.",
    "case_ref": 'write the case it belongs to, such as case_ref = "INC-2026-0412".',
    "justification": "write in a sentence why content is needed.",
    "policy": 'write policy = "..." with the SHA-256 of the policy file; `sonde authorize draft` does.',
    "protocols": 'write protocols = ["smtp"].',
    "artefacts": f'write artefacts = ["headers"]; there are {", ".join(ARTEFACTS)}.',
    "not_before": "write not_before = 2026-07-01T08:00:00Z.",
    "max_messages": "write max_messages = 500.",
    "max_octets": "write max_octets = 100_000_000.",
    "nonce": 'write nonce = "..." with 32 hexadecimal digits drawn by chance; `sonde authorize draft` does.',
    "recipients": 'write recipients = ["age1..."]; `sonde vault keygen` makes one.',
}
#: Keys that somebody might try; none of them is there, by design.
PERSONAL_KEYS = (
    "user users username mailbox mailboxes address addresses sender senders recipient rcpt from to person persons "
    "name telephone phone msisdn imsi imei mac macs host hosts ip client clients subject keyword keywords selector "
    "selectors search query match emergency bypass override renew renewal extend"
).split()

COMMENT = re.compile(r"""(?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*#(.*)""")


class Reason(StrEnum):
    """Why an authorisation is refused, for the audit log, which repeats nothing of the document."""

    DOCUMENT = "document"
    PERSON = "names a person"
    POLICY = "other policy"
    SIGNATURE = "signature"
    NOT_YET = "not yet valid"
    EXPIRED = "expired"
    USED = "used before"
    REVOKED = "revoked"
    CLOCK = "clock went backwards"


class AuthorisationError(PolicyError):
    """An authorisation that is refused; `reason` is for the audit log, the message for the user."""

    def __init__(self, text: str, reason: Reason = Reason.DOCUMENT) -> None:
        """Refuse with a sentence."""
        super().__init__(text)
        self.reason = reason


class Fault(NamedTuple):
    """What is wrong with an authorisation, where, and how to mend it."""

    line: int
    text: str
    reason: Reason = Reason.DOCUMENT


class _Network(Protocol):
    @property
    def cidr(self) -> IPv4Network | IPv6Network: ...
    @property
    def role(self) -> str: ...


class _Signatures(Protocol):
    @property
    def authorisation(self) -> int: ...


class GoverningPolicy(Protocol):
    """What of a policy governs authorisations."""

    @property
    def digest(self) -> str:
        """SHA-256 of the policy file."""

    @property
    def networks(self) -> Sequence[_Network]:
        """Networks, each with its role."""

    @property
    def mail_domains(self) -> Sequence[str]:
        """Mail domains of one's own."""

    @property
    def valid_until(self) -> datetime | None:
        """When the policy expires."""

    @property
    def signatures(self) -> _Signatures:
        """How many distinct keys must sign."""


class Authorisation(NamedTuple):
    """A document that was read without a fault; nothing is verified yet."""

    terms: Terms
    purpose: str
    case_ref: str
    justification: str


def check_authorisation(
    octets: bytes, policy: GoverningPolicy, now: datetime
) -> tuple[Authorisation | None, list[Fault]]:
    """Read an authorisation's octets; give it, and what is wrong with it in the order of its lines."""
    if len(octets) > MOST_OCTETS:
        return None, [Fault(1, f"this is no authorisation: it has more than {MOST_OCTETS} octets.")]
    try:
        text = octets.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        return None, [Fault(line, "this is not UTF-8; save the file as UTF-8.")]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at line (\d+)", str(error))
        number = int(place[1]) if place else text.count("\n") + 1
        return None, [Fault(number, "this is not TOML; mind quotes around texts and brackets around lists.")]
    reader = _Reader(key_lines(text), policy, now)
    found = reader.read(document, sha256(octets).hexdigest())
    _lint_lines(text, reader)
    return (None if reader.faults else found), sorted(set(reader.faults))


def beginning(octets: bytes) -> datetime | None:
    """Give not_before of a document, if it has one: the time at which to read one that expired."""
    try:
        value = tomllib.loads(octets.decode()).get("not_before")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _lint_lines(text: str, reader: "_Reader") -> None:
    """Comments are signed and kept too: they may not name a person either."""
    for number, line in enumerate(toml_lines(text), 1):
        if '"""' in line or "'''" in line:  # where a comment begins would be hard to say
            reader.faults.append(Fault(number, "a text must stand on one line, in single or double quotes."))
        comment = COMMENT.match(line)
        if comment is None:
            continue
        if kind := what_names_a_person(comment[1]):
            reader.faults.append(Fault(number, f"the comment has {kind}; take it out.", Reason.PERSON))
        elif kind := what_is_no_prose(comment[1].lstrip("#"), most_digits=0):
            reader.faults.append(Fault(number, f"the comment has {kind}; comments are of words alone.", Reason.PERSON))


class _Reader:
    """Reads one document; gathers its faults."""

    def __init__(self, lines: Mapping[Path, int], policy: GoverningPolicy, now: datetime) -> None:
        self.lines, self.policy, self.now = lines, policy, now
        self.faults: list[Fault] = []

    def fault(self, path: Path, text: str, reason: Reason = Reason.DOCUMENT) -> None:
        """Note what is wrong at a key."""
        self.faults.append(Fault(line_of(self.lines, path), text, reason))

    def read(self, document: dict[str, Any], digest: str) -> Authorisation:
        """Make terms of a document; they mean something only where no fault was noted."""
        self._known(document, TOP, ())
        for key in REQUIRED:
            if key not in document:
                self.fault((), f"{key!r} is missing; {EXAMPLES[key]}")
        if document.get("schema", SCHEMA) != SCHEMA or isinstance(document.get("schema"), bool):
            self.fault(("schema",), f"this version of Sonde reads schema = {SCHEMA}.")
        before, after = self._times(document)
        networks, domains, captures = self._scope(document)
        terms = Terms(
            id=self._text(document, "id", _is_id),
            nonce=self._text(document, "nonce", _is_nonce),
            digest=digest,
            policy=self._policy(document),
            networks=networks,
            mail_domains=domains,
            captures=captures,
            protocols=self._choices(document, "protocols", PROTOCOLS),
            artefacts=self._choices(document, "artefacts", ARTEFACTS),
            not_before=before,
            not_after=after,
            max_messages=self._whole(document, "max_messages", MOST_MESSAGES),
            max_octets=self._whole(document, "max_octets", MOST_KEPT_OCTETS),
            recipients=self._recipients(document),
        )
        purpose = self._text(document, "purpose", lambda text: text in PURPOSES)
        case = self._text(document, "case_ref", _is_case)
        return Authorisation(terms, purpose, case, self._justification(document))

    def _known(self, table: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
        for key in table:
            if key in known:
                continue
            if key.lower().rstrip("_0123456789") in PERSONAL_KEYS or what_names_a_person(key):
                text = "there is no such key: nothing in an authorisation can select a person, renew it or go round it."
                self.fault((*path, key), text, Reason.PERSON)
                continue
            close = difflib.get_close_matches(key, known, 1)
            mend = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}."
            self.fault((*path, key), f"there is a key that is not known; {mend}")

    def _text(self, document: Mapping[str, Any], key: str, fits: Callable[[str], bool]) -> str:
        value = document.get(key, "")
        if key not in document:
            return ""
        kind = what_names_a_person(value) if isinstance(value, str) and key not in {"id", "nonce"} else None
        if kind:
            self.fault((key,), f"{key} has {kind}; write it without: nothing in it may name a person.", Reason.PERSON)
        elif not isinstance(value, str) or not fits(value):
            self.fault((key,), f"{key} is not as it must be; {EXAMPLES[key]}")
        return value if isinstance(value, str) else ""

    def _justification(self, document: Mapping[str, Any]) -> str:
        """Read the one text that is free, and hold it to prose."""
        before = len(self.faults)
        text = self._text(document, "justification", _is_justification)
        if len(self.faults) == before and (kind := what_is_no_prose(text)):
            mend = f"it is words, dates, times and at most {MOST_DIGITS} digits, with plain punctuation."
            self.fault(("justification",), f"justification has {kind}; {mend}", Reason.PERSON)
        return text

    def _policy(self, document: Mapping[str, Any]) -> str:
        value = document.get("policy")
        if "policy" in document and value != self.policy.digest:
            text = f"policy is not the digest of this policy; write {self.policy.digest} and have it signed anew."
            self.fault(("policy",), text, Reason.POLICY)
        return self.policy.digest

    def _whole(self, document: Mapping[str, Any], key: str, most: int) -> int:
        value = document.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            self.fault((key,), f"{key} must be a whole number from 1 to {most:_}; {EXAMPLES[key]}")
            return 1
        return value

    def _times(self, document: Mapping[str, Any]) -> tuple[datetime, datetime]:
        before = self._instant(document, "not_before", self.now)
        after = self._instant(document, "not_after", before + DEFAULT_TIME)
        if after <= before:
            self.fault(("not_after",), "not_after is not after not_before; write a later time.")
        elif after - before > LONGEST_TIME:
            self.fault(("not_after",), f"this is longer than {LONGEST_TIME.days} days; write a shorter time.")
        elif before - self.now > MOST_AHEAD:
            self.fault(("not_before",), f"not_before is more than {MOST_AHEAD.days} days ahead; authorise it then.")
        elif after <= self.now:
            text = "it expired; an authorisation is not renewed: draft a new one and have it signed."
            self.fault(("not_after" if "not_after" in document else "not_before",), text, Reason.EXPIRED)
        elif (until := self.policy.valid_until) is not None and after > until:
            text = f"it ends after the policy does ({until.astimezone(UTC):%Y-%m-%d %H:%M} UTC); write an earlier time."
            self.fault(("not_after",), text)
        return before, after

    def _instant(self, document: Mapping[str, Any], key: str, default: datetime) -> datetime:
        value = document.get(key, default)
        if isinstance(value, datetime) and value.tzinfo is not None:
            try:
                return min(value.astimezone(UTC), datetime.max.replace(tzinfo=UTC) - LONGEST_TIME)
            except OverflowError:
                pass
        self.fault((key,), f"{key} must be date, time and zone without quotes, such as 2026-07-01T08:00:00Z.")
        return default

    def _choices(self, document: Mapping[str, Any], key: str, known: Sequence[str]) -> tuple[str, ...]:
        found = self._list(document, key, (), len(known))
        if key in document and (not found or not set(found) <= set(known) or len(set(found)) != len(found)):
            self.fault((key,), f"{key} must be some of {', '.join(known)}, each once.")
        return tuple(found)

    def _list(self, table: Mapping[str, Any], key: str, path: Path, most: int) -> list[str]:
        value = table.get(key, [])
        if not isinstance(value, list) or len(value) > most or not all(isinstance(each, str) for each in value):
            self.fault((*path, key), f"{key} must be a list of at most {most} texts in brackets.")
            return []
        return value

    def _recipients(self, document: Mapping[str, Any]) -> tuple[Recipient, ...]:
        found = []
        texts = self._list(document, "recipients", (), MOST_RECIPIENTS)
        for text in texts:
            try:
                prefix, key = decode_bech32(text)
            except ValueError:
                prefix, key = "", b""
            if prefix == "age" and len(key) == 32 and text == text.lower():
                found.append(Recipient(text, key))
            elif text.upper().startswith("AGE-SECRET-KEY-"):
                mend = "destroy it, and write the recipient age1... of a new one."
                self.fault(("recipients",), f"recipients has an identity, which is secret; {mend}")
            else:
                kind = what_names_a_person(text) or "what is no recipient"
                self.fault(("recipients",), f"recipients has {kind}; {EXAMPLES['recipients']}")
        if "recipients" in document and (not texts or len(set(texts)) != len(texts)):
            self.fault(("recipients",), f"recipients must be at least one, each once; {EXAMPLES['recipients']}")
        return tuple(found)

    def _scope(
        self, document: Mapping[str, Any]
    ) -> tuple[tuple[IPv4Network | IPv6Network, ...], tuple[str, ...], tuple[str, ...]]:
        scope = document.get("scope", {})
        if not isinstance(scope, dict):
            self.fault(("scope",), "scope must be a table; write [scope] on a line of its own.")
            return (), (), ()
        self._known(scope, SCOPE, ("scope",))
        for key in SCOPE:
            if key in scope and scope[key] == []:
                self.fault(("scope", key), f"scope.{key} is empty; name some, or leave the key away.")
        if not any(key in scope for key in SCOPE):
            self.fault(("scope",), 'the scope is empty; write [scope] and networks = ["192.0.2.0/28"] or mail_domains.')
        networks = [self._network(each) for each in self._list(scope, "networks", ("scope",), MOST_SCOPE_VALUES)]
        domains = self._list(scope, "mail_domains", ("scope",), MOST_SCOPE_VALUES)
        captures = self._list(scope, "captures", ("scope",), MOST_SCOPE_VALUES)
        for each in domains:
            self._domain(each)
        for each in captures:
            if not re.fullmatch(r"[0-9a-f]{64}", each):
                kind = what_names_a_person(each)
                text = (
                    "scope.captures must be SHA-256 in 64 lower-case hexadecimal digits; `sha256sum CAPTURE` prints it."
                )
                if kind:
                    text = f"scope.captures has {kind}; no scope can name a person."
                self.fault(("scope", "captures"), text, Reason.PERSON if kind else Reason.DOCUMENT)
        return tuple(each for each in networks if each is not None), tuple(domains), tuple(captures)

    def _network(self, text: str) -> IPv4Network | IPv6Network | None:
        """Read a network in its one spelling, and hold it to the servers' networks that the policy declares."""
        path: Path = ("scope", "networks")
        try:
            network = ip_network(text)
        except ValueError:
            network = None
        if network is None or str(network) != text:
            kind = what_names_a_person(text)
            said = f"has {kind}" if kind else "has what is no network in its shortest spelling"
            mend = "no scope can name a person: write a network of servers that the policy declares."
            self.fault(path, f"scope.networks {said}; {mend}", Reason.PERSON if kind else Reason.DOCUMENT)
            return None
        own = [each for each in self.policy.networks if each.cidr.version == network.version]
        if network.version == 6 and any(network.overlaps(each) for each in SPELLS_IPV4):
            text = "scope.networks has IPv4 addresses spelled as IPv6; write a network of servers as the policy does."
            self.fault(path, text, Reason.PERSON)
        elif any(each.role != "servers" and each.cidr.overlaps(network) for each in own):
            text = "scope.networks has addresses of clients, each of which is a person; write a network of servers."
            self.fault(path, text, Reason.PERSON)
        elif network in [each.cidr for each in own]:
            return network
        elif not any(network.network_address in each.cidr and network.prefixlen > each.cidr.prefixlen for each in own):
            text = "scope.networks has a network that the policy does not declare as servers'; write one of those."
            self.fault(path, text)
        elif network.prefixlen > NARROWEST_SERVERS[network.version]:
            narrowest = NARROWEST_SERVERS[network.version]
            text = f"scope.networks has a network narrower than /{narrowest}, one machine; write the servers' network."
            self.fault(path, text, Reason.PERSON)
        return network

    def _domain(self, text: str) -> None:
        if text in self.policy.mail_domains:
            return
        kind = what_names_a_person(text)
        if kind:
            self.fault(("scope", "mail_domains"), f"scope.mail_domains has {kind}; write a domain.", Reason.PERSON)
        elif "*" in text or "?" in text or text.startswith("."):
            self.fault(("scope", "mail_domains"), "scope.mail_domains has a pattern; write each own domain whole.")
        else:
            known = ", ".join(self.policy.mail_domains) or "none"
            text = f"scope.mail_domains has a domain that the policy does not declare as own; it declares {known}."
            self.fault(("scope", "mail_domains"), text)


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"a-[0-9a-f]{16}", text))


def _is_nonce(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{32}", text)) and len(set(text)) > 1


def _is_case(text: str) -> bool:
    """Ask for few letters and a number, perhaps behind a year: too little for a name, or a person's number."""
    return bool(re.fullmatch(r"[A-Z]{1,6}(?:[-/_.#]?20[0-9]{2})?[-/_.#]?[0-9]{1,6}", text))


def _is_justification(text: str) -> bool:
    return LEAST_JUSTIFICATION <= len(text.strip()) <= MOST_JUSTIFICATION and text.replace("\n", " ").isprintable()


__all__ = [
    "Authorisation",
    "AuthorisationError",
    "Fault",
    "GoverningPolicy",
    "Reason",
    "beginning",
    "check_authorisation",
]

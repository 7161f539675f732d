"""Verdicts: what in a message is dangerous or untrue, each with what it rests on.

A verdict is a rule with a name. None looks a message up anywhere or runs anything; several of them
together mean more than one. What a verdict rests on may name persons and passes the gate as such.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from sonde.content.archives import WALKS
from sonde.content.heads import Address
from sonde.content.kinds import BY_TYPE, EXECUTABLE, EXECUTABLE_TYPES, EXPECTED, MACRO

#: Letters that look like Latin ones (Unicode Technical Standard 39 lists many more): Cyrillic, Greek, digits.
LOOKS_LIKE = str.maketrans(
    {
        alike: latin
        for latin, others in {
            "a": "\u0430\u03b1\u0251", "b": "\u0432\u03b2\u0432", "c": "\u0441\u03f2", "d": "\u0501",
            "e": "\u0435\u03b5",
            "g": "\u0261", "h": "\u04bb\u043d", "i": "\u0456\u03b9\u0131\u04cf", "j": "\u0458", "k": "\u043a\u03ba",
            "m": "\u043c", "n": "\u03b7", "o": "\u043e\u03bf", "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455",
            "t": "\u0442\u03c4",
            "u": "\u03c5", "v": "\u03bd\u0475", "w": "\u051d\u03c9", "x": "\u0445\u03c7", "y": "\u0443\u04af",
        }.items()
        for alike in others
    }
)  # fmt: skip
LONGEST_COMPARED = 64  # characters of a domain


@dataclass(slots=True)
class Evidence:
    """What verdicts look at."""

    own_domains: Sequence[str] = ()
    from_: Sequence[Address] = ()
    reply_to: Sequence[Address] = ()
    return_path: str = ""
    results: dict[str, str] = field(default_factory=dict)
    suspects: Sequence[dict[str, Any]] = ()  # parts; those that `may_be_suspect` denies change nothing
    link_mismatches: Sequence[tuple[str, str]] = ()
    has_credentials: bool = False
    is_stripped: bool = False
    is_smuggled: bool = False


Found = Iterator[str]
HARMLESS = frozenset((None, "text/plain", "text/html"))  # types by content


def _kin(one: str, other: str) -> bool:
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def from_mismatch(seen: Evidence) -> Found:
    """Say where From, Reply-To and the return path have domains that are no kin."""
    domain = seen.from_[0].domain if seen.from_ else ""
    if not domain:
        return
    for address in seen.reply_to[:1]:
        if address.domain and not _kin(domain, address.domain):
            yield f"reply-to {address.domain} is not from {domain}"
    back = seen.return_path.rpartition("@")[2].lower().rstrip(">")
    if "@" in seen.return_path and back and not _kin(domain, back):
        yield f"return path {back} is not from {domain}"


def display_name(seen: Evidence) -> Found:
    """Say where the display name carries another address than the one behind it."""
    for address in seen.from_[:1]:
        if "@" not in address.name:
            continue
        for word in address.name.replace("<", " ").replace(">", " ").replace('"', " ").replace(",", " ").split():
            if (
                "@" in word
                and "." in word.rpartition("@")[2]
                and word.lower().strip("'();:") != address.address.lower()
            ):
                yield f"name {word} before {address.address}"
                return


def look_alike(seen: Evidence) -> Found:
    """Say where a domain looks like one of the operator's own, and is none of them."""
    domains = {address.domain for address in [*seen.from_[:1], *seen.reply_to[:1]]}
    domains.add(seen.return_path.rpartition("@")[2].lower() if "@" in seen.return_path else "")
    for domain in sorted(each for each in domains if each):
        if any(_kin(domain, own) for own in seen.own_domains):
            continue
        for own in seen.own_domains:
            if resembles(domain, own):
                yield f"{domain} looks like {own}"
                break


def resembles(domain: str, own: str) -> bool:
    """Say whether a domain could be taken for another: letters alike, one letter off, or the name with an addition."""
    domain, own = domain[:LONGEST_COMPARED], own[:LONGEST_COMPARED]
    shown, other = skeleton(domain), skeleton(own)
    if shown == other or within_one(shown, other):
        return True
    name, label = other.rpartition(".")[0], shown.rpartition(".")[0]
    if len(name) >= 4 and name == label:
        return True  # the same name under another ending
    plain = label.replace("-", "")
    return len(name) >= 5 and plain != name and (plain.startswith(name) or plain.endswith(name)) and "-" in label


def skeleton(domain: str) -> str:
    """Bring a domain to letters that it looks like; xn-- labels are decoded first (RFC 3492)."""
    labels = []
    for label in domain.split("."):
        text = label
        if label.startswith("xn--"):
            try:
                text = label[4:].encode("ascii").decode("punycode")
            except (UnicodeError, ValueError):
                text = label
        labels.append(text)
    folded = unicodedata.normalize("NFKD", ".".join(labels)).casefold()
    folded = "".join(each for each in folded if not unicodedata.combining(each)).translate(LOOKS_LIKE).casefold()
    return folded.replace("rn", "m").replace("vv", "w").replace("l", "i").replace("1", "i").replace("0", "o")


def within_one(one: str, other: str) -> bool:
    """Say whether two texts differ by one letter: changed, added, left out, or two neighbours swapped."""
    if one == other or abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < 5:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def executable(seen: Evidence) -> Found:
    """Say which attachments can be executed, by name, content, or an archive's member."""
    for part in seen.suspects:
        name = part.get("extension")
        if name in EXECUTABLE or part.get("found_type") in EXECUTABLE_TYPES:
            yield f"part {part['part']}: {name or part.get('found_type')}"
        for member in part.get("members") or ():
            extension = member.lower().rpartition(".")[2]
            if extension in EXECUTABLE:
                yield f"part {part['part']}: archive with {extension}"
                break


def macro(seen: Evidence) -> Found:
    """Say which attachments hold macros."""
    for part in seen.suspects:
        if part.get("macros") or part.get("extension") in MACRO:
            yield f"part {part['part']}: {part.get('extension') or 'macros'}"


def type_mismatch(seen: Evidence) -> Found:
    """Say where the content of an attachment is not what its type or extension says."""
    for part in seen.suspects:
        found = part.get("found_type")
        if found is None or not part.get("complete"):
            continue
        for said in (part.get("extension"), BY_TYPE.get(part.get("content_type") or "")):
            if said in EXPECTED and found not in EXPECTED[said]:
                yield f"part {part['part']}: {said} is {found}"
                break


def double_extension(seen: Evidence) -> Found:
    """Say where a file name hides what it is behind a harmless extension."""
    for part in seen.suspects:
        if part.get("double_extension"):
            yield f"part {part['part']}: {part.get('extension')}"


def encrypted_archive(seen: Evidence) -> Found:
    """Say which archives are encrypted, so that no scanner can look inside."""
    for part in seen.suspects:
        if part.get("encrypted") and (part.get("member_count") or part.get("found_type") in WALKS):
            yield f"part {part['part']}: {part.get('found_type')}"


def link_mismatch(seen: Evidence) -> Found:
    """Say where a link shows one host and leads to another."""
    for shown, target in seen.link_mismatches[:5]:
        yield f"{shown} leads to {target}"


def authentication_failed(seen: Evidence) -> Found:
    """Say what the receiving server found to fail: SPF, DKIM or DMARC."""
    for method in ("dmarc", "spf", "dkim"):
        if seen.results.get(method) in ("fail", "softfail", "permerror"):
            yield f"{method}={seen.results[method]}"


def cleartext_credentials(seen: Evidence) -> Found:
    """Say whether a password went over the same connection in clear."""
    if seen.has_credentials:
        yield "AUTH or LOGIN without TLS"


def starttls_stripped(seen: Evidence) -> Found:
    """Say whether somebody between took STARTTLS out of the conversation."""
    if seen.is_stripped:
        yield "STARTTLS was overwritten"


def smuggling(seen: Evidence) -> Found:
    """Say whether line ends are set so that some servers see an end of the message where others do not."""
    if seen.is_smuggled:
        yield "a line of one dot between wrong line ends"


#: The rules, by the evidence without which they say nothing.
RULES: dict[str, tuple[Callable[[Evidence], Found], ...]] = {
    "from_": (from_mismatch, display_name),
    "own_domains": (look_alike,),
    "suspects": (executable, macro, type_mismatch, double_extension, encrypted_archive),
    "link_mismatches": (link_mismatch,),
    "results": (authentication_failed,),
    "has_credentials": (cleartext_credentials,),
    "is_stripped": (starttls_stripped,),
    "is_smuggled": (smuggling,),
}
_EVIDENCE = attrgetter(*RULES)


def may_be_suspect(part: dict[str, Any]) -> bool:
    """Say whether a part has anything that a rule looks at; text without a name, as most parts are, has not."""
    return bool(
        part["found_type"] not in HARMLESS
        or part["extension"]
        or part["content_type"] in BY_TYPE
        or part["macros"]
        or part["members"]
        or part["encrypted"]
        or part["double_extension"]
    )


def judge(seen: Evidence) -> tuple[list[str], list[str]]:
    """Apply every rule; give the verdicts, and `verdict: reason` for each reason."""
    verdicts: list[str] = []
    reasons: list[str] = []
    for evidence, rules in zip(_EVIDENCE(seen), RULES.values(), strict=True):
        if not evidence:
            continue
        for rule in rules:
            found = list(rule(seen))
            if found:
                verdicts.append(rule.__name__)
                reasons += [f"{rule.__name__}: {each}" for each in found[:10]]
    return verdicts, reasons


__all__ = ["RULES", "Evidence", "judge", "may_be_suspect"]

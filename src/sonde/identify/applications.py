"""Names -> applications: SNI, Host and QNAME looked up by what is known of their ends and beginnings.

User-Agents are looked up in the same lists, product by product (agents.py).

    names = Applications.load()                 # applications.toml, and the user's own
    number = match_host(names.names, text, span)        # as kernels do; -1 unknown
    title = names.items[number].title if number >= 0 else "unknown"

The list is data: `applications.toml` beside this file, and files that users add. A domain
covers itself and the names below it. With a star it is a pattern: what stands before the
star begins the name, what stands behind ends it. Of ends the longest wins, and a beginning
wins over all ends.
"""

import hashlib
import pickle
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sonde.identify import lookup
from sonde.identify.agents import NOBODYS, is_agent
from sonde.identify.lookup import FNV_OFFSET, FNV_PRIME, Ends, look_up, make_table
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Int, Wire, cache_folder, keep, kernel, lower, recall

OWN_LIST = Path(__file__).with_name("applications.toml")
DOT, HYPHEN, COLON, STAR = 46, 45, 58, 42
DNS_NAME = 0x82  # RFC 5280 §4.2.1.6: [2], primitive
MOST_HOSTS = 200
LONGEST_NAME = 255  # RFC 1035 §2.3.4
LONGEST_BEGINNING = 64

KEYS = ("title", "category", "owner", "domains", "agents", "told", "aliases")
TOOLS = ("ndpi", "zeek", "wireshark")
CATEGORIES = (
    "advertising", "antivirus", "assistant", "cdn", "cloud", "dating", "development", "dns", "education", "file-sharing",
    "finance", "game", "iot", "mail", "maps", "measurement", "meeting", "messaging", "music", "news", "other", "platform",
    "productivity", "reference", "remote-control", "search", "shopping", "social", "storage", "store", "travel", "update",
    "video", "vpn", "weather",
)  # fmt: skip


class ApplicationError(ValueError):
    """A list of applications that cannot be used; the message is for the user."""


class Names(NamedTuple):
    """What names end with, what some begin with, and how clients call themselves."""

    endings: Ends
    beginnings: Ends
    agents: Ends


@dataclass(frozen=True)
class Application:
    """One application or service, told by the domains that it answers under or by what its clients call themselves."""

    name: str
    title: str
    domains: tuple[str, ...]
    aliases: dict[str, tuple[str, ...]]
    category: str = "other"
    owner: str = ""
    #: How payloads of a protocol tell it, where they do (`Protocol.applications`).
    told: str = ""
    #: Products of User-Agents, without their versions.
    agents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applications:
    """The loaded list and its compiled form."""

    items: tuple[Application, ...]
    names: Names
    #: Those of `items` that users added.
    added: tuple[Application, ...] = ()

    @staticmethod
    def load(extra: Iterable[Path] = ()) -> "Applications":
        """Read Sonde's own list and then the user's, whose domains and agents win."""
        items, names = own_list()
        added = [item for path in extra for item in read_list(path)]
        return Applications((*items, *added), _compile([*items, *added]) if added else names, tuple(added))


def own_list() -> tuple[list[Application], Names]:
    """Read Sonde's own list; it takes 100 ms, so what comes of it is kept beside the kernels."""
    kept = cache_folder() / f"applications-{_own_digest()}"
    try:
        items, names = pickle.loads(recall(kept))  # noqa: S301 - ours, beside the machine code
        return list(items), Names(*names)
    except (OSError, EOFError, ValueError, TypeError, AttributeError, ImportError, pickle.UnpicklingError):
        items = read_list(OWN_LIST)
    names = _compile(items)
    keep(kept, pickle.dumps((items, names)))
    return items, names


def _own_digest() -> str:
    """Name what is kept by the list and by the files that give it its form."""
    told = b"".join(path.read_bytes() for path in (OWN_LIST, Path(__file__), Path(lookup.__file__)))
    return hashlib.blake2b(told, digest_size=12).hexdigest()


def read_list(path: Path) -> list[Application]:
    """Read a list; ApplicationError with one sentence for the user where it is wrong."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except FileNotFoundError:
        raise ApplicationError(f"{path} does not exist; check the spelling.") from None
    except OSError as error:
        raise ApplicationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ApplicationError(f"{path} is no TOML: it is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ApplicationError(f"{path} is no TOML: {str(error).rstrip('.')}.") from None
    items = [_checked(path, name, entry) for name, entry in tables.items()]
    owner: dict[tuple[str, str], str] = {}
    for item in items:
        # A domain and an agent may be spelt alike; they are looked up apart.
        for key, texts in (("domains", item.domains), ("agents", item.agents)):
            for text in texts:
                other = owner.setdefault((key, text.lower()), item.name)
                if other != item.name:
                    raise ApplicationError(f"{path}: {text!r} stands in [{other}] and in [{item.name}].")
    return items


def _checked(path: Path, name: str, entry: Any) -> Application:  # noqa: ANN401
    """Check one entry of a list, strictly."""
    where = f"{path}: [{name}]"
    if not isinstance(entry, dict):
        raise ApplicationError(f"{path}: {name} is no table; begin each application with [{name}].")
    for key in entry:
        if key not in KEYS:
            raise ApplicationError(f"{where} has an unknown key {key!r}; there are {', '.join(KEYS)}.")
    for key in ("title", "category", "owner", "told"):
        if not isinstance(entry.get(key, ""), str):
            raise ApplicationError(f"{where}: {key} must be text.")
    category = entry.get("category", "other")
    if category not in CATEGORIES:
        raise ApplicationError(f"{where}: there is no category {category!r}; there are {', '.join(CATEGORIES)}.")
    domains, agents = _domains(where, entry), _agents(where, entry)
    aliases = entry.get("aliases", {})
    if not isinstance(aliases, dict):
        raise ApplicationError(f'{where}: aliases must be a table, such as aliases.ndpi = ["Name"].')
    for tool, names in aliases.items():
        if tool not in TOOLS:
            raise ApplicationError(f"{where}: aliases has an unknown key {tool!r}; there are {', '.join(TOOLS)}.")
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise ApplicationError(f"{where}: aliases.{tool} must be a list of texts.")
    title = entry.get("title", name)
    tuples = {tool: tuple(names) for tool, names in aliases.items()}
    owner, told = entry.get("owner", ""), entry.get("told", "")
    return Application(name, title, tuple(domains), tuples, category, owner, told, tuple(agents))


def _domains(where: str, entry: dict[str, Any]) -> list[str]:
    """Give the domains of an entry, which it can do without where something else tells it."""
    domains = entry.get("domains", [] if entry.get("told") or "agents" in entry else None)
    if (
        not isinstance(domains, list)
        or not (domains or entry.get("told") or "agents" in entry)
        or not all(isinstance(each, str) for each in domains)
    ):
        raise ApplicationError(f"{where}: domains must be a list of at least one text.")
    for domain in domains:
        if not is_domain(domain):
            raise ApplicationError(
                f'{where}: {domain!r} is no domain; write one such as "example.org" or "video-*.example.org".'
            )
    return domains


def _agents(where: str, entry: dict[str, Any]) -> list[str]:
    """Give the agents of an entry."""
    agents = entry.get("agents")
    if agents is None:
        return []
    if not isinstance(agents, list) or not agents or not all(isinstance(each, str) for each in agents):
        raise ApplicationError(f"{where}: agents must be a list of at least one text.")
    for agent in agents:
        if not is_agent(agent):
            raise ApplicationError(
                f"{where}: {agent!r} is no agent; write the product of a User-Agent without its version, "
                'such as "WhatsApp" or "Google Update".'
            )
        if agent.lower() in NOBODYS:
            raise ApplicationError(f"{where}: {agent!r} tells nobody; browsers of all kinds call themselves so.")
    return agents


def is_domain(domain: str) -> bool:
    """Say whether this is a domain, or a pattern with one star between dots or hyphens."""
    try:
        octets = _octets(domain)
    except UnicodeError:
        return False
    if not 1 <= len(octets) <= LONGEST_NAME or any(octet <= 32 or octet in b":/@?#" for octet in octets):
        return False
    before, star, behind = octets.partition(b"*")
    if not star:
        return b".." not in octets
    if b"*" in behind or not (before or behind) or len(before) > LONGEST_BEGINNING:
        return False
    return before[-1:] in (b"", b".", b"-") and behind[:1] in (b"", b".", b"-")


def _octets(domain: str) -> bytes:
    """Spell a domain as the wire does, in lower case."""
    domain = domain.lower().rstrip(".")
    return domain.encode("ascii" if domain.isascii() else "idna")


def _compile(items: list[Application]) -> Names:
    endings: dict[tuple[bytes, bytes], int] = {}
    beginnings: dict[tuple[bytes, bytes], int] = {}
    for number, item in enumerate(items):
        for domain in item.domains:
            before, star, behind = _octets(domain).partition(b"*")
            if not star:
                endings[before, b""] = number
            elif not before:
                # "*.example.org" and "example.org" come to the same; a hyphen is part of the end.
                endings[behind.lstrip(b"."), b""] = number
            else:
                beginnings[before, behind] = number
    agents = {(agent.lower().encode(), b""): number for number, item in enumerate(items) for agent in item.agents}
    return Names(
        make_table(endings, backwards=True),
        make_table(beginnings, backwards=False),
        make_table(agents, backwards=False),
    )


@kernel
def match_host(names: Names, text: Wire, span: Int) -> Int:
    """Give the application that the name in a span tells, or -1."""
    if span < 0:
        return -1
    at = span >> LENGTH_BITS
    return match_name(names, text, at, at + (span & LENGTH_MASK))


@kernel
def match_certificate(names: Names, text: Wire, span: Int) -> Int:
    """Give the application of the first known host among a certificate's names (RFC 5280 §4.2.1.6), or -1."""
    found = np.int64(-1)
    if span < 0:
        return found
    at = span >> LENGTH_BITS
    end = at + (span & LENGTH_MASK)
    for _ in range(MOST_HOSTS):
        if found >= 0 or end - at < 2 or text[at + 1] >= 0x80 or end - at - 2 < text[at + 1]:
            break
        begin, stop = at + 2, at + 2 + np.int64(text[at + 1])
        if text[at] == DNS_NAME:
            is_pattern = stop - begin > 2 and text[begin] == STAR and text[begin + 1] == DOT
            found = match_name(names, text, begin + 2 if is_pattern else begin, stop)
        at = stop
    return found


@kernel(wraps=True)
def match_name(names: Names, text: Wire, at: Int, end: Int) -> Int:
    """Look a name up by its beginning, else by its longest known end."""
    stop = name_end(text, at, min(end, at + LONGEST_NAME))
    found = match_beginning(names.beginnings, text, at, stop)
    return found if found >= 0 else match_ending(names.endings, text, at, stop)


@kernel(wraps=True)
def match_ending(endings: Ends, text: Wire, at: Int, end: Int) -> Int:
    """Look a name up from its end to its beginning, label by label; the longest wins."""
    value = FNV_OFFSET
    best = np.int64(-1)
    place = end - 1
    while place >= at:
        octet = lower(text[place])
        if octet == DOT:  # a label ends here: what stands behind is an end
            chosen = look_up(endings, text, place + 1, end, value, end)
            best = chosen if chosen >= 0 else best
        value = (value ^ np.uint64(octet)) * FNV_PRIME
        if octet == HYPHEN:
            chosen = look_up(endings, text, place, end, value, end)
            best = chosen if chosen >= 0 else best
        place -= 1
    chosen = look_up(endings, text, at, end, value, end) if end > at else np.int64(-1)
    return chosen if chosen >= 0 else best


@kernel(wraps=True)
def match_beginning(beginnings: Ends, text: Wire, at: Int, end: Int) -> Int:
    """Look a name up from its beginning; what must end it is compared then."""
    value = FNV_OFFSET
    best = np.int64(-1)
    for place in range(at, min(end, at + LONGEST_BEGINNING)):
        octet = lower(text[place])
        value = (value ^ np.uint64(octet)) * FNV_PRIME
        if octet == DOT or octet == HYPHEN:
            chosen = look_up(beginnings, text, at, place + 1, value, end)
            best = chosen if chosen >= 0 else best
    return best


@kernel
def name_end(text: Wire, at: Int, end: Int) -> Int:
    """Leave a port and a final dot off a name."""
    stop = end
    for place in range(at, end):
        if text[place] == COLON:
            stop = place
            break
    if stop > at and text[stop - 1] == DOT:
        stop -= 1
    return stop

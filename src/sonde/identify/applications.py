"""Names -> applications: SNI, Host and QNAME looked up by their longest known suffix.

    names = Applications.load()                 # applications.toml, and the user's own
    names.match(text, spans)                    # a number for each span; -1 unknown
    names.titles[number]

The list is data: `applications.toml` beside this file, and files that users add.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Int, Ints, Wire, kernel, lower

OWN_LIST = Path(__file__).with_name("applications.toml")
FNV_OFFSET, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


class ApplicationError(ValueError):
    """A list of applications that cannot be used; the message is for the user."""


class Suffixes(NamedTuple):
    """A hash table of domain suffixes: for each place the suffix's span and its application."""

    at: Ints
    length: Ints
    application: Ints
    text: Wire


@dataclass(frozen=True)
class Application:
    """One application or service, told by the domains that it answers under."""

    name: str
    title: str
    domains: tuple[str, ...]
    aliases: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Applications:
    """The loaded list and its compiled form."""

    items: tuple[Application, ...]
    suffixes: Suffixes

    @staticmethod
    def load(extra: Iterable[Path] = ()) -> "Applications":
        """Read Sonde's own list and then the user's, whose domains win."""
        items: list[Application] = []
        for path in (OWN_LIST, *extra):
            items += _read_list(path)
        return Applications(tuple(items), _compile(items))

    def match(self, text: Wire, spans: Ints) -> Ints:
        """Give the application's number for each name, or -1."""
        found = np.full(len(spans), -1, np.int64)
        match_names(self.suffixes, text, np.ascontiguousarray(spans), found)
        return found


def _read_list(path: Path) -> list[Application]:
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except FileNotFoundError:
        raise ApplicationError(f"{path} does not exist; check the spelling.") from None
    except tomllib.TOMLDecodeError as error:
        raise ApplicationError(f"{path} is no TOML: {error}.") from None
    items = []
    for name, entry in tables.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("domains"), list):
            raise ApplicationError(f"{path}: [{name}] needs a list named domains.")
        aliases = {tool: tuple(names) for tool, names in entry.get("aliases", {}).items()}
        items.append(Application(name, entry.get("title", name), tuple(entry["domains"]), aliases))
    return items


def _hash(suffix: bytes) -> int:
    value = 0xCBF29CE484222325
    for octet in reversed(suffix):
        value = ((value ^ octet) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _compile(items: list[Application]) -> Suffixes:
    domains = {
        domain.lower().strip(".").encode("idna" if not domain.isascii() else "ascii"): number
        for number, item in enumerate(items)
        for domain in item.domains
    }
    size = 16
    while size < 2 * len(domains):
        size *= 2
    at, length = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    application, text = np.zeros(size, np.int64), bytearray()
    for domain, number in domains.items():
        place = _hash(domain) & (size - 1)
        while at[place] >= 0:
            place = (place + 1) & (size - 1)
        at[place], length[place], application[place] = len(text), len(domain), number
        text += domain
    return Suffixes(at, length, application, np.frombuffer(bytes(text) or b"\0", np.uint8))


@kernel(wraps=True)
def match_names(suffixes: Suffixes, text: Wire, spans: Ints, found: Ints) -> None:
    """Look every name up, from its end to its beginning, label by label; the longest wins."""
    for row in range(len(spans)):
        if spans[row] < 0:
            continue
        at = spans[row] >> LENGTH_BITS
        end = name_end(text, at, at + min(spans[row] & LENGTH_MASK, 255))
        value = FNV_OFFSET
        place = end - 1
        while place >= at:
            octet = lower(text[place])
            if octet == 46:  # a label ends here: what stands behind is a suffix
                chosen = look_up(suffixes, text, place + 1, end, value)
                if chosen >= 0:
                    found[row] = chosen
            value = (value ^ np.uint64(octet)) * FNV_PRIME
            place -= 1
        if end > at:
            chosen = look_up(suffixes, text, at, end, value)
            if chosen >= 0:
                found[row] = chosen


@kernel
def name_end(text: Wire, at: Int, end: Int) -> Int:
    """Leave a port and a final dot off a name."""
    stop = end
    for place in range(at, end):
        if text[place] == 58:
            stop = place
            break
    if stop > at and text[stop - 1] == 46:
        stop -= 1
    return stop


@kernel(wraps=True)
def look_up(suffixes: Suffixes, text: Wire, at: Int, end: Int, value: np.uint64) -> Int:
    """Give the application of exactly this suffix, or -1."""
    mask = np.uint64(len(suffixes.at) - 1)
    place = np.int64(value & mask)
    for _ in range(len(suffixes.at)):
        if suffixes.at[place] < 0:
            return -1
        if suffixes.length[place] == end - at:
            same = True
            for offset in range(end - at):
                if lower(text[at + offset]) != suffixes.text[suffixes.at[place] + offset]:
                    same = False
                    break
            if same:
                return suffixes.application[place]
        place = (place + 1) & (len(suffixes.at) - 1)
    return -1


    """Keep the first application that a flow's names tell."""
    for row in range(len(rows_flow)):
        if found[row] >= 0 and flow_applications[rows_flow[row]] < 0:
            flow_applications[rows_flow[row]] = found[row]

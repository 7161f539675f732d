"""One payload put to all protocols, and the form of the samples that are put to them."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from sonde.dissect import all_dissectors
from sonde.identify import Matcher, all_protocols, build_matcher
from sonde.identify.match import build_look
from sonde.schema import DST_PORT_SHIFT, FROM_RESP, MESSAGE, SRC_PORT_SHIFT, STREAM, Protocol
from sonde.table.streams import CANDIDATE_WORDS

TCP, UDP, SCTP = "tcp", "udp", "sctp"
SURE = "sure"  # decided on any port
PORT = "port"  # decided on its own port; elsewhere the other side must agree
ONLY_PORT = "only port"  # on its own port; elsewhere not even considered
PORT_PAIR = "port pair"  # considered on its own port only, where the other side must agree
PAIR = "pair"  # considered; the other side, or more of its kind, must agree
CLIENT_PORT = 43210  # registered for nothing


class Sample(NamedTuple):
    """A payload that a protocol must know, and how surely."""

    name: str
    transport: str
    port: int
    octets: bytes
    remark: str
    sure: str = SURE
    side: str = "orig"


class Answer(NamedTuple):
    """What was decided, how surely (3 on an own port, 2, 1 a MAYBE on an own port), and who may be."""

    protocol: str | None
    certainty: int
    candidates: frozenset[str]


@cache
def protocols() -> tuple[Protocol, ...]:
    """Give all protocols, those that are dissected too."""
    return all_protocols([each.protocol for each in all_dissectors()])


@cache
def matcher() -> Matcher:
    """Give all their signatures."""
    return build_matcher(protocols(), set())


@cache
def look() -> Any:
    """Give the kernel that asks all of them."""
    return build_look(protocols())


def hint_for(transport: str, port: int, side: str = "orig") -> int:
    """Compose what candidates know besides the octets, for a client's payload or its server's."""
    ports = (CLIENT_PORT, port) if side == "orig" else (port, CLIENT_PORT)
    hint = ports[0] << SRC_PORT_SHIFT | ports[1] << DST_PORT_SHIFT
    return hint | {TCP: STREAM, UDP: 0, SCTP: MESSAGE}[transport] | (FROM_RESP if side == "resp" else 0)


def ask(octets: bytes, transport: str, port: int, side: str = "orig") -> Answer:
    """Put a payload to all protocols."""
    found = np.zeros(CANDIDATE_WORDS, np.int64)
    wire = np.frombuffer(octets, np.uint8)
    decided = int(look()(matcher().lookup, wire, 0, len(wire), hint_for(transport, port, side), found))
    candidates = frozenset(
        protocols()[64 * word + bit].name
        for word in range(CANDIDATE_WORDS)
        for bit in range(64)
        if int(found[word]) >> bit & 1
    )
    return Answer(protocols()[decided >> 8].name if decided >= 0 else None, max(decided, 0) & 255, candidates)


def h(text: str) -> bytes:
    """Read hexadecimal digits, blanks between them ignored."""
    return bytes.fromhex(text)


def be(number: int, size: int) -> bytes:
    """Spell a number, the highest octet first."""
    return number.to_bytes(size, "big")


def le(number: int, size: int) -> bytes:
    """Spell a number, the lowest octet first."""
    return number.to_bytes(size, "little")

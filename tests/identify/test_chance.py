"""Octets of chance are no protocol: on no port may one payload in ten thousand be named."""

import random
from collections import Counter

import numpy as np
import pytest

from sonde.schema import STREAM
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import INTERPRETED
from tests.identify.asking import SCTP, TCP, UDP, hint_for, look, matcher, protocols

PAYLOADS = 1_000 if INTERPRETED else 20_000
EACH_PORT = 4 if INTERPRETED else 300
PRINTABLE = bytes(range(32, 127))
MOST_RATE = 1 / 10_000


def ports_of(transport: str) -> list[int]:
    return sorted({port for each in protocols() for port in getattr(each, f"{transport}_ports")})


def noise(source: random.Random, kind: str) -> bytes:
    """Make a payload of any length that a packet has: octets, or text, or text in lines."""
    length = source.randrange(1, 1461) if source.random() < 0.7 else source.randrange(1, 65)
    if kind == "octets":
        return source.randbytes(length)
    text = bytearray(PRINTABLE[octet % len(PRINTABLE)] for octet in source.randbytes(length))
    if kind == "lines":
        for place in range(source.randrange(1, 60), length, 60):
            text[place] = 10
        text[-1] = 10
    return bytes(text)


def named(payloads: list[tuple[bytes, str, int, str]]) -> Counter[tuple[str, str, int]]:
    """Count the payloads that are decided, by name and port."""
    found, count = np.zeros(CANDIDATE_WORDS, np.int64), Counter[tuple[str, str, int]]()
    ask, signatures = look(), matcher().lookup
    for octets, transport, port, side in payloads:
        wire = np.frombuffer(octets, np.uint8)
        answer = int(ask(signatures, wire, 0, len(wire), hint_for(transport, port, side), found))
        if answer >= 0:
            count[protocols()[answer >> 8].name, transport, port] += 1
    return count


@pytest.mark.parametrize("kind", ["octets", "text", "lines"])
@pytest.mark.parametrize("transport", [TCP, UDP, SCTP])
def test_chance_is_named_in_fewer_than_one_payload_in_ten_thousand(kind: str, transport: str) -> None:
    source = random.Random(f"{kind} {transport}")
    ports = ports_of(transport)
    payloads = [
        (
            noise(source, kind),
            transport,
            source.choice(ports) if number % 2 else source.randrange(1, 65536),
            source.choice(("orig", "resp")),
        )
        for number in range(PAYLOADS)
    ]
    count = named(payloads)
    assert count.total() < max(PAYLOADS * MOST_RATE, 1) or count.total() <= 1, count


@pytest.mark.slow
@pytest.mark.parametrize("transport", [TCP, UDP, SCTP])
def test_no_registered_port_makes_a_protocol_of_chance(transport: str) -> None:
    """The sum over all ports, each asked alike, so that no port hides behind the others."""
    source = random.Random(transport)
    ports = ports_of(transport)
    payloads = [
        (noise(source, source.choice(("octets", "text"))), transport, port, source.choice(("orig", "resp")))
        for port in ports
        for _ in range(EACH_PORT)
    ]
    count = named(payloads)
    assert count.total() <= max(len(payloads) * MOST_RATE, 2), count
    assert max(count.values(), default=0) <= max(EACH_PORT / 100, 1), count


def test_no_payload_at_all_is_nothing() -> None:
    found = np.zeros(CANDIDATE_WORDS, np.int64)
    assert int(look()(matcher().lookup, np.zeros(1, np.uint8), 0, 0, STREAM, found)) == -1

"""The compiled matcher with its index against the twin that has none."""

import random
from functools import cache

import numpy as np
import pytest

from sonde.schema import CUT, DST_PORT_SHIFT, FROM_RESP, MESSAGE, SRC_PORT_SHIFT, STREAM, YES, Protocol
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import INTERPRETED
from tests.identify.asking import CLIENT_PORT, look, matcher, protocols
from tests.identify.samples import SAMPLES
from tests.reference.signatures import owns, verdict

SOURCE = random.Random(11)
BY_DATA = [protocol for protocol in protocols() if protocol.identify is None and protocol.signatures]
ROUNDS = 1 if INTERPRETED else 4


@cache
def asked() -> list[tuple[bytes, str, int, str, bool]]:
    """Give samples and what damage makes of them, on their ports and others, from both sides."""
    found = []
    for sample in SAMPLES:
        for _ in range(ROUNDS):
            octets = bytearray(sample.octets)
            for _ in range(SOURCE.randrange(3)):
                octets[SOURCE.randrange(min(len(octets), 32))] = SOURCE.randrange(256)
            cut = SOURCE.random() < 0.2
            if cut:
                del octets[SOURCE.randrange(1, len(octets) + 1) :]
            transport = sample.transport if SOURCE.random() < 0.9 else SOURCE.choice(("tcp", "udp", "sctp"))
            port = sample.port if SOURCE.random() < 0.6 else SOURCE.choice((80, 443, 53, 5060, 39999))
            found.append((bytes(octets), transport, port, SOURCE.choice(("orig", "resp")), cut))
    return found


def twin_of(octets: bytes, transport: str, port: int, side: str, cut: bool) -> dict[str, list[tuple[int, bool]]]:
    """Give, for each protocol that is data alone, its verdicts and whether a port is its own."""
    found: dict[str, list[tuple[int, bool]]] = {}
    for protocol in BY_DATA:
        own = owns(protocol, transport, (port, CLIENT_PORT))
        said = [
            (verdict(each, octets, transport, side, own_port=own, cut=cut), own and not each.pair)
            for each in protocol.signatures
        ]
        if any(each for each, _ in said):
            found[protocol.name] = [each for each in said if each[0]]
    return found


def compiled(octets: bytes, transport: str, port: int, side: str, cut: bool) -> tuple[Protocol | None, set[str]]:
    ports = (CLIENT_PORT, port) if side == "orig" else (port, CLIENT_PORT)
    hint = ports[0] << SRC_PORT_SHIFT | ports[1] << DST_PORT_SHIFT
    hint |= (
        {"tcp": STREAM, "udp": 0, "sctp": MESSAGE}[transport]
        | (FROM_RESP if side == "resp" else 0)
        | (CUT if cut else 0)
    )
    bits = np.zeros(CANDIDATE_WORDS, np.int64)
    answer = int(look()(matcher().lookup, np.frombuffer(octets, np.uint8), 0, len(octets), hint, bits))
    names = {
        protocol.name for number, protocol in enumerate(protocols()) if int(bits[number >> 6]) >> (number & 63) & 1
    }
    return protocols()[answer >> 8] if answer >= 0 else None, names


def test_the_index_loses_nobody_and_invents_nobody() -> None:
    data = {protocol.name for protocol in BY_DATA}
    for case in asked():
        decided, names = compiled(*case)
        expected = twin_of(*case)
        # What is sure ends the search on its own port, and where no port is anybody's.
        free = not any(owns(protocol, case[1], (case[2], CLIENT_PORT)) for protocol in protocols())
        sure_here = {name for name, said in expected.items() if (int(YES), True) in said}
        sure_here |= {name for name, said in expected.items() if free and any(each == YES for each, _ in said)}
        if decided is not None and (decided.name not in data or decided.name in sure_here):
            # The search may have ended there: no candidate that the twin does not have.
            assert names & data <= set(expected), case
        else:
            assert not sure_here, case
            assert names & data == set(expected), case


def test_the_surest_decides() -> None:
    for case in asked():
        decided, names = compiled(*case)
        expected = twin_of(*case)
        if decided is None:
            assert not any(own or said == YES for each in expected.values() for said, own in each), case
        elif decided.identify is None:
            best = max(2 + own if said == YES else int(own) for said, own in expected[decided.name])
            others = [2 + own if said == YES else int(own) for each in expected.values() for said, own in each]
            assert best == max(others), case
        assert decided is None or decided.name in names


@pytest.mark.compiled
def test_the_twin_knows_every_sample() -> None:
    data = {protocol.name for protocol in BY_DATA}
    for sample in SAMPLES:
        if sample.name in data:
            said = twin_of(sample.octets, sample.transport, sample.port, sample.side, False)
            assert sample.name in said, sample

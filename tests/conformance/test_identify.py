"""What every kernel that recognises a protocol must hold to: runs over each unasked."""

import pickle
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sonde.dissect import all_dissectors
from sonde.identify import all_protocols, build_matcher
from sonde.identify.match import build_asker, build_look
from sonde.schema import CUT, DST_PORT_SHIFT, FROM_RESP, MIDSTREAM, OWN_PORT, SRC_PORT_SHIFT, STREAM, Protocol, Verdict
from sonde.table.streams import CANDIDATE_WORDS
from tests.conformance.environment import environment
from tests.conformance.samples import NAMES, samples_of

PROTOCOLS: tuple[Protocol, ...] = all_protocols([each.protocol for each in all_dissectors()])
WITH_KERNEL = [protocol for protocol in PROTOCOLS if protocol.identify is not None]
PAD = b"\0" * 80
HINTS = (0, STREAM, OWN_PORT, STREAM | OWN_PORT, FROM_RESP | STREAM, FROM_RESP | OWN_PORT, STREAM | MIDSTREAM, CUT)


@cache
def payloads() -> list[bytes]:
    """Give payloads of all protocols, whole, cut and damaged, and some of chance."""
    source = random.Random(4)
    whole = [
        octets
        for name in NAMES
        for sample in samples_of(name)
        for _, octets in sample.messages
        if isinstance(octets, bytes) and octets
    ]
    found = list(whole)
    for octets in whole:
        found += [octets[:length] for length in (1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 15, 16, 20, 24, 33, 48, 64, 100)]
        raw = bytearray(octets)
        raw[source.randrange(min(len(raw), 40))] = source.randrange(256)
        found.append(bytes(raw))
    found += [source.randbytes(source.choice((1, 4, 12, 40, 200))) for _ in range(300)]
    firsts = {octet for protocol in WITH_KERNEL for octet in protocol.first_octets}
    found += [bytes([octet]) + source.randbytes(size) for octet in firsts for size in (0, 3, 30)]
    return sorted(set(found))


def verdicts(asked: list[bytes], pad: bytes) -> list[list[int]]:
    """Ask each kernel about each payload with a hint for each, all neighbours being `pad`."""
    ask = build_asker(PROTOCOLS)
    wire = bytearray(pad)
    places = []
    for octets in asked:
        places.append((len(wire), len(wire) + len(octets)))
        wire += octets + pad
    array = np.frombuffer(bytes(wire), np.uint8)
    ports = 40000 << SRC_PORT_SHIFT | 443 << DST_PORT_SHIFT
    return [
        [int(ask(which, array, at, end, HINTS[number % len(HINTS)] | ports)) for number, (at, end) in enumerate(places)]
        for which in range(len(WITH_KERNEL))
    ]


def test_verdicts_do_not_depend_on_what_lies_around() -> None:
    zeros, ones = verdicts(payloads(), PAD), verdicts(payloads(), b"\xff" * 80)
    for protocol, one, other in zip(WITH_KERNEL, zeros, ones, strict=True):
        assert one == other, protocol.name
        assert set(one) <= {0, 1, 2}, protocol.name


def test_chance_alone_is_never_sure() -> None:
    """Random octets on no registered port decide nothing."""
    ask, source = build_asker(PROTOCOLS), random.Random(5)
    noise = [np.frombuffer(source.randbytes(60), np.uint8) for _ in range(2000)]
    for which, protocol in enumerate(WITH_KERNEL):
        for stream in (0, STREAM):
            sure = sum(ask(which, octets, 0, 60, stream) == Verdict.YES for octets in noise)
            assert sure <= 2, f"{protocol.name} is sure of {sure} payloads of chance in 2000"


@pytest.mark.compiled
def test_compiled_equals_interpreted(tmp_path: Path) -> None:
    source, result = tmp_path / "payloads", tmp_path / "verdicts"
    source.write_bytes(pickle.dumps(payloads()))
    child = [sys.executable, "-W", "error", "-m", "tests.conformance.test_identify", source, result]
    subprocess.run(child, check=True, env=environment(NUMBA_DISABLE_JIT="1"))
    interpreted = pickle.loads(result.read_bytes())
    for protocol, one, other in zip(WITH_KERNEL, verdicts(payloads(), PAD), interpreted, strict=True):
        assert one == other, protocol.name


def test_the_matcher_survives_everything_and_names_only_candidates() -> None:
    matcher, look = build_matcher(PROTOCOLS, set(NAMES)), build_look(PROTOCOLS)
    found = np.zeros(CANDIDATE_WORDS, np.int64)
    for number, octets in enumerate(payloads()):
        found[:] = 0
        answer = int(
            look(matcher.lookup, np.frombuffer(octets, np.uint8), 0, len(octets), HINTS[number % len(HINTS)], found)
        )
        bits = {word * 64 + bit for word in range(CANDIDATE_WORDS) for bit in range(64) if int(found[word]) >> bit & 1}
        assert answer == -1 or answer >> 8 in bits
        assert max(bits, default=0) < len(PROTOCOLS)


def test_names_and_ports_are_well_formed() -> None:
    names = [protocol.name for protocol in PROTOCOLS]
    assert len(set(names)) == len(names)
    for protocol in PROTOCOLS:
        assert protocol.title, protocol.name
        assert protocol.reference, protocol.name
        ports: tuple[Any, ...] = (*protocol.tcp_ports, *protocol.udp_ports, *protocol.sctp_ports)
        assert all(0 < port < 65536 for port in ports), protocol.name
        assert set(protocol.client_ports) <= set(ports), protocol.name
        assert set(protocol.aliases) <= {"ndpi", "zeek", "wireshark"}, protocol.name


if __name__ == "__main__":
    given = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps(verdicts(given, PAD)))

"""Declared signatures -> arrays for the matcher, and the index by which a payload meets few of them.

A candidate is a signature or a protocol's structure kernel. It stands in the buckets of the
first octets that it allows, for each transport; one that counts on registered ports only
stands in the runs of those ports instead. Each entry repeats what the candidate demands of
the first four octets and of the length, so that most are turned away by two comparisons.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sonde.schema import ASK, At, Has, Length, Number, Only, Protocol, Same, Signature, Verdict
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import Ints, Rows, Wire

MOST_PROTOCOLS = 64 * CANDIDATE_WORDS
LONGEST = 1 << 16
MOST_NUMBER = 7  # octets of a number that fits int64
HEAD = 4  # octets compared before anything else

SIGNATURE = np.dtype(
    [
        ("protocol", "i2"),
        ("verdict", "u1"),
        ("side", "u1"),  # 0 both, 1 orig, 2 resp
        ("first_part", "i4"),
        ("parts", "i4"),
        ("kernel", "i4"),  # to ask where the verdict is ASK
    ],
    align=True,
)
PART = np.dtype(
    [
        ("low", "i8"),
        ("high", "i8"),
        ("offset", "i4"),
        ("length", "i4"),
        ("at", "i4"),  # place in octets and masks, or in sets
        ("unit", "i4"),
        ("kind", "u1"),
        ("little", "u1"),
        ("fit", "u1"),
    ],
    align=True,
)
CANDIDATE = np.dtype(
    [
        ("number", "i4"),
        ("mask", "u4"),  # of the first four octets
        ("value", "u4"),
        ("min_length", "i4"),
        ("max_length", "i4"),
    ],
    align=True,
)
AT, NUMBER, LENGTH, HAS, SAME, STEP, ONLY = range(7)
WHOLE, WITHIN, BEGUN = range(3)
FITS = {"whole": WHOLE, "within": WITHIN, "begun": BEGUN}
SIDES = {"both": 0, "orig": 1, "resp": 2}
TRANSPORTS = {"both": (0, 1), "tcp": (0,), "udp": (1,)}


class Matcher(NamedTuple):
    """Signatures as arrays, and the index of candidates.

    A candidate's number below len(signatures) is a signature, above it a kernel.
    """

    signatures: Rows
    parts: Rows
    octets: Wire
    masks: Wire
    sets: Wire  # 256 octets for each set: 1 for members
    candidates: Rows
    runs: Ints  # beginnings in `candidates`: 2 x 256 by first octet, then by port
    protocol_of: Ints  # of each kernel
    known_ports: Wire  # bits by transport << 16 | port
    port_run: Ints  # by transport << 16 | port: its run, counted from the first run of a port
    owners: Ints  # protocols that a port is registered for, a run for each
    owner_runs: Ints
    dissected: Wire  # 1 for protocols that a dissector reads
    starts_tls: Wire  # 1 for those in which TLS may begin
    tls: Ints  # [number of TLS, or -1 where nobody reads it]


class Arrays:
    """Signatures being written down."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.signatures: list[tuple[int, ...]] = []
        self.parts: list[tuple[int, ...]] = []
        self.octets, self.masks = bytearray(), bytearray()
        self.sets: list[bytes] = []

    def add(self, protocol: int, declared: Signature, kernel: int) -> int:
        """Write a signature down; give its number."""
        first = len(self.parts)
        if declared.step > 1:
            self.parts.append((declared.min_length, 0, 0, 0, 0, declared.step, STEP, 0, 0))
        for part in declared.parts:
            self._add_part(part, folded=declared.folded)
        parts = len(self.parts) - first
        self.signatures.append((protocol, int(declared.verdict), SIDES[declared.side], first, parts, kernel))
        return len(self.signatures) - 1

    def _add_part(self, part: Any, *, folded: bool) -> None:  # noqa: ANN401
        if isinstance(part, Number):
            self.parts.append((part.low, part.high, part.at, part.size, 0, 1, NUMBER, part.little, 0))
        elif isinstance(part, Length):
            row = (part.add, 0, part.at, part.size, 0, part.unit, LENGTH, part.little, FITS[part.fit])
            self.parts.append(row)
        elif isinstance(part, Has):
            place = self._add_octets(*demanded(At(0, part.octets), folded=folded))
            self.parts.append((part.stop, 0, part.start, len(part.octets), place, 1, HAS, 0, 0))
        elif isinstance(part, Same):
            self.parts.append((part.other, 0, part.at, part.size, 0, 1, SAME, 0, 0))
        elif isinstance(part, Only):
            if part.among not in self.sets:
                self.sets.append(part.among)
            place = 256 * self.sets.index(part.among)
            self.parts.append((part.stop, 0, part.at, 0, place, 1, ONLY, 0, 0))
        else:
            place = self._add_octets(*demanded(part, folded=folded))
            self.parts.append((0, 0, part[0], len(part[1]), place, 1, AT, 0, 0))

    def _add_octets(self, octets: bytes, mask: bytes) -> int:
        place = len(self.octets)
        self.octets += octets
        self.masks += mask
        return place


def demanded(part: Any, *, folded: bool) -> tuple[bytes, bytes]:  # noqa: ANN401
    """Give octets and mask of an At; where letters are folded, the mask leaves their case out."""
    octets = part[1]
    mask = bytearray(part[2] if len(part) > 2 and part[2] else b"\xff" * len(octets))  # noqa: PLR2004
    if folded:
        for place, octet in enumerate(octets):
            if chr(octet).isalpha() and octet < 128:
                mask[place] &= 0xDF
    return bytes(octet & mask[place] for place, octet in enumerate(octets)), bytes(mask)


def build_matcher(protocols: Sequence[Protocol], dissected: set[str]) -> Matcher:
    """Compile declarations into arrays; the position of a protocol is its number."""
    if len(protocols) > MOST_PROTOCOLS:
        raise ValueError(f"at most {MOST_PROTOCOLS} protocols can be declared")
    kernels = [number for number, protocol in enumerate(protocols) if protocol.identify is not None]
    arrays = Arrays()
    runs: list[list[tuple[int, ...]]] = [[] for _ in range(512)]
    by_port: dict[int, list[tuple[int, ...]]] = {}
    owners: dict[int, list[int]] = {}
    asked: dict[int, tuple[Protocol, int]] = {}
    for number, protocol in enumerate(protocols):
        for port in ports_of(protocol):
            owners.setdefault(port, []).append(number)
            by_port.setdefault(port, [])
        kernel = kernels.index(number) if protocol.identify is not None else -1
        for declared in protocol.signatures:
            check_signature(protocol, declared)
            entry = (arrays.add(number, declared, kernel), *outline(declared))
            for run in _runs_for(protocol, declared, runs, by_port):
                run.append(entry)
        if kernel >= 0 and all(declared.verdict != ASK for declared in protocol.signatures):
            asked[kernel] = (protocol, number)
    arrays.signatures.append((0,) * len(SIGNATURE))
    for kernel, (protocol, _) in asked.items():
        entry = (len(arrays.signatures) + kernel, 0, 0, 1, LONGEST)
        for run in _runs_to_ask(protocol, runs, by_port):
            run.append(entry)
    return _finish(protocols, arrays, kernels, runs + list(by_port.values()), list(by_port), owners, dissected)


def _finish(
    protocols: Sequence[Protocol], arrays: Arrays, kernels: list[int], runs: list[list[tuple[int, ...]]],
    ports: list[int], owners: dict[int, list[int]], dissected: set[str],
) -> Matcher:
    known, port_run = np.zeros(1 << 14, np.uint8), np.zeros(1 << 17, np.int64)
    for place, port in enumerate(ports):
        known[port >> 3] |= 1 << (port & 7)
        port_run[port] = place
    names = [protocol.name for protocol in protocols]
    sets = np.zeros(256 * max(len(arrays.sets), 1), np.uint8)
    for place, among in enumerate(arrays.sets):
        sets[256 * place + np.frombuffer(among, np.uint8).astype(np.int64)] = 1
    return Matcher(
        np.array(arrays.signatures, SIGNATURE),
        np.array([*arrays.parts, (0,) * len(PART)], PART),
        np.frombuffer(bytes(arrays.octets) + b"\0", np.uint8),
        np.frombuffer(bytes(arrays.masks) + b"\0", np.uint8),
        sets,
        np.array([entry for run in runs for entry in run] or [(0,) * len(CANDIDATE)], CANDIDATE),
        _beginnings(runs),
        np.array([*kernels, -1], np.int64),
        known,
        port_run,
        np.array([owner for port in ports for owner in owners[port]] or [-1], np.int64),
        _beginnings([owners[port] for port in ports]),
        np.array([protocol.name in dissected for protocol in protocols], np.uint8),
        np.array([protocol.starts_tls for protocol in protocols], np.uint8),
        np.array([names.index("tls") if "tls" in dissected and "tls" in names else -1], np.int64),
    )


def _beginnings(runs: Sequence[Sequence[Any]]) -> Ints:
    return np.concatenate(([0], np.cumsum([len(run) for run in runs]))).astype(np.int64)


def ports_of(protocol: Protocol) -> Iterator[int]:
    """Give the registered ports of a protocol as transport << 16 | port."""
    yield from protocol.tcp_ports
    for port in protocol.udp_ports:
        yield 1 << 16 | port


def _runs_for(
    protocol: Protocol, declared: Signature, runs: list[list[tuple[int, ...]]],
    by_port: dict[int, list[tuple[int, ...]]],
) -> Iterator[list[tuple[int, ...]]]:
    """Give the runs that a signature belongs to."""
    for transport in TRANSPORTS[declared.transport]:
        if declared.own_port:
            for port in ports_of(protocol):
                if port >> 16 == transport:
                    yield by_port[port]
        else:
            for octet in first_octets(declared):
                yield runs[transport * 256 + octet]


def _runs_to_ask(
    protocol: Protocol, runs: list[list[tuple[int, ...]]], by_port: dict[int, list[tuple[int, ...]]]
) -> Iterator[list[tuple[int, ...]]]:
    """Give the runs that a protocol's kernel belongs to."""
    for transport, name in enumerate(("tcp", "udp")):
        if name not in protocol.transports:
            continue
        if protocol.own_ports_only:
            for port in ports_of(protocol):
                if port >> 16 == transport:
                    yield by_port[port]
        else:
            for octet in set(protocol.first_octets) or range(256):
                yield runs[transport * 256 + octet]


def check_signature(protocol: Protocol, declared: Signature) -> None:
    """Refuse what the matcher cannot do; ValueError names the protocol."""
    for part in declared.parts:
        if isinstance(part, (Number, Length)) and not 1 <= part.size <= MOST_NUMBER:
            raise ValueError(f"{protocol.name}: a number has 1 to {MOST_NUMBER} octets")
        if isinstance(part, At) and part.mask and len(part.mask) != len(part.octets):
            raise ValueError(f"{protocol.name}: a mask is as long as its octets")
    if declared.verdict == ASK and protocol.identify is None:
        raise ValueError(f"{protocol.name}: there is no kernel to ask")
    if declared.verdict == Verdict.NO:
        raise ValueError(f"{protocol.name}: a signature says MAYBE, YES or ASK")


def outline(declared: Signature) -> tuple[int, int, int, int]:
    """Give mask and value of the first four octets, and the bounds of the length."""
    mask, value = bytearray(HEAD), bytearray(HEAD)
    shortest = max(declared.min_length, 1)
    for part in declared.parts:
        shortest = max(shortest, _extent(part))
        if isinstance(part, Number):
            octets, wanted = common_bits(part)
        elif isinstance(part, (Length, Has, Same, Only)):
            continue
        else:
            octets, wanted = demanded(part, folded=declared.folded)
        for place, octet in enumerate(octets, part[0]):
            if 0 <= place < HEAD:
                mask[place] |= wanted[place - part[0]]
                value[place] |= octet
    return int.from_bytes(mask, "big"), int.from_bytes(value, "big"), shortest, declared.max_length


def common_bits(part: Number) -> tuple[bytes, bytes]:
    """Give octets and mask of the leading bits that all numbers between the bounds share."""
    shared = (1 << 8 * part.size) - (1 << (part.low ^ part.high).bit_length())
    order = "little" if part.little else "big"
    mask = max(shared, 0).to_bytes(part.size, order)
    return (part.low & max(shared, 0)).to_bytes(part.size, order), mask


def _extent(part: Any) -> int:  # noqa: ANN401
    """Give how many octets a payload must have for a part to be true."""
    if isinstance(part, (Number, Length)):
        return part.at + part.size if part.at >= 0 else -part.at
    if isinstance(part, Has):
        return part.start + len(part.octets)
    if isinstance(part, Same):
        return max(part.at, part.other) + part.size
    if isinstance(part, Only):
        return 0
    return part[0] + len(part[1]) if part[0] >= 0 else -part[0]


def first_octets(declared: Signature) -> set[int]:
    """Give the first octets that a signature allows."""
    allowed = set(range(256))
    for part in declared.parts:
        if isinstance(part, Only):
            if part.at == 0:
                allowed &= set(part.among)
        elif isinstance(part, Number):
            if part.at == 0:
                last = part.little or part.size == 1
                shift = 0 if last else 8 * (part.size - 1)
                if part.size == 1 or not part.little:
                    allowed &= set(range(part.low >> shift, (part.high >> shift) + 1))
        elif not isinstance(part, (Length, Has, Same)) and part[0] == 0 and part[1]:
            octets, mask = demanded(part, folded=declared.folded)
            allowed &= {octet for octet in range(256) if octet & mask[0] == octets[0]}
    return allowed

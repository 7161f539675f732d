"""Declared signatures -> arrays for the matcher, and the index by which a payload meets few of them.

A candidate is a signature or a protocol's structure kernel. Each stands in the runs of one
octet that it demands: the first if it allows few there, otherwise another near the
beginning (an anchor); if it allows all everywhere, in a run that every payload meets. What
counts on registered ports only stands in the runs of those ports instead. Each entry repeats
what the candidate demands of the first eight octets and of the length, so that most are
turned away by two comparisons.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from sonde.schema import ASK, At, Has, Length, Number, Only, Protocol, Same, Signature, Verdict
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import Ints, Rows, Wire

MOST_PROTOCOLS = 64 * CANDIDATE_WORDS
LONGEST = 1 << 16
MOST_NUMBER = 7  # octets of a number that fits int64
HEAD = 8  # octets compared before anything else
FEW = 24  # values of an octet that a candidate stands under
MANY = 128  # and of the first octet, where no other tells more
FARTHEST = 32  # the last octet looked at for an anchor
MOST_ANCHORS = 12
ALL = (1 << 256) - 1  # sets of octets are bits of a number

SIGNATURE = np.dtype(
    [
        ("protocol", "i2"),
        ("verdict", "u1"),
        ("side", "u1"),  # 0 both, 1 orig, 2 resp
        ("pair", "u1"),  # 1 where the other side must agree
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
        ("unit", "i4"),  # of HAS: which octet is looked for
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
        ("next_mask", "u4"),  # of the four behind
        ("next_value", "u4"),
        ("min_length", "i4"),
        ("max_length", "i4"),
        ("side", "i4"),  # 0 both, 1 orig, 2 resp
    ],
    align=True,
)
AT, NUMBER, LENGTH, HAS, SAME, STEP, ONLY = range(7)
WHOLE, WITHIN, BEGUN = range(3)
FITS = {"whole": WHOLE, "within": WITHIN, "begun": BEGUN}
SIDES = {"both": 0, "orig": 1, "resp": 2}
# How flows announce others; see `expect`.
KINDS = {"ftp": 1, "sdp": 2, "rtsp": 3, "tftp": 4, "h225": 5, "endpoints": 6}
CARRIERS = ("tcp", "udp", "sctp")  # by number
TRANSPORTS = {"both": (0, 1), **{name: (number,) for number, name in enumerate(CARRIERS)}}
TRANSPORT_COUNT = len(CARRIERS)
PORTS = TRANSPORT_COUNT << 16


class Texts(NamedTuple):
    """What parts of signatures demand; few arrays, because kernels that call each other copy them."""

    parts: Rows
    octets: Wire  # each with its mask behind
    sets: Wire  # 256 octets for each set: 1 for members


class Ports(NamedTuple):
    """Which ports are registered, and for whom."""

    known: Wire  # bits by transport << 16 | port
    run: Ints  # by transport << 16 | port: its run, counted from the first run of a port
    owners: Ints  # protocols that a port is registered for, a run for each
    owner_runs: Ints


class Lookup(NamedTuple):
    """What every payload is looked up in: signatures as arrays, and the index of candidates.

    A candidate's number is a signature's; kernels that are asked about all payloads stand behind as signatures
    without parts. Runs stand in the order of transport, anchor and octet, then those for all, then those of ports.
    """

    signatures: Rows
    texts: Texts
    candidates: Rows
    anchors: Ints  # offsets of the octets that the index is asked with; the first is 0
    runs: Ints  # beginnings in `candidates`
    ports: Ports


class Matcher(NamedTuple):
    """All that identification knows of protocols; what payloads are looked up in stands by itself, being copied often."""

    lookup: Lookup
    dissected: Wire  # 1 for protocols that a dissector reads
    preludes: Wire  # 1 for protocols before others in their flows
    starts_tls: Wire  # 1 for those in which TLS may begin
    announces: Wire  # how a protocol announces other flows; see `expect`
    announced: Ints  # which protocol comes in them; -1 none
    rules: Ints  # beginnings of the signatures of each protocol
    kernels: Ints  # the kernel of each protocol; -1 none
    telling: Ints  # beginnings of the signatures of each protocol that tell applications, behind all of those
    told: Ints  # the application of each of them, as the run's list numbers it; -1 none
    tls: Ints  # [number of TLS, or -1 where nobody reads it]
    wraps: Ints  # number, among the kernels that unwrap, of that of each protocol; -1 none


#: Octets that payloads have many of, the most common first: zeros, then what heads of text consist of.
COMMON = b"\0etaionsrcl pmdu/.-hg\r\n:0;=,1bfvwyk2T345AC678M9SPE"

Entry = tuple[int, ...]


class Arrays:
    """Signatures being written down."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.signatures: list[tuple[int, ...]] = []
        self.parts: list[tuple[int, ...]] = []
        self.octets = bytearray()  # each with its mask behind
        self.sets: list[bytes] = []

    def add(self, protocol: int, declared: Signature, kernel: int) -> int:
        """Write a signature down; give its number."""
        first = len(self.parts)
        if declared.step > 1:
            self.parts.append((declared.min_length, 0, 0, 0, 0, declared.step, STEP, 0, 0))
        for part in declared.parts:
            self._add_part(part, folded=declared.folded)
        parts = len(self.parts) - first
        self.signatures.append(
            (protocol, int(declared.verdict), SIDES[declared.side], declared.pair, first, parts, kernel)
        )
        return len(self.signatures) - 1

    def _add_part(self, part: Any, *, folded: bool) -> None:  # noqa: ANN401
        if isinstance(part, Number):
            self.parts.append((part.low, part.high, part.at, part.size, 0, 1, NUMBER, part.little, 0))
        elif isinstance(part, Length):
            row = (part.add, 0, part.at, part.size, 0, part.unit, LENGTH, part.little, FITS[part.fit])
            self.parts.append(row)
        elif isinstance(part, Has):
            octets, mask = demanded(At(0, part.octets), folded=folded)
            row = (part.stop, 0, part.start, len(octets), self._add_octets(octets, mask), rarest(octets), HAS, 0, 0)
            self.parts.append(row)
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
        self.octets += bytes(each for pair in zip(octets, mask, strict=True) for each in pair)
        return place


def rarest(octets: bytes) -> int:
    """Give the place of the octet that is likely to stand in the fewest payloads: a search looks for that one."""
    ranks = [rank if (rank := COMMON.find(octet)) >= 0 else len(COMMON) for octet in octets]
    return ranks.index(max(ranks))


def demanded(part: Any, *, folded: bool) -> tuple[bytes, bytes]:  # noqa: ANN401
    """Give octets and mask of an At; where letters are folded, the mask leaves their case out."""
    octets: bytes = part[1]
    if not folded and not (len(part) > 2 and part[2]):
        return octets, b"\xff" * len(octets)
    mask = bytearray(part[2] if len(part) > 2 and part[2] else b"\xff" * len(octets))
    if folded:
        for place, octet in enumerate(octets):
            if chr(octet).isalpha() and octet < 128:
                mask[place] &= 0xDF
    return bytes(octet & mask[place] for place, octet in enumerate(octets)), bytes(mask)


class Index:
    """Runs of candidates being filled."""

    def __init__(self, anchors: list[int], ports: list[int]) -> None:
        """Begin with empty runs."""
        self.anchors = anchors
        self.octets: list[list[Entry]] = [[] for _ in range(TRANSPORT_COUNT * len(anchors) * 256)]
        self.all: list[list[Entry]] = [[] for _ in CARRIERS]
        self.ports: dict[int, list[Entry]] = {port: [] for port in ports}

    def add(self, entry: Entry, transport: int, allowed: dict[int, int]) -> None:
        """Put a candidate under the octets that it allows at one of the anchors, or under all."""
        few = [place for place, at in enumerate(self.anchors) if allowed.get(at, ALL).bit_count() <= FEW]
        place = few[0] if few else 0
        octets = allowed.get(self.anchors[place], ALL)
        if octets.bit_count() > MANY:
            self.all[transport].append(entry)
            return
        first = (transport * len(self.anchors) + place) * 256
        for octet in members(octets):
            self.octets[first + octet].append(entry)

    def add_on_ports(self, entry: Entry, transport: int, protocol: Protocol) -> None:
        """Put a candidate under the ports of its protocol."""
        for port in ports_of(protocol):
            if port >> 16 == transport:
                self.ports[port].append(entry)


def build_matcher(protocols: Sequence[Protocol], dissected: set[str]) -> Matcher:
    """Compile declarations into arrays; the position of a protocol is its number."""
    if len(protocols) > MOST_PROTOCOLS:
        raise ValueError(f"at most {MOST_PROTOCOLS} protocols can be declared")
    kernels = [number for number, protocol in enumerate(protocols) if protocol.identify is not None]
    owners: dict[int, list[int]] = {}
    for number, protocol in enumerate(protocols):
        for port in ports_of(protocol):
            owners.setdefault(port, []).append(number)
    allowed = {
        id(declared): allowed_octets(declared)
        for protocol in protocols
        for declared in protocol.signatures
        if not declared.own_port
    }
    arrays, index = Arrays(), Index(choose_anchors(allowed.values()), list(owners))
    # Kernels stand first in their runs: they are of the protocols that come in volume.
    real = sum(len(protocol.signatures) + len(protocol.applications) for protocol in protocols)
    for kernel, number in enumerate(kernels):
        protocol = protocols[number]
        if any(declared.verdict == ASK for declared in protocol.signatures):
            continue
        entry = (real + kernel, 0, 0, 0, 0, 1, LONGEST, 0)
        for transport in [CARRIERS.index(name) for name in protocol.transports]:
            if protocol.own_ports_only:
                index.add_on_ports(entry, transport, protocol)
            else:
                index.add(entry, transport, {0: bits(protocol.first_octets) or ALL})
    for number, protocol in enumerate(protocols):
        kernel = kernels.index(number) if protocol.identify is not None else -1
        for declared in protocol.signatures:
            check_signature(protocol, declared)
            entry = (arrays.add(number, declared, kernel), *outline(declared))
            for transport in TRANSPORTS[declared.transport]:
                if declared.own_port:
                    index.add_on_ports(entry, transport, protocol)
                else:
                    index.add(entry, transport, allowed[id(declared)])
    telling = [
        [arrays.add(number, declared, -1) for _, declared in protocol.applications]
        for number, protocol in enumerate(protocols)
    ]
    arrays.signatures += [(number, ASK, 0, 0, 0, 0, which) for which, number in enumerate(kernels)]
    arrays.signatures.append((0,) * len(SIGNATURE.fields or ()))
    made = _finish(protocols, arrays, kernels, index, owners, dissected)
    told = np.full(max(sum(len(run) for run in telling), 1), -1, np.int64)
    return made._replace(telling=made.rules[-1] + _beginnings(telling), told=told)


def told_applications(protocols: Sequence[Protocol]) -> tuple[str, ...]:
    """Name the applications that signatures tell, in the order of Matcher.told."""
    return tuple(name for protocol in protocols for name, _ in protocol.applications)


def rule_names(protocols: Sequence[Protocol]) -> tuple[str, ...]:
    """Name what can tell protocols, by the numbers of flows (`rule`): "ssh 1" is a first signature, "dns structure" a kernel."""
    signatures = [f"{each.name} {place}" for each in protocols for place in range(1, len(each.signatures) + 1)]
    return (*signatures, *(f"{each.name} structure" for each in protocols if each.identify is not None))


def _finish(
    protocols: Sequence[Protocol],
    arrays: Arrays,
    kernels: list[int],
    index: Index,
    owners: dict[int, list[int]],
    dissected: set[str],
) -> Matcher:
    known, port_run = np.zeros(PORTS >> 3, np.uint8), np.zeros(PORTS, np.int64)
    for place, port in enumerate(owners):
        known[port >> 3] |= 1 << (port & 7)
        port_run[port] = place
    names = [protocol.name for protocol in protocols]
    sets = np.zeros(256 * max(len(arrays.sets), 1), np.uint8)
    for place, among in enumerate(arrays.sets):
        sets[256 * place + np.frombuffer(among, np.uint8).astype(np.int64)] = 1
    nothing, wrappers = np.zeros(1, np.int64), [protocol for protocol in protocols if protocol.unwrap is not None]
    runs = [*index.octets, *index.all, *index.ports.values()]
    texts = Texts(
        np.array([*arrays.parts, (0,) * len(PART.fields or ())], PART),
        np.frombuffer(bytes(arrays.octets) + b"\0", np.uint8),
        sets,
    )
    ports = Ports(
        known,
        port_run,
        np.array([owner for port in owners.values() for owner in port] or [-1], np.int64),
        _beginnings(list(owners.values())),
    )
    lookup = Lookup(
        np.array(arrays.signatures, SIGNATURE),
        texts,
        np.array([entry for run in runs for entry in run] or [(0,) * len(CANDIDATE.fields or ())], CANDIDATE),
        np.array(index.anchors, np.int64),
        _beginnings(runs),
        ports,
    )
    return Matcher(
        lookup,
        np.array([protocol.name in dissected for protocol in protocols], np.uint8),
        np.array([protocol.is_prelude for protocol in protocols], np.uint8),
        np.array([protocol.starts_tls for protocol in protocols], np.uint8),
        np.array([KINDS.get(protocol.announces[0], 0) for protocol in protocols], np.uint8),
        np.array([names.index(each.announces[1]) if each.announces[1] else -1 for each in protocols], np.int64),
        _beginnings([protocol.signatures for protocol in protocols]),
        np.array([kernels.index(number) if number in kernels else -1 for number in range(len(protocols))], np.int64),
        telling=nothing,
        told=nothing,
        tls=np.array([names.index("tls") if "tls" in dissected and "tls" in names else -1], np.int64),
        wraps=np.array([wrappers.index(protocol) if protocol in wrappers else -1 for protocol in protocols], np.int64),
    )


def _beginnings(runs: Sequence[Sequence[Any]]) -> Ints:
    return np.concatenate(([0], np.cumsum([len(run) for run in runs]))).astype(np.int64)


def ports_of(protocol: Protocol) -> Iterator[int]:
    """Give the registered ports of a protocol as transport << 16 | port."""
    for transport, ports in enumerate((protocol.tcp_ports, protocol.udp_ports, protocol.sctp_ports)):
        for port in ports:
            yield transport << 16 | port


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


def bits(octets: bytes) -> int:
    """Give a set of octets as bits of a number."""
    value = 0
    for octet in octets:
        value |= 1 << octet
    return value


def members(octets: int) -> Iterator[int]:
    """Give the octets of a set."""
    while octets:
        lowest = octets & -octets
        yield lowest.bit_length() - 1
        octets ^= lowest


def choose_anchors(signatures: Any) -> list[int]:  # noqa: ANN401
    """Choose the octets to index by: the first, and those that most of the others demand."""
    left = [each for each in signatures if each.get(0, ALL).bit_count() > FEW]
    anchors = [0]
    while left and len(anchors) < MOST_ANCHORS:
        useful: Counter[int] = Counter()
        for allowed in left:
            for offset, octets in allowed.items():
                if octets.bit_count() <= FEW:
                    useful[offset] += 1 if octets & 1 else 3  # zeros stand everywhere
        if not useful:
            break
        anchor = max(useful, key=lambda offset: (useful[offset], -offset))
        anchors.append(anchor)
        left = [allowed for allowed in left if allowed.get(anchor, ALL).bit_count() > FEW]
    return anchors


def outline(declared: Signature) -> tuple[int, ...]:
    """Give mask and value of the first four octets and of the next, and the bounds of the length."""
    mask, value = bytearray(HEAD), bytearray(HEAD)
    shortest = max(declared.min_length, 1)
    for part in declared.parts:
        shortest = max(shortest, _extent(part))
        for place, (octet, wanted) in _fixed_bits(part, folded=declared.folded):
            if 0 <= place < HEAD:
                mask[place] |= wanted
                value[place] |= octet
    words = [int.from_bytes(each[at : at + 4], "big") for at in (0, 4) for each in (mask, value)]
    return *words, shortest, declared.max_length, SIDES[declared.side]


def _fixed_bits(part: Any, *, folded: bool) -> Iterator[tuple[int, tuple[int, int]]]:  # noqa: ANN401
    """Give (offset, (value, mask)) of the octets of which a part demands some bits."""
    if isinstance(part, (Has, Same, Only)):
        return
    if isinstance(part, (Number, Length)):
        octets, mask = common_bits(part)
    else:
        octets, mask = demanded(part, folded=folded)
    yield from enumerate(zip(octets, mask, strict=True), part[0])


def common_bits(part: Number | Length) -> tuple[bytes, bytes]:
    """Give octets and mask of the leading bits that all numbers between the bounds share."""
    if isinstance(part, Number):
        low, high = part.low, part.high
    elif part.fit == "begun":
        return bytes(part.size), bytes(part.size)
    else:
        low, high = 0, (LONGEST - part.add) // part.unit  # no payload is longer
    shared = max((1 << 8 * part.size) - (1 << (low ^ high).bit_length()), 0)
    order: Literal["little", "big"] = "little" if part.little else "big"
    return (low & shared).to_bytes(part.size, order), shared.to_bytes(part.size, order)


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


def allowed_octets(declared: Signature) -> dict[int, int]:
    """Give, for the first octets of a payload, the sets that a signature allows there."""
    allowed: dict[int, int] = {}
    for part in declared.parts:
        if isinstance(part, Only):
            if 0 <= part.at < FARTHEST and (part.stop > part.at or part.at == 0):
                last = part.stop if 0 < part.stop < FARTHEST else part.at + 1
                among = bits(part.among)
                for offset in range(part.at, min(last, _least_length(declared))):
                    allowed[offset] = allowed.get(offset, ALL) & among
            continue
        if isinstance(part, Number) and part.size == 1 and part.at >= 0:
            among = (1 << part.high + 1) - (1 << part.low)
            allowed[part.at] = allowed.get(part.at, ALL) & among
            continue
        for offset, (octet, mask) in _fixed_bits(part, folded=declared.folded):
            if 0 <= offset < FARTHEST and mask:
                allowed[offset] = allowed.get(offset, ALL) & _matching(octet, mask)
    return {offset: octets for offset, octets in allowed.items() if octets != ALL}


def _least_length(declared: Signature) -> int:
    return max(declared.min_length, 1, *(_extent(part) for part in declared.parts))


@cache
def _matching(value: int, mask: int) -> int:
    """Give the set of octets that have a value where a mask has ones."""
    if mask == 0xFF:
        return 1 << value
    return sum(1 << octet for octet in range(256) if octet & mask == value)

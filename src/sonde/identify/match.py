"""First octets -> protocol: one compiled matcher for all declared protocols.

Theory of operation. Each protocol declares signatures (what must be true of a payload) and
perhaps a kernel for what needs structure. Both are candidates, which `index` sorts by
transport, first octet and port, so that a payload meets few of them. A candidate answers
NO, MAYBE or YES. YES decides. MAYBE decides on a port registered for the protocol;
otherwise it waits until the other side may be the same, or until enough datagrams in a row
may be. What is not decided after LOOKS payloads or HELD_OCTETS octets stays unknown: never
a guess by port.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np

from sonde.identify.choice import one_of
from sonde.identify.index import (
    AT,
    BEGUN,
    HAS,
    LENGTH,
    LONGEST,
    NUMBER,
    SAME,
    STEP,
    TRANSPORT_COUNT,
    WHOLE,
    Lookup,
    Matcher,
    Ports,
    Texts,
    build_matcher,
)
from sonde.schema import (
    ASK,
    CUT,
    DST_PORT_SHIFT,
    FROM_RESP,
    INSIDE,
    MESSAGE,
    MIDSTREAM,
    OWN_PORT,
    SRC_PORT_SHIFT,
    STREAM,
    YES,
    Protocol,
)
from sonde.wire import Int, Ints, Kernel, Row, Wire, find_like, kernel

TCP, SCTP = 6, 132
LOOKS = 10  # payloads of one side
HELD_OCTETS = 4096  # of one side, while undecided
ALIKE = 4  # datagrams in a row that may be the same protocol

__all__ = [
    "ALIKE",
    "HELD_OCTETS",
    "LOOKS",
    "Matcher",
    "build_look",
    "build_matcher",
    "first_fit",
    "hint_of",
]


def build_asker(protocols: Sequence[Protocol]) -> Kernel[..., int]:
    """Make the kernel that asks the structure kernel of a given number."""
    kernels = [protocol.identify for protocol in protocols if protocol.identify is not None]
    return one_of("ask", kernels, "octets, at, end, hint", 0)


@kernel
def run_of_port(ports: Ports, transport: Int, port: Int) -> Int:
    """Give the number of a port's run, or -1 where no protocol is registered for it."""
    place = transport << 16 | port
    if not np.int64(ports.known[place >> 3]) >> (place & 7) & 1:
        return -1
    return ports.run[place]


@kernel
def owns(ports: Ports, run: Int, protocol: Int) -> bool:
    """Say whether the port of a run is registered for a protocol."""
    if run < 0:
        return False
    for place in range(ports.owner_runs[run], ports.owner_runs[run + 1]):
        if ports.owners[place] == protocol:
            return True
    return False


@kernel
def head_of(octets: Wire, at: Int, end: Int) -> Int:
    """Give the first four octets as a number, zeros where there are fewer."""
    if end - at >= 4:
        return (
            np.int64(octets[at]) << 24
            | np.int64(octets[at + 1]) << 16
            | np.int64(octets[at + 2]) << 8
            | np.int64(octets[at + 3])
        )
    head = np.int64(0)
    for place in range(at, at + 4):
        head = head << 8 | (np.int64(octets[place]) if place < end else np.int64(0))
    return head


@kernel
def number_at(octets: Wire, at: Int, size: Int, little: Int) -> Int:
    """Read a number of so many octets."""
    value = np.int64(0)
    for place in range(size):
        value = value << 8 | np.int64(octets[at + (size - 1 - place if little else place)])
    return value


@kernel
def same_octets(texts: Texts, octets: Wire, at: Int, size: Int, text: Int) -> bool:
    """Compare octets with a signature's, where its mask has ones."""
    for place in range(size):
        wanted, mask = np.int64(texts.octets[text + 2 * place]), np.int64(texts.octets[text + 2 * place + 1])
        if np.int64(octets[at + place]) & mask != wanted:
            return False
    return True


@kernel
def match_part(texts: Texts, part: Row, octets: Wire, at: Int, end: Int, hint: Int) -> bool:
    """Say whether one part of a signature is true of a payload."""
    kind, length = np.int64(part["kind"]), end - at
    offset, size, text = np.int64(part["offset"]), np.int64(part["length"]), np.int64(part["at"])
    if offset < 0:
        offset += length  # counted from the end
    if offset < 0 or offset + size > length:
        return False
    begin = at + offset
    if kind == AT:
        return same_octets(texts, octets, begin, size, text)
    low = np.int64(part["low"])
    if kind == NUMBER:
        return bool(low <= number_at(octets, begin, size, np.int64(part["little"])) <= np.int64(part["high"]))
    if kind == LENGTH:
        told = number_at(octets, begin, size, np.int64(part["little"])) * np.int64(part["unit"]) + low
        if part["fit"] == BEGUN:
            return bool(told >= length)
        if hint & CUT:
            return bool(length <= told <= LONGEST)  # as much as a datagram can have held
        return bool(told == length) if part["fit"] == WHOLE else bool(told <= length)
    if kind == SAME:
        for place in range(size):
            if octets[begin + place] != octets[at + low + place]:
                return False
        return True
    if kind == STEP:
        return (length - low) % np.int64(part["unit"]) == 0
    stop = min(at + low, end) if low > 0 else end + low
    if kind == HAS:
        within = np.int64(part["unit"])  # where the octet stands that is looked for, since it is rare
        wanted, mask = np.int64(texts.octets[text + 2 * within]), np.int64(texts.octets[text + 2 * within + 1])
        place = begin
        while True:
            place = find_like(octets, place + within, stop - size + 1 + within, wanted, mask) - within
            if place > stop - size:
                return False
            if same_octets(texts, octets, place, size, text):
                return True
            place += 1
    for place in range(begin, stop):  # ONLY
        if not texts.sets[text + np.int64(octets[place])]:
            return False
    return True


@kernel
def match_signature(texts: Texts, wanted: Row, octets: Wire, at: Int, end: Int, hint: Int) -> Int:
    """Compare a payload with one signature; give its verdict or 0."""
    if wanted["side"] and (wanted["side"] == 2) != (hint & FROM_RESP != 0):
        return 0
    first = np.int64(wanted["first_part"])
    for place in range(first, first + np.int64(wanted["parts"])):
        if not match_part(texts, texts.parts[place], octets, at, end, hint):
            return 0
    return np.int64(wanted["verdict"])


def build_look(protocols: Sequence[Protocol]) -> Kernel[..., int]:
    """Make the kernel that asks all candidates about one payload."""
    ask = build_asker(protocols)

    @kernel(name="question")
    def question(lookup: Lookup, number: Int, octets: Wire, at: Int, end: Int, hint: Int, runs: Int) -> Int:
        """Put a payload to one candidate; give protocol << 8 | own << 2 | verdict, or 0.

        `runs` has those of both ports, one more than their numbers: source << 32 | destination.
        """
        wanted = lookup.signatures[number]
        verdict = match_signature(lookup.texts, wanted, octets, at, end, hint)
        if verdict == 0:
            return 0
        protocol = np.int64(wanted["protocol"])
        is_own = runs > 0 and (
            owns(lookup.ports, (runs >> 32) - 1, protocol) or owns(lookup.ports, (runs & 0xFFFFFFFF) - 1, protocol)
        )
        if verdict == ASK:
            verdict = ask(np.int64(wanted["kernel"]), octets, at, end, hint | (OWN_PORT if is_own else 0))
        return protocol << 8 | (4 if is_own and not wanted["pair"] else 0) | verdict if verdict else 0

    @kernel(name="look")
    def look(lookup: Lookup, octets: Wire, at: Int, end: Int, hint: Int, found: Ints) -> Int:
        """Give the decided protocol << 8 | certainty, or -1; `found` gets who may be.

        Certainty is 3 for YES on an own port, 2 for YES, 1 for MAYBE on an own port.
        """
        if end <= at:
            return -1
        transport, length = 0 if hint & STREAM else 2 if hint & MESSAGE else 1, end - at
        anchors = len(lookup.anchors)
        head, following = head_of(octets, at, end), head_of(octets, at + 4, end)
        src = run_of_port(lookup.ports, transport, hint >> SRC_PORT_SHIFT & 0xFFFF)
        dst = run_of_port(lookup.ports, transport, hint >> DST_PORT_SHIFT & 0xFFFF)
        ports = (src + 1) << 32 | (dst + 1)
        best, certainty = -1, 0
        # The run that all payloads meet, those of the two ports, one for each anchor.
        for source in range(-3, anchors):
            run = TRANSPORT_COUNT * anchors * 256 + transport
            if source >= 0:
                offset = lookup.anchors[source]
                if offset >= length:
                    continue
                run = (transport * anchors + source) * 256 + np.int64(octets[at + offset])
            elif source > -3:
                port = src if source == -2 else dst
                if port < 0 or (source == -1 and src == dst):
                    continue
                run = TRANSPORT_COUNT * (anchors * 256 + 1) + port
            for place in range(lookup.runs[run], lookup.runs[run + 1]):
                candidate = lookup.candidates[place]
                if head & np.int64(candidate["mask"]) != np.int64(candidate["value"]):
                    continue
                if following & np.int64(candidate["next_mask"]) != np.int64(candidate["next_value"]):
                    continue
                if candidate["side"] and (candidate["side"] == 2) != (hint & FROM_RESP != 0):
                    continue
                if length < candidate["min_length"] or length > candidate["max_length"]:
                    continue
                answer = question(lookup, np.int64(candidate["number"]), octets, at, end, hint, ports)
                if answer == 0:
                    continue
                protocol, is_own = answer >> 8, answer & 4
                found[protocol >> 6] |= np.int64(1) << (protocol & 63)
                if answer & 3 == YES and (is_own or ports == 0):
                    return protocol << 8 | (3 if is_own else 2)  # nothing can be surer
                sure = 2 if answer & 3 == YES else 1 if is_own else 0
                if sure > certainty or (sure == certainty and sure and protocol < best):
                    best, certainty = protocol, sure
        return best << 8 | certainty if best >= 0 else -1

    return cast("Kernel[..., int]", look)


@kernel
def first_fit(lookup: Lookup, first: Int, stop: Int, octets: Wire, at: Int, end: Int, hint: Int) -> Int:
    """Give the first of some signatures that a payload fits and that asks no kernel, or -1."""
    for place in range(first, stop):
        verdict = match_signature(lookup.texts, lookup.signatures[place], octets, at, end, hint)
        if verdict and verdict != ASK:
            return place
    return -1


@kernel
def hint_of(turn: Row, stream: Row) -> Int:
    """Compose what a candidate may know besides the octets."""
    hint = np.int64(INSIDE if stream["outer"] >= 0 else 0)
    src, dst = np.int64(turn["orig_port"]), np.int64(turn["resp_port"])
    if turn["side"] == 1:
        hint |= FROM_RESP
        src, dst = dst, src
    if turn["transport"] == TCP:
        hint |= STREAM
    elif turn["transport"] == SCTP:
        hint |= MESSAGE
    if turn["midstream"]:
        hint |= MIDSTREAM
    if turn["missing"] > 0:
        hint |= CUT
    return hint | src << SRC_PORT_SHIFT | dst << DST_PORT_SHIFT

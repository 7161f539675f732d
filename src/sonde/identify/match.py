"""First octets -> protocol: one compiled matcher for all declared protocols.

Theory of operation. Each protocol declares signatures (octets at offsets) and perhaps a
kernel for what needs structure. Both are candidates, indexed by transport and first
octet, so that a payload meets few of them. A candidate answers NO, MAYBE or YES. YES
decides. MAYBE decides on a port registered for the protocol; otherwise it waits until
the other side may be the same, or until enough datagrams in a row may be. What is not
decided after LOOKS payloads or HELD_OCTETS octets stays unknown: never a guess by port.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sonde.schema import (
    CUT,
    DST_PORT_SHIFT,
    FROM_RESP,
    MIDSTREAM,
    OWN_PORT,
    SRC_PORT_SHIFT,
    STREAM,
    Protocol,
    Verdict,
)
from sonde.table.streams import CANDIDATE_WORDS
from sonde.wire import Int, Ints, Kernel, Row, Rows, Wire, kernel, lower

LOOKS = 10  # payloads of one side
HELD_OCTETS = 4096  # of one side, while undecided
ALIKE = 4  # datagrams in a row that may be the same protocol
MOST_PROTOCOLS = 64 * CANDIDATE_WORDS

SIGNATURE = np.dtype(
    [
        ("protocol", "i2"),
        ("verdict", "u1"),
        ("side", "u1"),  # 0 both, 1 orig, 2 resp
        ("transport", "u1"),  # bit 0 tcp, bit 1 udp
        ("folded", "u1"),
        ("own_port", "u1"),
        ("min_length", "i4"),
        ("max_length", "i4"),
        ("first_part", "i4"),
        ("parts", "i4"),
    ],
    align=True,
)
PART = np.dtype([("offset", "i4"), ("length", "i4"), ("at", "i4"), ("masked", "u1")], align=True)


class Matcher(NamedTuple):
    """Signatures as arrays, and an index of candidates by transport and first octet.

    A candidate number below len(signatures) is a signature, above it a kernel.
    """

    signatures: Rows
    parts: Rows
    octets: Wire
    masks: Wire
    index: Ints  # 2 x 256 + 1 beginnings in `candidates`
    candidates: Ints
    protocol_of: Ints  # of each kernel
    ports: Ints  # (transport << 16 | port) of all protocols, a run for each
    port_runs: Ints  # beginnings of the runs
    dissected: Wire  # 1 for protocols that a dissector reads


def build_matcher(protocols: Sequence[Protocol], dissected: set[str]) -> Matcher:
    """Compile declarations into arrays; the position of a protocol is its number."""
    if len(protocols) > MOST_PROTOCOLS:
        raise ValueError(f"at most {MOST_PROTOCOLS} protocols can be declared")
    signatures, parts, octets, masks = _signature_arrays(protocols)
    kernels = [number for number, protocol in enumerate(protocols) if protocol.identify is not None]
    index, candidates = _index(protocols, signatures, parts, octets, kernels)
    ports, runs = _port_runs(protocols)
    return Matcher(
        signatures,
        parts,
        octets,
        masks,
        index,
        candidates,
        np.array([*kernels, -1], np.int64),
        ports,
        runs,
        np.array([protocol.name in dissected for protocol in protocols], np.uint8),
    )


def _signature_arrays(protocols: Sequence[Protocol]) -> tuple[Rows, Rows, Wire, Wire]:
    signatures: list[tuple[Any, ...]] = []
    parts: list[tuple[int, int, int, int]] = []
    octets, masks = bytearray(), bytearray()
    for number, protocol in enumerate(protocols):
        for declared in protocol.signatures:
            first = len(parts)
            for part in declared.parts:
                offset, text = part[0], part[1]
                mask = part[2] if len(part) > 2 else b"\xff" * len(text)  # noqa: PLR2004
                if declared.folded:
                    text = text.lower()
                parts.append((offset, len(text), len(octets), int(any(octet != 255 for octet in mask))))
                octets += text
                masks += mask
            side = {"both": 0, "orig": 1, "resp": 2}[declared.side]
            transport = {"both": 3, "tcp": 1, "udp": 2}[declared.transport]
            signatures.append(
                (number, int(declared.verdict), side, transport, declared.folded, declared.own_port,
                 declared.min_length, declared.max_length, first, len(declared.parts))
            )
    return (
        np.array([*signatures, (0,) * len(SIGNATURE)], SIGNATURE),
        np.array([*parts, (0,) * len(PART)], PART),
        np.frombuffer(bytes(octets) + b"\0", np.uint8),
        np.frombuffer(bytes(masks) + b"\0", np.uint8),
    )


def _first_octets(row: Any, parts: Rows, octets: Wire) -> set[int]:  # noqa: ANN401
    """Give the first octets that a signature allows."""
    for number in range(row["first_part"], row["first_part"] + row["parts"]):
        part = parts[number]
        if part["offset"] == 0 and not part["masked"]:
            octet = int(octets[part["at"]])
            return {octet, ord(chr(octet).upper())} if row["folded"] else {octet}
    return set(range(256))


def _index(
    protocols: Sequence[Protocol], signatures: Rows, parts: Rows, octets: Wire, kernels: list[int]
) -> tuple[Ints, Ints]:
    buckets: list[list[int]] = [[] for _ in range(512)]
    real = len(signatures) - 1
    for number in range(real):
        for octet in _first_octets(signatures[number], parts, octets):
            for transport in range(2):
                if signatures[number]["transport"] >> transport & 1:
                    buckets[transport * 256 + octet].append(number)
    for place, number in enumerate(kernels):
        protocol = protocols[number]
        allowed = set(protocol.first_octets) or set(range(256))
        for octet in allowed:
            for transport, name in enumerate(("tcp", "udp")):
                if name in protocol.transports:
                    buckets[transport * 256 + octet].append(len(signatures) + place)
    index = np.concatenate(([0], np.cumsum([len(bucket) for bucket in buckets]))).astype(np.int64)
    return index, np.array([number for bucket in buckets for number in bucket] or [0], np.int64)


def _port_runs(protocols: Sequence[Protocol]) -> tuple[Ints, Ints]:
    ports: list[int] = []
    runs = [0]
    for protocol in protocols:
        ports += [port for port in protocol.tcp_ports]
        ports += [1 << 16 | port for port in protocol.udp_ports]
        runs.append(len(ports))
    return np.array([*ports, -1], np.int64), np.array(runs, np.int64)


def build_asker(protocols: Sequence[Protocol]) -> Kernel[..., int]:
    """Write one kernel that asks the structure kernel of a given number.

    Numba cannot index functions, so the choice is spelled out as source, one `if` each.
    """
    kernels = [protocol for protocol in protocols if protocol.identify is not None]
    lines = ["def ask(which, octets, at, end, hint):"]
    lines += [
        f"    if which == {place}:\n        return int64(kernel_{place}(octets, at, end, hint))"
        for place in range(len(kernels))
    ]
    lines.append("    return int64(0)")
    scope: dict[str, Any] = {f"kernel_{place}": each.identify for place, each in enumerate(kernels)}
    scope["int64"] = np.int64
    scope["__name__"] = __name__
    exec(compile("\n".join(lines), "<asker>", "exec"), scope)  # noqa: S102 - our own declarations
    names = "-".join(each.name for each in kernels)
    made = kernel(name=f"ask:{len(names)}")(scope["ask"])
    return made


@kernel
def has_own_port(matcher: Matcher, protocol: Int, transport: Int, ports: Int) -> bool:
    """Say whether one of the two ports (low | high << 16) is registered for a protocol."""
    for place in range(matcher.port_runs[protocol], matcher.port_runs[protocol + 1]):
        port = matcher.ports[place]
        if port >> 16 == transport and (port & 0xFFFF == ports & 0xFFFF or port & 0xFFFF == ports >> 16):
            return True
    return False


@kernel
def match_signature(matcher: Matcher, number: Int, octets: Wire, at: Int, end: Int, hint: Int) -> Int:
    """Compare a payload with one signature; give its verdict or 0."""
    wanted = matcher.signatures[number]
    length = end - at
    if length < wanted["min_length"] or length > wanted["max_length"]:
        return 0
    if wanted["side"] == 1 and hint & FROM_RESP:
        return 0
    if wanted["side"] == 2 and hint & FROM_RESP == 0:
        return 0
    if wanted["own_port"] and hint & OWN_PORT == 0:
        return 0
    for place in range(np.int64(wanted["first_part"]), np.int64(wanted["first_part"]) + np.int64(wanted["parts"])):
        part = matcher.parts[place]
        offset, size, text = np.int64(part["offset"]), np.int64(part["length"]), np.int64(part["at"])
        if offset < 0:
            offset += length  # counted from the end
        if offset < 0 or offset + size > length:
            return 0
        for octet in range(size):
            found = np.int64(octets[at + offset + octet])
            if wanted["folded"]:
                found = lower(found)
            if (found ^ np.int64(matcher.octets[text + octet])) & np.int64(matcher.masks[text + octet]):
                return 0
    return np.int64(wanted["verdict"])


def build_look(protocols: Sequence[Protocol]) -> Kernel[..., int]:
    """Make the kernel that asks all candidates about one payload."""
    ask = build_asker(protocols)

    @kernel(name="look")
    def look(matcher: Matcher, octets: Wire, at: Int, end: Int, hint: Int, found: Ints) -> Int:
        """Give the decided protocol << 8 | certainty, or -1; `found` gets who may be.

        Certainty is 3 for YES on an own port, 2 for YES, 1 for MAYBE on an own port.
        """
        transport = 0 if hint & STREAM else 1
        bucket = transport * 256 + np.int64(octets[at])
        ports = hint >> SRC_PORT_SHIFT
        best, certainty = -1, 0
        real = len(matcher.signatures)
        for place in range(matcher.index[bucket], matcher.index[bucket + 1]):
            candidate = matcher.candidates[place]
            if candidate < real:
                protocol = np.int64(matcher.signatures[candidate]["protocol"])
            else:
                protocol = matcher.protocol_of[candidate - real]
            own = OWN_PORT if has_own_port(matcher, protocol, transport, ports) else 0
            if candidate < real:
                verdict = match_signature(matcher, candidate, octets, at, end, hint | own)
            else:
                verdict = ask(candidate - real, octets, at, end, hint | own)
            if verdict == 0:
                continue
            found[protocol >> 6] |= np.int64(1) << (protocol & 63)
            sure = 3 if verdict == 2 and own else 2 if verdict == 2 else 1 if own else 0
            if sure > certainty:
                best, certainty = protocol, sure
        return best << 8 | certainty if best >= 0 else -1

    return look


@kernel
def hint_of(turn: Row) -> Int:
    """Compose what a candidate may know besides the octets."""
    hint = np.int64(0)
    src, dst = np.int64(turn["orig_port"]), np.int64(turn["resp_port"])
    if turn["side"] == 1:
        hint |= FROM_RESP
        src, dst = dst, src
    if turn["transport"] == 6:
        hint |= STREAM
    if turn["midstream"]:
        hint |= MIDSTREAM
    if turn["missing"] > 0:
        hint |= CUT
    return hint | src << SRC_PORT_SHIFT | dst << DST_PORT_SHIFT


NEVER = Verdict.NO

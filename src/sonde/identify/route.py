"""The stage's main function: turns of unknown flows are looked at, known ones routed.

    identify = build_identify(protocols)
    identify(wire, turns, given, streams, flows, matcher, results)
    results.turns[: results.count[ROUTED]]  # turns for dissectors, in order, with `protocol` set

What stays undecided is looked at no further: see `match`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sonde.identify.expect import Expected, announce, find_expected, new_expected
from sonde.identify.finish import give_up
from sonde.identify.inside import build_inside
from sonde.identify.match import ALIKE, HELD_OCTETS, LOOKS, Matcher, build_look, first_fit, hint_of
from sonde.schema import Protocol
from sonde.table.flows import (
    BY_EXPECTATION,
    BY_HANDSHAKE,
    BY_PORT_AND_SIGNATURE,
    BY_SIGNATURE,
    BY_STRUCTURE,
    TOLD_BY_SIGNATURE,
    Flows,
)
from sonde.table.streams import (
    CANDIDATE_WORDS,
    DISSECTING,
    FINISHED,
    IDENTIFYING,
    WATCHED,
    Streams,
    hold,
    release_held,
    switch_stream,
)
from sonde.table.turns import DATA, DATAGRAM, FROM_WIRE, HELD, LOST
from sonde.wire import Int, Ints, Kernel, Row, Rows, Wire, kernel, u8, u16, u24


class Results(NamedTuple):
    """Where routed turns go, scratch ([routed, next turn], candidate bits), and what flows announced."""

    turns: Rows
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted
    found: Ints
    expected: Expected


ROUTED, PROGRESS = 0, 1
WATCHED_TURNS = 100  # of one side, in which TLS may begin


def new_results(capacity: int) -> Results:
    """Make room for so many routed turns."""
    from sonde.table.turns import TURN  # noqa: PLC0415

    return Results(np.empty(capacity, TURN), np.zeros(4, np.int64), np.zeros(CANDIDATE_WORDS, np.int64), new_expected())


@kernel
def route(results: Results, turn: Row, protocol: Int) -> None:
    """Pass a turn on to the dissector of its flow."""
    place = results.count[ROUTED]
    results.turns[place] = turn
    results.turns[place]["protocol"] = protocol
    results.count[ROUTED] = place + 1


@kernel
def route_held(results: Results, turn: Row, side: Int, protocol: Int) -> None:
    """Pass on that octets held back for a side wait to be read."""
    place = results.count[ROUTED]
    results.turns[place] = turn
    held = results.turns[place]
    held["protocol"] = protocol
    held["kind"] = HELD
    held["side"] = side
    held["chunk_class"] = -1
    results.count[ROUTED] = place + 1


@kernel
def settle_flow(flow: Row, stream: Row, streams: Streams, protocol: Int, evidence: Int, matcher: Matcher) -> None:
    """Write down what a flow is, and whether anything more of it is wanted."""
    if stream["outer"] >= 0:
        flow["between"] = flow["inner"]
        flow["inner"] = protocol
    else:
        flow["protocol"] = protocol
        flow["evidence"] = evidence
    stream["protocol"] = protocol
    if matcher.dissected[protocol]:
        stream["state"] = DISSECTING
    elif matcher.announces[protocol] or (matcher.starts_tls[protocol] and matcher.tls[0] >= 0):
        stream["confirmed"] = 1
        stream["state"] = WATCHED
        stream["looked"][0] = 0
        stream["looked"][1] = 0
        release_held(streams, stream, 0)
        release_held(streams, stream, 1)
    else:
        stream["confirmed"] = 1  # no dissector will say more
        give_up(flow, stream, streams)


@kernel
def note_prelude(flow: Row, stream: Row, streams: Streams, side: Int, decided: Int, matcher: Matcher) -> None:
    """Take a flow for what prepares it first (STUN before RTCP), and go on looking for what it prepares."""
    if flow["protocol"] < 0:
        flow["protocol"] = decided >> 8
        flow["evidence"] = decided & 255
    stream["confirmed"] = 1
    stream["looked"][side] += 1
    if stream["looked"][side] >= LOOKS:
        settle_flow(flow, stream, streams, np.int64(flow["protocol"]), np.int64(flow["evidence"]), matcher)


@kernel
def watch_turn(wire: Wire, turn: Row, streams: Streams, flow: Row, matcher: Matcher, results: Results) -> None:
    """See whether TLS begins with this turn of a stream that nobody else reads."""
    stream = streams.rows[turn["stream"]]
    side, protocol = np.int64(turn["side"]), np.int64(stream["protocol"])
    if stream["looked"][side] >= WATCHED_TURNS and not matcher.announces[protocol]:
        give_up(flow, stream, streams)
        return
    stream["looked"][side] = min(stream["looked"][side] + 1, WATCHED_TURNS)
    octets = wire if turn["source"] == FROM_WIRE else streams.pool.octets
    if turn["kind"] != DATA or not matcher.starts_tls[protocol] or matcher.tls[0] < 0:
        return
    if not begins_tls(octets, turn["at"], turn["at"] + turn["length"]):
        return
    switch_stream(stream)
    settle_flow(flow, stream, streams, matcher.tls[0], 0, matcher)
    route(results, turn, matcher.tls[0])


@kernel
def listen(wire: Wire, turn: Row, streams: Streams, flow: Row, matcher: Matcher, results: Results) -> None:
    """Hear what a turn announces, if its protocol does so in clear."""
    protocol = np.int64(flow["protocol"])
    if protocol < 0 or not matcher.announces[protocol] or flow["inner"] >= 0 or turn["kind"] > DATAGRAM:
        return
    octets = wire if turn["source"] == FROM_WIRE else streams.pool.octets
    announce(matcher, results.expected, flow, turn, octets, turn["at"], turn["at"] + turn["length"])


@kernel
def meet_expected(wire: Wire, turn: Row, streams: Streams, flow: Row, matcher: Matcher, results: Results) -> Int:
    """Link a new flow with what announced it; give its protocol where that has no form of its own, else -1."""
    place = find_expected(results.expected, flow, turn)
    if place < 0:
        return -1
    row, stream = results.expected.rows[place], streams.rows[turn["stream"]]
    flow["parent"] = row["frame"]
    protocol = np.int64(row["protocol"])
    octets = wire if turn["source"] == FROM_WIRE else streams.pool.octets
    if matcher.rules[protocol] == matcher.rules[protocol + 1] and matcher.kernels[protocol] < 0:
        is_tls = turn["kind"] == DATA and begins_tls(octets, turn["at"], turn["at"] + turn["length"])
        return -1 if is_tls else protocol
    # What was announced needs no more than that a payload may be it.
    for side in range(2):
        stream["candidates"][side][protocol >> 6] |= np.uint64(1) << np.uint64(protocol & 63)
    return -1


@kernel
def begins_tls(octets: Wire, at: Int, end: Int) -> bool:
    """Say whether octets begin with a record that holds a ClientHello (RFC 8446 §5.1, §4)."""
    if end - at < 11 or u8(octets, at) != 22 or u8(octets, at + 1) != 3 or u8(octets, at + 5) != 1:
        return False
    record, hello = u16(octets, at + 3), u24(octets, at + 6)
    return bool(u8(octets, at + 2) <= 4 and 44 <= record <= 1 << 14 and hello >= 40 and u8(octets, at + 9) == 3)


@kernel
def agree(stream: Row, side: Int, found: Ints, is_datagram: bool) -> Int:
    """Combine what a payload may be with what was seen before; a protocol or -1.

    The other side's candidates count from its last payload; a side's own must stay alike for some
    datagrams in a row. What prepares the way in between (STUN) interrupts no row.
    """
    other = 1 - side
    alike = np.int64(-1)
    both = np.int64(-1)
    for word in range(CANDIDATE_WORDS):
        shared = np.uint64(found[word]) & stream["candidates"][other][word]
        if both < 0 and shared != np.uint64(0):
            both = word * 64 + lowest_bit(shared)
        kept = np.uint64(found[word]) & stream["candidates"][side][word]
        if alike < 0 and kept != np.uint64(0):
            alike = word * 64 + lowest_bit(kept)
    goes_on = is_datagram and alike >= 0
    for word in range(CANDIDATE_WORDS):
        new = np.uint64(found[word])
        stream["candidates"][side][word] = new & stream["candidates"][side][word] if goes_on else new
    stream["alike"][side] = min(np.int64(stream["alike"][side]) + 1, ALIKE) if goes_on else 1
    if both >= 0:
        return both
    return alike if goes_on and stream["alike"][side] >= ALIKE else -1


@kernel
def lowest_bit(word: np.uint64) -> Int:
    """Give the place of the lowest bit set."""
    for place in range(64):
        if word >> np.uint64(place) & np.uint64(1):
            return place
    return 64


@kernel
def note_rule(flow: Row, stream: Row, matcher: Matcher, payload: Any, hint: Int, decided: Int) -> Int:  # noqa: ANN401
    """Write down which rule told a flow, how many payloads it took, and an application; give the evidence."""
    octets, at, end = payload
    protocol, evidence = decided >> 8, decided & 255
    if evidence == BY_HANDSHAKE and flow["parent"] >= 0:
        evidence = BY_EXPECTATION
    rule, every = np.int64(-1), matcher.rules[len(matcher.rules) - 1]
    # First what tells the protocol, then, behind all of those, what tells an application.
    for runs in (matcher.rules, matcher.telling):
        fit = first_fit(matcher.lookup, runs[protocol], runs[protocol + 1], octets, at, end, hint)
        if fit >= every and flow["application"] < 0 and matcher.told[fit - every] >= 0:
            flow["application"] = matcher.told[fit - every]
            flow["told"] = TOLD_BY_SIGNATURE
        elif 0 <= fit < every:
            rule = fit
    if rule < 0 and matcher.kernels[protocol] >= 0:
        rule = every + matcher.kernels[protocol]
        evidence = BY_STRUCTURE if evidence == BY_SIGNATURE else evidence
    if stream["outer"] < 0:
        flow["rule"] = rule
        flow["took"] = min(np.int64(stream["looked"][0]) + np.int64(stream["looked"][1]) + 1, 255)
    return evidence


def build_identify(protocols: Sequence[Protocol]) -> Kernel[..., None]:
    """Make the kernel that takes turns[:given[0]] of a block, from the place on that results.count[PROGRESS] keeps."""
    look = build_look(protocols)
    look_inside, unwrap_turn = build_inside(protocols)

    @kernel(name="decide")
    def decide(octets: Wire, at: Int, end: Int, turn: Row, stream: Row, tools: Any) -> Int:  # noqa: ANN401
        """Look at a payload; give protocol << 8 | evidence, or -1."""
        matcher, found = tools
        for word in range(CANDIDATE_WORDS):
            found[word] = 0
        answer = look(matcher.lookup, octets, at, end, hint_of(turn, stream), found)
        if answer >= 0:
            sure = answer & 255
            return answer >> 8 << 8 | (BY_PORT_AND_SIGNATURE if sure == 1 else BY_SIGNATURE)
        protocol = agree(stream, np.int64(turn["side"]), found, turn["kind"] == DATAGRAM)
        return protocol << 8 | BY_HANDSHAKE if protocol >= 0 else -1

    @kernel(name="identify_turn")
    def identify_turn(wire: Wire, turn: Row, streams: Streams, flow: Row, matcher: Matcher, results: Results) -> None:
        stream = streams.rows[turn["stream"]]
        side = np.int64(turn["side"])
        pool = streams.pool.octets
        kind = turn["kind"]
        if kind == LOST:
            give_up(flow, stream, streams)  # the beginning of a stream is not whole
            return
        octets = wire if turn["source"] == FROM_WIRE else pool
        at, end = turn["at"], turn["at"] + turn["length"]
        holding = kind != DATAGRAM and stream["held_length"][side] > 0
        if kind == HELD and not holding:
            return  # it was shown to another
        if holding:
            if kind != HELD and not hold(streams, stream, side, octets, at, end):
                give_up(flow, stream, streams)
                return
            octets = pool
            at = stream["held_at"][side]
            end = at + np.int64(stream["held_length"][side])
        if flow["parent"] < 0 and stream["looked"][0] == 0 and stream["looked"][1] == 0:
            expected = meet_expected(wire, turn, streams, flow, matcher, results)
            if expected >= 0:
                settle_flow(flow, stream, streams, expected, BY_EXPECTATION, matcher)
                return
        decided = decide(octets, at, end, turn, stream, (matcher, results.found))
        if decided >= 0:
            protocol = decided >> 8
            evidence = note_rule(flow, stream, matcher, (octets, at, end), hint_of(turn, stream), decided)
            decided = protocol << 8 | evidence
            if matcher.preludes[protocol] and kind == DATAGRAM:
                note_prelude(flow, stream, streams, side, decided, matcher)
                return
            if matcher.wraps[protocol] >= 0 and stream["outer"] >= 0 and stream["wrap"] < 0:
                flow["between"] = flow["inner"]
                flow["inner"] = protocol
                stream["protocol"] = protocol
                look_inside(octets, turn, streams, flow, matcher.wraps[protocol])
                return
            settle_flow(flow, stream, streams, protocol, evidence, matcher)
            if stream["state"] == DISSECTING:
                if stream["held_length"][1 - side] > 0:
                    route_held(results, turn, 1 - side, protocol)
                if holding:
                    route_held(results, turn, side, protocol)
                else:
                    route(results, turn, protocol)
            return
        stream["looked"][side] += 1
        enough = stream["looked"][side] >= LOOKS or end - at >= HELD_OCTETS
        if enough or (kind != DATAGRAM and not holding and not hold(streams, stream, side, octets, at, end)):
            give_up(flow, stream, streams)

    @kernel(name="identify_held")
    def identify_held(wire: Wire, turn: Row, streams: Streams, flow: Row, matcher: Matcher, results: Results) -> None:
        """Look at what came so far of a stream whose frames were just taken off."""
        stream, held = streams.rows[turn["stream"]], results.turns[len(results.turns) - 1]  # one that is never reached
        # A side that decides has what the other one has left, which came before, routed first.
        for side in (np.int64(turn["side"]), 1 - np.int64(turn["side"])):
            if stream["state"] == IDENTIFYING and stream["held_length"][side] > 0:
                results.turns[len(results.turns) - 1] = turn
                held["kind"], held["side"], held["chunk_class"] = HELD, side, -1
                identify_turn(wire, held, streams, flow, matcher, results)

    @kernel(name="identify")
    def identify(
        wire: Wire, turns: Rows, given: Ints, streams: Streams, flows: Flows, matcher: Matcher, results: Results
    ) -> None:
        for number in range(results.count[PROGRESS], given[0]):
            results.count[PROGRESS] = number + 1
            turn = turns[number]
            stream = streams.rows[turn["stream"]]
            state = stream["state"]
            if stream["wrap"] >= 0 and (
                state == FINISHED or not unwrap_turn(wire, turn, streams, flows.rows[turn["flow"]])
            ):
                continue
            if state == DISSECTING:
                route(results, turn, np.int64(stream["protocol"]))
            elif state == IDENTIFYING:
                flow, is_plain = flows.rows[turn["flow"]], stream["wrap"] < 0
                identify_turn(wire, turn, streams, flow, matcher, results)
                if is_plain and stream["wrap"] >= 0:
                    identify_held(wire, turn, streams, flow, matcher, results)
            elif state == WATCHED:
                watch_turn(wire, turn, streams, flows.rows[turn["flow"]], matcher, results)
            listen(wire, turn, streams, flows.rows[turn["flow"]], matcher, results)

    return identify

"""TCP segments, UDP datagrams and messages of SCTP -> turns, each stream's octets in order (RFC 9293 §3.10.7.4).

Theory of operation. `expected` is the next sequence number to show. A segment that begins
there becomes a turn at once, where it lies, without copying. One that begins later is
copied into a chunk of the pool and hung into the side's list, sorted by sequence number;
when the hole before it is filled, the chunk becomes a turn of its own. A hole that the
receiver has acknowledged will not be filled any more: it becomes a LOST turn, and so does
one that would exceed the side's budget. Where segments overlap, `choice` says whose octets
count; that they differ is an oddity of the flow.

A chunk begins with a header: the next chunk's place (8 octets), sequence number (4),
length (4), both little-endian, as `put_word` writes them.
"""

from typing import NamedTuple

import numpy as np

from sonde.table.flows import ENDED, OVERLAP_DIFFERS, PROTOCOL_VIOLATED, UNORDERED_BEYOND_BUDGET, Flows
from sonde.table.packets import ACK, SYN
from sonde.table.pool import give, size_class, take
from sonde.table.streams import AHEAD, AHEAD_REFUSED, FINISHED, Streams, close_stream, open_stream
from sonde.table.turns import DATA, DATAGRAM, FROM_POOL, FROM_WIRE, LOST
from sonde.wire import Int, Ints, Row, Rows, Wire, copy, kernel, seq_diff, u8, u16, wrap32

HEADER = 16
TCP, UDP, SCTP = 6, 17, 132
MOST_CHUNKS = 64  # of one packet of SCTP, in which a message is looked for
CHUNK_HEAD, CHUNK_DATA, CHUNK_LONG_DATA = 4, 0, 64
MESSAGE_AT, LONG_MESSAGE_AT = 12, 16  # of the payload protocol identifier in the chunk
BEGINS = 2  # a flag: the chunk is the first of its message
FIRST, LAST = 0, 1  # whose octets count where segments overlap
FAR = 1 << 28  # a sequence number so far off belongs to no window
TURNS, CHOICE, MOST_AHEAD, PROGRESS = range(4)  # places in `chosen`
MOST_AHEAD_OCTETS = 1 << 18  # of one side


class Arrivals(NamedTuple):
    """What came in: the block's wire, the octets of reassembled datagrams, the packets."""

    wire: Wire
    extra: Wire
    packets: Rows


@kernel
def order_segments(arrivals: Arrivals, flows: Flows, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Turn packets into turns: see `order_packet`."""
    for number in range(len(arrivals.packets)):
        packet = arrivals.packets[number]
        if packet["flow"] >= 0:
            order_packet(arrivals, packet, flows, streams, turns, chosen)


@kernel
def order_packet(arrivals: Arrivals, packet: Row, flows: Flows, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Turn what a packet of a flow brings into turns; chosen[TURNS] counts them."""
    flow = flows.rows[packet["flow"]]
    if flow["inspect"] == 0:
        return
    if flow["stream"] >= 0 and streams.rows[flow["stream"]]["state"] == FINISHED:
        flow["inspect"] = 0
        forget_early(streams, streams.rows[flow["stream"]])
        return
    if packet["transport"] == UDP:
        if packet["payload_length"] > 0 and stream_of(flow, packet, streams) >= 0:
            whole = np.int64(packet["payload_at"]), np.int64(packet["payload_length"]), np.int64(packet["payload_wire"])
            add_datagram(arrivals, flow, packet, whole, streams, turns, chosen)
    elif packet["transport"] == SCTP:
        message = first_message(arrivals, packet)
        if message[1] > 0 and stream_of(flow, packet, streams) >= 0:
            add_datagram(arrivals, flow, packet, message, streams, turns, chosen)
    elif packet["transport"] == TCP:
        if flow["stream"] >= 0 and packet["tcp_flags"] & ACK:
            accept_ack(flow, packet, streams, turns, chosen)
        if packet["payload_length"] > 0 and stream_of(flow, packet, streams) >= 0:
            add_segment(arrivals, flow, packet, streams, turns, chosen)
    else:
        flow["inspect"] = 0


@kernel
def stream_of(flow: Row, packet: Row, streams: Streams) -> Int:
    """Give the stream row of a flow, opened on first use; -1 where none is left."""
    if flow["stream"] < 0:
        flow["stream"] = open_stream(streams, packet["flow"])
        if flow["stream"] < 0:
            flow["inspect"] = 0
            return -1
        streams.rows[flow["stream"]]["midstream"] = flow["partial"]
    return np.int64(flow["stream"])


@kernel
def add_turn(flow: Row, packet: Row, side: Int, turns: Rows, chosen: Ints) -> Row:
    """Append a turn with what is common to all kinds."""
    turn = turns[chosen[TURNS]]
    chosen[TURNS] += 1
    turn["ts"] = packet["ts"]
    turn["flow"] = packet["flow"]
    turn["stream"] = flow["stream"]
    turn["frame"] = packet["frame"]
    turn["orig_port"] = flow["orig_port"]
    turn["resp_port"] = flow["resp_port"]
    turn["transport"] = flow["transport"]
    turn["protocol"] = flow["protocol"]
    turn["midstream"] = flow["partial"]
    turn["side"] = side
    turn["kind"] = DATA
    turn["source"] = FROM_WIRE
    turn["missing"] = 0
    turn["chunk"] = -1
    turn["chunk_class"] = -1
    return turn


@kernel
def first_message(arrivals: Arrivals, packet: Row) -> tuple[Int, Int, Int]:
    """Find the first user message that begins in a packet of SCTP (RFC 9260 §3.3.1, RFC 8260 §2.1).

    Gives where it stands from its payload protocol identifier on, its octets at hand, and those that were sent; 0
    octets where no message begins.
    """
    wire = arrivals.extra if packet["source"] == 1 else arrivals.wire
    at, end = np.int64(packet["payload_at"]), np.int64(packet["payload_at"]) + np.int64(packet["payload_length"])
    for _ in range(MOST_CHUNKS):
        if end - at < CHUNK_HEAD:
            break
        kind, size = u8(wire, at), u16(wire, at + 2)
        if size < CHUNK_HEAD:
            break
        before = MESSAGE_AT if kind == CHUNK_DATA else LONG_MESSAGE_AT if kind == CHUNK_LONG_DATA else 0
        if before and u8(wire, at + 1) & BEGINS and size > before + 4 and end - at > before + 4:
            return at + before, min(size, end - at) - before, size - before
        at += (size + 3) & ~3
    return at, np.int64(0), np.int64(0)


@kernel
def add_datagram(
    arrivals: Arrivals,
    flow: Row,
    packet: Row,
    octets: tuple[Int, Int, Int],
    streams: Streams,
    turns: Rows,
    chosen: Ints,
) -> None:
    """Append the turn of a datagram, or of a message in one: where it stands, its octets at hand, and those sent."""
    at, length, sent = octets
    source, chunk, which = FROM_WIRE, np.int64(-1), np.int64(-1)
    if packet["source"] == 1:
        which = size_class(length)
        chunk = take(streams.pool, which)
        if chunk < 0:
            return
        copy(arrivals.extra, at, at + length, streams.pool.octets, chunk)
        at, source = chunk, FROM_POOL
    turn = add_turn(flow, packet, np.int64(packet["side"]), turns, chosen)
    turn["kind"] = DATAGRAM
    turn["at"] = at
    turn["length"] = length
    turn["missing"] = max(sent - length, 0)
    turn["source"] = source
    turn["chunk"] = chunk
    turn["chunk_class"] = which


@kernel
def add_segment(arrivals: Arrivals, flow: Row, packet: Row, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Show what a segment brings in order; keep what came early."""
    side = np.int64(packet["side"])
    stream = streams.rows[flow["stream"]]
    seq = np.int64(packet["seq"])
    if packet["tcp_flags"] & SYN:
        seq = wrap32(seq + 1)
    if stream["known"][side] == 0:
        began = flow["tcp_flags"][side] & SYN
        stream["expected"][side] = wrap32(np.int64(flow["isn"][side]) + 1) if began else seq
        stream["known"][side] = 1
    at, length = packet["payload_at"], np.int64(packet["payload_length"])
    ahead = seq_diff(seq, np.int64(stream["expected"][side]))
    if ahead > FAR or ahead < -FAR:
        return
    wire = arrivals.wire
    if packet["source"] == 1:
        wire = arrivals.extra
    if ahead > 0 or packet["source"] == 1:
        keep_early(wire, flow, packet, streams, (at, seq, length), chosen)
        if np.int64(stream["ahead_octets"][side]) > chosen[MOST_AHEAD]:
            flow["oddities"] |= UNORDERED_BEYOND_BUDGET
            skip_hole(flow, packet, side, streams, turns, chosen)
        show_early(flow, packet, side, streams, turns, chosen)
        return
    if length + ahead <= 0:
        return  # shown before
    at, seq, length = at - ahead, wrap32(seq - ahead), length + ahead
    if stream["ahead_at"][side] >= 0:
        keep_early(wire, flow, packet, streams, (at, seq, length), chosen)
        show_early(flow, packet, side, streams, turns, chosen)
    else:
        turn = add_turn(flow, packet, side, turns, chosen)
        turn["at"] = at
        turn["length"] = length
        stream["expected"][side] = wrap32(seq + length)
    cut = np.int64(packet["payload_wire"]) - np.int64(packet["payload_length"])
    if cut > 0:
        lose(flow, packet, side, streams, turns, (cut, chosen))


@kernel
def lose(flow: Row, packet: Row, side: Int, streams: Streams, turns: Rows, what: tuple[Int, Ints]) -> None:
    """Append a LOST turn for so many octets."""
    length, chosen = what
    turn = add_turn(flow, packet, side, turns, chosen)
    turn["kind"] = LOST
    turn["length"] = length
    turn["at"] = 0
    stream = streams.rows[flow["stream"]]
    stream["expected"][side] = wrap32(np.int64(stream["expected"][side]) + length)


@kernel
def accept_ack(flow: Row, packet: Row, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Give up holes that the receiver has passed: it has octets that we never saw."""
    side = 1 - np.int64(packet["side"])
    stream = streams.rows[flow["stream"]]
    for _ in range(64):
        if stream["ahead_at"][side] < 0:
            return
        first = get_word(streams.pool.octets, stream["ahead_at"][side] + 8)
        if seq_diff(np.int64(packet["ack"]), first) <= 0:
            return
        skip_hole(flow, packet, side, streams, turns, chosen)
        show_early(flow, packet, side, streams, turns, chosen)


@kernel
def skip_hole(flow: Row, packet: Row, side: Int, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Declare the hole before the first early chunk lost."""
    stream = streams.rows[flow["stream"]]
    if stream["ahead_at"][side] < 0:
        return
    first = get_word(streams.pool.octets, stream["ahead_at"][side] + 8)
    hole = seq_diff(first, np.int64(stream["expected"][side]))
    if hole > 0:
        lose(flow, packet, side, streams, turns, (hole, chosen))


@kernel
def show_early(flow: Row, packet: Row, side: Int, streams: Streams, turns: Rows, chosen: Ints) -> None:
    """Turn chunks into turns for as long as they follow on."""
    stream = streams.rows[flow["stream"]]
    octets = streams.pool.octets
    while stream["ahead_at"][side] >= 0:
        chunk = stream["ahead_at"][side]
        seq, length = get_word(octets, chunk + 8), get_word(octets, chunk + 12)
        ahead = seq_diff(seq, np.int64(stream["expected"][side]))
        if ahead > 0:
            return
        stream["ahead_at"][side] = get_link(octets, chunk)
        stream["ahead_octets"][side] -= length
        streams.count[AHEAD] -= 1
        which = size_class(length + HEADER)
        if length + ahead <= 0:
            give(streams.pool, chunk, which)
            continue
        turn = add_turn(flow, packet, side, turns, chosen)
        turn["at"] = chunk + HEADER - ahead
        turn["length"] = length + ahead
        turn["source"] = FROM_POOL
        turn["chunk"] = chunk
        turn["chunk_class"] = which
        stream["expected"][side] = wrap32(seq + length)


@kernel
def keep_early(wire: Wire, flow: Row, packet: Row, streams: Streams, piece: tuple[Int, Int, Int], chosen: Ints) -> None:
    """Copy the parts of a piece (place, sequence number, length) that no chunk holds yet."""
    at, seq, length = piece
    side = np.int64(packet["side"])
    stream = streams.rows[flow["stream"]]
    octets = streams.pool.octets
    before, chunk = np.int64(-1), np.int64(stream["ahead_at"][side])
    while length > 0:
        if chunk < 0:
            insert_chunk(wire, stream, streams, (at, seq, length), side, before)
            return
        start, size = get_word(octets, chunk + 8), get_word(octets, chunk + 12)
        into = seq_diff(seq, start)
        if into < 0:  # begins before this chunk
            part = min(length, -into)
            before = insert_chunk(wire, stream, streams, (at, seq, part), side, before)
            if before < 0:
                return
            at, seq, length = at + part, wrap32(seq + part), length - part
            continue
        shared = min(size - into, length)
        if shared > 0:
            for offset in range(shared):
                if octets[chunk + HEADER + into + offset] != wire[at + offset]:
                    flow["oddities"] |= OVERLAP_DIFFERS
                    if chosen[CHOICE] == LAST:
                        octets[chunk + HEADER + into + offset] = wire[at + offset]
            at, seq, length = at + shared, wrap32(seq + shared), length - shared
        before, chunk = chunk, get_link(octets, chunk)


@kernel
def insert_chunk(wire: Wire, stream: Row, streams: Streams, piece: tuple[Int, Int, Int], side: Int, before: Int) -> Int:
    """Hang a copy of a piece into a side's list behind `before`; give its place, or -1."""
    at, seq, length = piece
    octets = streams.pool.octets
    chunk = take(streams.pool, size_class(length + HEADER))
    if chunk < 0:
        streams.count[AHEAD_REFUSED] += 1
        return -1
    following = stream["ahead_at"][side] if before < 0 else get_link(octets, before)
    put_link(octets, chunk, following)
    put_word(octets, chunk + 8, seq)
    put_word(octets, chunk + 12, length)
    copy(wire, at, at + length, octets, chunk + HEADER)
    if before < 0:
        stream["ahead_at"][side] = chunk
    else:
        put_link(octets, before, chunk)
    stream["ahead_octets"][side] += length
    streams.count[AHEAD] += 1
    return chunk


@kernel
def flush_ended(flows: Flows, streams: Streams, packets: Rows, turns: Rows, chosen: Ints) -> None:
    """Show what ended flows still hold, holes and all. `packets` is one row of scratch."""
    packet = packets[0]
    for place in range(flows.count[ENDED]):
        slot = flows.ended[place]
        flow = flows.rows[slot]
        if flow["stream"] < 0 or flow["inspect"] == 0:
            continue
        packet["flow"] = slot
        packet["ts"] = flow["last"]
        for side in range(2):
            while streams.rows[flow["stream"]]["ahead_at"][side] >= 0:
                skip_hole(flow, packet, side, streams, turns, chosen)
                show_early(flow, packet, side, streams, turns, chosen)


@kernel
def forget_early(streams: Streams, stream: Row) -> None:
    """Give back the chunks of a stream that nobody will read."""
    octets = streams.pool.octets
    for side in range(2):
        chunk = np.int64(stream["ahead_at"][side])
        while chunk >= 0:
            following = get_link(octets, chunk)
            give(streams.pool, chunk, size_class(get_word(octets, chunk + 12) + HEADER))
            streams.count[AHEAD] -= 1
            chunk = following
        stream["ahead_at"][side] = -1
        stream["ahead_octets"][side] = 0


@kernel
def close_ended(flows: Flows, streams: Streams) -> None:
    """Take leave of the streams of ended flows; keep what was learned in the flows."""
    for place in range(flows.count[ENDED]):
        flow = flows.rows[flows.ended[place]]
        if flow["stream"] < 0:
            continue
        stream = streams.rows[flow["stream"]]
        flow["confirmed"] = stream["confirmed"]
        if stream["outer"] >= 0:
            flow["confirmed"] = 1  # it was read up to where the inner protocol begins
        if stream["violated"] == 1:
            flow["oddities"] |= PROTOCOL_VIOLATED
            if stream["confirmed"] == 0 and stream["outer"] >= 0:
                flow["inner"] = flow["between"]
                flow["between"] = -1
            elif stream["confirmed"] == 0:
                flow["protocol"] = -1
                flow["evidence"] = 0
        forget_early(streams, stream)
        close_stream(streams, np.int64(flow["stream"]))
        flow["stream"] = -1


@kernel
def release_turns(streams: Streams, turns: Rows) -> None:
    """Give back the chunks of turns that were read."""
    for number in range(len(turns)):
        turn = turns[number]
        if turn["chunk_class"] >= 0:
            give(streams.pool, turn["chunk"], np.int64(turn["chunk_class"]))


@kernel
def get_word(octets: Wire, at: Int) -> Int:
    """Read a 32-bit number of a chunk's header."""
    return (
        np.int64(octets[at])
        | np.int64(octets[at + 1]) << 8
        | np.int64(octets[at + 2]) << 16
        | np.int64(octets[at + 3]) << 24
    )


@kernel
def put_word(octets: Wire, at: Int, value: Int) -> None:
    """Write a 32-bit number into a chunk's header."""
    for shift in range(4):
        octets[at + shift] = value >> 8 * shift & 255


@kernel
def get_link(octets: Wire, at: Int) -> Int:
    """Read a chunk's link; -1 is the end."""
    value = np.int64(0)
    for shift in range(8):
        value |= np.int64(octets[at + shift]) << 8 * shift
    return value


@kernel
def put_link(octets: Wire, at: Int, value: Int) -> None:
    """Write a chunk's link."""
    for shift in range(8):
        octets[at + shift] = value >> 8 * shift & 255

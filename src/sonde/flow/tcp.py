"""TCP as a flow sees it: states, history and sequence accounting (RFC 9293).

Theory of operation. Each side has a state as Zeek names it (INACTIVE, SYN_SENT,
SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET), so that conn_state and history mean
what people who come from Zeek expect. Sequence numbers are kept relative to the side's
first (`isn`), unwrapped to 64 bits: `sent` is the highest end of a segment, `acked` the
highest acknowledgment, `edge` how far the stream is whole. Octets beyond the edge are
remembered as a few ranges; a hole is a gap only when the receiver acknowledges past it,
for then it was on the network and we did not see it.
"""

import numpy as np

from sonde.table.flows import (
    CLOSED,
    DATA_AFTER_CLOSE,
    ESTABLISHED,
    INACTIVE,
    PARTIAL,
    RANGES,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    SYN_SEQ_JUMP,
    add_letter,
    repeat_letter,
)
from sonde.table.packets import ACK, FIN, RST, SYN
from sonde.wire import NO_TIME, Int, Row, kernel, seq_diff, wrap32

# Which counted letter (see repeat_letter).
COUNT_C, COUNT_G, COUNT_T, COUNT_W = range(4)
LETTER_A, LETTER_C, LETTER_D, LETTER_F, LETTER_G, LETTER_H, LETTER_I = 65, 67, 68, 70, 71, 72, 73
LETTER_Q, LETTER_R, LETTER_S, LETTER_T, LETTER_W = 81, 82, 83, 84, 87
TOO_LARGE_JUMP = 1 << 20


@kernel
def update_tcp(flow: Row, packet: Row, side: Int) -> None:
    """Account for one segment of a flow."""
    other = 1 - side
    flags = np.int64(packet["tcp_flags"])
    seq, length = np.int64(packet["seq"]), np.int64(packet["payload_wire"])
    seg_len = length + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)  # RFC 9293 §3.4
    init_side(flow, side, flags, seq)
    if flags & ACK:
        init_peer(flow, other, flags, np.int64(packet["ack"]))
    note_flags(flow, side, flags)
    if packet["window"] == 0 and flags & RST == 0:
        repeat_letter(flow, side, COUNT_W, LETTER_W)
    if flags & FIN and flow["fins"][side] < 255:
        flow["fins"][side] += 1
    if length > 0:
        add_letter(flow, side, LETTER_D)
    place = flow["sent"][side] + seq_diff(seq, wrap32(np.int64(flow["isn"][side]) + flow["sent"][side]))
    was_edge = flow["sent"][side]
    advance_sent(flow, side, place + seg_len, length, flags)
    step_state(flow, side, flags, place)
    if length > 0:
        if flow["state"][side] == RESET and flow["closed"] != NO_TIME:
            flow["oddities"] |= DATA_AFTER_CLOSE
    elif flags & ACK and flags & (SYN | FIN | RST) == 0:
        add_letter(flow, side, LETTER_A)
    if flags & ACK:
        note_ack(flow, other, np.int64(packet["ack"]))
    seen = min(length, np.int64(packet["payload_length"]))  # what the capture cut off is a gap
    if seen > 0:
        start = place + (1 if flags & SYN else 0)
        place_octets(flow, side, start, start + seen)
    if was_edge < 0:
        flow["edge"][side] = max(flow["edge"][side], 1)


@kernel
def init_side(flow: Row, side: Int, flags: Int, seq: Int) -> None:
    """Fix where a side's sequence space begins; one octet is left for the SYN."""
    state = flow["state"][side]
    if state == INACTIVE:
        if flags & SYN:
            set_isn(flow, side, seq)
        else:
            set_isn(flow, side, wrap32(seq - 1))
            flow["sent"][side] = 1
    elif flags & SYN and seq != flow["isn"][side]:
        if state in (SYN_SENT, SYN_ACK_SENT, ESTABLISHED, PARTIAL):
            flow["oddities"] |= SYN_SEQ_JUMP
            set_isn(flow, side, seq)


@kernel
def set_isn(flow: Row, side: Int, isn: Int) -> None:
    """Begin a side's sequence space anew."""
    flow["isn"][side] = isn
    flow["sent"][side] = 0
    flow["acked"][side] = 0
    flow["edge"][side] = 1
    flow["ranges"][side] = 0
    flow["known"][side] = 1


@kernel
def init_peer(flow: Row, other: Int, flags: Int, ack: Int) -> None:
    """Learn a silent side's sequence space from what is acknowledged to it."""
    if flow["state"][other] == INACTIVE and flags & SYN == 0:
        set_isn(flow, other, wrap32(ack - 1))
        flow["sent"][other] = 0


@kernel
def note_flags(flow: Row, side: Int, flags: Int) -> None:
    """Record the letters of control flags, contradictions included."""
    if flags & SYN and flags & (FIN | RST):
        add_letter(flow, side, LETTER_Q)
    if flags & FIN and flags & RST:
        add_letter(flow, side, LETTER_I)
    if flags & SYN:
        add_letter(flow, side, LETTER_H if flags & ACK else LETTER_S)
    if flags & FIN:
        add_letter(flow, side, LETTER_F)
    if flags & RST:
        add_letter(flow, side, LETTER_R)
    flow["tcp_flags"][side] |= flags


@kernel
def advance_sent(flow: Row, side: Int, end: Int, length: Int, flags: Int) -> None:
    """Move the highest sequence number sent; octets at or below it were sent before."""
    ahead = end - flow["sent"][side]
    if flags & (SYN | RST) and (ahead > TOO_LARGE_JUMP or ahead < -TOO_LARGE_JUMP):
        return
    if flags & FIN and flow["sent"][side] == 1:
        flow["sent"][side] = max(end, 0)
    elif flow["state"][side] == RESET:
        return
    elif ahead > 0:
        flow["sent"][side] = end
    elif length > 0:
        flow["retransmitted"][side] += length
        repeat_letter(flow, side, COUNT_T, LETTER_T)


@kernel
def step_state(flow: Row, side: Int, flags: Int, place: Int) -> None:
    """Move the sending side's state (Zeek's names; RFC 9293 §3.10.7 in outline)."""
    other = 1 - side
    state, peer = flow["state"][side], flow["state"][other]
    following = state
    if state == INACTIVE:
        if flags & SYN and flags & ACK == 0:
            following = SYN_SENT
        elif flags & SYN:
            following = ESTABLISHED if peer == SYN_SENT else SYN_ACK_SENT
            if peer == SYN_SENT:
                flow["state"][other] = ESTABLISHED
        elif flags & (FIN | RST) == 0:
            following = PARTIAL
    elif state == SYN_SENT:
        if flags & SYN and flags & ACK:
            following = ESTABLISHED if peer in (SYN_SENT, ESTABLISHED) else SYN_ACK_SENT
            if peer == SYN_SENT:
                flow["state"][other] = ESTABLISHED
    elif state == SYN_ACK_SENT:
        if flags & SYN == 0 and peer == PARTIAL:
            following = ESTABLISHED
    if flags & FIN:
        following = CLOSED
    if flags & RST:
        # After both sides' FIN, or behind its own, a reset says nothing new.
        ended = state == CLOSED and (peer == CLOSED or place >= flow["sent"][side])
        following = CLOSED if ended else RESET
    elif state == RESET:
        following = RESET
    if following != state:
        flow["previous"][side] = state
        flow["state"][side] = following


@kernel
def note_ack(flow: Row, other: Int, ack: Int) -> None:
    """Move what is acknowledged of the other side; holes behind it are gaps."""
    if flow["known"][other] == 0:
        return
    base = max(flow["acked"][other], flow["sent"][other])
    place = base + seq_diff(ack, wrap32(np.int64(flow["isn"][other]) + base))
    if place <= flow["acked"][other]:
        return
    if place - base > TOO_LARGE_JUMP * 64:
        return
    flow["acked"][other] = place
    limit = place
    if flow["fins"][other] > 0 and limit >= flow["sent"][other]:
        limit = flow["sent"][other] - 1  # the FIN is no octet of the stream
    if limit > flow["edge"][other]:
        give_up(flow, other, limit)


@kernel
def give_up(flow: Row, side: Int, limit: Int) -> None:
    """Declare what is missing below `limit` a gap."""
    silent = flow["state"][side] == INACTIVE
    while flow["edge"][side] < limit:
        edge = flow["edge"][side]
        until = limit
        if flow["ranges"][side] > 0:
            until = min(until, edge + seq_diff(np.int64(flow["range_start"][side][0]), wrap32(edge)))
        if until > edge:
            if not silent or edge > 1:
                flow["missed"][side] += until - edge
                repeat_letter(flow, side, COUNT_G, LETTER_G)
            elif silent and until - edge > 0:
                flow["missed"][side] += until - edge
                repeat_letter(flow, side, COUNT_G, LETTER_G)
            flow["edge"][side] = until
        absorb(flow, side)


@kernel
def absorb(flow: Row, side: Int) -> None:
    """Move the edge over ranges that it touches."""
    while flow["ranges"][side] > 0:
        edge = flow["edge"][side]
        if seq_diff(np.int64(flow["range_start"][side][0]), wrap32(edge)) > 0:
            return
        end = edge + seq_diff(np.int64(flow["range_end"][side][0]), wrap32(edge))
        flow["edge"][side] = max(edge, end)
        left = np.int64(flow["ranges"][side]) - 1
        for place in range(left):
            flow["range_start"][side][place] = flow["range_start"][side][place + 1]
            flow["range_end"][side][place] = flow["range_end"][side][place + 1]
        flow["ranges"][side] = left


@kernel
def place_octets(flow: Row, side: Int, start: Int, end: Int) -> None:
    """Note that stream octets start..end were seen."""
    edge = flow["edge"][side]
    if start <= edge:
        if end > edge:
            flow["edge"][side] = end
            if flow["ranges"][side] > 0:
                absorb(flow, side)
        return
    insert_range(flow, side, start, end)


@kernel
def insert_range(flow: Row, side: Int, start: Int, end: Int) -> None:
    """Remember a stretch beyond the edge, merged with those that it touches.

    With all RANGES taken, the last one is stretched over the hole: a gap there is then
    not counted, which is the bound's price.
    """
    edge = flow["edge"][side]
    count = np.int64(flow["ranges"][side])
    place = 0
    while place < count and edge + seq_diff(np.int64(flow["range_end"][side][place]), wrap32(edge)) < start:
        place += 1
    if place < count:
        first = edge + seq_diff(np.int64(flow["range_start"][side][place]), wrap32(edge))
        if end >= first:  # touches this one
            last = edge + seq_diff(np.int64(flow["range_end"][side][place]), wrap32(edge))
            flow["range_start"][side][place] = wrap32(min(first, start))
            flow["range_end"][side][place] = wrap32(max(last, end))
            while place + 1 < np.int64(flow["ranges"][side]):
                following = edge + seq_diff(np.int64(flow["range_start"][side][place + 1]), wrap32(edge))
                if following > max(last, end):
                    break
                last = max(last, edge + seq_diff(np.int64(flow["range_end"][side][place + 1]), wrap32(edge)))
                flow["range_end"][side][place] = wrap32(max(last, end))
                for later in range(place + 1, np.int64(flow["ranges"][side]) - 1):
                    flow["range_start"][side][later] = flow["range_start"][side][later + 1]
                    flow["range_end"][side][later] = flow["range_end"][side][later + 1]
                flow["ranges"][side] -= 1
            return
    if count == RANGES:
        last = edge + seq_diff(np.int64(flow["range_end"][side][RANGES - 1]), wrap32(edge))
        first = edge + seq_diff(np.int64(flow["range_start"][side][RANGES - 1]), wrap32(edge))
        flow["range_end"][side][RANGES - 1] = wrap32(max(last, end))
        if place == RANGES - 1 or start < first:
            flow["range_start"][side][RANGES - 1] = wrap32(min(first, start))
        return
    for later in range(count, place, -1):
        flow["range_start"][side][later] = flow["range_start"][side][later - 1]
        flow["range_end"][side][later] = flow["range_end"][side][later - 1]
    flow["range_start"][side][place] = wrap32(start)
    flow["range_end"][side][place] = wrap32(end)
    flow["ranges"][side] = count + 1

"""The stage's main function: packets find their flows.

    flows = new_flows(1 << 16)
    update_flows(flows, packets, limits.as_array(), servers, drops)  # packets["flow"], packets["side"]
    flows.ended[:flows.count[ENDED]]                # slots whose records are due

Flows that ended keep their slots until `take_ended` is called.
"""

from dataclasses import dataclass

import numpy as np

from sonde.flow.tcp import COUNT_C, LETTER_C, LETTER_D, update_tcp
from sonde.table.flows import (
    ACTIVE_TIMEOUT,
    BY_TUNNEL,
    CHECKSUM_WRONG,
    CLOSED,
    END_DETECTED,
    ENDED,
    FRESH,
    FULL,
    HAND,
    IDLE_TIMEOUT,
    INACTIVE,
    LACK_OF_RESOURCES,
    LATEST,
    LEFT,
    NEW,
    PARTIAL,
    RESET,
    SEGMENT_CUT,
    SYN_SENT,
    Flows,
    add_letter,
    append_letter,
    end_flow,
    repeat_letter,
    take_slot,
)
from sonde.table.packets import ACK, FLOW_TABLE_FULL, SYN
from sonde.wire import NO_TIME, Int, Ints, Row, Rows, Wire, kernel

SECOND_NS = 1_000_000_000
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
LETTER_FLIP = 94  # "^"
MOST_KINDS = 4  # of tunnels around a packet, that it tells
SWEEP_ROWS = 8192  # flows looked at for expiry in one sweep

# Places in the array of limits.
IDLE_TCP, IDLE_UDP, IDLE_OTHER, ATTEMPT, CLOSE_DELAY, RESET_DELAY, INTERIM = range(7)


@dataclass(frozen=True, slots=True)
class Limits:
    """Times after which a flow ends, in seconds; the defaults are Zeek's."""

    idle_tcp_s: float = 300.0
    idle_udp_s: float = 60.0
    idle_other_s: float = 60.0
    attempt_s: float = 5.0
    close_delay_s: float = 5.0
    reset_delay_s: float = 0.1
    #: An interim record is made of a flow each so often; 0: only when it ends.
    interim_s: float = 0.0

    def as_array(self) -> Ints:
        """Give the limits in nanoseconds, in the order of the places above."""
        seconds = (
            self.idle_tcp_s,
            self.idle_udp_s,
            self.idle_other_s,
            self.attempt_s,
            self.close_delay_s,
            self.reset_delay_s,
            self.interim_s,
        )
        return np.array([int(value * SECOND_NS) for value in seconds], np.int64)


@kernel
def update_flows(flows: Flows, packets: Rows, limits: Ints, servers: Wire, drops: Ints) -> None:
    """Account for packets in order: see `update_flow`."""
    for number in range(len(packets)):
        update_flow(flows, packets[number], limits, servers, drops)


@kernel
def update_flow(flows: Flows, packet: Row, limits: Ints, servers: Wire, drops: Ints) -> Int:
    """Find or make the flow of a packet and account for it; give its slot, or -1.

    `servers` has bit 0 (TCP) and bit 1 (UDP) set for ports where servers are expected;
    they decide who is the originator when a flow's beginning was not seen.
    """
    slot = find_flow(flows, packet)
    if slot >= 0:
        reason = due(flows.rows[slot], packet, packet["ts"], limits)
        if reason:
            end_flow(flows, slot, reason)
            slot = -1
    if slot < 0:
        slot = make_flow(flows, packet, servers)
        if slot < 0:
            if packet["outer"] == 0:
                drops[FLOW_TABLE_FULL] += 1
            return -1
    flow = flows.rows[slot]
    side = side_of(flow, packet)
    packet["flow"] = slot
    packet["side"] = side
    if packet["bad_checksum"] == 1:
        flow["oddities"] |= CHECKSUM_WRONG
        repeat_letter(flow, side, COUNT_C, LETTER_C)
        packet["payload_length"] = 0
        return slot
    if limits[INTERIM] > 0 and packet["ts"] - flow["part_start"] >= limits[INTERIM]:
        part_flow(flows, slot)
    count_packet(flow, packet, side)
    flows.count[LATEST] = max(flows.count[LATEST], packet["ts"])
    return slot


@kernel
def find_flow(flows: Flows, packet: Row) -> Int:
    """Give the slot of the packet's flow, or -1."""
    wanted = packet["hash"]
    slot = flows.buckets[np.int64(wanted & np.uint64(len(flows.buckets) - 1))] - 1
    while slot >= 0:
        flow = flows.rows[slot]
        if flow["hash"] == wanted and same_key(flow, packet):
            return slot
        slot = np.int64(flow["next"]) - 1
    return -1


@kernel
def same_key(flow: Row, packet: Row) -> bool:
    """Say whether a packet belongs to a flow, in either direction."""
    if flow["transport"] != packet["transport"]:
        return False
    if (
        flow["orig_low"] == packet["src_low"]
        and flow["resp_low"] == packet["dst_low"]
        and flow["orig_port"] == packet["src_port"]
        and flow["resp_port"] == packet["dst_port"]
    ):
        return bool(flow["orig_high"] == packet["src_high"] and flow["resp_high"] == packet["dst_high"])
    return bool(
        flow["orig_low"] == packet["dst_low"]
        and flow["resp_low"] == packet["src_low"]
        and flow["orig_port"] == packet["dst_port"]
        and flow["resp_port"] == packet["src_port"]
        and flow["orig_high"] == packet["dst_high"]
        and flow["resp_high"] == packet["src_high"]
    )


@kernel
def side_of(flow: Row, packet: Row) -> Int:
    """Say which side sent a packet of this flow."""
    if (
        flow["orig_low"] == packet["src_low"]
        and flow["orig_port"] == packet["src_port"]
        and flow["orig_high"] == packet["src_high"]
        and flow["resp_low"] == packet["dst_low"]
        and flow["resp_port"] == packet["dst_port"]
    ):
        return 0
    return 1


@kernel
def due(flow: Row, packet: Row, now: Int, limits: Ints) -> Int:
    """Say why a flow is over before this packet, as an end reason, or 0."""
    if flow["transport"] == TCP:
        if flow["closed"] != NO_TIME:
            reset = flow["state"][0] == RESET or flow["state"][1] == RESET
            if now - flow["closed"] > (limits[RESET_DELAY] if reset else limits[CLOSE_DELAY]):
                return END_DETECTED
            if packet["tcp_flags"] & (SYN | ACK) == SYN and packet["payload_wire"] == 0:
                return END_DETECTED  # the port is used again
    return overdue(flow, now, limits)


@kernel
def overdue(flow: Row, now: Int, limits: Ints) -> Int:
    """Say why a flow is over at a time when it is silent, as an end reason, or 0."""
    transport = flow["transport"]
    if transport == TCP:
        if flow["closed"] != NO_TIME:
            reset = flow["state"][0] == RESET or flow["state"][1] == RESET
            if now - flow["closed"] > (limits[RESET_DELAY] if reset else limits[CLOSE_DELAY]):
                return END_DETECTED
        if flow["state"][0] == SYN_SENT and flow["state"][1] == INACTIVE and now - flow["start"] > limits[ATTEMPT]:
            return IDLE_TIMEOUT
        idle = limits[IDLE_TCP]
    elif transport == UDP:
        idle = limits[IDLE_UDP]
    else:
        idle = limits[IDLE_OTHER]
    return IDLE_TIMEOUT if now - flow["last"] > idle else 0


@kernel
def make_flow(flows: Flows, packet: Row, servers: Wire) -> Int:
    """Begin a flow with its first packet; -1 where the table is full."""
    slot = take_slot(flows)
    if slot < 0:
        flows.count[FULL] += 1
        return -1
    flows.count[NEW] += 1
    flow = flows.rows[slot]
    flipped = wants_flip(packet, servers)
    set_key(flow, packet, flipped)
    flow["hash"] = packet["hash"]
    flow["transport"] = packet["transport"]
    flow["version"] = packet["version"]
    flow["start"] = packet["ts"]
    flow["part_start"] = packet["ts"]
    flow["last"] = packet["ts"]
    flow["frame"] = place_of(packet)
    flow["closed"] = NO_TIME
    flow["first_rtt"] = NO_TIME
    flow["vlan"] = packet["vlan"]
    flow["inner_vlan"] = packet["inner_vlan"]
    flow["tunnels"] = packet["tunnels"]
    flow["tunnel_id"] = packet["tunnel_id"]
    flow["carries"] = packet["carries"]
    flow["stream"] = -1
    flow["protocol"] = -1
    flow["inner"] = -1
    flow["between"] = -1
    flow["application"] = -1
    flow["rule"] = -1
    flow["parent"] = -1
    flow["told"] = 0
    flow["took"] = 0
    flow["inspect"] = 0 if packet["outer"] == 1 else 1
    flow["evidence"] = BY_TUNNEL if packet["outer"] == 1 else 0
    flow["confirmed"] = 0
    flow["oddities"] = 0
    flow["part"] = 0
    flow["letters"] = 0
    flow["end_reason"] = 0
    flow["used"] = 1
    flow["partial"] = 1 if packet["transport"] == TCP and packet["tcp_flags"] & SYN == 0 else 0
    for side in range(2):
        clear_side(flow, side)
        clear_counts(flow, side)
    if flipped:
        append_letter(flow, 0, LETTER_FLIP)
    bucket = np.int64(packet["hash"] & np.uint64(len(flows.buckets) - 1))
    flow["next"] = flows.buckets[bucket]
    flows.buckets[bucket] = slot + 1
    return slot


@kernel
def place_of(packet: Row) -> Int:
    """Give a packet's place among all: its frame << 3 | how many tunnels of that are around it."""
    depth = 0
    for shift in range(0, 32, 8):
        if np.int64(packet["tunnels"]) >> shift & 255:
            depth += 1
    if depth == MOST_KINDS and packet["outer"] == 0:
        depth += 1  # the kind of a fifth is not kept
    return packet["frame"] << 3 | depth


@kernel
def set_key(flow: Row, packet: Row, flipped: bool) -> None:
    """Write the flow key; `flipped` makes the first packet's sender the responder."""
    if flipped:
        flow["orig_high"], flow["orig_low"] = packet["dst_high"], packet["dst_low"]
        flow["resp_high"], flow["resp_low"] = packet["src_high"], packet["src_low"]
        flow["orig_port"], flow["resp_port"] = packet["dst_port"], packet["src_port"]
    else:
        flow["orig_high"], flow["orig_low"] = packet["src_high"], packet["src_low"]
        flow["resp_high"], flow["resp_low"] = packet["dst_high"], packet["dst_low"]
        flow["orig_port"], flow["resp_port"] = packet["src_port"], packet["dst_port"]


@kernel
def clear_side(flow: Row, side: Int) -> None:
    """Forget one side's sequence space and history."""
    flow["sent"][side] = 0
    flow["acked"][side] = 0
    flow["edge"][side] = -1
    flow["isn"][side] = 0
    flow["seen"][side] = 0
    flow["tcp_flags"][side] = 0
    flow["state"][side] = INACTIVE
    flow["previous"][side] = INACTIVE
    flow["known"][side] = 0
    flow["fins"][side] = 0
    flow["ranges"][side] = 0
    for which in range(4):
        flow["repeats"][side][which] = 0


@kernel
def clear_counts(flow: Row, side: Int) -> None:
    """Begin one side's counters anew."""
    flow["packets"][side] = 0
    flow["octets"][side] = 0
    flow["payload"][side] = 0
    flow["missed"][side] = 0
    flow["retransmitted"][side] = 0
    flow["last_of"][side] = NO_TIME
    flow["gap_least"][side] = NO_TIME
    flow["gap_most"][side] = NO_TIME
    flow["size_least"][side] = 0
    flow["size_most"][side] = 0


@kernel
def is_group(high: np.uint64, low: np.uint64) -> bool:
    """Say whether an address stands for many hosts, so that nothing can come from it (RFC 1112, RFC 4291 §2.7)."""
    if high == np.uint64(0) and low >> np.uint64(32) == np.uint64(0xFFFF):
        first = low >> np.uint64(24) & np.uint64(0xFF)
        return bool(np.uint64(224) <= first < np.uint64(240) or low & np.uint64(0xFFFFFFFF) == np.uint64(0xFFFFFFFF))
    return bool(high >> np.uint64(56) == np.uint64(0xFF))


@kernel
def wants_flip(packet: Row, servers: Wire) -> bool:
    """Say whether a flow's first packet seems to come from the responder."""
    transport = packet["transport"]
    if is_group(packet["dst_high"], packet["dst_low"]):
        return False
    if transport == TCP:
        flags = packet["tcp_flags"]
        if flags & SYN:
            return bool(flags & ACK)
        src, dst = servers[packet["src_port"]] & 1, servers[packet["dst_port"]] & 1
        if src:
            return bool(dst == 0 or packet["src_port"] < packet["dst_port"])
        return False
    if transport == UDP:
        return bool(packet["answers"] or (servers[packet["src_port"]] & 2 and servers[packet["dst_port"]] & 2 == 0))
    return False


@kernel
def count_packet(flow: Row, packet: Row, side: Int) -> None:
    """Add a packet to its flow."""
    now, octets = packet["ts"], np.int64(packet["ip_octets"])
    before = flow["last_of"][side]
    if before != NO_TIME:
        gap = max(now - before, 0)
        if flow["gap_least"][side] == NO_TIME or gap < flow["gap_least"][side]:
            flow["gap_least"][side] = gap
        flow["gap_most"][side] = max(flow["gap_most"][side], gap)
    flow["last_of"][side] = now
    if flow["packets"][side] == 0 or octets < flow["size_least"][side]:
        flow["size_least"][side] = min(octets, 65535)
    if octets > flow["size_most"][side]:
        flow["size_most"][side] = min(octets, 65535)
    flow["packets"][side] += 1
    flow["octets"][side] += octets
    flow["payload"][side] += np.int64(packet["payload_wire"])
    if packet["payload_length"] < packet["payload_wire"]:
        flow["oddities"] |= SEGMENT_CUT
    if flow["transport"] == TCP:
        # After both sides closed, stray segments no longer lengthen the flow.
        if flow["closed"] == NO_TIME:
            flow["last"] = max(now, flow["last"])
        note_rtt(flow, packet, side, now)
        update_tcp(flow, packet, side)
        note_close(flow, now)
        return
    flow["last"] = max(now, flow["last"])
    if side == 1 and flow["packets"][1] == 1 and flow["packets"][0] > 0:
        flow["first_rtt"] = max(now - flow["start"], 0)
    flow["state"][side] = PARTIAL  # active
    if flow["transport"] == UDP and (packet["payload_wire"] > 0 or packet["payload_length"] == 0):
        add_letter(flow, side, LETTER_D)


@kernel
def note_rtt(flow: Row, packet: Row, side: Int, now: Int) -> None:
    """Take the first round trip from the originator's ACK of the SYN-ACK."""
    if (
        flow["first_rtt"] == NO_TIME
        and side == 0
        and flow["packets"][0] == 2
        and flow["packets"][1] == 1
        and flow["tcp_flags"][1] & (SYN | ACK) == SYN | ACK
        and packet["tcp_flags"] & (SYN | ACK) == ACK
    ):
        flow["first_rtt"] = max(now - flow["start"], 0)


@kernel
def note_close(flow: Row, now: Int) -> None:
    """Note when both sides were done: both sent FIN, or one reset."""
    if flow["closed"] != NO_TIME:
        return
    orig, resp = flow["state"][0], flow["state"][1]
    if orig == RESET or resp == RESET or (orig == CLOSED and resp == CLOSED):
        flow["closed"] = now


@kernel
def part_flow(flows: Flows, slot: Int) -> None:
    """Make an interim record: the counts so far end in a slot of their own."""
    copy = take_slot(flows)
    if copy < 0:
        return
    flow = flows.rows[slot]
    flows.rows[copy] = flow
    part = flows.rows[copy]
    part["used"] = 2
    part["end_reason"] = ACTIVE_TIMEOUT
    part["stream"] = -1
    flows.ended[flows.count[ENDED]] = copy
    flows.count[ENDED] += 1
    flow["part_start"] = flow["last"]
    if flow["part"] < 255:
        flow["part"] += 1
    flow["letters"] = 0
    flow["seen"][0] = 0
    flow["seen"][1] = 0
    clear_counts(flow, 0)
    clear_counts(flow, 1)


@kernel
def sweep_flows(flows: Flows, now: Int, limits: Ints) -> None:
    """Look at some flows, in turn, and end those that are overdue; `now` 0: at the time of the latest packet."""
    if now == 0:
        now = flows.count[LATEST]
    hand, used = flows.count[HAND], flows.count[FRESH]
    for _ in range(min(SWEEP_ROWS, used)):
        hand = hand + 1 if hand + 1 < used else 0
        flow = flows.rows[hand]
        if flow["used"] == 1:
            reason = overdue(flow, now, limits)
            if reason:
                end_flow(flows, hand, reason)
    flows.count[HAND] = hand


@kernel
def evict_flows(flows: Flows, wanted: Int) -> None:
    """End the flows that have been silent longest, each of a group of eight, until `wanted` have ended.

    A round over the table ends one of eight; a block of a flood may want more, so there are up to eight rounds.
    """
    hand, used = flows.count[HAND], flows.count[FRESH]
    done = 0
    for _ in range(used):
        if done >= wanted:
            break
        oldest = -1
        for _ in range(8):
            hand = hand + 1 if hand + 1 < used else 0
            if flows.rows[hand]["used"] == 1 and (oldest < 0 or flows.rows[hand]["last"] < flows.rows[oldest]["last"]):
                oldest = hand
        if oldest >= 0:
            end_flow(flows, oldest, LACK_OF_RESOURCES)
            done += 1
    flows.count[HAND] = hand


@kernel
def end_flows(flows: Flows, slots: Ints, reason: Int, now: Int, limits: Ints) -> None:
    """End the flows in these slots: the input is over."""
    for slot in slots:
        flow = flows.rows[slot]
        if flow["used"] == 1:
            over = overdue(flow, now, limits)
            closed = flow["transport"] == TCP and flow["closed"] != NO_TIME
            end_flow(flows, slot, END_DETECTED if closed else over if over else reason)


@kernel
def make_room(flows: Flows, packets: Int) -> None:
    """See to it that the next block, of so many packets, finds free slots, if need be by eviction."""
    lacking = min(packets, len(flows.rows) // 2) - flows.count[LEFT]
    if lacking > 0:
        evict_flows(flows, lacking)

"""The flow table: one structured row for each bidirectional flow."""

from typing import NamedTuple

import numpy as np

from sonde.table.fieldwise import Room, Views, take_fields
from sonde.wire import Int, Ints, Row, Rows, kernel

HISTORY = 28  # letters kept; later ones are counted in `oddities`
RANGES = 4  # stretches of a stream that came before what precedes them

#: What each packet finds its flow by and what tells whether that is over lie in one line of the cache, what it then
#: changes in those that follow, and what few packets touch behind them.
FLOW = np.dtype(
    [
        ("hash", "u8"),
        ("orig_high", "u8"),
        ("orig_low", "u8"),
        ("resp_high", "u8"),
        ("resp_low", "u8"),
        ("orig_port", "u2"),
        ("resp_port", "u2"),
        ("next", "i4"),  # slot + 1 of the next in the hash chain; 0 last
        ("transport", "u1"),
        ("used", "u1"),
        ("state", "u1", (2,)),
        ("known", "u1", (2,)),  # `isn` is set
        ("version", "u1"),
        ("inspect", "u1"),  # payload still to be looked at
        ("last", "i8"),
        ("closed", "i8"),  # when both sides had ended; NO_TIME while open
        ("packets", "i8", (2,)),
        ("octets", "i8", (2,)),
        ("payload", "i8", (2,)),
        ("tcp_flags", "u1", (2,)),
        ("previous", "u1", (2,)),
        ("fins", "u1", (2,)),
        ("ranges", "u1", (2,)),
        ("sent", "i8", (2,)),  # highest SEG.SEQ + SEG.LEN, relative to `isn`
        ("acked", "i8", (2,)),  # highest SEG.ACK from the other side, relative to `isn`
        ("edge", "i8", (2,)),  # up to here the stream is whole or given up
        ("last_of", "i8", (2,)),  # time of each side's last packet
        ("gap_least", "i8", (2,)),  # shortest time between packets, ns
        ("gap_most", "i8", (2,)),
        ("isn", "u4", (2,)),
        ("seen", "u4", (2,)),  # letters of each side, as bits
        ("size_least", "u2", (2,)),  # IP octets of the smallest packet
        ("size_most", "u2", (2,)),
        ("oddities", "u4"),
        ("stream", "i4"),  # row in the stream table; -1 none
        ("start", "i8"),
        ("frame", "i8"),  # number of the first frame << 3 | tunnels around it there: no two flows have the same
        ("part_start", "i8"),  # when this interim part began
        ("first_rtt", "i8"),  # SYN to the ACK of the SYN-ACK, or request to response
        ("missed", "i8", (2,)),
        ("retransmitted", "i8", (2,)),
        ("repeats", "u4", (2, 4)),  # of the letters C G T W
        ("range_start", "u4", (2, RANGES)),
        ("range_end", "u4", (2, RANGES)),
        ("tunnels", "u4"),
        ("tunnel_id", "i4"),
        ("parent", "i8"),  # `frame` of the flow that announced this one; -1 none
        ("history", "u1", (HISTORY,)),  # where it can be taken by fours
        ("protocol", "i2"),  # number in the catalogue; -1 unknown
        ("inner", "i2"),  # the protocol inside that one, after STARTTLS or CONNECT; -1 none
        ("between", "i2"),  # the protocol between those two, as WebSocket in HTTP and around SSH; -1 none
        ("application", "i2"),
        ("rule", "i2"),  # what told the protocol: a signature or a kernel, see identify; -1 none
        ("vlan", "i2"),
        ("inner_vlan", "i2"),
        ("carries", "u1"),  # tunnel kind inside
        ("evidence", "u1"),
        ("told", "u1"),  # how the application is known
        ("took", "u1"),  # payloads seen until the protocol was known; 0 unknown
        ("confirmed", "u1"),  # a dissector read it as this protocol
        ("partial", "u1"),  # began without SYN
        ("end_reason", "u1"),
        ("part", "u1"),  # interim parts recorded so far, up to 255
        ("letters", "u1"),
    ],
    align=True,
)

FLOW_SIZE = FLOW.itemsize
#: What a flow record is made from.
RECORDED = (
    "orig_high", "orig_low", "resp_high", "resp_low", "orig_port", "resp_port", "last", "frame", "part_start",
    "packets", "octets", "payload", "missed", "retransmitted", "sent", "acked", "last_of", "gap_least", "gap_most",
    "first_rtt", "tunnels", "tunnel_id", "protocol", "inner", "between", "application", "rule", "parent", "vlan",
    "inner_vlan", "size_least", "size_most", "oddities", "tcp_flags", "state", "previous", "fins", "transport",
    "version", "carries", "evidence", "told", "took", "confirmed", "end_reason", "part", "letters", "history",
)  # fmt: skip

# Why a flow record was made (IPFIX element 136).
IDLE_TIMEOUT, ACTIVE_TIMEOUT, END_DETECTED, FORCED_END, LACK_OF_RESOURCES = 1, 2, 3, 4, 5
END_REASONS = {1: "idle_timeout", 2: "active_timeout", 3: "end_detected", 4: "forced_end", 5: "lack_of_resources"}

# How a protocol was found (flows.evidence).
EVIDENCE = ("", "signature", "handshake", "expected", "port_and_signature", "ip_protocol", "tunnel", "structure")
(
    NO_EVIDENCE,
    BY_SIGNATURE,
    BY_HANDSHAKE,
    BY_EXPECTATION,
    BY_PORT_AND_SIGNATURE,
    BY_IP_PROTOCOL,
    BY_TUNNEL,
    BY_STRUCTURE,
) = range(8)
# How an application was found (flows.application_evidence).
TOLD = ("", "signature", "name", "certificate", "agent")
NOT_TOLD, TOLD_BY_SIGNATURE, TOLD_BY_NAME, TOLD_BY_CERTIFICATE, TOLD_BY_AGENT = range(5)
#: The stronger replaces the weaker: what a client calls itself yields to where its flow goes, and is not heard
#: where octets have told what is sent (SOAP, HLS). Of two that are as strong the first stays.
STRENGTH = np.array([0, 2, 2, 2, 1])

# Oddities of a flow (closed list; bits).
ODDITIES = (
    "overlap_differs",
    "history_cut",
    "bad_checksum",
    "syn_seq_jump",
    "fragment_overlap",
    "segment_cut",
    "data_before_established",
    "unordered_beyond_budget",
    "data_after_close",
    "protocol_violated",
)
(
    OVERLAP_DIFFERS,
    HISTORY_CUT,
    CHECKSUM_WRONG,
    SYN_SEQ_JUMP,
    FRAGMENT_OVERLAP,
    SEGMENT_CUT,
    EARLY_DATA,
    UNORDERED_BEYOND_BUDGET,
    DATA_AFTER_CLOSE,
    PROTOCOL_VIOLATED,
) = (1 << bit for bit in range(10))

# Endpoint states as Zeek names them.
INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET = range(7)

# Places in Flows.count. Slots from FRESH on were never used: their memory is untouched.
FREE, ENDED, FULL, HAND, NEW, FRESH, LATEST, LEFT = range(8)
FIRST_BUCKETS = 1 << 14


class Flows(NamedTuple):
    """The flow table: rows, hash chains, what is free, and what ended in this block.

    Chains hold slot + 1; 0 ends one.
    """

    rows: Rows
    buckets: Ints  # of 32 bits: all of them together are looked at by chance, and stay nearer so
    free: Ints
    ended: Ints
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted


def new_flows(capacity: int) -> Flows:
    """Make a table for so many flows; memory is touched only as flows come."""
    count = np.zeros(8, np.int64)
    count[LEFT] = capacity
    return Flows(
        rows=np.zeros(capacity, FLOW),
        buckets=np.zeros(FIRST_BUCKETS, np.int32),
        free=np.empty(capacity, np.int64),
        ended=np.empty(capacity, np.int64),
        count=count,
    )


def grow_buckets(flows: Flows) -> Flows:
    """Give the table more buckets where its chains begin to grow long."""
    used = len(flows.rows) - int(flows.count[LEFT])
    if used <= len(flows.buckets):
        return flows
    larger = flows._replace(buckets=np.zeros(4 * len(flows.buckets), np.int32))
    chain_all(larger, int(flows.count[FRESH]))
    return larger


def open_slots(flows: Flows) -> Ints:
    """Give the slots of the flows that are open, the first begun first."""
    rows = flows.rows[: flows.count[FRESH]]
    slots = np.flatnonzero(rows["used"] == 1)
    return slots[np.argsort(rows["frame"][slots], kind="stable")]


@kernel
def take_slot(flows: Flows) -> Int:
    """Take a free slot; -1 where none is left."""
    if flows.count[LEFT] == 0:
        return -1
    flows.count[LEFT] -= 1
    if flows.count[FREE] > 0:
        flows.count[FREE] -= 1
        return flows.free[flows.count[FREE]]
    flows.count[FRESH] += 1
    return flows.count[FRESH] - 1


@kernel
def chain_all(flows: Flows, used: Int) -> None:
    """Hang every flow in use into its hash chain anew."""
    mask = np.uint64(len(flows.buckets) - 1)
    for slot in range(used):
        flow = flows.rows[slot]
        if flow["used"] == 1:
            bucket = np.int64(flow["hash"] & mask)
            flow["next"] = flows.buckets[bucket]
            flows.buckets[bucket] = slot + 1


@kernel
def unchain(flows: Flows, slot: Int) -> None:
    """Take a flow out of its hash chain; packets will not find it any more."""
    bucket = np.int64(flows.rows[slot]["hash"] & np.uint64(len(flows.buckets) - 1))
    place = flows.buckets[bucket] - 1
    if place == slot:
        flows.buckets[bucket] = np.int64(flows.rows[slot]["next"])
        return
    while place >= 0:
        following = np.int64(flows.rows[place]["next"]) - 1
        if following == slot:
            flows.rows[place]["next"] = flows.rows[slot]["next"]
            return
        place = following


@kernel
def end_flow(flows: Flows, slot: Int, reason: Int) -> None:
    """End a flow: its record is due, its slot stays until the block is done."""
    flow = flows.rows[slot]
    if flow["used"] != 1:
        return
    unchain(flows, slot)
    flow["used"] = 2
    flow["end_reason"] = reason
    flows.ended[flows.count[ENDED]] = slot
    flows.count[ENDED] += 1


@kernel
def take_ended(flows: Flows, rows: Views, named: tuple[Ints, Ints], room: Room) -> None:
    """Copy what is recorded of ended flows, whose rows are given once more as memory, and give their slots back.

    `named` are the protocols that name by IP protocol number and by kind of tunnel: see `name_flows`.
    """
    name_flows(flows, named[0], named[1])
    take_fields(rows, FLOW_SIZE, room.fields, flows.ended, flows.count[ENDED], room)
    room.filled[0] += flows.count[ENDED]
    free_ended(flows)


@kernel
def free_ended(flows: Flows) -> None:
    """Give the slots of ended flows back."""
    for place in range(flows.count[ENDED]):
        slot = flows.ended[place]
        flows.rows[slot]["used"] = 0
        flows.free[flows.count[FREE]] = slot
        flows.count[FREE] += 1
        flows.count[LEFT] += 1
    flows.count[ENDED] = 0


#: What other tables say of the flow that a row belongs to.
KEY = np.dtype(
    [
        ("orig_high", "u8"),
        ("orig_low", "u8"),
        ("resp_high", "u8"),
        ("resp_low", "u8"),
        ("frame", "i8"),
        ("orig_port", "u2"),
        ("resp_port", "u2"),
    ],
    align=True,
)


@kernel
def take_key(flows: Flows, slot: Int, key: Row) -> None:
    """Copy the key of the flow in a slot."""
    flow = flows.rows[slot]
    key["orig_high"] = flow["orig_high"]
    key["orig_low"] = flow["orig_low"]
    key["resp_high"] = flow["resp_high"]
    key["resp_low"] = flow["resp_low"]
    key["frame"] = flow["frame"]
    key["orig_port"] = flow["orig_port"]
    key["resp_port"] = flow["resp_port"]


@kernel
def could_name(flows: Flows, slot: Int, told: Int) -> bool:
    """Say whether what tells so would be heard."""
    return bool(STRENGTH[told] > STRENGTH[flows.rows[slot]["told"]])


@kernel
def name_application(flows: Flows, slot: Int, application: Int, told: Int) -> None:
    """Keep what tells a flow's application, unless something as strong has; `told` says what kind of name."""
    flow = flows.rows[slot]
    if application >= 0 and STRENGTH[told] > STRENGTH[flow["told"]]:
        flow["application"] = application
        flow["told"] = told


@kernel
def name_flows(flows: Flows, by_ip_protocol: Ints, by_tunnel: Ints) -> None:
    """Name ended flows that nothing else named by their kind of tunnel, or by their IP protocol number; -1: none."""
    for place in range(flows.count[ENDED]):
        flow = flows.rows[flows.ended[place]]
        carries = np.int64(flow["carries"])
        named = np.int64(by_tunnel[carries] if carries > 0 else by_ip_protocol[flow["transport"]])
        if flow["protocol"] < 0 and named >= 0:
            flow["protocol"] = named
            if carries == 0:
                flow["evidence"] = BY_IP_PROTOCOL


@kernel
def add_letter(flow: Row, side: Int, letter: Int) -> None:
    """Append a history letter (given for the originator) the first time a side earns it."""
    bit = np.int64(1) << (letter - 64)
    seen = np.int64(flow["seen"][side])
    if seen & bit == 0:
        flow["seen"][side] = seen | bit
        append_letter(flow, side, letter)


@kernel
def append_letter(flow: Row, side: Int, letter: Int) -> None:
    """Append a history letter, in lower case for the responder."""
    place = np.int64(flow["letters"])
    if place < HISTORY:
        flow["history"][place] = letter + 32 * side
        flow["letters"] = place + 1
    else:
        flow["oddities"] |= HISTORY_CUT


@kernel
def repeat_letter(flow: Row, side: Int, which: Int, letter: Int) -> None:
    """Count a letter that is repeated at the 1st, 10th, 100th ... time (Zeek's C G T W)."""
    times = np.int64(flow["repeats"][side][which]) + 1
    flow["repeats"][side][which] = times
    while times % 10 == 0:
        times //= 10
    if times == 1:
        append_letter(flow, side, letter)

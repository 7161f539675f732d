"""The table `flows`: its declaration, and how rows of the flow table become columns."""

from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from sonde.record.text import address_column, community_column, uid_column
from sonde.schema import (
    ENDPOINT,
    NO_TIME,
    PROTOCOL,
    U8,
    U16,
    U32,
    U64,
    Bool,
    DurationNs,
    Field,
    Record,
    Text,
    TextList,
    TimeNs,
    code,
)
from sonde.schema.icmp import ONE_WAY_V4, ONE_WAY_V6
from sonde.table.arrow import encode, named, numbers, times, truths, validity
from sonde.table.flows import (
    CLOSED,
    END_REASONS,
    ESTABLISHED,
    EVIDENCE,
    HISTORY,
    INACTIVE,
    ODDITIES,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    TOLD,
)
from sonde.table.late import pa
from sonde.table.packets import TUNNELS
from sonde.table.texts import spelled
from sonde.wire import Rows

TRANSPORTS = {
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    46: "rsvp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmp6",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    115: "l2tp",
    132: "sctp",
    136: "udplite",
}
TCP, UDP = 6, 17
STATES = ("OTH", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")


class FlowRecord(Record):
    """One bidirectional flow, or an interim part of one (RFC 7011, RFC 5103)."""

    table: ClassVar[str] = "flows"

    start: Annotated[TimeNs, Field("First packet", PROTOCOL, ref="flowStartNanoseconds")]
    end: Annotated[TimeNs, Field("Last packet before the flow closed", PROTOCOL, ref="flowEndNanoseconds")]
    uid: Annotated[Text, Field("Name of the flow in this dataset", PROTOCOL)]
    community_id: Annotated[Text, Field("Flow key as other tools name it", ENDPOINT, ref="Community ID v1")]
    orig_ip: Annotated[Text, Field("Originator", ENDPOINT, ref="sourceIPv4Address", holds="address")]
    orig_port: Annotated[U16, Field("Its port; ICMP: message type", PROTOCOL, ref="sourceTransportPort")]
    resp_ip: Annotated[Text, Field("Responder", ENDPOINT, ref="destinationIPv4Address", holds="address")]
    resp_port: Annotated[U16, Field("Its port; ICMP: answer's type or code", PROTOCOL, ref="destinationTransportPort")]
    transport: Annotated[code(TRANSPORTS, "{}"), Field("IP protocol", PROTOCOL, ref="protocolIdentifier")]  # type: ignore[valid-type]
    ip_protocol: Annotated[U8, Field("IP protocol number", PROTOCOL, ref="protocolIdentifier")]
    vlan: Annotated[U16, Field("Outer VLAN", PROTOCOL, ref="vlanId")]
    inner_vlan: Annotated[U16, Field("Inner VLAN", PROTOCOL)]
    tunnel: Annotated[TextList, Field("Tunnels around it, outermost first", PROTOCOL)]
    tunnel_id: Annotated[U32, Field("VNI, TEID or session of the innermost", PROTOCOL)]
    carries: Annotated[Text, Field("Kind of tunnel that this flow is", PROTOCOL)]
    protocol: Annotated[Text, Field("Protocol, as `sonde protocols` names it", PROTOCOL)]
    layers: Annotated[TextList, Field("Tunnels, network, transport, application, outermost first", PROTOCOL)]
    application: Annotated[Text, Field("Application told by a name", PROTOCOL)]
    evidence: Annotated[code(dict(enumerate(EVIDENCE))), Field("How the protocol is known", PROTOCOL)]  # type: ignore[valid-type]
    rule: Annotated[Text, Field("What told it: a signature by number, or structure", PROTOCOL)]
    took: Annotated[U8, Field("Payloads seen until the protocol was known", PROTOCOL)]
    application_evidence: Annotated[code(dict(enumerate(TOLD))), Field("How the application is known", PROTOCOL)]  # type: ignore[valid-type]
    parent: Annotated[Text, Field("uid of the flow that announced this one", PROTOCOL)]
    confirmed: Annotated[Bool, Field("A dissector read it as this protocol", PROTOCOL)]
    state: Annotated[code(dict(enumerate(STATES))), Field("Connection state, Zeek's conn_state", PROTOCOL)]  # type: ignore[valid-type]
    history: Annotated[Text, Field("Events in order, Zeek's letters", PROTOCOL)]
    end_reason: Annotated[code(END_REASONS), Field("Why this record was made", PROTOCOL, ref="flowEndReason")]  # type: ignore[valid-type]
    part: Annotated[U8, Field("Interim parts recorded before", PROTOCOL)]
    orig_packets: Annotated[U64, Field("Packets sent", PROTOCOL, ref="packetDeltaCount")]
    resp_packets: Annotated[U64, Field("Packets received", PROTOCOL)]
    orig_octets: Annotated[U64, Field("IP octets sent", PROTOCOL, unit="octets", ref="octetDeltaCount")]
    resp_octets: Annotated[U64, Field("IP octets received", PROTOCOL, unit="octets")]
    orig_payload: Annotated[U64, Field("Transport payload sent", PROTOCOL, unit="octets")]
    resp_payload: Annotated[U64, Field("Transport payload received", PROTOCOL, unit="octets")]
    orig_stream: Annotated[U64, Field("Payload by sequence numbers", PROTOCOL, unit="octets")]
    resp_stream: Annotated[U64, Field("Payload by sequence numbers", PROTOCOL, unit="octets")]
    orig_retransmitted: Annotated[U64, Field("Payload sent again", PROTOCOL, unit="octets")]
    resp_retransmitted: Annotated[U64, Field("Payload received again", PROTOCOL, unit="octets")]
    orig_missed: Annotated[U64, Field("Octets in gaps", PROTOCOL, unit="octets")]
    resp_missed: Annotated[U64, Field("Octets in gaps", PROTOCOL, unit="octets")]
    orig_tcp_flags: Annotated[U8, Field("TCP flags seen, or-ed", PROTOCOL, ref="tcpControlBits")]
    resp_tcp_flags: Annotated[U8, Field("TCP flags seen, or-ed", PROTOCOL)]
    orig_smallest: Annotated[U16, Field("Smallest packet", PROTOCOL, unit="octets", ref="minimumIpTotalLength")]
    orig_largest: Annotated[U16, Field("Largest packet", PROTOCOL, unit="octets", ref="maximumIpTotalLength")]
    resp_smallest: Annotated[U16, Field("Smallest packet", PROTOCOL, unit="octets")]
    resp_largest: Annotated[U16, Field("Largest packet", PROTOCOL, unit="octets")]
    orig_mean: Annotated[U32, Field("Mean packet", PROTOCOL, unit="octets")]
    resp_mean: Annotated[U32, Field("Mean packet", PROTOCOL, unit="octets")]
    orig_gap_least: Annotated[DurationNs, Field("Shortest time between packets", PROTOCOL)]
    orig_gap_mean: Annotated[DurationNs, Field("Mean time between packets", PROTOCOL)]
    orig_gap_most: Annotated[DurationNs, Field("Longest time between packets", PROTOCOL)]
    resp_gap_least: Annotated[DurationNs, Field("Shortest time between packets", PROTOCOL)]
    resp_gap_mean: Annotated[DurationNs, Field("Mean time between packets", PROTOCOL)]
    resp_gap_most: Annotated[DurationNs, Field("Longest time between packets", PROTOCOL)]
    first_rtt: Annotated[DurationNs, Field("First round trip", PROTOCOL)]
    oddities: Annotated[TextList, Field("What was odd, from a closed list", PROTOCOL)]


def halves(rows: Rows, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the halves of one side's address as signed columns."""
    return (
        np.ascontiguousarray(rows[f"{side}_high"]).view(np.int64),
        np.ascontiguousarray(rows[f"{side}_low"]).view(np.int64),
    )


def states(rows: Rows) -> np.ndarray:
    """Give conn_state as Zeek derives it from both sides' states, as numbers into STATES."""
    orig, resp = rows["state"][:, 0], rows["state"][:, 1]
    idle_orig, idle_resp = (orig == INACTIVE) | (orig == PARTIAL), (resp == INACTIVE) | (resp == PARTIAL)
    sizes = stream_octets(rows)
    unused = (sizes[0] == 0) & (sizes[1] == 0)
    name = {state: number for number, state in enumerate(STATES)}
    rejected = (orig == SYN_SENT) | (orig == SYN_ACK_SENT) | ((orig == RESET) & unused)
    # A reset of which nothing went before tells no state: whatever it ended was not seen.
    alone = [(rows["state"][:, n] == RESET) & (rows["previous"][:, n] == INACTIVE) for n in range(2)]
    lone = (alone[0] & (resp == INACTIVE)) | (alone[1] & (orig == INACTIVE))
    tcp = np.select(
        [
            lone,
            (resp == RESET) & rejected,
            (resp == RESET) & idle_orig,
            resp == RESET,
            (orig == RESET) & idle_resp,
            orig == RESET,
            (orig == CLOSED) & (resp == CLOSED),
            (orig == CLOSED) & idle_resp,
            orig == CLOSED,
            (resp == CLOSED) & idle_orig,
            resp == CLOSED,
            (orig == SYN_SENT) & (resp == INACTIVE),
            (orig == ESTABLISHED) & (resp == ESTABLISHED),
        ],
        [
            name[each]
            for each in ("OTH", "REJ", "RSTRH", "RSTR", "RSTOS0", "RSTO", "SF", "SH", "S2", "SHR", "S3", "S0", "S1")
        ],
        name["OTH"],
    )
    udp = np.select(
        [(orig == PARTIAL) & (resp == PARTIAL), orig == PARTIAL, resp == PARTIAL],
        [name["SF"], name["S0"], name["SHR"]],
        name["OTH"],
    )
    transport = rows["transport"]
    return np.where(transport == TCP, tcp, np.where(transport == UDP, udp, name["OTH"]))


def stream_octets(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Give payload octets by sequence numbers, without SYN and FIN; for others, as counted."""
    found = []
    for side in range(2):
        size = np.maximum(rows["sent"][:, side], rows["acked"][:, side])
        size = size - (size > 0)
        size = size - ((rows["fins"][:, side] > 0) & (size > 0))
        lone_reset = (
            (rows["previous"][:, side] == SYN_SENT)
            & (rows["state"][:, side] == RESET)
            & (rows["state"][:, 1 - side] == INACTIVE)
        )
        size = np.where(lone_reset, 0, size)
        found.append(np.where(rows["transport"] == TCP, np.maximum(size, 0), rows["payload"][:, side]))
    return found[0], found[1]


def history_column(rows: Rows) -> "pa.Array":
    """Make the history letters a string column."""
    lengths = rows["letters"].astype(np.int32)
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    letters = np.ascontiguousarray(rows["history"])
    chosen = letters[np.arange(HISTORY) < lengths[:, None]]
    buffers = [validity(lengths == 0), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(chosen))]
    return pa.Array.from_buffers(pa.string(), len(rows), buffers)


def bits_column(bits: np.ndarray, names: tuple[str, ...]) -> "pa.Array":
    """Make a list-of-names column of bit sets; few distinct sets are met, each is spelled once."""
    distinct, codes = encode(bits)
    return spelled(codes, [[name for bit, name in enumerate(names) if value >> bit & 1] or None for value in distinct])


def tunnels_column(tunnels: np.ndarray) -> "pa.Array":
    """Make the list of tunnel kinds, outermost first."""
    distinct, codes = encode(tunnels)
    return spelled(
        codes,
        [
            [TUNNELS[value >> shift & 255] for shift in (24, 16, 8, 0) if value >> shift & 255] or None
            for value in distinct
        ],
    )


def layers_column(rows: Rows, protocols: list[str | None]) -> "pa.Array":
    """Make the list of protocols inside each other: tunnels, network, transport, and what they carry."""
    tunnels, tunnel_codes = encode(rows["tunnels"])
    packed = np.zeros(len(rows), np.int64)
    for name in ("protocol", "between", "inner"):
        packed = packed << 16 | (rows[name].astype(np.int64) + 1)
    carried, carried_codes = encode(packed)
    below = tunnel_codes << 16 | rows["version"].astype(np.int64) << 8 | rows["transport"].astype(np.int64)
    distinct, codes = encode(below << 32 | carried_codes)
    return spelled(codes, [_layers(value, tunnels, carried, protocols) for value in distinct])


def _layers(value: int, tunnels: list[int], carried: list[int], protocols: list[str | None]) -> list[str]:
    """Spell what `layers_column` packed."""
    around, inside = tunnels[value >> 48], carried[value & 0xFFFFFFFF]
    transport = value >> 32 & 255
    found = [TUNNELS[around >> shift & 255] for shift in (24, 16, 8, 0) if around >> shift & 255]
    found += [f"ipv{value >> 40 & 255}", TRANSPORTS.get(transport, str(transport))]
    names = [protocols[each - 1] or "" for shift in (32, 16, 0) if (each := inside >> shift & 0xFFFF)]
    return found + names[:1] * (names[:1] != found[-1:]) + names[1:]


def community_ports(rows: Rows) -> np.ndarray:
    """Pack ports, transport and one-way as community_column wants them."""
    one_way = np.zeros(len(rows), np.int64)
    icmp = (rows["transport"] == 1) | (rows["transport"] == 58)
    if icmp.any():
        kinds = rows["orig_port"] & 255
        one_way = np.where(icmp, np.where(rows["transport"] == 1, ONE_WAY_V4[kinds], ONE_WAY_V6[kinds]), 0)
    ports = rows["orig_port"].astype(np.int64) << 32 | rows["resp_port"].astype(np.int64) << 16
    return ports | one_way.astype(np.int64) << 8 | rows["transport"].astype(np.int64)


class Names(NamedTuple):
    """What numbers in flow rows stand for."""

    protocols: list[str | None]
    applications: list[str | None]
    rules: list[str | None]


def parent_column(frames: np.ndarray, seed: int) -> "pa.Array":
    """Make the column of names of flows that announced others; null where none did."""
    has = np.flatnonzero(frames >= 0)
    codes = np.full(len(frames), -1, np.int64)
    codes[has] = np.arange(len(has))
    return pa.DictionaryArray.from_arrays(numbers(codes, pa.int32(), codes < 0), uid_column(frames[has], seed))


def flow_columns(rows: Rows, wanted: set[str], seed: int, named_by: Names) -> dict[str, Any]:
    """Turn flow rows into the wanted columns of FlowRecord."""
    protocols, applications, rules = named_by
    orig, resp = halves(rows, "orig"), halves(rows, "resp")
    sizes = stream_octets(rows)
    stamp, span = pa.timestamp("ns", "UTC"), pa.duration("ns")
    tunnel_names: list[str | None] = [name or None for name in TUNNELS]

    def gap_mean(side: int) -> "pa.Array":
        count = rows["packets"][:, side]
        first = rows["last_of"][:, side]
        length = np.where(first == NO_TIME, 0, rows["last_of"][:, side] - rows["part_start"])
        return times(np.where(count < 2, NO_TIME, length // np.maximum(count - 1, 1)), span)

    def mean(side: int) -> "pa.Array":
        count = rows["packets"][:, side]
        return numbers(rows["octets"][:, side] // np.maximum(count, 1), pa.uint32(), count == 0)

    makers: dict[str, Any] = {
        "start": lambda: times(rows["part_start"], stamp),
        "end": lambda: times(rows["last"], stamp),
        "uid": lambda: uid_column(rows["frame"], seed),
        "community_id": lambda: community_column((*orig, *resp), community_ports(rows)),
        "orig_ip": lambda: address_column(*orig),
        "resp_ip": lambda: address_column(*resp),
        "orig_port": lambda: numbers(rows["orig_port"], pa.uint16()),
        "resp_port": lambda: numbers(rows["resp_port"], pa.uint16()),
        "transport": lambda: named(
            rows["transport"].astype(np.int64), [TRANSPORTS.get(number, str(number)) for number in range(256)]
        ),
        "ip_protocol": lambda: numbers(rows["transport"], pa.uint8()),
        "vlan": lambda: numbers(rows["vlan"], pa.uint16(), rows["vlan"] < 0),
        "inner_vlan": lambda: numbers(rows["inner_vlan"], pa.uint16(), rows["inner_vlan"] < 0),
        "tunnel": lambda: tunnels_column(rows["tunnels"]),
        "tunnel_id": lambda: numbers(rows["tunnel_id"], pa.uint32(), rows["tunnel_id"] < 0),
        "carries": lambda: named(rows["carries"].astype(np.int64), tunnel_names),
        "protocol": lambda: named(rows["protocol"].astype(np.int64), protocols),
        "layers": lambda: layers_column(rows, protocols),
        "application": lambda: named(rows["application"].astype(np.int64), applications),
        "evidence": lambda: named(rows["evidence"].astype(np.int64), [name or None for name in EVIDENCE]),
        "rule": lambda: named(rows["rule"].astype(np.int64), rules),
        "took": lambda: numbers(rows["took"], pa.uint8(), rows["took"] == 0),
        "application_evidence": lambda: named(rows["told"].astype(np.int64), [name or None for name in TOLD]),
        "parent": lambda: parent_column(rows["parent"], seed),
        "confirmed": lambda: truths(rows["confirmed"] != 0),
        "state": lambda: named(states(rows), list(STATES)),
        "history": lambda: history_column(rows),
        "end_reason": lambda: named(
            rows["end_reason"].astype(np.int64), [END_REASONS.get(number) for number in range(6)]
        ),
        "part": lambda: numbers(rows["part"], pa.uint8()),
        "orig_stream": lambda: numbers(sizes[0], pa.uint64()),
        "resp_stream": lambda: numbers(sizes[1], pa.uint64()),
        "orig_mean": lambda: mean(0),
        "resp_mean": lambda: mean(1),
        "orig_gap_mean": lambda: gap_mean(0),
        "resp_gap_mean": lambda: gap_mean(1),
        "first_rtt": lambda: times(rows["first_rtt"], span),
        "oddities": lambda: bits_column(rows["oddities"], ODDITIES),
    }
    for side, name in enumerate(("orig", "resp")):
        silent = rows["packets"][:, side] == 0
        for field in ("packets", "octets", "payload", "retransmitted", "missed"):
            makers[f"{name}_{field}"] = lambda f=field, s=side: numbers(rows[f][:, s], pa.uint64())
        makers[f"{name}_tcp_flags"] = lambda s=side: numbers(
            rows["tcp_flags"][:, s], pa.uint8(), rows["transport"] != TCP
        )
        makers[f"{name}_smallest"] = lambda s=side, n=silent: numbers(rows["size_least"][:, s], pa.uint16(), n)
        makers[f"{name}_largest"] = lambda s=side, n=silent: numbers(rows["size_most"][:, s], pa.uint16(), n)
        makers[f"{name}_gap_least"] = lambda s=side: times(rows["gap_least"][:, s], span)
        makers[f"{name}_gap_most"] = lambda s=side: times(rows["gap_most"][:, s], span)
    return {name: make() for name, make in makers.items() if name in wanted}

"""The flow table beside its twin: a dict of flows by transport and the two endpoints."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.flow import Limits
from sonde.table.flows import ACTIVE_TIMEOUT
from tests.maker import ACK, START_NS, Frame, ethernet, tcp, udp
from tests.reference.carriage import Carriage

SECOND_NS = 10**9
SERVERS = {53, 443}
LIMITS = Limits(idle_tcp_s=300.0, idle_udp_s=60.0)
HOSTS = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")
PORTS = (1024, 1025, 53, 443)
Endpoint = tuple[str, int]


@dataclass
class Packet:
    """What a flow table may know of a packet."""

    ts: int
    transport: int
    src: Endpoint
    dst: Endpoint
    payload: int

    @property
    def octets(self) -> int:
        return (40 if ":" in self.src[0] else 20) + (20 if self.transport == 6 else 8) + self.payload

    def frame(self) -> Frame:
        ports = (self.src[1], self.dst[1])
        payload = b"x" * self.payload
        if self.transport == 17:
            return self.ts, ethernet(udp(payload, self.src[0], self.dst[0], ports))
        return self.ts, ethernet(tcp(payload, self.src[0], self.dst[0], ports, flags=ACK, seq=1, ack=1))


@dataclass
class Flow:
    """A flow so far, or an interim part of it."""

    orig: Endpoint
    resp: Endpoint
    transport: int
    part_start: int
    last: int
    part: int = 0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    sizes: list[list[int]] = field(default_factory=lambda: [[], []])


class Twin:
    """Keeps every flow in a dict, forgets nothing, is never full."""

    def __init__(self, interim_ns: int) -> None:
        self.interim_ns = interim_ns
        self.flows: dict[Any, Flow] = {}
        self.records: list[Flow] = []

    def take(self, packet: Packet) -> None:
        key = (packet.transport, frozenset((packet.src, packet.dst)))
        flow = self.flows.get(key)
        idle_ns = (300 if packet.transport == 6 else 60) * SECOND_NS
        if flow is not None and packet.ts - flow.last > idle_ns:
            self.records.append(self.flows.pop(key))
            flow = None
        if flow is None:
            orig, resp = (packet.dst, packet.src) if from_server(packet) else (packet.src, packet.dst)
            flow = self.flows[key] = Flow(orig, resp, packet.transport, packet.ts, packet.ts)
        elif self.interim_ns and packet.ts - flow.part_start >= self.interim_ns:
            self.records.append(flow)
            flow = Flow(flow.orig, flow.resp, flow.transport, flow.last, flow.last, flow.part + 1)
            self.flows[key] = flow
        side = 0 if packet.src == flow.orig else 1
        flow.last = packet.ts
        flow.packets[side] += 1
        flow.octets[side] += packet.octets
        flow.payload[side] += packet.payload
        flow.sizes[side].append(packet.octets)

    def end(self) -> list[Flow]:
        return [*self.records, *self.flows.values()]


def from_server(packet: Packet) -> bool:
    """A first packet from a server's port to none comes from the responder (capture began late)."""
    src, dst = packet.src[1], packet.dst[1]
    if packet.transport == 17:
        return src in SERVERS and dst not in SERVERS
    return src in SERVERS and (dst not in SERVERS or src < dst)


@st.composite
def traffic(draw: st.DrawFn) -> list[Packet]:
    packets, ts = [], START_NS
    for _ in range(draw(st.integers(1, 40))):
        ts += draw(st.sampled_from([0, 1, 1_000, SECOND_NS, 20 * SECOND_NS, 61 * SECOND_NS, 301 * SECOND_NS]))
        src = draw(st.sampled_from(HOSTS))
        dst = draw(st.sampled_from([host for host in HOSTS if (":" in host) == (":" in src)]))
        ports = draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))
        if (src, ports[0]) == (dst, ports[1]):
            continue
        packets.append(
            Packet(ts, draw(st.sampled_from([6, 17])), (src, ports[0]), (dst, ports[1]), draw(st.integers(0, 9)))
        )
    return packets


def described(record: dict[str, Any]) -> tuple[Any, ...]:
    return (
        record["transport"], record["orig_port"], record["resp_port"], record["part_start"], record["last"],
        record["part"], record["packets"], record["octets"], record["payload"],
        [0 if not packets else least for packets, least in zip(record["packets"], record["size_least"], strict=True)],
        record["size_most"],
    )  # fmt: skip


def expected(flow: Flow) -> tuple[Any, ...]:
    return (
        flow.transport, flow.orig[1], flow.resp[1], flow.part_start, flow.last, flow.part,
        flow.packets, flow.octets, flow.payload,
        [min(sizes, default=0) for sizes in flow.sizes], [max(sizes, default=0) for sizes in flow.sizes],
    )  # fmt: skip


@given(traffic(), st.integers(1, 3), st.sampled_from([0, 5, 100]))
@settings(max_examples=200, deadline=None)
def test_flows_are_those_of_a_dict(packets: list[Packet], blocks: int, interim_s: int) -> None:
    twin = Twin(interim_s * SECOND_NS)
    carriage = Carriage(limits=Limits(idle_tcp_s=300.0, idle_udp_s=60.0, interim_s=interim_s), servers=SERVERS)
    for packet in packets:
        twin.take(packet)
    size = max(len(packets) // blocks, 1)
    for first in range(0, len(packets), size):
        carriage.carry([packet.frame() for packet in packets[first : first + size]])
    carriage.finish()
    assert sorted(map(described, carriage.records)) == sorted(map(expected, twin.end()))
    assert all((record["end_reason"] == ACTIVE_TIMEOUT) <= bool(interim_s) for record in carriage.records)
    assert carriage.drops() == {}


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_with_too_small_a_table_every_packet_is_recorded_or_counted(seed: int, hosts: int, count: int) -> None:
    """packets in = packets recorded + drops by named reason, however many flows find no place."""
    packets = [
        Packet(START_NS + number, 17, (f"192.0.2.{number * (seed | 1) % hosts}", 1024), ("198.51.100.1", 53), 5)
        for number in range(count)
    ]
    carriage = Carriage(most_flows=16)
    for first in range(0, count, 50):
        carriage.carry([packet.frame() for packet in packets[first : first + 50]])
    carriage.finish()
    recorded = sum(sum(record["packets"]) for record in carriage.records)
    assert recorded + sum(carriage.drops().values()) == count
    assert set(carriage.drops()) <= {"flow_table_full"}

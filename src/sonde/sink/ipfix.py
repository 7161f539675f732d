"""Flows as IPFIX messages (RFC 7011; elements of RFC 7012 and IANA; two directions as RFC 5103 has them).

    exporter = Exporter(Terms(room=1420))
    for message in exporter.messages(batch, now_s):      # a batch of `flows` behind the gate
        socket.send(message)

Whole columns become fields; there is no loop over rows. IPFIX has no null: a row is sent under the
template of exactly those fields that it has. What the policy dropped is in no template, and neither
is an address of which a pseudonym was made, for no element can hold one. What the other side sent
is in reverse elements (RFC 5103 §6.1); a flow that nobody answered has none.

Not sent, because no element is registered for them: uid, Community ID, application, evidence, state,
history, tunnels, retransmitted and missed octets, means, gaps between packets, oddities.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sonde.schema.icmp import ONE_WAY_V4, ONE_WAY_V6
from sonde.sink.addresses import V4, V6, parse_addresses
from sonde.table.arrow import plain, spans

VERSION = 10  # RFC 7011 §3.1
HEADER = struct.Struct(">HHIII")  # version, length, export time, sequence number, observation domain
SET = struct.Struct(">HH")  # RFC 7011 §3.3.2: set id, length
TEMPLATE_SET, FIRST_TEMPLATE = 2, 256
MOST_OCTETS = 65_535  # of a message: its length has 16 bits
LEAST_OCTETS = 512  # RFC 7011 §10.3.3: what a datagram may have where the path is not known
REVERSE = 29_305  # RFC 5103 §6.1: the private enterprise number of reverse elements
ENTERPRISE = 0x8000  # RFC 7011 §3.2: a private enterprise number follows
VARIABLE = 65_535  # RFC 7011 §3.2: each value says its own length
LONGEST_TEXT = 254  # RFC 7011 §7: what one octet of length can tell
ERA_S = 2_208_988_800  # 1900-01-01 to 1970-01-01, of NTP's times (RFC 7011 §6.1.9)
SECOND_NS, MILLISECOND_NS = 1_000_000_000, 1_000_000
ICMP, ICMP6 = 1, 58
INITIATOR, ARBITRARY = 1, 0  # biflowDirection (RFC 5103 §6.3)
END_REASONS = {"idle_timeout": 1, "active_timeout": 2, "end_detected": 3, "forced_end": 4, "lack_of_resources": 5}
TIMES = ("ms", "ns")


class Element(NamedTuple):
    """An information element as a template names it (RFC 7011 §3.2)."""

    number: int
    size: int  # octets, perhaps fewer than its type has (RFC 7011 §6.2), or VARIABLE
    enterprise: int = 0

    def spelled(self) -> bytes:
        """Give the field specifier."""
        if not self.enterprise:
            return struct.pack(">HH", self.number, self.size)
        return struct.pack(">HHI", self.number | ENTERPRISE, self.size, self.enterprise)


class Filled(NamedTuple):
    """An element, its values for all rows as octets on the wire, and the rows that have one."""

    element: Element
    values: np.ndarray  # (rows, size) octets; texts: a pa.Array
    present: np.ndarray  # (rows,) bool


class Terms(NamedTuple):
    """How to export."""

    room: int = LEAST_OCTETS  # octets of a message, at most
    domain: int = 1  # observation domain
    times: str = "ms"  # flowStart/EndMilliseconds, which every collector reads, or "ns"
    resend_s: float = 0.0  # send templates again after so long (RFC 7011 §8.1: over UDP); 0 never


class Templates(NamedTuple):
    """Rows that have the same fields: their template, records one behind the other, and where each ends."""

    template: tuple[Element, ...]
    octets: np.ndarray
    ends: np.ndarray


# Numbers of one direction: column, element, octets sent. IANA's registry of IPFIX elements.
COUNTS = (
    ("octets", 1, 8),  # octetDeltaCount: interim parts count anew
    ("packets", 2, 8),  # packetDeltaCount
    ("payload", 401, 8),  # transportOctetDeltaCount
    ("tcp_flags", 6, 2),  # tcpControlBits
    ("smallest", 25, 2),  # minimumIpTotalLength
    ("largest", 26, 2),  # maximumIpTotalLength
)
# Addresses: column, IPv4 element, IPv6 element.
ADDRESSES = (("orig_ip", 8, 27), ("resp_ip", 12, 28))
PORTS = (("orig_port", 7), ("resp_port", 11))  # sourceTransportPort, destinationTransportPort
# icmpTypeCodeIPv4 and -IPv6 by IP protocol number, and which types are answered by none. The elements for type and
# code apart (176 to 179) would be exact, but collectors as common as nfdump do not read them.
ICMP_ELEMENTS = ((ICMP, 32, ONE_WAY_V4), (ICMP6, 139, ONE_WAY_V6))
VLANS = (("vlan", 58), ("inner_vlan", 245))  # vlanId, dot1qCustomerVlanId
MOMENTS = {"ms": (("start", 152), ("end", 153)), "ns": (("start", 156), ("end", 157))}


def elements_of(batch: pa.RecordBatch, times: str = "ms") -> list[Filled]:
    """Give everything of a batch of flows that IPFIX has elements for, in the order of the template."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = [*_moments(columns, times), *_addresses(columns), *_ports(columns)]
    found += [_number(columns[name], Element(number, 2)) for name, number in VLANS if _is_number(columns.get(name))]
    found += _counts(columns)
    if "end_reason" in columns and pa.types.is_dictionary(columns["end_reason"].type):
        found.append(_coded(columns["end_reason"], Element(136, 1), lambda name: END_REASONS.get(name, 0)))
    found.append(_direction(columns, batch.num_rows))
    protocol = columns.get("protocol")
    if protocol is not None:
        texts = protocol.cast(pa.string())
        found.append(Filled(Element(96, VARIABLE), texts, ~_null(texts)))
    return found


def _is_number(column: pa.Array | None) -> bool:
    """Say whether the policy left a column the number that it was."""
    return column is not None and pa.types.is_integer(column.type)


def _null(column: pa.Array) -> np.ndarray:
    """Say which values of any column are null."""
    if not column.null_count:
        return np.zeros(len(column), bool)
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    end = column.offset + len(column)
    return np.unpackbits(bits, count=end, bitorder="little")[column.offset :] == 0


def _wire(values: np.ndarray, size: int) -> np.ndarray:
    """Lay numbers out in network order; the element has room for what the column holds."""
    return values.astype(f">u{size}").view(np.uint8).reshape(-1, size)


def _number(column: pa.Array, element: Element) -> Filled:
    values, null = plain(column)
    return Filled(element, _wire(values, element.size), ~null)


def _coded(column: pa.Array, element: Element, code: Callable[[str], int]) -> Filled:
    """Give the numbers of names; each distinct name is looked up once."""
    codes, null = plain(column.indices)
    numbers = np.array([code(name or "") for name in column.dictionary.to_pylist()] or [0], np.int64)
    return Filled(element, _wire(numbers[np.where(null, 0, codes)], element.size), ~null)


def _moments(columns: Mapping[str, pa.Array], times: str) -> Iterator[Filled]:
    for name, number in MOMENTS[times]:
        column = columns.get(name)
        if column is None or not pa.types.is_timestamp(column.type):
            continue
        values, null = plain(column)
        shown = values // MILLISECOND_NS if times == "ms" else _ntp(values)
        yield Filled(Element(number, 8), _wire(shown, 8), ~null)


def _ntp(values: np.ndarray) -> np.ndarray:
    """Give times as seconds since 1900 and their fraction in 1/2^32 (RFC 7011 §6.1.9), never a nanosecond early."""
    seconds, rest = np.divmod(values, SECOND_NS)
    fraction = ((rest << 32) + SECOND_NS - 1) // SECOND_NS
    return ((seconds + ERA_S & 0xFFFFFFFF) << 32 | fraction).view(np.uint64)


def _addresses(columns: Mapping[str, pa.Array]) -> Iterator[Filled]:
    for name, number_v4, number_v6 in ADDRESSES:
        column = columns.get(name)
        if column is not None and pa.types.is_string(column.type):
            octets, form = parse_addresses(column)
            yield Filled(Element(number_v4, 4), octets[:, :4], form == V4)
            yield Filled(Element(number_v6, 16), octets, form == V6)


def _ports(columns: Mapping[str, pa.Array]) -> Iterator[Filled]:
    """Give the protocol number, and ports or what ICMP has in their place."""
    if not _is_number(columns.get("ip_protocol")):
        return  # without it, nobody could say what a port is
    yield _number(columns["ip_protocol"], Element(4, 1))
    protocol, _ = plain(columns["ip_protocol"])
    has_ports = (protocol != ICMP) & (protocol != ICMP6)
    for name, number in PORTS:
        if _is_number(columns.get(name)):
            filled = _number(columns[name], Element(number, 2))
            yield filled._replace(present=filled.present & has_ports)
    if not all(_is_number(columns.get(name)) for name, _ in PORTS):
        return
    kind, code = (np.minimum(plain(columns[name])[0], 255) for name, _ in PORTS)
    for number, element, one_way in ICMP_ELEMENTS:
        # What has an answer has code 0 (RFC 792, RFC 4443, RFC 4861), and its type in the second column.
        both = kind.astype(np.int64) << 8 | np.where(one_way[kind] != 0, code, 0)
        yield Filled(Element(element, 2), _wire(both, 2), protocol == number)


def _counts(columns: Mapping[str, pa.Array]) -> Iterator[Filled]:
    answered = None
    if _is_number(columns.get("resp_packets")):
        answered = plain(columns["resp_packets"])[0] > 0
    # Reverse elements first: nfdump keeps one value of tcpControlBits, the last, and that is to be the sender's.
    for side, enterprise in (("resp", REVERSE), ("orig", 0)):
        for name, number, size in COUNTS:
            column = columns.get(f"{side}_{name}")
            if not _is_number(column):
                continue
            filled = _number(column, Element(number, size, enterprise))
            if enterprise and answered is not None:
                filled = filled._replace(present=filled.present & answered)
            yield filled


def _direction(columns: Mapping[str, pa.Array], rows: int) -> Filled:
    """Tell how the two sides were told apart: by who began, or in the middle of a connection, by chance."""
    element = Element(239, 1)  # biflowDirection
    state = columns.get("state")
    if state is None or not pa.types.is_dictionary(state.type):
        return Filled(element, np.full((rows, 1), ARBITRARY, np.uint8), np.ones(rows, bool))
    filled = _coded(state, element, lambda name: ARBITRARY if name == "OTH" else INITIATOR)
    if _is_number(columns.get("ip_protocol")):
        # Only of TCP is OTH a connection whose beginning was not seen.
        is_tcp = plain(columns["ip_protocol"])[0] == 6
        return Filled(
            element, np.where(is_tcp[:, None], filled.values, INITIATOR).astype(np.uint8), np.ones(rows, bool)
        )
    return filled._replace(present=np.ones(rows, bool))


def records(fields: list[Filled]) -> Iterator[Templates]:
    """Group rows by which fields they have, and lay their records out."""
    if not fields or not len(fields[0].present):
        return
    key = np.zeros(len(fields[0].present), np.int64)
    for place, field in enumerate(fields):
        key |= field.present.astype(np.int64) << place
    for one in np.unique(key).tolist():
        rows = np.flatnonzero(key == one)
        chosen = [field for place, field in enumerate(fields) if one >> place & 1]
        fixed = [field.values[rows] for field in chosen if field.element.size != VARIABLE]
        texts = [field.values for field in chosen if field.element.size == VARIABLE]
        block = np.concatenate(fixed, axis=1)
        octets, ends = _laid(block, rows, texts)
        yield Templates(tuple(field.element for field in chosen), octets, ends)


def _laid(block: np.ndarray, rows: np.ndarray, texts: list[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Lay records out: the fields of fixed size, then each text behind an octet that tells its length."""
    count, width = block.shape
    parts = []
    for column in texts:
        text, at = spans(column)
        parts.append((text, at[rows], np.minimum(at[rows + 1] - at[rows], LONGEST_TEXT)))
    sizes = np.full(count, width, np.int64)
    for _, _, lengths in parts:
        sizes += lengths + 1
    ends = np.cumsum(sizes)
    if not parts:
        return np.ascontiguousarray(block).reshape(-1), ends
    octets = np.empty(int(ends[-1]), np.uint8)
    put = ends - sizes
    octets[(put[:, None] + np.arange(width)).reshape(-1)] = block.reshape(-1)
    put = put + width
    for text, begins, lengths in parts:
        octets[put] = lengths
        inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        octets[np.repeat(put + 1, lengths) + inside] = text[np.repeat(begins, lengths) + inside]
        put = put + 1 + lengths
    return octets, ends


class Exporter:
    """One exporting process in one transport session (RFC 7011 §2): templates told, records counted."""

    def __init__(self, terms: Terms) -> None:
        """Begin a session; ValueError if no message could hold a template."""
        if not LEAST_OCTETS <= terms.room <= MOST_OCTETS:
            raise ValueError(f"a message of IPFIX has {LEAST_OCTETS} to {MOST_OCTETS} octets, not {terms.room}")
        self.terms = terms
        self.sequence = 0  # data records sent before, modulo 2^32
        self.templates: dict[tuple[Element, ...], int] = {}
        self.told_s = 0.0

    def messages(self, batch: pa.RecordBatch, now_s: float) -> Iterator[bytes]:
        """Give the messages that tell a batch of flows; templates come before what needs them."""
        groups = list(records(elements_of(batch, self.terms.times)))
        fresh = [group.template for group in groups if group.template not in self.templates]
        for template in fresh:
            self.templates[template] = FIRST_TEMPLATE + len(self.templates)
        due = self.terms.resend_s and now_s - self.told_s >= self.terms.resend_s
        if due or len(fresh) == len(self.templates):
            self.told_s = now_s
        yield from self._templates(list(self.templates) if due else fresh, now_s)
        yield from self._records(groups, now_s)

    def _templates(self, wanted: list[tuple[Element, ...]], now_s: float) -> Iterator[bytes]:
        room = self.terms.room - HEADER.size - SET.size
        waiting = b""
        for template in wanted:
            body = b"".join(element.spelled() for element in template)
            record = struct.pack(">HH", self.templates[template], len(template)) + body
            if waiting and len(waiting) + len(record) > room:
                yield self._message([SET.pack(TEMPLATE_SET, SET.size + len(waiting)) + waiting], 0, now_s)
                waiting = b""
            waiting += record
        if waiting:
            yield self._message([SET.pack(TEMPLATE_SET, SET.size + len(waiting)) + waiting], 0, now_s)

    def _records(self, groups: list[Templates], now_s: float) -> Iterator[bytes]:
        """Fill messages with sets, as many records in each as there is room for."""
        sets: list[bytes] = []
        left, count = self.terms.room - HEADER.size, 0
        for group in groups:
            number, row, begin = self.templates[group.template], 0, 0
            while row < len(group.ends):
                until = int(np.searchsorted(group.ends, begin + left - SET.size, "right"))
                if until <= row:  # not one more: begin a message; in an empty one there is room (LEAST_OCTETS)
                    yield self._message(sets, count, now_s)
                    sets, left, count = [], self.terms.room - HEADER.size, 0
                    continue
                end = int(group.ends[until - 1])
                sets.append(SET.pack(number, SET.size + end - begin) + group.octets[begin:end].tobytes())
                left -= SET.size + end - begin
                count += until - row
                row, begin = until, end
        if sets:
            yield self._message(sets, count, now_s)

    def _message(self, sets: list[bytes], count: int, now_s: float) -> bytes:
        """Put sets behind a header; the sequence number counts the records before this message."""
        body = b"".join(sets)
        head = HEADER.pack(VERSION, HEADER.size + len(body), int(now_s) & 0xFFFFFFFF, self.sequence, self.terms.domain)
        self.sequence = self.sequence + count & 0xFFFFFFFF
        return head + body


__all__ = ["LEAST_OCTETS", "MOST_OCTETS", "TIMES", "Element", "Exporter", "Terms", "elements_of", "records"]

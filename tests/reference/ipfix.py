"""A collector of IPFIX in plain Python, written from RFC 7011, RFC 5103 and IANA's registry; not from the exporter."""

import ipaddress
import struct
from collections.abc import Iterable
from typing import Any

# IANA, IP Flow Information Export (IPFIX) Entities: number -> name, abstract type.
ELEMENTS = {
    1: ("octetDeltaCount", "unsigned"),
    2: ("packetDeltaCount", "unsigned"),
    4: ("protocolIdentifier", "unsigned"),
    6: ("tcpControlBits", "unsigned"),
    7: ("sourceTransportPort", "unsigned"),
    8: ("sourceIPv4Address", "address"),
    11: ("destinationTransportPort", "unsigned"),
    12: ("destinationIPv4Address", "address"),
    15: ("ipNextHopIPv4Address", "address"),
    25: ("minimumIpTotalLength", "unsigned"),
    26: ("maximumIpTotalLength", "unsigned"),
    27: ("sourceIPv6Address", "address"),
    28: ("destinationIPv6Address", "address"),
    32: ("icmpTypeCodeIPv4", "unsigned"),
    58: ("vlanId", "unsigned"),
    96: ("applicationName", "string"),
    136: ("flowEndReason", "unsigned"),
    139: ("icmpTypeCodeIPv6", "unsigned"),
    152: ("flowStartMilliseconds", "milliseconds"),
    153: ("flowEndMilliseconds", "milliseconds"),
    156: ("flowStartNanoseconds", "nanoseconds"),
    157: ("flowEndNanoseconds", "nanoseconds"),
    239: ("biflowDirection", "unsigned"),
    245: ("dot1qCustomerVlanId", "unsigned"),
    401: ("transportOctetDeltaCount", "unsigned"),
}
SIZES = {"unsigned": range(1, 9), "address": (4, 16), "milliseconds": (8,), "nanoseconds": (8,)}


class Collector:
    """Takes messages of one session; RuntimeError for what the RFC forbids."""

    def __init__(self) -> None:
        self.templates: dict[int, list[tuple[str, str, int]]] = {}
        self.records: list[dict[str, Any]] = []
        self.lengths: list[int] = []
        self.domains: set[int] = set()
        self.export_times: set[int] = set()
        self.template_records = 0

    def take(self, message: bytes) -> None:
        version, length, export_time, sequence, domain = struct.unpack_from(">HHIII", message)  # §3.1
        expect(version == 10, "version")
        expect(length == len(message), "length")
        expect(sequence == len(self.records) & 0xFFFFFFFF, "sequence number")  # data records sent before
        self.lengths.append(length)
        self.domains.add(domain)
        self.export_times.add(export_time)
        at = 16
        while at < length:  # §3.3
            number, size = struct.unpack_from(">HH", message, at)
            expect(size >= 4 and at + size <= length, "set length")
            self.take_set(number, message[at + 4 : at + size])
            at += size

    def take_set(self, number: int, body: bytes) -> None:
        if number == 2:
            self.take_templates(body)
            return
        expect(number >= 256, "set id")
        expect(number in self.templates, "a record whose template was not told")
        at, least = 0, sum(1 if size == 65535 else size for _, _, size in self.templates[number])
        while len(body) - at >= least:  # what is less is padding, §3.3.1
            at = self.take_record(number, body, at)
        expect(not any(body[at:]), "padding")

    def take_templates(self, body: bytes) -> None:
        at = 0
        while len(body) - at >= 4:
            number, count = struct.unpack_from(">HH", body, at)
            at += 4
            expect(number >= 256 and count > 0, "template id")
            fields = []
            for _ in range(count):
                element, size = struct.unpack_from(">HH", body, at)
                at += 4
                name, kind = ELEMENTS[element & 0x7FFF]
                if element & 0x8000:  # §3.2
                    (enterprise,) = struct.unpack_from(">I", body, at)
                    at += 4
                    expect(enterprise == 29305, "enterprise")  # RFC 5103 §6.1: the reverse of the element
                    name = f"reverse {name}"
                expect(size == 65535 if kind == "string" else size in SIZES[kind], f"size of {name}")
                fields.append((name, kind, size))
            expect(len({name for name, _, _ in fields}) == count, "an element twice")
            expect(self.templates.setdefault(number, fields) == fields, "a template told anew in another way")
            self.template_records += 1

    def take_record(self, number: int, body: bytes, at: int) -> int:
        record = {}
        for name, kind, fixed in self.templates[number]:
            size = fixed
            if fixed == 65535:  # §7
                size, at = body[at], at + 1
                expect(size < 255, "short length")
            raw = body[at : at + size]
            expect(len(raw) == size, "a record that ends early")
            record[name] = value_of(kind, raw)
            at += size
        self.records.append(record)
        return at


def value_of(kind: str, raw: bytes) -> Any:
    number = int.from_bytes(raw, "big")
    if kind == "address":
        return str(ipaddress.ip_address(raw))
    if kind == "string":
        return raw.decode()
    if kind == "milliseconds":
        return number * 1_000_000
    if kind == "nanoseconds":  # §6.1.10: as NTP, seconds since 1900 and a fraction
        return ((number >> 32) - 2_208_988_800) * 1_000_000_000 + ((number & 0xFFFFFFFF) * 1_000_000_000 >> 32)
    return number


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(what)


def collected(messages: Iterable[bytes]) -> Collector:
    collector = Collector()
    for message in messages:
        collector.take(message)
    return collector

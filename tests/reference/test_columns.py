"""Columns in bulk beside the standard library: addresses, text, lists, Community ID, names of flows."""

import base64
import hashlib
import struct
from ipaddress import ip_address

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.record.text import (
    address_column,
    community_column,
    ipv4_column,
    octets_column,
    text_column,
    text_list_column,
    u32_list_column,
    uid_column,
)
from sonde.table.out import LENGTH_BITS
from sonde.wire.checksum import folded, ones_sum
from tests.maker import checksum

MASK = (1 << 64) - 1
quickly = settings(max_examples=200, deadline=None)
groups = st.lists(st.sampled_from([0, 0, 0, 1, 0xDB8, 0x2001, 0xFFFF]), min_size=8, max_size=8)
addresses_v6 = groups.map(lambda words: ip_address(b"".join(word.to_bytes(2, "big") for word in words)))
addresses = st.one_of(st.ip_addresses(v=4), addresses_v6, st.ip_addresses(v=6))


def number(address: object) -> int:
    """Give an address as 128 bits, IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2)."""
    made = ip_address(str(address))
    return int(made) | 0xFFFF << 32 if made.version == 4 else int(made)


def halves(values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([value >> 64 for value in values], np.uint64).view(np.int64),
        np.array([value & MASK for value in values], np.uint64).view(np.int64),
    )


@given(st.lists(addresses, max_size=20))
@quickly
def test_addresses_read_as_rfc_5952_says(found: list[object]) -> None:
    column = address_column(*halves([number(address) for address in found]))
    mapped = [address for address in found if getattr(address, "ipv4_mapped", None)]
    expected = [str(address.ipv4_mapped if address in mapped else address) for address in found]  # type: ignore[attr-defined]
    assert column.to_pylist() == expected


@given(st.lists(st.none() | st.ip_addresses(v=4), max_size=20))
@quickly
def test_numbers_read_as_ipv4_addresses_and_negative_ones_as_none(found: list[object]) -> None:
    column = ipv4_column(np.array([-1 if each is None else int(ip_address(str(each))) for each in found], np.int64))
    assert column.to_pylist() == [None if each is None else str(each) for each in found]


def arena(parts: list[bytes | None]) -> tuple[np.ndarray, np.ndarray]:
    """Lay texts into an arena, one behind the other and some octets apart."""
    text, spans = bytearray(b"--"), []
    for part in parts:
        spans.append(-1 if part is None else len(text) << LENGTH_BITS | len(part))
        text += (part or b"") + b"-"
    return np.frombuffer(bytes(text), np.uint8), np.array(spans, np.int64)


def readable(octets: bytes) -> str:
    """UTF-8 as it is, all other octets as \\xNN."""
    return octets.decode("utf-8", "backslashreplace")


pieces = st.one_of(
    st.none(), st.binary(max_size=12), st.text(max_size=8).map(str.encode),
    st.sampled_from([b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98\x80!", b"\\x41"]),
)  # fmt: skip


@given(st.lists(pieces, max_size=12))
@quickly
def test_text_is_utf_8_and_other_octets_are_spelled(parts: list[bytes | None]) -> None:
    text, spans = arena(parts)
    column = text_column(text, spans)
    column.validate(full=True)
    assert column.to_pylist() == [None if part is None else readable(part) for part in parts]
    assert octets_column(text, spans).to_pylist() == parts


@given(st.lists(st.one_of(st.none(), st.lists(st.binary(max_size=9), max_size=4)), max_size=8))
@quickly
def test_lists_of_text_are_lists(lists: list[list[bytes] | None]) -> None:
    packed = [
        None if each is None else b"".join(struct.pack("!H", len(item)) + item for item in each) for each in lists
    ]
    column = text_list_column(*arena(packed))
    column.validate(full=True)
    assert column.to_pylist() == [None if each is None else [readable(item) for item in each] for each in lists]


@given(st.lists(st.one_of(st.none(), st.lists(st.integers(0, 2**32 - 1), max_size=4)), max_size=8))
@quickly
def test_lists_of_numbers_are_lists(lists: list[list[int] | None]) -> None:
    packed = [None if each is None else struct.pack(f"!{len(each)}I", *each) for each in lists]
    column = u32_list_column(*arena(packed))
    column.validate(full=True)
    assert column.to_pylist() == lists


def community_id(src: str, dst: str, ports: tuple[int, int], transport: int, *, one_way: bool) -> str:
    """Compute Community ID v1 with seed 0 as its specification says, endpoint by endpoint."""
    a, b = (ip_address(src).packed, ports[0]), (ip_address(dst).packed, ports[1])
    if not one_way and b < a:
        a, b = b, a
    hashed = struct.pack("!H", 0) + a[0] + b[0] + struct.pack("!BB", transport, 0)
    if transport in (1, 6, 17, 58, 132):
        hashed += struct.pack("!HH", a[1], b[1])
    return "1:" + base64.b64encode(hashlib.sha1(hashed, usedforsecurity=False).digest()).decode()


@given(
    st.one_of(st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(addresses_v6, addresses_v6)),
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    st.sampled_from([1, 6, 17, 58, 132, 47, 2]),
    st.booleans(),
    st.booleans(),
)
@quickly
def test_community_ids_are_those_of_the_specification(
    pair: tuple[object, object], ports: tuple[int, int], transport: int, same: bool, one_way: bool
) -> None:
    src, dst = pair if not same else (pair[0], pair[0])
    if any(getattr(address, "ipv4_mapped", None) for address in (src, dst)):
        return  # a mapped address on the wire is taken for IPv4
    one_way = one_way and transport in (1, 58)
    packed = np.array([ports[0] << 32 | ports[1] << 16 | one_way << 8 | transport], np.int64)
    column = community_column((*halves([number(src)]), *halves([number(dst)])), packed)
    assert column.to_pylist() == [community_id(str(src), str(dst), ports, transport, one_way=one_way)]


def test_names_of_flows_are_distinct_and_follow_from_input_and_seed() -> None:
    frames = np.arange(50_000, dtype=np.int64)
    first = uid_column(frames, 1).to_pylist()
    assert len(set(first)) == len(first)
    assert {len(name) for name in first} == {18}
    assert {name[0] for name in first} == {"C"}
    assert uid_column(frames, 1).to_pylist() == first
    assert not set(uid_column(frames, 2).to_pylist()) & set(first)


def spread(value: int) -> int:
    """Spread the bits of a number (the finaliser of SplitMix64)."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


@given(st.integers(0, 1 << 62), st.integers(0, 1 << 62))
@quickly
def test_names_of_flows_are_digits_of_base_62(frame: int, seed: int) -> None:
    """The same name for the same frame and seed, in every version: datasets are compared by it."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    first = spread(frame ^ seed)
    second = spread(first ^ frame)
    wanted = "C"
    for word, count in ((first, 9), (second, 8)):
        wanted += "".join(digits[word // 62**place % 62] for place in range(count))
    assert uid_column(np.array([frame]), seed).to_pylist() == [wanted]


@given(st.binary(max_size=60), st.binary(max_size=5), st.binary(max_size=5))
@quickly
def test_the_internet_checksum_is_that_of_rfc_1071(octets: bytes, before: bytes, after: bytes) -> None:
    wire = np.frombuffer(before + octets + after + b"\0", np.uint8)
    total = int(folded(ones_sum(wire, len(before), len(before) + len(octets))))
    assert total ^ 0xFFFF == checksum(octets)


def test_columns_of_nothing_are_empty() -> None:
    none, text = np.zeros(0, np.int64), np.zeros(1, np.uint8)
    for column in (
        text_column(text, none),
        octets_column(text, none),
        text_list_column(text, none),
        address_column(none, none),
    ):
        assert isinstance(column, pa.Array)
        assert len(column) == 0

"""Google's QUIC: a client's hello as "QUIC Crypto" lays it out, by hand."""

from typing import Any

import pytest

from sonde.dissect.gquic import DISSECTOR
from tests.bench import Sample, trial
from tests.dissect.quic_maker import Q050, seal

CONNECTION = bytes.fromhex("0102030405060708")


def hello(tags: dict[bytes, bytes], *, count: int | None = None) -> bytes:
    """Lay a message out: name, how many tags, entries with the ends of their values, the values."""
    entries, values = b"", b""
    for tag, value in tags.items():
        values += value
        entries += tag + len(values).to_bytes(4, "little")
    return b"CHLO" + (len(tags) if count is None else count).to_bytes(2, "little") + b"\0\0" + entries + values


def first(message: bytes, version: bytes = b"Q043") -> bytes:
    """Put a message into the first packet: flags, connection, version, number, hash, a stream frame."""
    return b"\x0d" + CONNECTION + version + b"\x01" + bytes(12) + b"\xa0\x01\x04\0" + message


CHLO = hello({b"PAD\0": b"-" * 40, b"SNI\0": b"www.example.org", b"UAID": b"Example/1.0 Test", b"NONC": bytes(32)})
LONG = b"\xc3Q046\x50" + CONNECTION + bytes(48)
# Of Q050: a CRYPTO frame, which is number 8 there, and padding.
SEALED = seal((b"\x08\0" + (0x4000 | len(CHLO)).to_bytes(2, "big") + CHLO).ljust(1162, b"\0"), version=Q050, size=1)


def read(octets: bytes, **kwargs: Any) -> dict[str, Any]:
    (row,) = trial(DISSECTOR, [(0, octets)], stream=False, **kwargs)["gquic"]
    return row


def test_a_hello_tells_the_name_asked_for_and_the_client() -> None:
    row = read(first(CHLO))
    assert (row["version"], row["server_name"], row["user_agent"]) == ("Q043", "www.example.org", "Example/1.0 Test")
    assert (row["tags"], row["anomaly"]) == (4, [])


def test_a_first_packet_without_hello_tells_the_version() -> None:
    row = read(LONG)
    assert (row["version"], row["server_name"], row["tags"]) == ("Q046", None, None)


def test_a_hello_of_q050_is_under_a_seal_that_anybody_can_open() -> None:
    row = read(SEALED)
    assert (row["version"], row["server_name"], row["user_agent"]) == ("Q050", "www.example.org", "Example/1.0 Test")
    assert (row["tags"], row["anomaly"]) == (4, [])


def test_a_packet_of_q050_that_does_not_open_is_odd() -> None:
    # Other keys make noise of it; where the reserved bits of the first octet come out as 0 it has no hello.
    rows = [read(SEALED[:6] + bytes([number]) + SEALED[7:]) for number in range(16)]
    assert {row["server_name"] for row in rows} == {None}
    assert ["undecryptable"] in [row["anomaly"] for row in rows]


def test_only_the_first_packet_is_read() -> None:
    rows = trial(DISSECTOR, [(0, first(CHLO)), (0, first(CHLO)), (1, b"\x08" + bytes(40))], stream=False)["gquic"]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("message", "remark"),
    [
        (hello({b"SNI\0": b"example.org"}, count=200), "more tags than a message may have"),
        (hello({b"SNI\0": b"example.org"}, count=9), "entries end behind the packet"),
        (b"CHLO\x02\0\0\0SNI\0\x05\0\0\0UAID\x02\0\0\0abcde", "a value ends before it begins"),
        (b"CHLO\x01\0\0\0SNI\0\xff\0\0\0abcde", "a value ends behind the packet"),
    ],
)
def test_a_hello_that_contradicts_itself_is_odd(message: bytes, remark: str) -> None:
    assert read(first(message))["anomaly"] == ["malformed_hello"], remark


@pytest.mark.parametrize("packet", [first(CHLO), SEALED], ids=["clear", "sealed"])
def test_every_prefix_is_read_without_going_on_behind_its_end(packet: bytes) -> None:
    for length in range(1, len(packet), 1 if packet[0] == 0x0D else 9):
        rows = trial(DISSECTOR, [(0, packet[:length])], stream=False)["gquic"]
        other = trial(DISSECTOR, [(0, packet[:length])], stream=False, suffix=b"\xff" * 64)["gquic"]
        assert rows == other
        assert len(rows) == (length >= (13 if packet[0] == 0x0D else 5))


SAMPLES = {"gquic": [Sample([(0, first(CHLO))], ports=(40000, 443)), Sample([(0, SEALED)], ports=(40000, 443))]}

"""Pseudonyms in bulk are what Python's own hmac says, one by one."""

import hashlib
import hmac

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.policy.pseudonyms import key_states, pseudonyms

# RFC 4231 §4.2: test case 1, and §4.4: test case 3, of which 128 bits are taken.
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a7"),
]


def test_hmac_is_that_of_the_rfc() -> None:
    for secret, message, expected in RFC_4231:
        assert hmac.digest(secret, message, "sha256").hex()[:32] == expected  # what the next test leans on


def expected(secret: bytes, place: str, value: str) -> str:
    return "p:" + hmac.new(secret, place.encode() + b"\0" + value.encode(), hashlib.sha256).hexdigest()[:32]


@given(st.binary(min_size=32, max_size=32), st.lists(st.text(max_size=300), max_size=6), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_each_is_the_hmac_of_field_and_value(secret: bytes, values: list[str], length: int) -> None:
    place = "t." + "x" * length
    found = pseudonyms(pa.array(values, pa.string()), place, key_states(secret), keep_domain=False).to_pylist()
    assert found == [expected(secret, place, value) for value in values]


def test_every_length_around_the_blocks_is_right() -> None:
    values = ["v" * length for length in range(200)]
    found = pseudonyms(pa.array(values), "http.username", key_states(b"k" * 32), keep_domain=True).to_pylist()
    assert found == [expected(b"k" * 32, "http.username", value) for value in values]


def test_a_slice_of_a_column_is_read_where_it_lies() -> None:
    column = pa.array(["alice", "bob", "carol", "dave"]).slice(1, 2)
    found = pseudonyms(column, "t.a", key_states(b"k" * 32), keep_domain=False).to_pylist()
    assert found == [expected(b"k" * 32, "t.a", value) for value in ("bob", "carol")]

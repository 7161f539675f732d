"""Bech32 against the vectors of BIP 173 and of age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.wire.bech32 import decode_bech32, encode_bech32

# BIP 173, "Test vectors": valid Bech32 strings of whole octets, and invalid ones.
VALID = (
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
)
INVALID = (
    *"pzry9x0s0muk 1pzry9x0s0muk x1b4n0q5v li1dgmt3 A1G7SGD8 10a06t8 1qzzfhee".split(),
    "\x201nwldj5",
    "\x7f1axkwrx",
)


@pytest.mark.parametrize("text", VALID)
def test_what_is_valid_is_read(text: str) -> None:
    prefix, octets = decode_bech32(text)
    assert (prefix, octets) == (text.lower().rpartition("1")[0], b"")


@pytest.mark.parametrize("text", [*INVALID, "A12uel5l", "", "1" * 300])
def test_what_is_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says it in a sentence
        decode_bech32(text)


def test_a_segwit_program_is_read() -> None:
    """BIP 173's example address: its first word is the version, and five bits are left over."""
    with pytest.raises(ValueError, match="left over"):
        decode_bech32("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")


@given(st.text(alphabet="abcdefgh-", min_size=1, max_size=10), st.binary(max_size=40))
def test_octets_come_back(prefix: str, octets: bytes) -> None:
    text = encode_bech32(prefix, octets)
    assert decode_bech32(text) == decode_bech32(text.upper()) == (prefix, octets)


@given(st.binary(min_size=32, max_size=32), st.integers(4, 60), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_any_one_slip_is_told(octets: bytes, at: int, letter: str) -> None:
    text = encode_bech32("age", octets)
    slipped = text[:at] + letter + text[at + 1 :]
    if slipped != text:
        with pytest.raises(ValueError, match="checksum"):
            decode_bech32(slipped)

"""AES-128 against FIPS 197, SP 800-38D and RFC 9001."""

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.wire.aes import count_through, encrypt_block, expand_key


def words(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, ">u4").astype(np.int64)


def encrypt(key: bytes, text: bytes) -> bytes:
    schedule, block = np.zeros(44, np.int64), words(text)
    expand_key(np.frombuffer(key, np.uint8), 0, schedule)
    encrypt_block(schedule, block)
    return block.astype(">u4").tobytes()


def test_key_expansion_ends_as_in_fips_197_appendix_a() -> None:
    schedule = np.zeros(44, np.int64)
    expand_key(np.frombuffer(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), np.uint8), 0, schedule)
    assert [f"{word:08x}" for word in schedule[40:]] == ["d014f9a8", "c9ee2589", "e13f0cc8", "b6630ca6"]


def test_block_of_fips_197_appendix_b() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert encrypt(key, bytes.fromhex("3243f6a8885a308d313198a2e0370734")).hex() == "3925841d02dc09fbdc118597196a0b32"


def test_block_of_fips_197_appendix_c() -> None:
    key = bytes(range(16))
    assert encrypt(key, bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_header_mask_of_rfc_9001_appendix_a_2() -> None:
    mask = encrypt(
        bytes.fromhex("9f50449e04a0e810283a1e9933adedd2"),  # hp of the client
        bytes.fromhex("d1b1c98dd7689fb8ec11d242b123dc9b"),  # sample
    )
    assert mask[:5].hex() == "437b9aec36"


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=12, max_size=12), st.binary(min_size=1, max_size=70))
def test_counter_mode_agrees_with_openssl(key: bytes, nonce: bytes, text: bytes) -> None:
    schedule, block, out = np.zeros(44, np.int64), np.zeros(4, np.int64), np.zeros(len(text), np.uint8)
    expand_key(np.frombuffer(key, np.uint8), 0, schedule)
    sealed = np.frombuffer(AESGCM(key).encrypt(nonce, text, None), np.uint8)
    count_through(words(nonce), sealed, 0, len(text), schedule, block, out, 0)
    assert out.tobytes() == text

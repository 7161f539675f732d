"""MD5, SHA-256, HMAC and HKDF's extract against their documents' vectors and OpenSSL."""

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.wire.digest import MOST_SHORT, begin_hmac, hmac_sha256, md5, sha256


def digest(kernel, raw: bytes, count: int) -> str:
    state, scratch = np.zeros(8, np.int64), np.zeros(16, np.int64)
    kernel(np.frombuffer(b"?" + raw + b"?", np.uint8), 1, 1 + len(raw), state, scratch)
    return "".join(f"{word:08x}" for word in state[:count])


@pytest.mark.parametrize(
    ("text", "wanted"),  # RFC 1321 appendix A.5
    [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        ("1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    ],
)
def test_md5_of_rfc_1321(text: str, wanted: str) -> None:
    assert digest(md5, text.encode(), 4) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),  # FIPS 180-2 appendix B
    [
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ],
)
def test_sha256_of_fips_180(text: str, wanted: str) -> None:
    assert digest(sha256, text.encode(), 8) == wanted


@pytest.mark.parametrize("length", [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000])
def test_padding_at_every_edge(length: int) -> None:
    raw = bytes(range(256)) * 4
    assert digest(sha256, raw[:length], 8) == hashlib.sha256(raw[:length]).hexdigest()
    assert digest(md5, raw[:length], 4) == hashlib.md5(raw[:length], usedforsecurity=False).hexdigest()


def hmacs(key: bytes, *messages: bytes) -> list[bytes]:
    """Give the HMAC of each message under a key that is taken once."""
    state, scratch, pads = np.zeros(8, np.int64), np.zeros(16, np.int64), np.zeros((2, 8), np.int64)
    begin_hmac(np.frombuffer(key, ">u4").astype(np.int64), pads, scratch)
    found = []
    for message in messages:
        padded = np.frombuffer(message.ljust(MOST_SHORT, b"?"), np.uint8)
        hmac_sha256(pads, padded, len(message), state, scratch)
        found.append(state.astype(">u4").tobytes())
    return found


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=MOST_SHORT), min_size=1, max_size=3))
def test_hmac_agrees_with_the_library(key: bytes, messages: list[bytes]) -> None:
    assert hmacs(key, *messages) == [hmac.new(key, message, hashlib.sha256).digest() for message in messages]


def test_initial_secret_of_rfc_9001_appendix_a_1() -> None:
    salt = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a").ljust(32, b"\0")
    (secret,) = hmacs(salt, bytes.fromhex("8394c8f03e515708"))
    assert secret.hex() == "7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44"

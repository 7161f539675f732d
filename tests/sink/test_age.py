"""The format of age: its published vectors, and another program's reading where one is installed."""

import base64
import hashlib
import io
import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.sink.age import CHUNK, AgeError, decrypt, encrypt, new_identity, read_identities
from sonde.wire.bech32 import decode_bech32
from tests.sink.age_vectors import BAD, GOOD, IDENTITY, PLAIN, WHOLE

SEALED = base64.b64decode(WHOLE)
PAYLOAD = SEALED[len(GOOD["x25519"]) :]
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17)


def opened(sealed: bytes, *identities: str) -> bytes:
    return b"".join(decrypt(io.BytesIO(sealed), read_identities("\n".join(identities))))


def sealed_to(plain: bytes, *recipients: str, step: int = 1000) -> bytes:
    file = io.BytesIO()
    keys = [decode_bech32(recipient)[1] for recipient in recipients]
    chunks = (plain[at : at + step] for at in range(0, len(plain), step))
    assert encrypt(chunks, keys, file) == len(plain)
    return file.getvalue()


@pytest.mark.parametrize("name", GOOD)
def test_published_files_are_opened(name: str) -> None:
    plain = opened(GOOD[name].encode() + PAYLOAD, IDENTITY)
    assert hashlib.sha256(plain).hexdigest() == PLAIN


@pytest.mark.parametrize("name", BAD)
def test_published_bad_files_are_refused(name: str) -> None:
    header, identity, outcome = BAD[name]
    with pytest.raises(AgeError) as refused:
        opened(header.encode() + PAYLOAD, identity)
    assert ("somebody else" in str(refused.value)) == (outcome == "no match")


def test_every_octet_and_every_length_is_guarded() -> None:
    for at in range(len(SEALED)):
        with pytest.raises(AgeError):
            opened(SEALED[:at], IDENTITY)
        with pytest.raises(AgeError):
            opened(SEALED[:at] + bytes([SEALED[at] ^ 0x21]) + SEALED[at + 1 :], IDENTITY)
    with pytest.raises(AgeError):
        opened(SEALED + b"\0", IDENTITY)


@pytest.mark.parametrize("size", SIZES)
def test_octets_come_back_from_each_recipient(size: int) -> None:
    plain = os.urandom(size)
    (alice, to_alice), (bob, to_bob), (mallory, _) = (new_identity() for _ in range(3))
    sealed = sealed_to(plain, to_alice, to_bob)
    assert opened(sealed, mallory, bob) == opened(sealed, alice) == plain
    with pytest.raises(AgeError, match="somebody else"):
        opened(sealed, mallory)


@pytest.mark.parametrize("cut", [CHUNK + 16, 2 * (CHUNK + 16), 2 * (CHUNK + 16) - 1])
def test_a_file_without_its_last_chunk_is_refused(cut: int) -> None:
    identity, recipient = new_identity()
    sealed = sealed_to(bytes(3 * CHUNK), recipient)
    header = len(sealed) - 3 * (CHUNK + 16)
    with pytest.raises(AgeError, match="damaged or cut short"):
        opened(sealed[: header + cut], identity)


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_reads_what_we_write_and_writes_what_we_read(size: int) -> None:
    pyrage = pytest.importorskip("pyrage", reason="pyrage, age's format in Rust, is not installed")
    plain = os.urandom(size)
    identity, recipient = new_identity()
    theirs = pyrage.x25519.Identity.from_str(identity)
    assert str(theirs.to_public()) == recipient
    assert pyrage.decrypt(sealed_to(plain, recipient), [theirs]) == plain
    assert opened(pyrage.encrypt(plain, [theirs.to_public()]), identity) == plain


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed")
def test_age_reads_what_we_write(tmp_path) -> None:
    identity, recipient = new_identity()
    (tmp_path / "identity").write_text(identity + "\n")
    sealed = sealed_to(b"hello" * 50_000, recipient)
    done = subprocess.run(["age", "-d", "-i", tmp_path / "identity"], input=sealed, capture_output=True, check=True)
    assert done.stdout == b"hello" * 50_000


def test_memory_is_bounded_by_a_chunk() -> None:
    """The writer holds one chunk back, whatever goes through."""
    _, recipient = new_identity()
    largest = 0

    class Sizes(io.RawIOBase):
        def write(self, octets) -> int:
            nonlocal largest
            largest = max(largest, len(octets))
            return len(octets)

    encrypt((bytes(5000) for _ in range(200)), [decode_bech32(recipient)[1]], Sizes())
    assert largest == CHUNK + 16


@pytest.mark.parametrize(
    "text", ["", "# only a remark", "AGE-SECRET-KEY-1XMWWC", IDENTITY[:-1] + "7", new_identity()[1], "alice"]
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(AgeError, match="identity"):
        read_identities(text)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([*GOOD["x25519"].splitlines(keepends=True), "-> X25519\n", "\n"]) | st.text(max_size=70))
)
def test_headers_of_any_shape_raise_nothing_else(lines: list[str]) -> None:
    text = "".join(lines).encode("utf-8", "surrogatepass")
    for sealed in (text, b"age-encryption.org/v1\n" + text):
        try:
            opened(sealed + PAYLOAD, IDENTITY)
        except AgeError:
            continue

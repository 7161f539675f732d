"""Signed notes and checkpoints: published examples, and what must be refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sonde.audit.note import (
    COSIGNATURE,
    ED25519,
    NoteError,
    Signer,
    Verifier,
    cosign,
    open_note,
    read_checkpoint,
    read_signer,
    read_verifier,
    sign,
    split_note,
    verified,
)

# The example of golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT + "\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
# The example of tlog-cosignature: its key is not published, its form is.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
).encode()


def test_a_published_note_is_opened_and_made() -> None:
    assert open_note(NOTE, read_verifier(NEUMANN)) == TEXT
    signer = read_signer(NEUMANN_SECRET)
    assert sign(TEXT, signer) == NOTE
    assert str(signer.verifier) == NEUMANN
    assert signer.secret() == NEUMANN_SECRET


def test_a_published_key_is_read() -> None:
    verifier = read_verifier("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\n")
    assert (verifier.name, verifier.kind, verifier.id.hex()) == ("sum.golang.org", ED25519, "033de0ae")


def test_a_published_checkpoint_is_read() -> None:
    text, signatures = split_note(COSIGNED)
    checkpoint = read_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text
    assert [name for name, _ in signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    # tlog-cosignature tells the time of the example.
    assert int.from_bytes(signatures[1][1][4:12]) == 1679315147


def test_a_cosignature_covers_the_time_and_the_text() -> None:
    key = Ed25519PrivateKey.generate()
    witness = Verifier("witness.example.com/w1", COSIGNATURE, key.public_key().public_bytes_raw())
    text, _ = split_note(COSIGNED)
    line = cosign(text, witness.name, key, 1679315147)
    note = COSIGNED.decode().rsplit("\u2014", 1)[0] + line
    assert verified(*split_note(note.encode()), witness) == 1679315147
    # Spelled out by hand from the specification:
    octets = base64.b64decode(line.split(" ")[2])
    message = b"cosignature/v1\ntime 1679315147\n" + text.encode()
    key.public_key().verify(octets[12:], message)
    assert octets[:4] == witness.id
    later = octets[:4] + (1679315148).to_bytes(8) + octets[12:]
    forged = note.replace(base64.b64encode(octets).decode(), base64.b64encode(later).decode())
    with pytest.raises(NoteError, match="does not hold"):
        verified(*split_note(forged.encode()), witness)


def test_unknown_signatures_are_passed_over_and_forged_ones_are_not() -> None:
    other = Signer("other", Ed25519PrivateKey.generate())
    line = sign(TEXT, other).decode().rsplit("\n\n", 1)[1]
    assert open_note(NOTE + line.encode(), read_verifier(NEUMANN)) == TEXT
    with pytest.raises(NoteError, match="not signed by this key"):
        open_note(NOTE, other.verifier)
    with pytest.raises(NoteError, match="does not hold"):
        open_note(NOTE.replace(b"think", b"thank"), read_verifier(NEUMANN))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace("\u2014".encode(), b"-"),
        NOTE.replace(b"=\n", b"\n"),
        NOTE.replace(b"If", b"I\0"),
        NOTE.replace(b"If", b"I\xff"),
        NOTE.replace(b"PeterNeumann x08", b"Peter+Neumann x08"),
        TEXT.encode() + b"\n\xe2\x80\x94 a AAAA\n",
        NOTE + b"\xe2\x80\x94 a AAAAAAAA\n" * 64,
        NOTE + b"x" * (64 << 10),
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(note, read_verifier(NEUMANN))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "a+b+c",
        NEUMANN[:-1],
        NEUMANN.replace("c74f", "c74e"),
        NEUMANN.replace("+ARpc", "+AhpC"),
        f" +{NEUMANN}",
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(NoteError):
        read_verifier(key)


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
        f"a\n{'9' * 16}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        read_checkpoint(text)


def test_a_secret_is_not_repeated() -> None:
    with pytest.raises(NoteError) as refused:
        read_signer(NEUMANN_SECRET[:-4])
    assert "AYEK" not in str(refused.value)

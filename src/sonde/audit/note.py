"""Signed notes, checkpoints, and the keys they name (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

    checkpoint = Checkpoint(origin, size, root)
    note = sign(checkpoint.text(), signer)
    open_note(note, verifier)                 # the text, or NoteError

A key's text names the key, 32 bits of its digest, the kind of its signatures and the key itself:
`NAME+ID+BASE64`. The kinds known here are Ed25519 (1) and cosignatures with a time (4).
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sonde.audit.error import AuditError

ED25519, COSIGNATURE = 1, 4  # signed-note, "Signature types"; tlog-cosignature, "Format"
KEY_OCTETS, ID_OCTETS, SIGNATURE_OCTETS, TIME_OCTETS = 32, 4, 64, 8
MOST_NOTE_OCTETS = 64 << 10
MOST_SIGNATURES = 64  # of a note; verifiers must take 16
MOST_SIZE_DIGITS = 15
DASH = "\u2014 "
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(rf"0|[1-9][0-9]{{0,{MOST_SIZE_DIGITS - 1}}}")


class NoteError(AuditError):
    """A note that is malformed, or not signed as it must be; `is_signature` tells which."""

    def __init__(self, text: str, *, is_signature: bool = False) -> None:
        """Refuse with a sentence."""
        super().__init__(text)
        self.is_signature = is_signature


@dataclass(frozen=True)
class Verifier:
    """A public key and its name."""

    name: str
    kind: int
    key: bytes

    @property
    def id(self) -> bytes:
        """Give the 32 bits by which signature lines name the key (signed-note, "Signatures")."""
        return key_id(self.name, self.kind, self.key)

    def __str__(self) -> str:
        """Spell the key as others read it (signed-note, "Verifier keys")."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.key).decode()}"


@dataclass(frozen=True)
class Signer:
    """A private key and its name."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        """Give the public half."""
        return Verifier(self.name, ED25519, self.key.public_key().public_bytes_raw())

    def secret(self) -> str:
        """Spell the private key as golang.org/x/mod/sumdb/note does."""
        octets = bytes([ED25519]) + self.key.private_bytes_raw()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{base64.b64encode(octets).decode()}"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its origin, how many entries, and the root over them (tlog-checkpoint, "Note text")."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Give the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def key_id(name: str, kind: int, key: bytes) -> bytes:
    """Give the first 32 bits of the digest of name, kind and key."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:ID_OCTETS]


def read_verifier(text: str) -> Verifier:
    """Read a public key as `str` spells it; NoteError for anything else."""
    name, _, rest = text.strip().partition("+")
    said, _, encoded = rest.partition("+")
    octets = _decode(encoded)
    if not _NAME.fullmatch(name) or octets is None or len(octets) != 1 + KEY_OCTETS:
        raise NoteError(
            f"{text.strip()[:100]!r} is no key; write NAME+ID+BASE64 as `sonde audit checkpoint` prints it."
        )
    found = Verifier(name, octets[0], octets[1:])
    if found.kind not in {ED25519, COSIGNATURE}:
        raise NoteError(f"The key {name} is of kind {found.kind}; known are 1 (Ed25519) and 4 (cosignatures).")
    if found.id.hex() != said:
        raise NoteError(f"The key {name} and its id {said[:20]!r} disagree; copy the whole line again.")
    return found


def read_signer(text: str) -> Signer:
    """Read a private key as `Signer.secret` spells it; NoteError for anything else, which is not repeated."""
    parts = text.strip().split("+", 4)
    octets = _decode(parts[4]) if len(parts) == 5 and parts[:2] == ["PRIVATE", "KEY"] else None
    if octets is None or len(octets) != 1 + KEY_OCTETS or octets[0] != ED25519:
        raise NoteError("it holds no private key of a log")
    signer = Signer(parts[2], Ed25519PrivateKey.from_private_bytes(octets[1:]))
    if signer.verifier.id.hex() != parts[3]:
        raise NoteError("the key and its id disagree")
    return signer


def sign(text: str, signer: Signer) -> bytes:
    """Make a note of a text that ends with a newline."""
    signed = signer.verifier.id + signer.key.sign(text.encode())
    return f"{text}\n{DASH}{signer.name} {base64.b64encode(signed).decode()}\n".encode()


def cosign(text: str, name: str, key: Ed25519PrivateKey, time_s: int) -> str:
    """Give the signature line of a witness for a checkpoint's text (tlog-cosignature, "Ed25519 signed message")."""
    identity = key_id(name, COSIGNATURE, key.public_key().public_bytes_raw())
    signature = key.sign(_cosigned(text, time_s))
    return f"{DASH}{name} {base64.b64encode(identity + time_s.to_bytes(TIME_OCTETS) + signature).decode()}\n"


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Cut a note into its text and its signatures, each with the name of its key; NoteError where it is none."""
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise NoteError("the checkpoint is not UTF-8") from None
    body, blank, rest = whole.rpartition("\n\n")
    if not blank or not rest.endswith("\n") or len(note) > MOST_NOTE_OCTETS:
        raise NoteError("the checkpoint is no signed note")
    if any(letter < " " and letter != "\n" for letter in whole):
        raise NoteError("the checkpoint has control characters")
    signatures = []
    for line in rest[:-1].split("\n"):
        name, space, encoded = line.removeprefix(DASH).partition(" ")
        octets = _decode(encoded)
        if not line.startswith(DASH) or not space or not _NAME.fullmatch(name) or octets is None:
            raise NoteError("a signature line of the checkpoint is malformed")
        if len(octets) <= ID_OCTETS:
            raise NoteError("a signature line of the checkpoint is malformed")
        signatures.append((name, octets))
    if len(signatures) > MOST_SIGNATURES:
        raise NoteError(f"the checkpoint has more than {MOST_SIGNATURES} signatures")
    return body + "\n", signatures


def open_note(note: bytes, verifier: Verifier) -> str:
    """Give the text of a note that is signed by a key; NoteError otherwise."""
    text, signatures = split_note(note)
    if verified(text, signatures, verifier) is None:
        raise NoteError("the checkpoint is not signed by this key", is_signature=True)
    return text


def verified(text: str, signatures: list[tuple[str, bytes]], verifier: Verifier) -> int | None:
    """Say when a key signed (0 where its kind tells no time), or None if it did not; NoteError if it is forged.

    Lines of other keys are passed over, as they must be (signed-note, "Signatures").
    """
    key, found = Ed25519PublicKey.from_public_bytes(verifier.key), None
    for name, octets in signatures:
        if name != verifier.name or octets[:ID_OCTETS] != verifier.id:
            continue
        signature, message, found = octets[ID_OCTETS:], text.encode(), 0
        if verifier.kind == COSIGNATURE:
            found, signature = int.from_bytes(signature[:TIME_OCTETS]), signature[TIME_OCTETS:]
            message = _cosigned(text, found)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise NoteError(f"the signature of {name} does not hold", is_signature=True) from None
    return found


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; NoteError where it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not _SIZE.fullmatch(lines[1]):
        raise NoteError("the checkpoint has not the three lines that it must have")
    root = _decode(lines[2])
    if root is None or len(root) != KEY_OCTETS:
        raise NoteError("the root of the checkpoint is no digest")
    return Checkpoint(lines[0], int(lines[1]), root)


def _decode(text: str) -> bytes | None:
    """Read base64 in its one spelling (RFC 4648 §4); None for any other."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if base64.b64encode(octets).decode() == text else None


__all__ = [
    "COSIGNATURE",
    "ED25519",
    "Checkpoint",
    "NoteError",
    "Signer",
    "Verifier",
    "cosign",
    "open_note",
    "read_checkpoint",
    "read_signer",
    "read_verifier",
    "sign",
    "split_note",
    "verified",
]

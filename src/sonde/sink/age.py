"""Files in the format of age (age-encryption.org/v1, recipients of type X25519).

    encrypt(chunks, [recipient_octets], file)        # anybody with the identity opens it: `age -d -i FILE`
    for plain in decrypt(file, [identity_octets]): ...

Sources: C2SP age.md (age-encryption.org/v1); RFC 7748, RFC 5869, RFC 8439. Chunks of 64 KiB are
encrypted one by one, so that memory is bounded, and each is authenticated before it is given out.
Nothing here keeps a key: who encrypts has none that opens.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sonde.wire.bech32 import decode_bech32, encode_bech32

INTRO = b"age-encryption.org/v1"
LABEL = b"age-encryption.org/v1/X25519"
KEY, FILE_KEY, NONCE, TAG, MAC = 32, 16, 16, 16, 32  # octets
CHUNK = 64 << 10
COLUMNS = 64
MOST_RECIPIENTS = 20
MOST_HEADER_OCTETS = 64 << 10
MOST_LINE_OCTETS = 4 << 10
ONE_NONCE = b"\0" * 12  # each key that wraps is used once
IDENTITY_PREFIX, RECIPIENT_PREFIX = "age-secret-key-", "age"


class AgeError(ValueError):
    """A file, an identity or a recipient that age does not have; the message is for the user."""


def new_identity() -> tuple[str, str]:
    """Make an identity and its recipient, as age-keygen spells them."""
    private = X25519PrivateKey.generate()
    identity = encode_bech32(IDENTITY_PREFIX, private.private_bytes_raw()).upper()
    return identity, encode_bech32(RECIPIENT_PREFIX, private.public_key().public_bytes_raw())


def read_identities(text: str) -> list[bytes]:
    """Read an identity file: one AGE-SECRET-KEY-1... a line, and remarks behind #."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            prefix, octets = decode_bech32(line.strip())
        except ValueError:
            prefix, octets = "", b""
        if prefix != IDENTITY_PREFIX or len(octets) != KEY:
            raise AgeError(f"line {number} is no identity; it must be AGE-SECRET-KEY-1... as age-keygen writes it.")
        found.append(octets)
    if not found:
        raise AgeError("there is no identity in it; make one with `sonde vault keygen` or age-keygen.")
    return found


class Encryptor:
    """Writes one file encrypted to recipients (X25519 keys of 32 octets), as its octets come."""

    def __init__(self, recipients: Sequence[bytes], file: IO[bytes]) -> None:
        """Write the header; AgeError where there are no recipients or too many."""
        if not 1 <= len(recipients) <= MOST_RECIPIENTS:
            raise AgeError(f"a file is encrypted to 1 to {MOST_RECIPIENTS} recipients, not {len(recipients)}.")
        file_key, nonce = os.urandom(FILE_KEY), os.urandom(NONCE)
        header = INTRO + b"\n" + b"".join(_wrap(file_key, recipient) for recipient in recipients) + b"---"
        file.write(header + b" " + _base64(_header_mac(file_key, header)) + b"\n" + nonce)
        self.cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
        self.file, self.held, self.count, self.total = file, bytearray(), 0, 0

    def write(self, octets: bytes | memoryview) -> None:
        """Take octets; whole chunks of them go out, and at most one is held back."""
        self.held += octets
        self.total += len(octets)
        # The last chunk says that it is the last, so one is held back until it is known not to be.
        while len(self.held) > CHUNK:
            self.file.write(self.cipher.encrypt(_chunk_nonce(self.count, last=False), bytes(self.held[:CHUNK]), None))
            del self.held[:CHUNK]
            self.count += 1

    def end(self) -> int:
        """Write the last chunk; give how many octets went in."""
        self.file.write(self.cipher.encrypt(_chunk_nonce(self.count, last=True), bytes(self.held), None))
        return self.total


def encrypt(chunks: Iterable[bytes], recipients: Sequence[bytes], file: IO[bytes]) -> int:
    """Write octets encrypted to recipients (X25519 keys of 32 octets); give how many went in."""
    encryptor = Encryptor(recipients, file)
    for chunk in chunks:
        encryptor.write(chunk)
    return encryptor.end()


def decrypt(file: IO[bytes], identities: Sequence[bytes]) -> Iterator[bytes]:
    """Give the octets of a file, chunk by chunk; AgeError where it is not whole or not for these identities."""
    file_key = _open_header(file, identities)
    nonce = file.read(NONCE)
    if len(nonce) != NONCE:
        raise AgeError("the file is cut short.")
    cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    count, sealed = 0, file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        try:
            plain = cipher.decrypt(_chunk_nonce(count, last=not following), sealed, None)
        except InvalidTag:
            raise AgeError("the file is damaged or cut short; ask for it again.") from None
        if not plain and count:
            raise AgeError("the file ends in an empty chunk, which age forbids.")
        yield plain
        if not following:
            return
        count, sealed = count + 1, following


def _open_header(file: IO[bytes], identities: Sequence[bytes]) -> bytes:
    """Read the header; give the file key if one of the identities opens it."""
    stanzas, header, mac = _read_header(file)
    if any(stanza[0][0] == b"scrypt" for stanza in stanzas):
        raise AgeError("the file is encrypted with a passphrase, which a vault never is.")
    for arguments, body in stanzas:
        if arguments[0] != b"X25519":
            continue  # age.md: types that are not known are passed over
        share = _unbase64(arguments[1]) if len(arguments) == 2 else b""
        if len(share) != KEY or len(body) != FILE_KEY + TAG:
            raise AgeError("its header has a recipient that cannot be read.")
        for identity in identities:
            file_key = _unwrap(share, body, identity)
            if file_key is not None:
                if not hmac.compare_digest(_header_mac(file_key, header), mac):
                    raise AgeError("its header was changed after it was written.")
                return file_key
    raise AgeError("it is encrypted to somebody else; use the identity of a recipient that the authorisation names.")


def _read_header(file: IO[bytes]) -> tuple[list[tuple[list[bytes], bytes]], bytes, bytes]:
    """Give the stanzas (arguments and body), the octets that are authenticated, and their MAC."""
    taken = bytearray()

    def line() -> bytes:
        octets = file.readline(MOST_LINE_OCTETS)
        taken.extend(octets)
        if not octets.endswith(b"\n") or len(taken) > MOST_HEADER_OCTETS:
            raise AgeError("its header is cut short.")
        return octets[:-1]

    if line() != INTRO:
        raise AgeError("this is no file of age, version 1.")
    stanzas: list[tuple[list[bytes], bytes]] = []
    while (first := line()).startswith(b"-> "):
        arguments = first[3:].split(b" ")
        if not all(argument and all(33 <= octet <= 126 for octet in argument) for argument in arguments):
            raise AgeError("its header has a recipient that cannot be read.")
        body = b""
        while len(part := line()) == COLUMNS:
            body += _unbase64(part)
        if len(part) > COLUMNS:
            raise AgeError("its header has a line that is too long.")
        stanzas.append((arguments, body + _unbase64(part)))
    if not stanzas or not first.startswith(b"--- "):
        raise AgeError("its header cannot be read.")
    mac = _unbase64(first[4:])
    if len(mac) != MAC:
        raise AgeError("its header is not authenticated.")
    return stanzas, bytes(taken[: len(taken) - len(first) - 1 + 3]), mac


def _wrap(file_key: bytes, recipient: bytes) -> bytes:
    """Write the stanza that lets one recipient open the file."""
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    sealed = ChaCha20Poly1305(_derive(shared, share + recipient, LABEL)).encrypt(ONE_NONCE, file_key, None)
    return b"-> X25519 " + _base64(share) + b"\n" + _base64(sealed) + b"\n"  # 43 columns: a short last line


def _unwrap(share: bytes, sealed: bytes, identity: bytes) -> bytes | None:
    private = X25519PrivateKey.from_private_bytes(identity)
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:  # RFC 7748 §6.1: all zero, from a point of low order
        raise AgeError("its header has a recipient's share that is forged.") from None
    wrapping = _derive(shared, share + private.public_key().public_bytes_raw(), LABEL)
    try:
        return ChaCha20Poly1305(wrapping).decrypt(ONE_NONCE, sealed, None)
    except InvalidTag:
        return None


def _derive(key: bytes, salt: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), KEY, salt, label).derive(key)


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derive(file_key, b"", b"header"), header, "sha256")


def _chunk_nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11) + bytes([last])


def _base64(octets: bytes) -> bytes:
    return base64.b64encode(octets).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    """Decode base64 without padding, in its one spelling."""
    try:
        octets = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if _base64(octets) != text:
        raise AgeError("its header has base64 that is not as age writes it.")
    return octets

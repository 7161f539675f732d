"""Signatures made with `ssh-keygen -Y sign` (OpenSSH, PROTOCOL.sshsig).

    signers = load_allowed_signers(Path("allowed_signers"))
    signer = verify_signature(octets, signature, signers, "sonde-policy@v1", datetime.now(UTC))
    signer.principal, signer.fingerprint

The signature names its namespace and its key, and covers the exact octets of the message. Who
the key belongs to, for what and how long, the allowed signers say. Each refusal has a sentence of its own.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sonde.policy.allowed_signers import (
    AllowedSigner,
    AllowedSigners,
    decode_base64,
    fingerprint,
    load_allowed_signers,
)
from sonde.policy.error import SignatureError
from sonde.policy.ssh_keys import Octets, read_public_key

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
MAGIC = b"SSHSIG"
VERSION = 1
HASHES = (b"sha256", b"sha512")
MOST_SIGNATURE_OCTETS = 16 << 10  # in armour; RSA with 16,384 bits needs less than half of it
MOST_SIGNATURES = 16  # beside one file
_BLOCK = re.compile(re.escape(BEGIN) + rb"\r?\n([A-Za-z0-9+/=\r\n]*)\n" + re.escape(END))


@dataclass(frozen=True)
class Signer:
    """Whose signature holds: the principals as allowed_signers writes them, and the key's fingerprint."""

    principal: str
    fingerprint: str


@dataclass(frozen=True)
class Signature:
    """What a signature says of itself (PROTOCOL.sshsig, blob format)."""

    key: bytes
    namespace: bytes
    reserved: bytes
    hashed: bytes
    signature: bytes

    def covers(self, message: bytes) -> bytes:
        """Give the octets that were signed for a message (PROTOCOL.sshsig, signed data)."""
        digest = hashlib.new(self.hashed.decode(), message).digest()
        return MAGIC + b"".join(
            len(each).to_bytes(4) + each for each in (self.namespace, self.reserved, self.hashed, digest)
        )


def verify_signature(
    message: bytes,
    signature: bytes,
    allowed_signers: AllowedSigners,
    namespace: str,
    when: datetime,
    *,
    principal: str | None = None,
) -> Signer:
    """Say who signed the message; SignatureError with the reason if nobody who may.

    `when` has a time zone. With `principal`, only lines that speak for that name count.
    """
    parsed = parse_signature(signature)
    if parsed.namespace != namespace.encode():
        shown = parsed.namespace[:60].decode("utf-8", "replace")
        raise SignatureError(
            f"The signature is for the namespace {shown!r} and not {namespace}; sign with `-n {namespace}`."
        )
    entry = _find_signer(parsed.key, allowed_signers, namespace, when, principal)
    read_public_key(parsed.key).verify(parsed.covers(message), parsed.signature)
    return Signer(entry.name, fingerprint(parsed.key))


def count_signers(
    message: bytes,
    signatures: Sequence[bytes],
    allowed_signers: AllowedSigners,
    namespace: str,
    when: datetime,
) -> list[Signer]:
    """Give the distinct keys that signed, in order; one signature that does not hold refuses all."""
    if len(signatures) > MOST_SIGNATURES:
        raise SignatureError(f"More than {MOST_SIGNATURES} signatures are not read; leave away those not needed.")
    signers: dict[str, Signer] = {}
    for signature in signatures:
        signer = verify_signature(message, signature, allowed_signers, namespace, when)
        signers.setdefault(signer.fingerprint, signer)
    return list(signers.values())


def read_signatures(path: Path) -> list[bytes]:
    """Read the signatures that stand in a file, one after the other; none if there is no file."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_SIGNATURE_OCTETS * MOST_SIGNATURES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SignatureError(f"{path}: the signatures cannot be read ({error.strerror}).") from None
    return split_signatures(octets)


def split_signatures(octets: bytes) -> list[bytes]:
    """Cut signatures that follow one another apart; SignatureError for anything between them."""
    if len(octets) > MOST_SIGNATURE_OCTETS * MOST_SIGNATURES:
        raise SignatureError(f"More than {MOST_SIGNATURES} signatures are not read; leave away those not needed.")
    blocks = []
    rest = octets.strip(b"\r\n")
    while rest:
        block = _BLOCK.match(rest)
        if block is None:
            raise SignatureError(
                "What stands there is no signature of `ssh-keygen -Y sign`; sign again and keep its output whole."
            )
        blocks.append(block[0])
        rest = rest[block.end() :].lstrip(b"\r\n")
    return blocks


def parse_signature(armour: bytes) -> Signature:
    """Read one signature, strictly: armour, preamble, version, and nothing left over."""
    blob = _take_off_armour(armour)
    if not blob.startswith(MAGIC):
        raise SignatureError("The signature does not begin with SSHSIG; make it with `ssh-keygen -Y sign`.")
    reader = Octets(blob[len(MAGIC) :], "signature")
    version = reader.u32()
    if version != VERSION:
        raise SignatureError(f"The signature is of version {version}; only version {VERSION} is known.")
    parsed = Signature(reader.string(), reader.string(), reader.string(), reader.string(), reader.string())
    reader.end()
    if not parsed.namespace:
        raise SignatureError("The signature has no namespace; sign with `ssh-keygen -Y sign -n NAMESPACE`.")
    if parsed.reserved:
        raise SignatureError("The signature uses a field that is reserved; a newer OpenSSH made it: use another.")
    if parsed.hashed not in HASHES:
        shown = parsed.hashed[:40].decode("utf-8", "replace")
        raise SignatureError(f"The signature is over {shown!r}; only sha256 and sha512 are accepted.")
    return parsed


def _take_off_armour(armour: bytes) -> bytes:
    if len(armour) > MOST_SIGNATURE_OCTETS:
        raise SignatureError(f"A signature of more than {MOST_SIGNATURE_OCTETS:,} octets is not read.")
    block = _BLOCK.fullmatch(armour.strip(b"\r\n"))
    if block is None:
        raise SignatureError(f"The signature has no lines `{BEGIN.decode()}` and `{END.decode()}`; copy it whole.")
    blob = decode_base64(block[1].replace(b"\r", b"").replace(b"\n", b"").decode())
    if blob is None:
        raise SignatureError("The signature's base64 cannot be read; copy it whole.")
    return blob


def _find_signer(
    key: bytes, allowed: AllowedSigners, namespace: str, when: datetime, principal: str | None
) -> AllowedSigner:
    """Give the line by which a key counts, or say why none does."""
    reasons = []
    for entry in allowed.of_key(key):
        if principal is not None and not entry.speaks_for(principal):
            reasons.append(f"its line {entry.line} is for {entry.name} and not for {principal}")
            continue
        reason = entry.why_not(namespace, when)
        if reason is None:
            return entry
        reasons.append(reason)
    if reasons:
        why = "; ".join(reasons[:3])
        raise SignatureError(f"The key {fingerprint(key)} is in {allowed.place}, but {why}: have somebody else sign.")
    raise SignatureError(
        f"The key {fingerprint(key)} is not in {allowed.place}; add its line there, or have somebody sign who is."
    )


__all__ = [
    "AllowedSigners",
    "SignatureError",
    "Signer",
    "count_signers",
    "load_allowed_signers",
    "read_signatures",
    "split_signatures",
    "verify_signature",
]

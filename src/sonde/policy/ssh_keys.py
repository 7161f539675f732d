"""Public keys of OpenSSH and what they signed (RFC 4253 §6.6, RFC 5656, RFC 8332, RFC 8709, PROTOCOL.u2f).

    key = read_public_key(octets)
    key.verify(b"signed octets", signature_octets)       # SignatureError if it does not hold

Ed25519, ECDSA on the NIST curves, RSA of 2048 bits and more with SHA-2, and both kinds of
security key, which must tell that somebody touched it. SHA-1 and DSA are not here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from sonde.policy.error import SignatureError

ED25519_KEY, ED25519_SIGNATURE = 32, 64
LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 16384  # the latter is OpenSSH's SSHBUF_MAX_BIGNUM
MOST_RSA_EXPONENT_BITS = 64
USER_PRESENT = 0x01  # PROTOCOL.u2f: the flags of an authenticator
RSA_HASHES: dict[bytes, Callable[[], HashAlgorithm]] = {b"rsa-sha2-256": SHA256, b"rsa-sha2-512": SHA512}
CURVES: dict[bytes, tuple[EllipticCurve, HashAlgorithm]] = {
    b"nistp256": (SECP256R1(), SHA256()),  # RFC 5656 §6.2.1: the hash follows from the curve
    b"nistp384": (SECP384R1(), SHA384()),
    b"nistp521": (SECP521R1(), SHA512()),
}


class Octets:
    """A reader of RFC 4251 §5 types that refuses what is short or left over."""

    def __init__(self, octets: bytes, what: str) -> None:
        """Read `octets`, naming them `what` in messages."""
        self.octets, self.what, self.at = octets, what, 0

    def take(self, length: int) -> bytes:
        """Take octets, exactly as many as asked."""
        if length > len(self.octets) - self.at:
            raise SignatureError(f"The {self.what} is cut short; copy the whole of it again.")
        self.at += length
        return self.octets[self.at - length : self.at]

    def u32(self) -> int:
        """Take a uint32."""
        return int.from_bytes(self.take(4))

    def string(self) -> bytes:
        """Take a string."""
        return self.take(self.u32())

    def mpint(self) -> int:
        """Take a positive mpint in its one shortest form."""
        octets = self.string()
        value = int.from_bytes(octets)
        if value == 0 or octets != value.to_bytes(value.bit_length() // 8 + 1):
            raise SignatureError(f"The {self.what} has a number that is not written as RFC 4251 says; sign again.")
        return value

    def end(self) -> None:
        """Refuse whatever is left."""
        if self.at != len(self.octets):
            raise SignatureError(f"The {self.what} goes on behind its end; copy it again without additions.")


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies; `kinds` are the names of signatures it may make."""

    kinds: tuple[bytes, ...]
    check: Callable[[bytes, bytes, Octets], None] = field(repr=False)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Refuse a signature (its SSH encoding, kind first) that this key did not make over the message."""
        reader = Octets(signature, "signature")
        kind = reader.string()
        if kind not in self.kinds:
            allowed = " or ".join(each.decode() for each in self.kinds)
            raise SignatureError(f"The signature is of kind {_shown(kind)} and must be {allowed}; sign again.")
        try:
            self.check(kind, message, reader)
        except (InvalidSignature, ValueError) as error:
            if isinstance(error, SignatureError):
                raise
            raise SignatureError(
                "The signature does not fit what was signed; the file changed since, or another was signed: sign again."
            ) from None
        reader.end()


def read_public_key(octets: bytes) -> PublicKey:
    """Read a public key's octets, strictly; SignatureError for what is no key or too weak."""
    reader = Octets(octets, "public key")
    kind = reader.string()
    maker = _READERS.get(kind)
    if maker is None:
        raise SignatureError(f"Keys of type {_shown(kind)} are not accepted; make one with `ssh-keygen -t ed25519`.")
    try:
        key = maker(reader)
    except SignatureError:
        raise
    except (ValueError, UnsupportedAlgorithm, OverflowError):
        raise SignatureError("The public key has no valid point or number; copy it again from its .pub file.") from None
    reader.end()
    return key


def _shown(kind: bytes) -> str:
    return repr(kind[:40].decode("ascii", "replace"))


def _read_ed25519(reader: Octets) -> PublicKey:
    key = Ed25519PublicKey.from_public_bytes(reader.string())

    def check(kind: bytes, message: bytes, signature: Octets) -> None:
        key.verify(_raw_ed25519(signature), message)

    return PublicKey((b"ssh-ed25519",), check)


def _read_ecdsa(name: bytes, reader: Octets) -> PublicKey:
    key, hashed = _read_point(name, reader)

    def check(kind: bytes, message: bytes, signature: Octets) -> None:
        key.verify(_raw_ecdsa(signature), message, ECDSA(hashed))

    return PublicKey((b"ecdsa-sha2-" + name,), check)


def _read_rsa(reader: Octets) -> PublicKey:
    exponent, modulus = reader.mpint(), reader.mpint()
    bits = modulus.bit_length()
    if bits < LEAST_RSA_BITS:
        raise SignatureError(f"An RSA key of {bits} bits is too weak; {LEAST_RSA_BITS} are the least.")
    if bits > MOST_RSA_BITS or exponent.bit_length() > MOST_RSA_EXPONENT_BITS:
        raise SignatureError(f"An RSA key of {bits} bits is not read; {MOST_RSA_BITS} are the most.")
    key = RSAPublicNumbers(exponent, modulus).public_key()

    def check(kind: bytes, message: bytes, signature: Octets) -> None:
        key.verify(signature.string(), message, PKCS1v15(), RSA_HASHES[kind]())  # RFC 8332 §3

    return PublicKey(tuple(RSA_HASHES), check)


def _read_sk_ed25519(reader: Octets) -> PublicKey:
    key = Ed25519PublicKey.from_public_bytes(reader.string())
    application = reader.string()

    def check(kind: bytes, message: bytes, signature: Octets) -> None:
        raw = _raw_ed25519(signature)
        key.verify(raw, _touched(application, message, signature))

    return PublicKey((b"sk-ssh-ed25519@openssh.com",), check)


def _read_sk_ecdsa(reader: Octets) -> PublicKey:
    key, hashed = _read_point(b"nistp256", reader)
    application = reader.string()

    def check(kind: bytes, message: bytes, signature: Octets) -> None:
        raw = _raw_ecdsa(signature)
        key.verify(raw, _touched(application, message, signature), ECDSA(hashed))

    return PublicKey((b"sk-ecdsa-sha2-nistp256@openssh.com",), check)


def _read_point(name: bytes, reader: Octets) -> tuple[EllipticCurvePublicKey, HashAlgorithm]:
    named = reader.string()
    if named != name:  # RFC 5656 §3.1: told twice, in the type and in the key
        raise SignatureError(f"The public key is of curve {_shown(named)} and not of its type's, {name.decode()}.")
    curve, hashed = CURVES[name]
    point = reader.string()
    if point[:1] != b"\x04":  # RFC 5656 §3.1 allows compression; OpenSSH writes none
        raise SignatureError("The public key's point is compressed; copy it again from its .pub file.")
    return EllipticCurvePublicKey.from_encoded_point(curve, point), hashed


def _raw_ed25519(signature: Octets) -> bytes:
    raw = signature.string()
    if len(raw) != ED25519_SIGNATURE:
        raise SignatureError(
            f"An Ed25519 signature has {ED25519_SIGNATURE} octets and this one {len(raw)}; sign again."
        )
    return raw


def _raw_ecdsa(signature: Octets) -> bytes:
    """Turn the two numbers of RFC 5656 §3.1.2 into DER."""
    inner = Octets(signature.string(), "signature")
    raw = encode_dss_signature(inner.mpint(), inner.mpint())
    inner.end()
    return raw


def _touched(application: bytes, message: bytes, signature: Octets) -> bytes:
    """Give what a security key signed (PROTOCOL.u2f, SSH U2F signatures); refuse an untouched one."""
    flags, counter = signature.take(1), signature.take(4)
    if not flags[0] & USER_PRESENT:
        raise SignatureError("The security key was not touched when it signed; sign again and touch it.")
    return hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(message).digest()


_READERS: dict[bytes, Callable[[Octets], PublicKey]] = {
    b"ssh-ed25519": _read_ed25519,
    b"ecdsa-sha2-nistp256": partial(_read_ecdsa, b"nistp256"),
    b"ecdsa-sha2-nistp384": partial(_read_ecdsa, b"nistp384"),
    b"ecdsa-sha2-nistp521": partial(_read_ecdsa, b"nistp521"),
    b"ssh-rsa": _read_rsa,
    b"sk-ssh-ed25519@openssh.com": _read_sk_ed25519,
    b"sk-ecdsa-sha2-nistp256@openssh.com": _read_sk_ecdsa,
}

"""Initial packets of QUIC, sealed with the cryptography package."""

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

VERSION_2, Q050 = 0x6B3343CF, 0x51303530
# Version 1 and 2: RFC 9001 §5.2, RFC 9369 §3.3.1. Drafts: their sections of the same name.
# Google's and Facebook's: packets of their clients open with them, the tags of AES-GCM agree.
SALTS = {
    1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    VERSION_2: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899",
    0xFF000017: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
    0xFF000016: "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
    0xFACEB001: "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
    0xFACEB00E: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
    0x54303530: "7ff579e5acd072915580304c43a2367c60488310",
    0x54303531: "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d",
    Q050: "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",
}
DCID = bytes.fromhex("8394c8f03e515708")  # RFC 9001 appendix A
SERVER = bytes.fromhex("f067a5502a4262b5")


def expand(secret: bytes, label: str, length: int) -> bytes:
    named = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(named)]) + named + b"\0"
    return HKDFExpand(hashes.SHA256(), length, info).derive(secret)


def seal(frames: bytes, *, server: bool = False, version: int = 1, number: int = 0, size: int = 4,
         dcid: bytes = DCID, header: tuple[bytes, bytes] | None = None, token: bytes = b"") -> bytes:  # fmt: skip
    """Seal an Initial packet, as RFC 9001 §5 says."""
    mac = hmac.HMAC(bytes.fromhex(SALTS[version]), hashes.SHA256())
    mac.update(dcid)
    secret = expand(mac.finalize(), "server in" if server else "client in", 32)
    prefix = "quicv2" if version == VERSION_2 else "quic"
    key, iv, hp = (expand(secret, f"{prefix} {part}", length) for part, length in (("key", 16), ("iv", 12), ("hp", 16)))
    to, source = header or ((b"", SERVER) if server else (dcid, b""))
    kind = 0xD0 if version == VERSION_2 else 0xC0
    head = bytes([kind | size - 1]) + version.to_bytes(4, "big") + bytes([len(to)]) + to + bytes([len(source)]) + source
    head += bytes([len(token)]) + token + (0x4000 | len(frames) + size + 16).to_bytes(2, "big")
    counted = number.to_bytes(size, "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, head + counted)
    sample = (counted + sealed)[4:20]
    mask = Cipher(algorithms.AES(hp), modes.ECB()).encryptor().update(sample)
    head = bytes([head[0] ^ mask[0] & 0x0F]) + head[1:]
    return head + bytes(a ^ b for a, b in zip(counted, mask[1:], strict=False)) + sealed

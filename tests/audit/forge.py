"""Logs made by hand: by whoever holds the key and keeps no rule. Nothing of the writer is used."""

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.test_tree import mth

ORIGIN = "north/0123456789abcdef"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def vkey(key: Ed25519PrivateKey = KEY, name: str = ORIGIN, kind: int = 1) -> str:
    raw = bytes([kind]) + key.public_key().public_bytes_raw()
    return f"{name}+{sha256(name.encode() + bytes([10]) + raw).hexdigest()[:8]}+{base64.b64encode(raw).decode()}"


def note(size: int, root: bytes, key: Ed25519PrivateKey = KEY, origin: str = ORIGIN, name: str = ORIGIN) -> bytes:
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    identity = bytes.fromhex(vkey(key, name).split("+")[1])
    return f"{text}\n\u2014 {name} {base64.b64encode(identity + key.sign(text.encode())).decode()}\n".encode()


def cosigned(octets: bytes, key: Ed25519PrivateKey, name: str, time_s: int) -> bytes:
    text = octets.decode().rsplit("\n\n", 1)[0] + "\n"
    identity = bytes.fromhex(vkey(key, name, 4).split("+")[1])
    signature = key.sign(b"cosignature/v1\ntime %d\n" % time_s + text.encode())
    line = base64.b64encode(identity + time_s.to_bytes(8) + signature).decode()
    return octets + f"\u2014 {name} {line}\n".encode()


def spelled(entry: dict) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def root_of(entries: Sequence[bytes]) -> bytes:
    return mth([sha256(b"\0" + entry).digest() for entry in entries])


def place_of(level: str, index: int, width: int) -> str:
    assert index < 1000
    return f"tile/{level}/{index:03d}" + (f".p/{width}" if width < 256 else "")


def write_log(folder: Path, entries: Sequence[bytes], **signed) -> None:
    """Write tiles by the formula of tlog-tiles, then the checkpoint."""
    leaves = [sha256(b"\0" + entry).digest() for entry in entries]
    level, hashes = 0, leaves
    while hashes:
        for index in range((len(hashes) + 255) // 256):
            tile = hashes[index * 256 : index * 256 + 256]
            put(folder / place_of(str(level), index, len(tile)), b"".join(tile))
            if level == 0:
                bundle = entries[index * 256 : index * 256 + 256]
                octets = b"".join(len(entry).to_bytes(2) + entry for entry in bundle)
                put(folder / place_of("entries", index, len(bundle)), octets)
        whole = len(leaves) // 256 ** (level + 1)
        level, hashes = level + 1, [mth(hashes[at * 256 : at * 256 + 256]) for at in range(whole)]
    put(folder / "checkpoint", note(len(entries), mth(leaves), **signed))


def put(path: Path, octets: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)

"""Keys of pseudonyms: one for each epoch of packet time, outside every dataset, destroyed on time.

    keys = Keys(policy.pseudonym, folder)
    keys.of(epoch)                 # the key of an epoch, made when it is first needed
    destroy_expired(folder, now_ns)

Theory of operation. A policy without epochs (the built-in ones) has one key a run, which is
kept nowhere. With epochs, the key of an epoch is 32 octets of chance in a file of its own,
readable by its owner alone, so that captures read one after the other stay linked within an
epoch and never across. It is destroyed `keep_keys` after its epoch ended and after it was
made, whichever is later: overwritten, written through, removed. A file system that copies on
write, a disk that moves its sectors, and a backup may hold the old octets all the same; keys
belong on a file system where that is not so (docs/policy.md).
"""

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sonde.policy.error import PolicyError
from sonde.policy.pseudonyms import KeyStates, key_states
from sonde.policy.terms import Pseudonym

if TYPE_CHECKING:
    from sonde.policy.prefix import PrefixPreserving

SECRET_OCTETS = 32
FOLDER = "pseudonyms"  # below the folder of keys
MOST_EPOCHS = 4096  # of a run; a sender chooses times, and must not choose how many files we keep
#: Of which epochs beyond MOST_EPOCHS share one key, which is kept nowhere.
BEYOND = -(1 << 63)
OTHERS = 0o077
#: What happened to a key: kind of audit entry ("key.rotate", "key.destroy") and what it says.
Told = Callable[[str, dict[str, str | int]], object]


class Key:
    """The key of one epoch, and what is derived from it."""

    def __init__(self, secret: bytes) -> None:
        """Take 32 octets of chance."""
        self._secret = secret

    @cached_property
    def states(self) -> KeyStates:
        """Give the key of pseudonyms, as HMAC begins with it."""
        return key_states(self._secret)

    @cached_property
    def prefix(self) -> "PrefixPreserving":
        """Give Crypto-PAn under a key of its own, derived by HMAC; no field is named so."""
        from sonde.policy.prefix import PrefixPreserving  # noqa: PLC0415 - ciphers take time to import, few policies need them

        return PrefixPreserving(hmac.digest(self._secret, b"Crypto-PAn", "sha256"))

    @property
    def name(self) -> str:
        """Name the key without telling it: 64 bits of a digest."""
        return hashlib.sha256(b"sonde key name\0" + self._secret).hexdigest()[:16]

    def __repr__(self) -> str:
        """Tell nothing of the key."""
        return f"<key {self.name}>"


class Kept(NamedTuple):
    """What the file of a key says."""

    path: Path
    epoch_start_ns: int
    epoch_ns: int
    made_ns: int
    keep_ns: int
    secret: bytes

    @property
    def due_ns(self) -> int:
        """When it must be destroyed."""
        return max(self.epoch_start_ns + self.epoch_ns, self.made_ns) + self.keep_ns


def _tell_nobody(kind: str, said: dict[str, str | int]) -> None:
    """Keep what happened to oneself."""


class Keys:
    """The keys of a run, by epoch; safe to ask from several threads."""

    def __init__(self, terms: Pseudonym, folder: Path | None = None, *, told: Told = _tell_nobody) -> None:
        """Keep keys below a folder; without one, or without epochs, nowhere."""
        self.terms, self.told = terms, told
        self.folder = None if folder is None or not terms.epoch_ns else private_folder(private_folder(folder) / FOLDER)
        self._keys: dict[int, Key] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Tell nothing of any key."""
        return f"<{len(self)} keys, kept {'nowhere' if self.folder is None else 'in a folder'}>"

    def __len__(self) -> int:
        """Give how many epochs were met."""
        return len(self._keys)

    def of(self, epoch: int) -> Key:
        """Give the key of an epoch, counted in lengths of one since 1970."""
        with self._lock:
            if epoch not in self._keys and len(self._keys) >= MOST_EPOCHS:
                epoch = BEYOND
            if epoch not in self._keys:
                kept = self.folder is not None and epoch != BEYOND
                self._keys[epoch] = Key(self._kept_secret(epoch) if kept else secrets.token_bytes(SECRET_OCTETS))
            return self._keys[epoch]

    def destroy_expired(self) -> list[str]:
        """Destroy the kept keys whose time is over, and give their names."""
        if self.folder is None:
            return []
        gone = destroy_expired(self.folder.parent, time.time_ns(), told=self.told)
        with self._lock:
            self._keys = {epoch: key for epoch, key in self._keys.items() if key.name not in gone}
        return gone

    def _kept_secret(self, epoch: int) -> bytes:
        """Read the key of an epoch, or make it; of two who make it, the first wins."""
        assert self.folder is not None  # noqa: S101 - asked only where keys are kept
        start_ns = epoch * self.terms.epoch_ns
        path = self.folder / f"{start_ns // 10**9}+{self.terms.epoch_ns // 10**9}s.key"
        if not path.exists():
            secret = secrets.token_bytes(SECRET_OCTETS)
            said = {
                "epoch_start_ns": start_ns,
                "epoch_ns": self.terms.epoch_ns,
                "made_ns": time.time_ns(),
                "keep_ns": self.terms.keep_keys_ns,
                "key": secret.hex(),
            }
            if _write_once(path, json.dumps(said) + "\n"):
                self.told("key.rotate", {"key": Key(secret).name, "epoch_start_ns": start_ns})
        return _read(path).secret


def private_folder(folder: Path) -> Path:
    """Make a folder that its owner alone can enter, or see that it is one; PolicyError otherwise."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise PolicyError(
            f"The folder of keys {folder} cannot be made: {error.strerror}; name another with --keys."
        ) from None
    if found.st_mode & OTHERS or found.st_uid != os.geteuid():
        raise PolicyError(f"Others can enter the folder of keys {folder}; run `chmod 700 {folder}` as its owner.")
    return folder


def _write_once(path: Path, text: str) -> bool:
    """Write a file whole and for its owner alone; say whether it was not there before."""
    number, aside = tempfile.mkstemp(dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise PolicyError(f"A key cannot be kept in {path.parent}: {error.strerror}; make room for it.") from None
    finally:
        with suppress(OSError):
            os.unlink(aside)  # noqa: PTH108 - beside os.link and mkstemp
    _write_through(path.parent)
    return True


def _write_through(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(path: Path) -> Kept:
    """Read the file of a key; PolicyError where others can, or where it is damaged."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(number, encoding="utf-8") as file:
            found = os.fstat(number)
            if found.st_mode & OTHERS or found.st_uid != os.geteuid():
                raise PolicyError(f"Others can read the key {path}; it links pseudonyms to persons: remove it.")
            said = json.load(file)
        start, length, made, keep = (int(said[name]) for name in ("epoch_start_ns", "epoch_ns", "made_ns", "keep_ns"))
        secret = bytes.fromhex(said["key"])
    except OSError as error:
        raise PolicyError(f"The key {path} cannot be read: {error.strerror}.") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, PolicyError):
            raise
        raise PolicyError(f"The key {path} is damaged; remove it, and a new one is made.") from None
    if len(secret) != SECRET_OCTETS:
        raise PolicyError(f"The key {path} is damaged; remove it, and a new one is made.")
    return Kept(path, start, length, made, keep, secret)


def kept_keys(folder: Path) -> Iterator[Kept]:
    """Go through the keys that are kept, in the order of their epochs."""
    place = folder / FOLDER
    if place.is_dir():
        yield from sorted((_read(path) for path in place.glob("*.key")), key=lambda kept: kept.epoch_start_ns)


def destroy_expired(folder: Path, now_ns: int, *, told: Told = _tell_nobody) -> list[str]:
    """Destroy the keys whose time is over; give their names."""
    gone = []
    for kept in kept_keys(folder):
        if kept.due_ns <= now_ns:
            destroy(kept.path)
            name = Key(kept.secret).name
            told("key.destroy", {"key": name, "epoch_start_ns": kept.epoch_start_ns})
            gone.append(name)
    return gone


def destroy(path: Path) -> None:
    """Overwrite a file, write that through to the disk, and remove it; PolicyError where that fails."""
    try:
        with path.open("r+b") as file:
            size = path.stat().st_size
            for fill in (b"\0", b"\xff"):
                file.seek(0)
                file.write(fill * size)
                file.flush()
                os.fsync(file.fileno())
        path.unlink()
        _write_through(path.parent)
    except FileNotFoundError:
        return  # another run was quicker
    except OSError as error:
        raise PolicyError(f"The key {path} must be destroyed and cannot be: {error.strerror}; remove it.") from None


__all__ = ["MOST_EPOCHS", "Kept", "Key", "Keys", "Told", "destroy_expired", "kept_keys", "private_folder"]

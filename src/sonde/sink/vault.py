"""The vault: content, encrypted to the recipients of an authorisation; its one writer needs a grant.

    vault = Vault(Path("vault"), grant)
    stored = vault.store(place, "bodies", chunks)      # Stored, or the Refusal that says why not

    VAULT/4f1c....age      an object, as age writes it (age-encryption.org/v1): `age -d -i IDENTITY`
    VAULT/4f1c....json     what may be known of it without opening it: nothing of a person

The probe cannot read back: it has no identity. The audit log's entry is durable before the
object has its name, so that the log knows of every object that there is.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self, cast

from sonde.sink.age import AgeError, Encryptor, decrypt
from sonde.table.granted import Grant, Place, Refusal

FOLDER_MODE, FILE_MODE = 0o700, 0o600
OBJECT, INDEX, PART, LOCK = ".age", ".json", ".part", ".lock"
NAME_OCTETS = 16  # drawn by chance: a name tells nothing
MOST_INDEX_OCTETS = 4 << 10


class VaultError(ValueError):
    """A vault that cannot be written or opened; the message is for the user."""


@dataclass(frozen=True)
class Stored:
    """What the index says of an object; sizes in octets, `sealed` as it lies on the disk."""

    object: str
    authorisation: str
    protocol: str
    artefact: str
    octets: int
    sealed: int
    sha256: str
    stored: str


class Vault:
    """Writes objects under one grant."""

    def __init__(
        self, folder: Path, grant: Grant, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Open a vault's folder for writing, making it if it is not there; only its owner may read it."""
        if not isinstance(grant, Grant):
            raise TypeError("a vault takes content only under a grant")
        self.folder, self.grant, self.clock = folder, grant, clock
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise VaultError(f"{folder}: others can read this folder; `chmod 700 {folder}` and try again.")
        self._lock = os.open(folder / LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise VaultError(f"{folder}: another process writes to this vault; wait, or name another folder.") from None
        self._recover()

    def close(self) -> None:
        """End the grant, which logs what was kept, and let others write to the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            self.grant.close()

    def __enter__(self) -> Self:
        """Give the vault."""
        return self

    def __exit__(self, *ended: object) -> None:
        """Close it."""
        self.close()

    def _recover(self) -> None:
        """Finish what a run that was killed had logged; remove what it had not."""
        for part in self.folder.glob("*" + PART):
            if part.with_suffix(INDEX).exists():  # written after the log's entry, before the name
                part.rename(part.with_suffix(OBJECT))
            else:
                part.unlink()
        _sync_folder(self.folder)

    def store(self, place: Place, artefact: str, chunks: Iterable[bytes]) -> Stored | Refusal:
        """Keep one artefact, or give why it is not kept; nothing is left of what is refused half way."""
        opened = self.begin(place, artefact)
        if isinstance(opened, Refusal):
            return opened
        with opened:
            for chunk in chunks:
                refusal = opened.write(chunk)
                if refusal is not None:
                    return refusal
            return opened.commit()

    def begin(self, place: Place, artefact: str) -> "Opened | Refusal":
        """Begin an artefact whose octets are still to come, or give why it is not kept."""
        if self._lock < 0:
            return Refusal.CLOSED
        refusal = self.grant.take(place, artefact, 0, self.clock())
        return refusal if refusal is not None else Opened(self, place, artefact)

    def _tell(self, stored: Stored, place: Place) -> None:
        """Log the object; if that fails the grant has ended, and nothing is kept."""
        entry: dict[str, object] = {**asdict(stored), "scope": self.grant.scope_of(place)}
        try:
            self.grant.audit("content.store", entry)
        except BaseException:
            self.grant.ended = Refusal.AUDIT
            raise

    def _write_index(self, stored: Stored) -> None:
        with _open_new(self.folder / (stored.object + INDEX)) as file:
            file.write(json.dumps(asdict(stored), sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


class Opened:
    """An object on its way into the vault; nothing is left of it unless `commit` comes back.

    with vault.begin(place, "bodies") as opened: opened.write(octets); stored = opened.commit()
    """

    def __init__(self, vault: Vault, place: Place, artefact: str) -> None:
        """Make the file aside."""
        self.vault, self.place, self.artefact = vault, place, artefact
        self.name = secrets.token_hex(NAME_OCTETS)
        self.aside = vault.folder / (self.name + PART)
        self.file = _open_new(self.aside)
        self.is_over = False
        try:
            self.writer = _Digesting(self.file)
            keys = [recipient.key for recipient in vault.grant.terms.recipients]
            self.encryptor = Encryptor(keys, cast("IO[bytes]", self.writer))
        except BaseException:
            self.abort()
            raise

    def write(self, octets: bytes | memoryview) -> Refusal | None:
        """Take octets as far as the grant gives them; after a refusal there is nothing left to commit."""
        vault = self.vault
        if vault._lock < 0 or self.is_over:  # noqa: SLF001 - the vault's other half
            return Refusal.CLOSED
        refusal = vault.grant.take(self.place, self.artefact, len(octets), vault.clock())
        if refusal is not None:
            self.abort()
            return refusal
        self.encryptor.write(octets)
        return None

    def commit(self) -> Stored:
        """Log the object, then give it its name."""
        vault = self.vault
        committed = False
        try:
            octets = self.encryptor.end()
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            stored = Stored(
                self.name,
                vault.grant.terms.id,
                self.place.protocol,
                self.artefact,
                octets,
                self.writer.octets,
                self.writer.digest.hexdigest(),
                vault.clock().astimezone(UTC).isoformat(timespec="seconds"),
            )
            vault._tell(stored, self.place)  # noqa: SLF001
            vault._write_index(stored)  # noqa: SLF001
            committed = self.is_over = True  # from here on it is finished, by the next run if need be
            self.aside.rename(vault.folder / (self.name + OBJECT))
            _sync_folder(vault.folder)
        finally:
            if not committed:
                self.abort()
        return stored

    def abort(self) -> None:
        """Leave nothing of an object that was not committed."""
        if self.is_over:
            return
        self.is_over = True
        self.file.close()
        for each in (self.aside, self.vault.folder / (self.name + INDEX)):
            each.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """Give the object."""
        return self

    def __exit__(self, *ended: object) -> None:
        """Abort it, unless it is committed."""
        self.abort()


class _Digesting:
    """A file that digests and counts what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest, self.octets = file, hashlib.sha256(), 0

    def write(self, octets: bytes) -> int:
        self.digest.update(octets)
        self.octets += len(octets)
        return self.file.write(octets)


def _open_new(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE), "wb")


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def list_vault(folder: Path) -> list[Stored]:
    """Give what the index says of each object, oldest first; VaultError where index and objects differ."""
    if not folder.is_dir():
        raise VaultError(f"{folder}: there is no such vault.")
    found = []
    for path in folder.glob("*" + OBJECT):
        try:
            text = path.with_suffix(INDEX).read_bytes()[:MOST_INDEX_OCTETS]
            stored = Stored(**json.loads(text))
        except (OSError, ValueError, TypeError):
            raise VaultError(f"{path}: the index says nothing of it, or cannot be read.") from None
        if stored.object != path.stem:
            raise VaultError(f"{path}: the index speaks of another object.")
        found.append(stored)
    return sorted(found, key=lambda each: (each.stored, each.object))


def open_vault(folder: Path, identities: Sequence[bytes], out: Path) -> list[Path]:
    """Decrypt every object into a folder that is new; all of them appear, or none."""
    objects = list_vault(folder)
    if not objects:
        raise VaultError(f"{folder}: there is nothing in this vault.")
    if out.exists():
        raise VaultError(f"{out} is there already; name a folder that is not.")
    aside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    aside.mkdir(mode=FOLDER_MODE)
    try:
        for stored in objects:
            _open_object(folder / (stored.object + OBJECT), stored, identities, aside)
        aside.rename(out)
    except BaseException:
        for path in aside.iterdir():
            path.unlink()
        with contextlib.suppress(OSError):
            aside.rmdir()
        raise
    return [out / stored.object for stored in objects]


def _open_object(path: Path, stored: Stored, identities: Sequence[bytes], out: Path) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != stored.sha256:
            raise VaultError(f"{path}: it is not what was stored; its digest is not the one in the index.")
        file.seek(0)
        try:
            with _open_new(out / stored.object) as plain:
                for chunk in decrypt(file, identities):
                    plain.write(chunk)
        except AgeError as error:
            raise VaultError(f"{path}: {error}") from None

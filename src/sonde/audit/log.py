"""The writer of a log: what it says is on the disk before it says that it is.

    with AuditLog.open(Path("audit"), Path("keys"), probe="north") as log:
        log.append("policy.load", {...}, actor=fingerprints)

Theory of operation. A log is a folder (C2SP tlog-tiles). To append is to write the new tiles
beside the old, each aside, written through and renamed, and last the checkpoint, in the same
way: its rename is the moment from which the entries are there. Killed before, a writer leaves
files behind the checkpoint, which the next one finds, counts, says (`boot`, discarded) and
removes; killed after, all is there. A partial tile stays until the full one is there, so that
whoever holds an older checkpoint can still use it. A write that fails ends this writer, since
nobody can say then what the disk has; the next one reads and sees.

The private key lies in the folder of keys, apart from the log. Whoever holds it can write
another log: what binds them is a checkpoint that somebody else keeps (docs/audit.md). Beside the
key lies a copy of the newest checkpoint, so that a log put back from a copy is not gone on with
unawares: two checkpoints that contradict each other are never signed (tlog-checkpoint).
"""

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sonde.audit.entry import GENESIS, EntryError, Speller, decode_entry, is_probe, spell_time
from sonde.audit.error import AuditError
from sonde.audit.folder import LackError, beyond, read_checkpoint_file, read_log
from sonde.audit.kinds import MOST_HEARTBEAT_S
from sonde.audit.note import Checkpoint, NoteError, Signer, open_note, read_checkpoint, read_signer, sign, split_note
from sonde.audit.stamp import code_digest
from sonde.audit.tiles import CHECKPOINT, ENTRIES, pack_entries, tile_path
from sonde.audit.tree import WIDTH, Edge, leaf_hash

LOCK, KEY_ENDING, MARK_ENDING, ASIDE = "lock", ".audit-key", ".audit-newest", ".new"
ID_OCTETS, BOOT_OCTETS = 8, 16
FOLDER_MODE, KEY_MODE, OTHERS = 0o700, 0o600, 0o077
CLOCK_SLACK_MS = 1000  # a clock set back by less is waited for; by more is said (`clock.jump`)
HEARTBEAT_S = 600
TIME_KEY, TIME_LETTERS = b',"t":"', 24  # where an entry says when
FIRST, CLEAN, UNCLEAN = "first", "clean", "unclean"


@dataclass
class Past:
    """What a log says of the time before: probe, policies, authorisations, times; the last entry's time and type."""

    probe: str = ""
    highest_policy_version: int = 0
    nonces: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    latest: str = ""
    last: str = ""
    last_type: str = ""


class AuditLog:
    """A log open for writing, by this writer alone."""

    def __init__(self, folder: Path, lock: int, clock: Callable[[], int], heartbeat_s: int) -> None:
        """Use `AuditLog.open`."""
        self.folder, self.heartbeat_s = folder, heartbeat_s
        self.boot = secrets.token_hex(BOOT_OCTETS)
        self._lock, self._clock = lock, clock
        self._turn = threading.RLock()  # keys are made, and said to be, in several threads
        self._edge, self._tail = Edge(), list[bytes]()
        self._past = Past()
        self._signer: Signer | None = None
        self._mark = folder  # beside the key, once that is known
        self._speller: Speller | None = None
        self._number, self._policy, self._failed = 0, "", ""
        #: Whether the writer before this one did not end itself: a crash, a kill, a machine without power.
        self.was_cut = False
        self._last_beat = time.monotonic()

    @classmethod
    def open(
        cls,
        folder: Path,
        keys: Path,
        *,
        probe: str = "",
        heartbeat_s: int = HEARTBEAT_S,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> Self:
        """Open a log for writing, or begin one, its key in the folder `keys`; AuditError where that cannot be.

        Without `probe` the log's own name is taken, or `probe` for a new one. `clock` gives
        milliseconds since 1970. The entry `boot` stands in the log when this returns.
        """
        if probe and not is_probe(probe):
            raise AuditError(f"A probe cannot be named {probe[:80]!r}; use letters, digits, '.', '-' and '_'.")
        if not 0 <= heartbeat_s <= MOST_HEARTBEAT_S:
            raise AuditError(
                f"A heartbeat every {heartbeat_s} s says nothing; write {MOST_HEARTBEAT_S} s (a day) or less."
            )
        log = cls(folder, _lock(folder), clock, heartbeat_s)
        try:
            log._begin(keys, probe)
        except BaseException:
            log._release()
            raise
        return log

    def append(
        self, kind: str, data: Mapping[str, Any], *, actor: Sequence[str] = (), policy: str | None = None
    ) -> int:
        """Write one entry and give its place in the log; it is on the disk when this returns."""
        return self.append_many([(kind, data)], actor=actor, policy=policy)

    def append_many(
        self,
        entries: Iterable[tuple[str, Mapping[str, Any]]],
        *,
        actor: Sequence[str] = (),
        policy: str | None = None,
    ) -> int:
        """Write entries under one checkpoint: all of them or none; give the place of the last.

        `policy` is that in force by default: that of the last `policy.load`.
        """
        with self._turn:
            return self._append(entries, actor, policy)

    def _append(
        self, entries: Iterable[tuple[str, Mapping[str, Any]]], actor: Sequence[str], policy: str | None
    ) -> int:
        if self._failed:
            raise AuditError(self._failed)
        if self._signer is None or self._lock < 0:
            raise AuditError("The audit log is closed; open it again.")
        number, last, in_force = self._number, self._past.last, self._policy
        made, learned, whose = [], [], list(actor)
        for kind, data in entries:
            now_ms = self._clock()
            now = spell_time(now_ms)
            if now < last:
                back_ms = _milliseconds(last) - now_ms
                if back_ms <= CLOCK_SLACK_MS:
                    now = last
                elif kind != "clock.jump":
                    made.append(self._spell("clock.jump", {"back_ms": back_ms}, now, number, in_force, []))
                    number += 1
            if kind == "policy.load":
                in_force = str(data.get("digest", ""))
            under = in_force if policy is None else policy
            made.append(self._spell(kind, data, now, number, under, whose))
            number, last = number + 1, now
            learned.append((kind, data))
        if not made:
            return self._edge.size - 1
        self._commit(made)
        for kind, data in learned:
            self._learn(kind, data)
        self._number, self._policy = number, in_force
        self._past.last, self._past.latest = last, max(self._past.latest, last)
        self._last_beat = time.monotonic()
        return self._edge.size - 1

    def beat(self) -> None:
        """Write a heartbeat if nothing was written for as long as was promised; cheap to call often."""
        if self.heartbeat_s and time.monotonic() - self._last_beat >= self.heartbeat_s:
            self.append("heartbeat", {})

    def close(self, reason: str = "done") -> None:
        """Say why the writer ends, and end; a second time does nothing."""
        if self._lock < 0:
            return
        try:
            if not self._failed:
                self.append("shutdown", {"reason": reason})
        finally:
            self._release()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; a run that failed says so, but never with what the error said."""
        if kind is None:
            self.close()
        else:
            with suppress(AuditError):  # the first error is the one to be told
                self.close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    @property
    def size(self) -> int:
        """Give how many entries there are."""
        return self._edge.size

    @property
    def probe(self) -> str:
        """Give the probe's name."""
        return self._past.probe

    @property
    def key(self) -> str:
        """Spell the log's public key, which an auditor needs."""
        return str(self._signing().verifier)

    @property
    def highest_policy_version(self) -> int:
        """Give the highest version of a policy file that was ever in force; 0 if none was."""
        return self._past.highest_policy_version

    @property
    def seen_nonces(self) -> frozenset[str]:
        """Give the nonces of all authorisations ever activated."""
        return frozenset(self._past.nonces)

    @property
    def seen_ids(self) -> frozenset[str]:
        """Give the ids of all authorisations ever activated."""
        return frozenset(self._past.ids)

    @property
    def latest(self) -> str:
        """Give the latest time of all entries, as entries spell it: later than the last where the clock went back."""
        return self._past.latest

    def _signing(self) -> Signer:
        if self._signer is None:
            raise AuditError("The audit log is closed; open it again.")
        return self._signer

    def _spell(self, kind: str, data: Mapping[str, Any], now: str, number: int, policy: str, actor: list[str]) -> bytes:
        if self._speller is None:
            self._speller = Speller(self._past.probe, self.boot, code_digest())
        try:
            return self._speller.spell(kind, data, now, number, policy=policy, actor=actor)
        except EntryError as error:
            raise AuditError(f"The audit log cannot take an entry of type {kind[:40]}: it {error}.") from None

    def _learn(self, kind: str, data: Mapping[str, Any]) -> None:
        """Remember what later entries must not contradict."""
        past = self._past
        past.last_type = kind
        if kind == "policy.load":
            past.highest_policy_version = max(past.highest_policy_version, data["version"])
        elif kind == "authorisation.activate":
            past.nonces.add(data["nonce"])
            past.ids.add(data["authorisation"])

    def _begin(self, keys: Path, probe: str) -> None:
        """Read the log that is there, or begin one; then say that this writer is there."""
        try:
            note = read_checkpoint_file(self.folder)
        except LackError:
            discarded = self._discard()
            self._generate(keys, probe or "probe")
            previous = FIRST
        else:
            self._signer = _own_key(note, keys)
            self._mark = _key_place(keys, self._signer.name).with_suffix(MARK_ENDING)
            self._recover(note)
            if probe and probe != self._past.probe:
                raise AuditError(f"This is the audit log of the probe {self._past.probe!r} and not of {probe!r}.")
            discarded = self._discard()
            previous = CLEAN if self._past.last_type == "shutdown" else UNCLEAN
        self.was_cut = previous == UNCLEAN
        entries: list[tuple[str, Mapping[str, Any]]] = []
        if previous == FIRST:
            entries.append((GENESIS, {"origin": self._signing().name, "key": self.key}))
        from sonde import __version__  # noqa: PLC0415 - the package is on its way to be imported when this is

        boot = {"version": __version__, "previous": previous, "discarded": discarded, "heartbeat_s": self.heartbeat_s}
        self.append_many([*entries, ("boot", boot)])

    def _generate(self, keys: Path, probe: str) -> None:
        """Make a key and an origin that no other log has."""
        name = f"{probe}/{secrets.token_hex(ID_OCTETS)}"
        self._past.probe = probe
        self._signer = Signer(name, Ed25519PrivateKey.generate())
        place = _key_place(private_folder(keys), name)
        self._mark = place.with_suffix(MARK_ENDING)
        try:
            number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
            with os.fdopen(number, "w") as file:
                file.write(self._signer.secret() + "\n")
                file.flush()
                os.fsync(number)
            _sync(keys)
        except OSError as error:
            raise AuditError(f"The log's key cannot be written to {keys}: {error.strerror}.") from None

    def _recover(self, note: bytes) -> None:
        """Read all that is there, and see that it is whole."""
        checkpoint = read_checkpoint(open_note(note, self._signing().verifier))
        newest = self._newest()
        found = read_log(self.folder, checkpoint.size, [newest.size] if newest else [])
        if found.faults or found.edge.root() != checkpoint.root:
            why = found.faults[0].text if found.faults else "its entries are not those that were signed."
            raise AuditError(
                f"The audit log {self.folder} is damaged: {why} Keep it for an auditor and begin another beside it."
            )
        if newest and found.roots.get(newest.size) != newest.root:
            raise AuditError(
                f"The audit log {self.folder} had {newest.size} entries and has {checkpoint.size} or others: it was "
                "put back from a copy, which auditors take for fraud. Put the newest back, or begin another."
            )
        self._edge = found.edge
        if checkpoint.size % WIDTH:
            self._tail = found.bundles[-1]
        for number, octets in found.entries():
            if number in {0, checkpoint.size - 1} or b'"type":"policy.load"' in octets or b'activate"' in octets:
                try:
                    entry = decode_entry(octets)
                except EntryError as error:
                    raise AuditError(f"The audit log {self.folder} is damaged: entry {number} {error}.") from None
                self._learn(entry["type"], entry["data"])
                self._past.probe, self._past.last = entry["probe"], entry["t"]
            at = octets.rfind(TIME_KEY) + len(TIME_KEY)  # quotes within texts are escaped
            self._past.latest = max(self._past.latest, octets[at : at + TIME_LETTERS].decode())

    def _newest(self) -> Checkpoint | None:
        """Give the newest checkpoint that was signed with this key, as far as is remembered beside it."""
        try:
            note = self._mark.read_bytes()
            return read_checkpoint(open_note(note, self._signing().verifier))
        except (OSError, NoteError):  # never written, or torn by a loss of power: auditors remember better
            return None

    def _remember(self, note: bytes) -> None:
        """Keep a copy of a checkpoint beside the key; it is no part of what was promised, and not written through."""
        with suppress(OSError):
            aside = self._mark.with_name(self._mark.name + ASIDE)
            aside.touch(KEY_MODE)
            aside.write_bytes(note)
            aside.replace(self._mark)

    def _discard(self) -> int:
        """Remove what a writer left that ended before its checkpoint; give how many entries that were."""
        count, paths = beyond(self.folder, self._edge.size)
        try:
            if paths:  # a full tile may be all that has the entries before them
                _write_all(self.folder, _partial_files(self._edge, self._tail))
            for path in [*paths, *self.folder.rglob(f"*{ASIDE}")]:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise AuditError(f"{self.folder} cannot be written: {error.strerror}; nothing is done.") from None
        return count

    def _commit(self, made: list[bytes]) -> None:
        """Write new tiles, then the checkpoint over them."""
        signer, edge = self._signing(), self._edge.copy()
        tail, full, files = list(self._tail), list[Path](), list[tuple[str, bytes]]()

        def fill(level: int, index: int, octets: bytes) -> None:
            path = tile_path(str(level), index, WIDTH)
            files.append((path, octets))
            full.append(self.folder / f"{path}.p")

        at = 0
        while at < len(made):
            some = made[at : at + WIDTH - len(tail)]
            at += len(some)
            tail += some
            edge.add(map(leaf_hash, some), fill)
            if len(tail) == WIDTH:
                path = tile_path(ENTRIES, edge.size // WIDTH - 1, WIDTH)
                files.append((path, pack_entries(tail)))
                full.append(self.folder / f"{path}.p")
                tail = []
        files += _partial_files(edge, tail)
        checkpoint = Checkpoint(signer.name, edge.size, edge.root())
        try:
            _write_all(self.folder, files)
            note = sign(checkpoint.text(), signer)
            _write_all(self.folder, [(CHECKPOINT, note)])
            _remove_partial(full)
        except OSError as error:
            self._failed = (
                f"The audit log {self.folder} cannot be written: {error.strerror}; "
                "mend that and run again, the next run finds out how far this one came."
            )
            raise AuditError(self._failed) from None
        except BaseException:
            self._failed = f"Writing to the audit log {self.folder} was interrupted; run again."
            raise
        self._edge, self._tail = edge, tail
        self._remember(note)

    def _release(self) -> None:
        if self._lock >= 0:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # processes forked meanwhile hold it too
            os.close(self._lock)
            self._lock = -1


def private_folder(keys: Path) -> Path:
    """Make a folder that its owner alone can enter, or see that it is one; AuditError otherwise."""
    try:
        keys.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = keys.stat()
    except OSError as error:
        raise AuditError(f"The folder of keys {keys} cannot be made: {error.strerror}; name another.") from None
    if found.st_mode & OTHERS or found.st_uid != os.geteuid():
        raise AuditError(f"Others can enter the folder of keys {keys}; run `chmod 700 {keys}` as its owner.")
    return keys


def _key_place(keys: Path, origin: str) -> Path:
    return keys / f"{origin.rpartition('/')[2]}{KEY_ENDING}"


def _own_key(note: bytes, keys: Path) -> Signer:
    """Find the private key of a log that is there."""
    text, _ = split_note(note)
    origin = read_checkpoint(text).origin
    place = _key_place(private_folder(keys), origin)
    try:
        number = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(number, encoding="ascii") as file:
            if os.fstat(number).st_mode & OTHERS:
                raise AuditError(f"Others can read the key of the audit log, {place}; begin a log with another key.")
            signer = read_signer(file.read(1024))
    except NoteError as error:
        raise AuditError(f"{place} is damaged: {error}.") from None
    except (OSError, UnicodeDecodeError):
        raise AuditError(
            f"The key of this audit log is not in {keys}; name the folder that has it, or begin another log."
        ) from None
    if signer.name != origin:
        raise AuditError(f"{place} is the key of another log; name the folder that has this one's.")
    return signer


def _lock(folder: Path) -> int:
    """Make the folder if need be, and be the only writer in it."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        number = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, KEY_MODE)
    except OSError as error:
        raise AuditError(f"The audit log {folder} cannot be written: {error.strerror}; nothing is done.") from None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        raise AuditError(f"Another program writes to the audit log {folder}; wait for it to end.") from None
    return number


def _partial_files(edge: Edge, tail: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Give the partial tiles of a tree, with their paths."""
    if tail:
        yield tile_path(ENTRIES, edge.size // WIDTH, len(tail)), pack_entries(tail)
    for level, hashes in enumerate(edge.levels):
        if hashes:
            yield tile_path(str(level), edge.size // WIDTH ** (level + 1), len(hashes)), b"".join(hashes)


def _write_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files whole: aside, through to the disk, then renamed, and the folders likewise."""
    folders: dict[Path, None] = {}
    for name, octets in files:
        path = folder / name
        if path.parent not in folders:
            _make_folder(path.parent)
            folders[path.parent] = None
        aside = f"{path}{ASIDE}"
        number = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(octets)
            while view:
                view = view[os.write(number, view) :]
            os.fsync(number)
        finally:
            os.close(number)
        os.replace(aside, path)  # noqa: PTH105 - beside os.open; aside is no Path
    for each in folders:
        _sync(each)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove_partial(folders: Iterable[Path]) -> None:
    """Remove partial tiles that a full one has taken the place of (tlog-tiles, "Partial Tiles")."""
    for folder in folders:
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def _milliseconds(text: str) -> int:
    from datetime import datetime  # noqa: PLC0415 - only where a clock went back

    return round(datetime.fromisoformat(text).timestamp() * 1000)


__all__ = ["HEARTBEAT_S", "AuditLog", "private_folder"]

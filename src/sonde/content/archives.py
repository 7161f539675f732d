"""Archives other than ZIP, read while they stream by: names and flags, never what they hold.

Theory of operation: a walk is a generator that asks for the next octets (`TAKE`) or passes over some (`PASS`); it
sees no octet twice and keeps none. Sources: RAR 5.0 archive format and unrar's technote.txt, 7zFormat.txt, POSIX
ustar with GNU's long names, RFC 1952.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from sonde.content.kinds import MOST_MEMBERS, MOST_NAME

TAKE, PASS = range(2)
Walk = Generator[tuple[int, int], bytes, None]
MOST_HEADER = 64 << 10  # octets of a header that are taken at once
MOST_STEPS = 20_000  # that a walk takes through one file
DECIDED = 512  # octets by which it is known what to watch
AES_7Z = b"\x06\xf1\x07\x01"  # the coder's number
RAR, SEVEN, TAR, GZIP = "application/x-rar", "application/x-7z-compressed", "application/x-tar", "application/gzip"


@dataclass
class Found:
    """What a file lists of itself."""

    names: list[str] = field(default_factory=list)
    count: int = 0
    is_encrypted: bool = False
    odd: set[str] = field(default_factory=set)

    def note_lock(self, locked: bool) -> None:
        """Note whether a member needs a password; one is enough."""
        self.is_encrypted = self.is_encrypted or locked

    def add(self, name: str) -> None:
        """List a member, if there is room."""
        self.count += 1
        if len(self.names) < MOST_MEMBERS:
            self.names.append("".join(max(letter, " ") for letter in name)[:MOST_NAME])
        else:
            self.odd.add("members_cut")


class Watched:
    """A file whose octets come by."""

    def __init__(self, walk: Callable[[Found], Walk]) -> None:
        """Begin at its first octet."""
        self.found = Found()
        self.buffer = b""
        self.steps = 0
        self.walk: Walk | None = walk(self.found)
        self.request = next(self.walk)

    def feed(self, octets: memoryview | bytes) -> None:
        """Take the next octets."""
        what, amount = self.request
        if self.walk is None:
            return
        if what == PASS and amount > len(octets) and not self.buffer:
            self.request = PASS, amount - len(octets)
            return
        self.buffer += octets
        while self.walk is not None and self._step():
            pass

    def _step(self) -> bool:
        """Answer one request; False where it needs more octets."""
        what, amount = self.request
        if what == PASS:
            used = min(amount, len(self.buffer))
            self.buffer = self.buffer[used:]
            self.request = PASS, amount - used
            return used == amount and self._answer(b"")
        if amount > MOST_HEADER:
            self.found.odd.add("archive_cut")
            self.walk, self.buffer = None, b""
            return False
        if len(self.buffer) < amount:
            return False
        taken, self.buffer = self.buffer[:amount], self.buffer[amount:]
        return self._answer(taken)

    def _answer(self, octets: bytes) -> bool:
        """Let the walk go on."""
        assert self.walk is not None  # noqa: S101 - `feed` asks first
        self.steps += 1
        if self.steps > MOST_STEPS:
            self.found.odd.add("archive_cut")
            self.walk, self.buffer = None, b""
            return False
        try:
            self.request = self.walk.send(octets)
        except StopIteration:
            self.walk, self.buffer = None, b""
            return False
        return True


def number(octets: bytes, at: int, size: int) -> int:
    """Read a little-endian number."""
    return int.from_bytes(octets[at : at + size], "little")


def watch_rar(found: Found) -> Walk:
    """Go from block to block of a RAR archive."""
    mark = yield TAKE, 7
    if mark[6] == 0:
        yield from _rar_4(found)
    else:
        yield PASS, 1
        yield from _rar_5(found)


def _rar_4(found: Found) -> Walk:
    while True:
        head = yield TAKE, 7
        kind, flags, size = head[2], number(head, 3, 2), number(head, 5, 2)
        rest = yield TAKE, max(size - 7, 0)
        packed = number(rest, 0, 4) if flags & 0x8000 or kind == 0x74 else 0
        if kind == 0x73 and flags & 0x80:
            found.is_encrypted = True  # its headers too
            return
        if kind == 0x74:
            start = 33 if flags & 0x100 else 25
            packed |= number(rest, 25, 4) << 32 if flags & 0x100 else 0
            name = rest[start : start + number(rest, 19, 2)].split(b"\0")[0]
            found.add(name.decode("utf-8", "replace"))
            found.note_lock(flags & 4 != 0)
        if kind == 0x7B or size < 7:
            return
        yield PASS, packed


def _rar_5(found: Found) -> Walk:
    while True:
        yield PASS, 4
        size = yield from _number_7()
        head = yield TAKE, size
        fields = _Numbers(head)
        kind, flags = fields.next(), fields.next()
        extra = fields.next() if flags & 1 else 0
        packed = fields.next() if flags & 2 else 0
        if kind == 4:
            found.is_encrypted = True  # its headers too
            return
        if kind == 2:
            own = fields.next()
            fields.next()
            fields.next()
            fields.at += (4 if own & 2 else 0) + (4 if own & 4 else 0)
            fields.next()
            fields.next()
            length = fields.next()
            found.add(head[fields.at : fields.at + length].decode("utf-8", "replace"))
            area = _Numbers(head[len(head) - extra :] if extra else b"")
            found.note_lock(area.next() > 0 and area.next() == 1)  # the first record: encryption
        if kind == 5 or not size:
            return
        yield PASS, packed


def _number_7() -> Generator[tuple[int, Any], bytes, int]:
    value = 0
    for place in range(3):
        octet = yield TAKE, 1
        value |= (octet[0] & 127) << 7 * place
        if octet[0] < 128:
            break
    return value


class _Numbers:
    """Numbers of seven bits an octet, one after another."""

    def __init__(self, octets: bytes) -> None:
        self.octets, self.at = octets, 0

    def next(self) -> int:
        value = shift = 0
        while self.at < len(self.octets) and shift < 70:
            octet = self.octets[self.at]
            self.at += 1
            value |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                break
        return value


def watch_7z(found: Found) -> Walk:
    """Look at the header at the end of a 7z archive, if it is not packed; its names are not read."""
    head = yield TAKE, 32
    yield PASS, number(head, 12, 8)
    header = yield TAKE, number(head, 20, 8)
    if AES_7Z in header:
        found.is_encrypted = True


def watch_tar(found: Found) -> Walk:
    """Go from header to header of a tar file (POSIX ustar, GNU long names)."""
    long_name = b""
    while True:
        head = yield TAKE, 512
        name = head[:100].split(b"\0")[0]
        if not name:
            return
        try:
            size = int(head[124:136].split(b"\0")[0].strip() or b"0", 8)
        except ValueError:
            found.odd.add("archive_cut")
            return
        padded = max(size + 511 & ~511, 0)
        if head[156:157] == b"L" and padded <= MOST_HEADER:
            long_name = (yield TAKE, padded)[:size].split(b"\0")[0]
            continue
        if head[156:157] in (b"0", b"\0", b"7"):
            prefix = head[345:500].split(b"\0")[0] if head[257:262] == b"ustar" and head[262:263] == b"\0" else b""
            full = long_name or (prefix + b"/" + name if prefix else name)
            found.add(full.decode("utf-8", "replace"))
        if head[156:157] not in (b"x", b"g"):
            long_name = b""
        yield PASS, padded


def watch_gzip(found: Found) -> Walk:
    """Read the name in the header of a gzip file (RFC 1952 §2.3.1)."""
    head = yield TAKE, 10
    if head[3] & 4:
        size = yield TAKE, 2
        yield PASS, number(size, 0, 2)
    if head[3] & 8:
        name = b""
        while len(name) < MOST_NAME:
            octet = yield TAKE, 1
            if octet == b"\0":
                break
            name += octet
        found.add(name.decode("latin-1"))


WALKS: dict[str, Callable[[Found], Walk]] = {RAR: watch_rar, SEVEN: watch_7z, TAR: watch_tar, GZIP: watch_gzip}


def watch(kind: str | None) -> Watched | None:
    """Watch a file of this type, if there is anything to be seen."""
    walk = WALKS.get(kind or "")
    return None if walk is None else Watched(walk)


__all__ = ["DECIDED", "WALKS", "Found", "Watched", "watch"]

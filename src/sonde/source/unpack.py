"""Packed files and pipes -> octets: gzip, zstd, xz and bz2, told by their first octets.

All four unpack piece by piece and in several members one behind the other. Little is fed
at a time, so that what a hostile file unpacks to at once stays bounded.
"""

import fcntl
import io
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

FED = 4096  # octets at a time; zstd makes at most 128 MiB of them
READ = 1 << 18  # packed octets read at a time
PIPE_OCTETS = 1 << 20  # that a pipe may hold, as much as Linux allows anybody
F_SETPIPE_SZ = 1031  # linux/fcntl.h
HEAD = 6  # octets that tell what it is


class UnpackError(ValueError):
    """A packed stream that does not hold together, and why."""


class Octets(Protocol):
    """What captures are read from."""

    def readinto(self, room: memoryview, /) -> int:
        """Put octets into `room`, and give how many; none at the end only."""

    def comes(self, seconds: float) -> bool:
        """Say whether more, or the end, is there within so many seconds."""

    def close(self) -> None:
        """Let the input go."""


class Plain:
    """A stream that is not packed, whose first octets were read already."""

    def __init__(self, handle: io.RawIOBase, head: bytes) -> None:
        """Go on behind `head`."""
        self.handle, self.head = handle, head

    def readinto(self, room: memoryview, /) -> int:
        """Give what is at hand; wait until there is something."""
        if self.head:
            head, self.head = self.head[: len(room)], self.head[len(room) :]
            room[: len(head)] = head
            return len(head)
        return _read(self.handle, room)

    def comes(self, seconds: float) -> bool:
        """Say so; of a file, always."""
        return bool(self.head) or _comes(self.handle, seconds)

    def close(self) -> None:
        """Let the input go."""
        self.handle.close()


class Packed:
    """A stream of packed members."""

    def __init__(self, stream: Plain, make: Callable[[], Any]) -> None:
        """Unpack a stream; `make` makes the engine of one member."""
        self.stream, self.make = stream, make
        self.engine = make()
        self.fault = ""
        self.read = bytearray(READ)
        self.at = self.end = 0  # of what was read and is not fed yet
        self.piece = memoryview(b"")  # of what was unpacked and found no room yet

    def readinto(self, room: memoryview, /) -> int:
        """Put what is at hand, unpacked, into `room`; UnpackError where nothing more can be, after all that could."""
        filled = 0
        while filled < len(room) and not self.fault:
            if not self.piece:
                if filled and self.at == self.end:
                    break  # to read on may take long
                try:
                    piece = self._step()
                except UnpackError as error:
                    self.fault = str(error)
                    break
                if piece is None:
                    return filled
                self.piece = memoryview(piece)
            taken = min(len(self.piece), len(room) - filled)
            room[filled : filled + taken] = self.piece[:taken]
            self.piece = self.piece[taken:]
            filled += taken
        if self.fault and not filled:
            raise UnpackError(self.fault)
        return filled

    def comes(self, seconds: float) -> bool:
        """Say so of the packed stream, unless some of it is at hand."""
        return bool(self.piece or self.fault or self.at < self.end) or self.stream.comes(seconds)

    def _step(self) -> bytes | None:
        """Unpack one piece, which may be empty; None at the end."""
        fed = self._feed()
        if self.engine.eof:
            fed = (self.engine.unused_data + fed).lstrip(b"\0")  # gzip files may be padded
            if not fed:
                return None
            self.engine = self.make()
        elif not fed:
            raise UnpackError("the packed file ends before its end")
        try:
            return cast("bytes", self.engine.decompress(fed))
        except Exception as error:  # each library has a class of its own
            raise UnpackError(f"it cannot be unpacked: {error}") from error

    def _feed(self) -> bytes:
        """Give the next packed octets; none at the end."""
        if self.at == self.end:
            self.at, self.end = 0, self.stream.readinto(memoryview(self.read))
        fed = bytes(self.read[self.at : min(self.at + FED, self.end)])
        self.at += len(fed)
        return fed

    def close(self) -> None:
        """Let the input go."""
        self.stream.close()


def _gzip() -> Any:  # noqa: ANN401
    import zlib  # noqa: PLC0415

    return zlib.decompressobj(wbits=31)


def _zstd() -> Any:  # noqa: ANN401
    import zstandard  # noqa: PLC0415

    return zstandard.ZstdDecompressor().decompressobj()


def _xz() -> Any:  # noqa: ANN401
    import lzma  # noqa: PLC0415

    return lzma.LZMADecompressor()


def _bz2() -> Any:  # noqa: ANN401
    import bz2  # noqa: PLC0415

    return bz2.BZ2Decompressor()


MAKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": _gzip,  # RFC 1952 §2.3.1
    b"\x28\xb5\x2f\xfd": _zstd,  # RFC 8878 §3.1.1
    b"\xfd7zXZ\x00": _xz,
    b"BZh": _bz2,
}


def unpacked(handle: io.FileIO) -> Plain | Packed:
    """Wrap a stream in what its first octets ask for."""
    _widen(handle)
    head = bytearray(HEAD)
    have = 0
    while have < HEAD and (more := _read(handle, memoryview(head)[have:])):
        have += more
    plain = Plain(handle, bytes(head[:have]))
    for magic, make in MAKERS.items():
        if plain.head.startswith(magic):
            return Packed(plain, make)
    return plain


def _widen(handle: io.FileIO) -> None:
    """Have a pipe hold more, where it is one: whoever writes to it, and we, wait less often."""
    with suppress(OSError):  # it is no pipe, or the system allows no more
        fcntl.fcntl(handle.fileno(), F_SETPIPE_SZ, PIPE_OCTETS)


def _read(handle: io.RawIOBase, room: memoryview) -> int:
    """Read what is at hand; wait until there is something, also where the pipe is set not to wait."""
    while (read := cast("Any", handle).readinto(room)) is None:
        _comes(handle, None)
    return int(read)


def _comes(handle: io.RawIOBase, seconds: float | None) -> bool:
    """Wait until there is something, or the end; for so many seconds at most."""
    waiting = select.poll()  # `select` itself takes no descriptor beyond 1,023
    waiting.register(handle, select.POLLIN)
    return bool(waiting.poll(None if seconds is None else 1000 * seconds))

"""Packed files and pipes -> octets: gzip, zstd, xz and bz2, told by their first octets.

All four unpack piece by piece and in several members one behind the other. Little is fed
at a time, so that what a hostile file unpacks to at once stays bounded.
"""

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

FED = 4096  # octets at a time; zstd makes at most 128 MiB of them
HEAD = 6  # octets that tell what it is


class UnpackError(ValueError):
    """A packed stream that does not hold together, and why."""


class Octets(Protocol):
    """What captures are read from."""

    def read1(self, size: int, /) -> bytes:
        """Give some octets, about `size`; none at the end."""

    def close(self) -> None:
        """Let the input go."""


class Plain:
    """A stream that is not packed, whose first octets were read already."""

    def __init__(self, handle: BinaryIO, head: bytes) -> None:
        """Go on behind `head`."""
        self.handle, self.head = handle, head

    def read1(self, size: int, /) -> bytes:
        """Give what is at hand."""
        if self.head:
            head, self.head = self.head, b""
            return head
        return cast("Any", self.handle).read1(size)

    def close(self) -> None:
        """Let the input go."""
        self.handle.close()


class Packed:
    """A stream of packed members."""

    def __init__(self, handle: BinaryIO, head: bytes, make: Callable[[], Any]) -> None:
        """Unpack `head` and what follows it; `make` makes the engine of one member."""
        self.handle, self.rest, self.make = handle, head, make
        self.engine = make()
        self.fault = ""

    def read1(self, size: int, /) -> bytes:
        """Unpack about `size` octets; UnpackError where nothing more can be, after all that could."""
        pieces: list[bytes] = []
        have = 0
        while have < size and not self.fault:
            try:
                piece = self._step()
            except UnpackError as error:
                self.fault = str(error)
                break
            if piece is None:
                break
            pieces.append(piece)
            have += len(piece)
        if self.fault and not pieces:
            raise UnpackError(self.fault)
        return b"".join(pieces)

    def _step(self) -> bytes | None:
        """Unpack one piece, which may be empty; None at the end."""
        fed = self.rest or self.handle.read(FED)
        self.rest = b""
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

    def close(self) -> None:
        """Let the input go."""
        self.handle.close()


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


def unpacked(handle: BinaryIO) -> Plain | Packed:
    """Wrap a stream in what its first octets ask for."""
    head = handle.read(HEAD)
    for magic, make in MAKERS.items():
        if head.startswith(magic):
            return Packed(handle, head, make)
    return Plain(handle, head)

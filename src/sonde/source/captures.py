"""Capture files and pipes -> blocks of frames.

    source = open_source("office.pcapng.zst")
    for block in source.blocks():
        block.frames["ts"], block.wire
    source.report.damage

A regular file is memory-mapped, and its pages are given back when `release` says that all
are through with them; what is compressed or piped is read into buffers, which are used again
then. Whatever can be read before a damaged place is read; the place and the reason stand in the report.
"""

import io
import mmap
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sonde.source import scan
from sonde.source.buffers import Buffers
from sonde.source.unpack import Octets, Plain, UnpackError, unpacked
from sonde.table.frames import FRAME, Block, Damage, SourceReport
from sonde.wire import Ints, Rows, Wire

BLOCK_FRAMES = 20480  # of a block, at most
BLOCK_OCTETS = 10 << 20  # a block of long frames is over sooner: its pages stay until all lanes are through
MOST_SHARES = 2  # so many times as large are blocks for several lanes: what each does for a block it does for a share
BUFFER = 20 << 20  # octets of a stream in one buffer: about two blocks, and few records are cut at its end
PIECE = 1 << 20  # octets of a stream that are read and looked through at a time, while they are in the cache
PATIENCE_S = 0.5  # with a stream that gives less than a piece, for who looks on to see how far reading is
RELEASE = 1 << 20  # mapped octets after which read pages are given back

CLASSIC = {
    b"\xd4\xc3\xb2\xa1": (0, 1000, 16),
    b"\xa1\xb2\xc3\xd4": (1, 1000, 16),
    b"\x4d\x3c\xb2\xa1": (0, 1, 16),
    b"\xa1\xb2\x3c\x4d": (1, 1, 16),
    b"\x34\xcd\xb2\xa1": (0, 1000, 24),  # Kuznetsov's patched libpcap
    b"\xa1\xb2\xcd\x34": (1, 1000, 24),
}
NEXT_GENERATION = b"\x0a\x0d\x0d\x0a"
LONGEST_HEADER = 24  # of a file, that must be there to be read


class SourceError(ValueError):
    """An input that cannot be read at all; the message is for the user."""


class Source:
    """One input. Iterate `blocks()` once; `report` is complete afterwards."""

    def __init__(self, path: str, stream: Octets | None, mapped: mmap.mmap | None, size: int, shares: int = 1) -> None:
        """Use `open_source` instead."""
        self.report = SourceReport(path, octets=size)
        self.stream = stream
        self.mapped = mapped
        self.size = size
        self.state: Ints = np.zeros(scan.STATE_SIZE, np.int64)
        self.state[scan.ENOUGH] = BLOCK_OCTETS * shares
        self.block_frames = BLOCK_FRAMES * shares
        self.interfaces: Ints = np.zeros((scan.MOST_INTERFACES, 5), np.int64)
        self.is_ng = False
        self.released = 0
        #: How long a stream may take to fill a block as large as those of a file; 0: blocks have what is at hand.
        self.patience_s = PATIENCE_S
        self.buffers = Buffers()

    def blocks(self, first: int = 0, frames: int = 0) -> Iterator[Block]:
        """Give blocks of frames in order; `first` numbers the first frame, `frames` are the most of a block."""
        reader = self._mapped_blocks if self.mapped is not None else self._piped_blocks
        try:
            for block in reader(frames or self.block_frames):
                numbered = Block(block.wire, block.frames, first + self.report.frames, block.offset)
                self.report.frames += len(block.frames)
                yield numbered
        finally:
            self.close()
        self.report.comments = int(self.state[scan.COMMENTS])
        skipped = int(self.state[scan.SKIPPED])
        if skipped:
            self._damage(0, f"{skipped} packet blocks belong to no described interface or do not hold together")

    def rehearse(self) -> None:
        """Scan nothing, so that the kernel is compiled; the input is as good as lost afterwards."""
        self.is_ng = self.mapped is not None and self.mapped[:4] == NEXT_GENERATION
        self._scan(np.zeros(1, np.uint8), 0, 0, np.empty(1, FRAME))

    def release(self, offset: int) -> None:
        """Give back the memory of what lies before an offset: nobody will read it again. Any thread may."""
        self.buffers.release(offset)
        until = offset // mmap.PAGESIZE * mmap.PAGESIZE
        if self.mapped is not None and until - self.released >= RELEASE:
            self.mapped.madvise(mmap.MADV_DONTNEED, self.released, until - self.released)
            self.released = until

    def close(self) -> None:
        """Let the input go."""
        if self.stream is not None:
            self.stream.close()

    def _damage(self, offset: int, reason: str) -> None:
        self.report.damage.append(Damage(self.report.path, offset, reason))

    def begin(self, head: bytes) -> int:
        """Read the file header; give its length."""
        if head[:4] == NEXT_GENERATION:
            self.is_ng = True
            self.report.kind = "pcapng"
            return 0
        found = CLASSIC.get(head[:4])
        if found is None:
            raise SourceError(
                f"{self.report.path} is no capture: it begins with {head[:4].hex(' ')}, "
                "not with a pcap or pcapng header."
            )
        if len(head) < LONGEST_HEADER:
            raise SourceError(f"{self.report.path} ends within its header after {len(head)} octets.")
        swapped, unit, record = found
        order: Any = "big" if swapped else "little"
        self.state[scan.SWAPPED], self.state[scan.UNIT], self.state[scan.RECORD] = swapped, unit, record
        self.state[scan.LINK] = int.from_bytes(head[20:24], order) & 0xFFFF
        snap = int.from_bytes(head[16:20], order)
        self.state[scan.MOST] = min(max(snap, scan.LARGEST_FRAME), 1 << 24)
        self.report.kind = "pcap"
        return 24

    def _scan(self, wire: Wire, at: int, end: int, frames: Rows) -> int:
        if self.is_ng:
            return int(scan.scan_pcapng(wire, at, end, self.state, self.interfaces, frames))
        return int(scan.scan_pcap(wire, at, end, self.state, frames))

    def _stopped(self, wire: Wire, base: int, at: int, end: int) -> bool:
        """Report damage at a place where scanning cannot go on; True if it is there."""
        reason = int(self.state[scan.REASON])
        if reason in (scan.MORE, scan.FULL):
            return False
        length = int(scan.word32(wire, at + 8, int(self.state[scan.SWAPPED]))) if end - at >= 12 else 0
        self._damage(base + at, scan.REASONS[reason].format(length=length))
        return True

    def _mapped_blocks(self, count: int) -> Iterator[Block]:
        assert self.mapped is not None  # noqa: S101
        wire = np.frombuffer(self.mapped, np.uint8)
        at, end = self.begin(bytes(wire[:64])), len(wire)
        while True:
            frames = np.empty(count, FRAME)
            found = self._scan(wire, at, end, frames)
            after = int(self.state[scan.NEXT])
            if found:
                yield Block(wire, frames[:found], 0, after)
            if self._stopped(wire, 0, after, end):
                break
            if int(self.state[scan.REASON]) != scan.FULL:
                if after < end:
                    self._damage(after, f"the file ends within a record ({end - after} octets of it are there)")
                break
            at = after

    def _piped_blocks(self, count: int) -> Iterator[Block]:
        """Read into buffers; the record that one ends within goes to the front of the next."""
        wire, filled, base = self.buffers.take(BUFFER), 0, 0  # `base` is where the buffer begins in the input
        at = begun = -1
        frames, found, over = np.empty(count, FRAME), 0, False
        while not over:
            more, over = self._fill(wire[filled : filled + PIECE].data, base + filled)
            filled, is_short = filled + more, more < PIECE
            if at < 0:
                if filled < LONGEST_HEADER and not over:
                    continue
                at = begun = self._begin_piped(wire[:filled])
            is_full = True
            while is_full:
                found += self._scan(wire, at, filled, frames[found:])
                at, is_full = int(self.state[scan.NEXT]), int(self.state[scan.REASON]) == scan.FULL
                stops = int(self.state[scan.REASON]) != scan.MORE or is_short
                if found and (stops or at - begun >= BLOCK_OCTETS or len(wire) - filled < PIECE):
                    yield Block(wire, frames[:found], 0, base + at)
                    frames, found, begun = np.empty(count, FRAME), 0, at
            if self._stopped(wire, base, at, filled):
                break
            if over and at < filled:
                self._damage(base + at, f"the input ends within a record ({filled - at} octets of it are there)")
            if len(wire) - filled < PIECE:
                rest = filled - at
                fresh = self.buffers.take(max(BUFFER, 2 * rest + PIECE))
                fresh[:rest] = wire[at:filled]
                self.buffers.lend(wire, base + at)
                wire, filled, base, at, begun = fresh, rest, base + at, 0, 0
        self.report.octets = base + filled

    def _fill(self, room: memoryview, offset: int) -> tuple[int, bool]:
        """Read the octets from an offset on: as many as there is room for, or come soon; say whether that is all.

        What could be read before it went wrong counts.
        """
        assert self.stream is not None  # noqa: S101
        filled, until = 0, 0.0
        try:
            while filled < len(room):
                more = self.stream.readinto(room[filled:])
                filled += more
                if not more:
                    return filled, True
                until = until or time.monotonic() + self.patience_s
                left = until - time.monotonic()
                if left <= 0 or not self.stream.comes(left):
                    break
        except (OSError, UnpackError) as error:
            self._damage(offset + filled, str(error))
            return filled, True
        return filled, False

    def _begin_piped(self, wire: Wire) -> int:
        """Read the file header of a stream; give its length."""
        if not len(wire):
            fault = self.report.damage[0].reason if self.report.damage else "it is empty"
            raise SourceError(f"{self.report.path} holds no capture: {fault}.")
        return self.begin(bytes(wire[:64]))


def open_source(path: str, lanes: int = 1) -> Source:
    """Open a capture file, packed or not, or `-` for standard input, to be read for so many lanes.

    Raises SourceError with a sentence for the user if it is no capture, empty or unreadable.
    """
    if path == "-":
        handle = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - Source.close does
        return Source("standard input", unpacked(handle), None, 0)
    place = Path(path)
    try:
        if place.is_dir():
            raise SourceError(f"{path} is a folder without a capture in it.")
        handle = place.open("rb", buffering=0)
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist; check the spelling.") from None
    except PermissionError:
        raise SourceError(f"{path} may not be read; ask for the right to read it.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be opened: {error.strerror}.") from None
    try:
        return _opened(path, handle, place, min(lanes, MOST_SHARES))
    except BaseException:
        handle.close()
        raise


def _opened(path: str, handle: io.FileIO, place: Path, shares: int) -> Source:
    """Map a regular file that is not packed; read all else piece by piece, in blocks that its buffers have room for."""
    size = place.stat().st_size
    if place.is_file() and size == 0:
        raise SourceError(f"{path} is empty; there is no capture in it.")
    try:
        stream = unpacked(handle)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None
    if isinstance(stream, Plain) and place.is_file():
        mapped = mmap.mmap(handle.fileno(), 0, prot=mmap.PROT_READ)
        handle.close()
        source = Source(path, None, mapped, size, shares)
        source.begin(mapped[:64])
        return source
    return Source(path, stream, None, size)

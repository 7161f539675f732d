"""Linux interfaces -> blocks of frames, through rings that the kernel fills and nobody copies.

    rings = open_rings(["eth0", "eth1"])
    for block in rings.blocks():             # empty ones too: time passes though the wire is silent
        ...
        rings.release(block.offset)          # the kernel may fill its ring blocks again
    rings.stop()                             # from a signal handler or another thread: `blocks` ends when all is read

Theory of operation. Each interface has one or more AF_PACKET rings (TPACKET_V3). All are mapped side by
side into one stretch of memory, so that a block of frames may mix interfaces, sorted by time.
The reading thread lists the frames of ring blocks that are ours; lanes read them where they lie; a ring
block goes back to the kernel when all lanes are through. If we are slow, the kernel finds
no free block, drops frames, and counts them: `loss` fetches that. The kernel gives us a block when it is
full, or after RETIRE_MS, so that a quiet link is seen in time.
"""

import ctypes
import mmap
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sonde.source import tpacket
from sonde.source.packet_socket import PacketSocket, open_socket
from sonde.table.frames import FRAME, Block, SourceReport
from sonde.wire import Ints, Wire

RING_OCTETS = 128 << 20  # of one interface, all its rings together
BLOCK_OCTETS = 1 << 20  # of a ring block
LEAST_BLOCKS = 4  # of a ring
RETIRE_MS = 60  # after which the kernel gives us a block that is not full
TICK_S = 0.1  # the longest time without a block of frames, be it an empty one
PAUSE_S = 0.002  # between looks where the kernel says that there is something, and it is what we still hold
LOSS_S = 1.0  # between questions for what was lost
FRAMES_A_BLOCK = 16384  # at most; see also pipeline.lane
MAP_FIXED = 0x10
SMALLEST_FRAME = 96  # octets in a ring block that any frame takes, its header included


@dataclass
class InterfaceCounts:
    """What an interface gave so far, as the kernel says and as we took it."""

    received: int = 0
    kernel_drops: int = 0
    freezes: int = 0
    octets: int = 0
    is_up: bool = True
    is_there: bool = True


@dataclass
class _Held:
    """Ring blocks that lanes still read, by the offset at which they are free."""

    offset: int
    #: Of each ring: the first block, and how many.
    taken: list[tuple[int, int]] = field(default_factory=list)


class Rings:
    """All rings of a probe, as one source of frames."""

    def __init__(self, sockets: list[PacketSocket], wire: Wire, rings: Ints) -> None:
        """Use `open_rings`."""
        self.sockets, self.wire, self.rings = sockets, wire, rings
        names = list(dict.fromkeys(each.name for each in sockets))
        self.report = SourceReport(",".join(names), kind="ring")
        self.counts = {name: InterfaceCounts() for name in names}
        self.room = max(FRAMES_A_BLOCK, int(rings[:, tpacket.BLOCK_SIZE].max()) // SMALLEST_FRAME)
        self.programs: dict[int, bytes] = {}
        self.offset = 0
        self.used_octets = 0
        self._held: deque[_Held] = deque()
        self._begun = self._stopping = self._cut = False
        self._statuses = [self._status_of(ring) for ring in range(len(rings))]
        self._turn = threading.Lock()  # between giving blocks back and counting those held

    @property
    def octets(self) -> int:
        """Give the octets of all rings."""
        return len(self.wire)

    def rehearse(self) -> None:
        """Walk no rings, so that the kernels are compiled."""
        none = np.zeros((0, tpacket.RING_SIZE), np.int64)
        tpacket.count_ready(self.wire, none, 0)
        tpacket.walk_ready(self.wire, none, np.empty(1, FRAME))

    def choose(self, programs: dict[int, bytes]) -> None:
        """Have the kernel give us only frames that a BPF program, by link type, chooses; before the first block."""
        self.programs = programs

    def stop(self) -> None:
        """Let no more frames in, and have `blocks` end when what is in the rings is read."""
        self._stopping = True
        for each in self.sockets:
            each.refuse()

    def cut(self) -> None:
        """Have `blocks` end at once; what is in the rings stays for the next call."""
        self._cut = True

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Give blocks of frames as they come, an empty one at least each TICK_S; `first` numbers the first frame."""
        self._cut = False
        poll = select.poll()
        for each in self.sockets:
            poll.register(each.socket, select.POLLIN)
            if not self._begun and not self._stopping:
                each.begin(self.programs.get(each.link))
        self._begun = True
        said, asked, given, stopped_at = 0.0, 0.0, 0, 0.0
        while not self._cut:
            began, horizon_ns = time.monotonic(), time.time_ns() - 2 * RETIRE_MS * 1_000_000
            block = self._take(first + given, horizon_ns)
            if began - asked >= LOSS_S:
                self.ask_loss()
                asked = began
            if len(block.frames) or began - said >= TICK_S:
                given += len(block.frames)
                self.report.frames += len(block.frames)
                said = began
                yield block
            if len(block.frames):
                continue
            if self._stopping:
                stopped_at = stopped_at or began
                if began - stopped_at > 3 * RETIRE_MS / 1000:
                    break
            self._wait(poll)
        self.ask_loss()

    def _wait(self, poll: "select.poll") -> None:
        """Wait for a ring block; where the kernel answers at once though we have all, a short while."""
        until = time.monotonic() + TICK_S / 2
        while time.monotonic() < until and not self._cut:
            poll.poll(max(1, int((until - time.monotonic()) * 1000)))
            if any(self._is_ready(ring) for ring in range(len(self.rings))):
                return
            if self._stopping:
                time.sleep(PAUSE_S)
                return
            time.sleep(PAUSE_S)

    def _take(self, number: int, horizon_ns: int) -> Block:
        """List the frames of ring blocks that are ours; empty where there are none."""
        rings = self.rings
        expected = int(tpacket.count_ready(self.wire, rings, self.room))
        if not expected and not rings[:, tpacket.READY].any():
            return Block(self.wire, np.empty(0, FRAME), number, self.offset, horizon_ns)
        taken = [(int(ring[tpacket.NEXT]), int(ring[tpacket.READY])) for ring in rings]
        frames = np.empty(expected, FRAME)
        frames = frames[: int(tpacket.walk_ready(self.wire, rings, frames))]
        with self._turn:
            self.offset += sum(count for _, count in taken)
            self._held.append(_Held(self.offset, taken))
            self.used_octets += sum(count for _, count in taken) * BLOCK_OCTETS
        stamps = frames["ts"]
        if sum(1 for _, count in taken if count) > 1 and (stamps[1:] < stamps[:-1]).any():
            order = np.argsort(stamps, kind="stable")
            frames = frames.view(f"V{FRAME.itemsize}").take(order).view(FRAME)
        if len(frames) and any(self._is_ready(ring) for ring in range(len(rings))):
            horizon_ns = min(horizon_ns, int(frames["ts"].max()))  # we are behind: the clock is ahead of what we know
        return Block(self.wire, frames, number, self.offset, horizon_ns)

    def release(self, offset: int) -> None:
        """Give ring blocks back to the kernel: all lanes are through with what ends at an offset."""
        with self._turn:
            while self._held and self._held[0].offset <= offset:
                held = self._held.popleft()
                for ring, (first, count) in enumerate(held.taken):
                    statuses = self._statuses[ring]
                    for turn in range(count):
                        statuses[(first + turn) % len(statuses)] = 0
                    self.used_octets -= count * BLOCK_OCTETS

    def ask_loss(self) -> None:
        """Fetch what the kernel received and dropped, and which interfaces are up."""
        octets = dict.fromkeys(self.counts, 0)
        for each, ring in zip(self.sockets, self.rings, strict=True):
            counts, loss = self.counts[each.name], each.loss()
            counts.received += loss.received
            counts.kernel_drops += loss.dropped
            counts.freezes += loss.freezes
            counts.is_up = each.is_up()
            counts.is_there = each.is_there()
            octets[each.name] += int(ring[tpacket.OCTETS])
        for name, count in octets.items():
            self.counts[name].octets = count
        self.report.octets = sum(octets.values())

    def close(self) -> None:
        """Leave the rings as they are: a run may end and another go on with them. See `leave`."""

    def leave(self) -> None:
        """Close the sockets, and put empty memory in the place of the rings, lest somebody still reads there."""
        for each in self.sockets:
            each.socket.close()
        address = self.wire.ctypes.data
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANON | MAP_FIXED
        _map(address, len(self.wire), mmap.PROT_READ | mmap.PROT_WRITE, flags, -1)

    def _status_of(self, ring: int) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
        """Give the status words of a ring's blocks as an array."""
        base, size, blocks = self.rings[ring, [tpacket.BASE, tpacket.BLOCK_SIZE, tpacket.BLOCKS]].tolist()
        words = self.wire[base : base + size * blocks].view(np.uint32)
        return words[tpacket.BLOCK_STATUS // 4 :: size // 4]

    def _is_ready(self, ring: int) -> bool:
        return bool(self._statuses[ring][int(self.rings[ring, tpacket.NEXT])] & tpacket.OURS)


def open_rings(
    names: list[str],
    *,
    ring_octets: int = RING_OCTETS,
    rings_each: int = 1,
    retire_ms: int = RETIRE_MS,
    hardware_stamps: bool = False,
) -> Rings:
    """Open rings on interfaces; nothing is captured before `blocks` begins.

    `ring_octets` is for each interface. SourceError with a sentence for the user where that cannot be.
    """
    blocks = max(LEAST_BLOCKS, ring_octets // rings_each // BLOCK_OCTETS)
    sockets: list[PacketSocket] = []
    try:
        for place, name in enumerate(dict.fromkeys(names)):
            group = [
                open_socket(name, BLOCK_OCTETS, blocks, retire_ms, hardware_stamps=hardware_stamps)
                for _ in range(rings_each)
            ]
            sockets += group
            if rings_each > 1:
                for each in group:
                    each.join((os.getpid() + place) & 0xFFFF)
        size = blocks * BLOCK_OCTETS
        wire = _side_by_side(sockets, size)
    except BaseException:
        for each in sockets:
            each.socket.close()
        raise
    rings = np.zeros((len(sockets), tpacket.RING_SIZE), np.int64)
    rings[:, tpacket.BASE] = np.arange(len(sockets)) * size
    rings[:, tpacket.BLOCK_SIZE], rings[:, tpacket.BLOCKS] = BLOCK_OCTETS, blocks
    rings[:, tpacket.LINK] = [each.link for each in sockets]
    return Rings(sockets, wire, rings)


def _side_by_side(sockets: list[PacketSocket], size: int) -> Wire:
    """Map all rings into one stretch of memory."""
    whole = size * len(sockets)
    start = _map(0, whole, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANON, -1)
    for place, each in enumerate(sockets):
        shared = mmap.MAP_SHARED | MAP_FIXED
        _map(start + place * size, size, mmap.PROT_READ | mmap.PROT_WRITE, shared, each.socket.fileno())
    return np.ctypeslib.as_array((ctypes.c_uint8 * whole).from_address(start))


def _map(address: int, size: int, protection: int, flags: int, file: int) -> int:
    """Call mmap(2), which Python's own does not let put anything at an address."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    found = libc.mmap(address or None, size, protection, flags, file, 0)
    if found is None or found == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(found)


__all__ = ["BLOCK_OCTETS", "RETIRE_MS", "RING_OCTETS", "TICK_S", "InterfaceCounts", "Rings", "open_rings"]

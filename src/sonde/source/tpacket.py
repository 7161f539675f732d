"""Kernels that walk the blocks of TPACKET_V3 rings (linux/if_packet.h; Linux' packet_mmap.rst).

A ring is some blocks of one size that lie one behind the other. The kernel fills a block with
frames, each behind a header of its own, and gives it to us by setting a bit of its status;
we give it back by clearing the status. All rings of a probe lie in one wire, so that a block of
frames can be of several interfaces, in the order of their times.
"""

import numpy as np

from sonde.wire import Int, Ints, Rows, Wire, kernel, le16, le32

# Places of one ring in the table of rings (an int64 array).
(
    BASE,  # where its first block lies in the wire
    BLOCK_SIZE,
    BLOCKS,
    NEXT,  # the block that the kernel will give us next
    READY,  # how many from there on are ours to read
    LINK,  # link type of its interface
    OCTETS,  # of all frames so far, as they were on the link
    FRAMES,  # all so far
    DAMAGED,  # blocks that did not hold together
) = range(9)
RING_SIZE = 9

# Where things lie in a block (struct tpacket_block_desc, tpacket_hdr_v1).
BLOCK_STATUS, BLOCK_PACKETS, BLOCK_FIRST, BLOCK_HEAD = 8, 12, 16, 48
# Where things lie before a frame (struct tpacket3_hdr).
NEXT_OFFSET, SECONDS, NANOSECONDS, SNAPPED, LENGTH, STATUS, MAC = 0, 4, 8, 12, 16, 20, 24
VLAN_TCI, VLAN_TPID, FRAME_HEAD = 32, 36, 48
ADDRESS_SIZE = 20  # struct sockaddr_ll follows the header

OURS = 1  # TP_STATUS_USER
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID
DOT1Q = 0x8100
TAG = 4  # octets of a tag
ADDRESSES = 12  # octets of the two MAC addresses before it
ETHERNET = 1  # link type
LARGEST = 0x7FFFFFFF


@kernel
def count_ready(wire: Wire, rings: Ints, room: Int) -> Int:
    """Find the blocks that are ours, as many as `room` frames allow; give how many frames those have.

    A call of its own, so that no read of a block's content comes before that of its status.
    """
    total = np.int64(0)
    for number in range(len(rings)):
        rings[number, READY] = 0
    reached = True
    turn = np.int64(0)
    while reached:  # a block of each ring in turn, so that none starves
        reached = False
        for number in range(len(rings)):
            if rings[number, READY] != turn or turn >= rings[number, BLOCKS]:
                continue
            place = (rings[number, NEXT] + turn) % rings[number, BLOCKS]
            at = rings[number, BASE] + place * rings[number, BLOCK_SIZE]
            if le32(wire, at + BLOCK_STATUS) & OURS == 0:
                continue
            packets = le32(wire, at + BLOCK_PACKETS)
            if total + packets > room:
                continue
            total += packets
            rings[number, READY] += 1
            reached = True
        turn += 1
    return total


@kernel
def walk_ready(wire: Wire, rings: Ints, frames: Rows) -> Int:
    """List the frames of all blocks that `count_ready` found; give their number."""
    count = np.int64(0)
    for number in range(len(rings)):
        for turn in range(rings[number, READY]):
            place = (rings[number, NEXT] + turn) % rings[number, BLOCKS]
            at = rings[number, BASE] + place * rings[number, BLOCK_SIZE]
            before = count
            count = walk_block(wire, at, rings, number, frames, count)
            rings[number, FRAMES] += count - before
        rings[number, NEXT] = (rings[number, NEXT] + rings[number, READY]) % rings[number, BLOCKS]
    return count


@kernel
def walk_block(wire: Wire, at: Int, rings: Ints, number: Int, frames: Rows, count: Int) -> Int:
    """List the frames of one block from `count` on; give the new count."""
    end = at + rings[number, BLOCK_SIZE]
    link = rings[number, LINK]
    head = at + le32(wire, at + BLOCK_FIRST)
    for _ in range(le32(wire, at + BLOCK_PACKETS)):
        first = head + le16(wire, head + MAC) if head <= end - FRAME_HEAD else end + 1
        length = le32(wire, head + SNAPPED) if first <= end else np.int64(0)
        if head < at + BLOCK_HEAD or first < head + FRAME_HEAD or length > end - first or count >= len(frames):
            rings[number, DAMAGED] += 1
            return count
        original = min(le32(wire, head + LENGTH), LARGEST - TAG)
        if le32(wire, head + STATUS) & VLAN_VALID and link == ETHERNET and length >= ADDRESSES + 2:
            if first - TAG >= head + FRAME_HEAD + ADDRESS_SIZE:
                put_tag(wire, head, first)
                first -= TAG
                length += TAG
                original += TAG
        frame = frames[count]
        frame["ts"] = le32(wire, head + SECONDS) * 1_000_000_000 + le32(wire, head + NANOSECONDS)
        frame["at"] = first
        frame["length"] = length
        frame["original"] = original
        frame["link"] = link
        rings[number, OCTETS] += original
        count += 1
        step = le32(wire, head + NEXT_OFFSET)
        if step == 0:
            break
        head += step
    return count


@kernel
def put_tag(wire: Wire, head: Int, first: Int) -> None:
    """Put the VLAN tag that the kernel took off back behind the MAC addresses, which make room for it."""
    for offset in range(ADDRESSES):
        wire[first - TAG + offset] = wire[first + offset]
    kind = le16(wire, head + VLAN_TPID) if le32(wire, head + STATUS) & TPID_VALID else DOT1Q
    tag = le32(wire, head + VLAN_TCI)
    place = first - TAG + ADDRESSES
    wire[place] = kind >> 8
    wire[place + 1] = kind & 0xFF
    wire[place + 2] = tag >> 8 & 0xFF
    wire[place + 3] = tag & 0xFF


__all__ = ["RING_SIZE", "count_ready", "walk_ready"]

"""Ring blocks laid out by hand after linux/if_packet.h are walked as the kernel means them."""

import struct

import numpy as np
import pytest

from sonde.source import tpacket
from sonde.source.tpacket import count_ready, walk_ready
from sonde.table.frames import FRAME

SIZE = 4096  # of a block here
OURS, THE_KERNELS = 1, 0
VLAN_VALID, TPID_VALID = 0x10, 0x40  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID
ETHERNET, RAW = 1, 101
RESERVE = 4  # PACKET_RESERVE


def ring_block(*frames: dict, status: int = OURS, packets: int | None = None) -> bytes:
    """Lay out struct tpacket_block_desc, then for each frame tpacket3_hdr, sockaddr_ll, and the frame."""
    body = b""
    for place, each in enumerate(frames):
        octets = each["octets"]
        mac = 48 + 20 + RESERVE + each.get("gap", 0)
        size = -(-(mac + len(octets)) // 16) * 16
        step = 0 if place == len(frames) - 1 else size
        head = struct.pack(
            "=IIIIIIHHIIHH8x",
            each.get("step", step), each.get("s", 5), each.get("ns", 7), each.get("snapped", len(octets)),
            each.get("length", len(octets)), each.get("status", 0), mac, mac + 14, 0,
            each.get("tci", 0), each.get("tpid", 0), 0,
        )  # fmt: skip
        assert len(head) == 48
        body += (head + bytes(mac - 48) + octets).ljust(size, b"\xee")
    count = len(frames) if packets is None else packets
    head = struct.pack("=IIIIIIQIIII", 1, 48, status, count, 48, 48 + len(body), 9, 0, 0, 0, 0)
    return (head + body).ljust(SIZE, b"\xdd")


def rings_of(*rings: list[bytes], link: int = ETHERNET) -> tuple[np.ndarray, np.ndarray]:
    wire = np.frombuffer(bytearray(b"".join(b"".join(ring) for ring in rings)), np.uint8)
    table = np.zeros((len(rings), tpacket.RING_SIZE), np.int64)
    base = 0
    for row, ring in zip(table, rings, strict=True):
        row[tpacket.BASE], row[tpacket.BLOCK_SIZE], row[tpacket.BLOCKS], row[tpacket.LINK] = base, SIZE, len(ring), link
        base += SIZE * len(ring)
    return wire, table


def walk(wire: np.ndarray, table: np.ndarray, room: int = 100) -> tuple[list[bytes], np.ndarray]:
    frames = np.empty(count_ready(wire, table, room), FRAME)
    frames = frames[: walk_ready(wire, table, frames)]
    return [bytes(wire[each["at"] : each["at"] + each["length"]]) for each in frames], frames


FRAME_A = bytes(range(60))
FRAME_B = b"\x02" * 12 + b"\x08\x00" + b"B" * 50


def test_frames_are_where_their_headers_say() -> None:
    wire, table = rings_of([ring_block({"octets": FRAME_A, "s": 3, "ns": 999}, {"octets": FRAME_B, "length": 1500})])
    octets, frames = walk(wire, table)
    assert octets == [FRAME_A, FRAME_B]
    assert frames["ts"].tolist() == [3_000_000_999, 5_000_000_007]
    assert frames["original"].tolist() == [60, 1500]
    assert frames["link"].tolist() == [1, 1]
    assert table[0, tpacket.OCTETS] == 1560
    assert table[0, tpacket.NEXT] == 0  # of one block, the next is the first


def test_only_blocks_that_are_ours_are_read_and_the_ring_goes_round() -> None:
    blocks = [ring_block({"octets": bytes([n]) * 20}, status=OURS if n in (0, 2, 3) else THE_KERNELS) for n in range(4)]
    wire, table = rings_of(blocks)
    table[0, tpacket.NEXT] = 2
    octets, _ = walk(wire, table)
    assert octets == [bytes([n]) * 20 for n in (2, 3, 0)]  # and not 1, which stops it
    assert table[0, tpacket.NEXT] == 1
    assert walk(wire, table)[0] == []


def test_no_more_blocks_are_taken_than_there_is_room_for() -> None:
    pair = ring_block({"octets": FRAME_A}, {"octets": FRAME_B})
    wire, table = rings_of([pair, pair, pair], [pair, pair, pair])
    octets, _ = walk(wire, table, room=5)
    assert octets == [FRAME_A, FRAME_B] * 2
    assert table[:, tpacket.NEXT].tolist() == [1, 1]  # one of each: neither ring starves


@pytest.mark.parametrize(
    ("given", "kind"), [({"status": VLAN_VALID | TPID_VALID, "tpid": 0x88A8}, 0x88A8), ({"status": VLAN_VALID}, 0x8100)]
)
def test_a_vlan_tag_is_put_back_where_it_was_on_the_wire(given: dict, kind: int) -> None:
    wire, table = rings_of([ring_block({"octets": FRAME_B, "tci": 0x6064, **given}, {"octets": FRAME_A})])
    octets, frames = walk(wire, table)
    assert octets == [FRAME_B[:12] + struct.pack(">HH", kind, 0x6064) + FRAME_B[12:], FRAME_A]
    assert frames["original"].tolist() == [68, 60]
    assert table[0, tpacket.OCTETS] == 128


def test_a_tag_of_no_ethernet_frame_is_left_away() -> None:
    wire, table = rings_of([ring_block({"octets": FRAME_B, "tci": 5, "status": VLAN_VALID})], link=RAW)
    assert walk(wire, table)[0] == [FRAME_B]


@pytest.mark.parametrize(
    "lie", [{"snapped": SIZE}, {"snapped": 0xFFFFFFFF}, {"step": SIZE - 60}, {"step": 0xFFFFFF00}, {"gap": 8000}]
)
def test_a_block_that_does_not_hold_together_ends_there(lie: dict) -> None:
    first = {"octets": FRAME_A} | ({"step": lie["step"]} if "step" in lie else {})
    second = {"octets": FRAME_B} | {key: value for key, value in lie.items() if key != "step"}
    after = {"octets": FRAME_A}
    wire, table = rings_of([ring_block(first, second, after)[:SIZE], ring_block({"octets": FRAME_B})])
    octets, _ = walk(wire, table)
    assert octets == [FRAME_A, FRAME_B]  # the first, and that of the next block
    assert table[0, tpacket.DAMAGED] == 1


def test_two_rings_lie_in_one_wire() -> None:
    wire, table = rings_of([ring_block({"octets": FRAME_A})], [ring_block({"octets": FRAME_B})])
    table[1, tpacket.LINK] = RAW
    octets, frames = walk(wire, table)
    assert octets == [FRAME_A, FRAME_B]
    assert frames["link"].tolist() == [ETHERNET, RAW]

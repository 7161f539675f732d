"""Blocks end after some frames or some octets, whichever comes first, and together are the file."""

import gzip
import struct
from pathlib import Path

import pytest

from sonde.source import captures, open_source
from sonde.source.scan import to_ns


def pcap(frames: list[bytes]) -> bytes:
    """Write a capture (draft-ietf-opsawg-pcap, section 4): each frame a second after the last."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    return head + b"".join(struct.pack("<IIII", at, 0, len(each), len(each)) + each for at, each in enumerate(frames))


def pcapng(frames: list[bytes]) -> bytes:
    """Write a capture (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3)."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    head = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    packets = [struct.pack("<IIIII", 0, 0, at, len(each), len(each)) + each for at, each in enumerate(frames)]
    return head + b"".join(block(6, each) for each in packets)


@pytest.mark.parametrize("write", [pcap, pcapng])
def test_a_block_of_long_frames_ends_sooner(write: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "BLOCK_OCTETS", 10_000)
    frames = [bytes([number % 251]) * (1000 if number < 100 else 60) for number in range(300)]
    place = tmp_path / "x"
    place.write_bytes(write(frames))  # type: ignore[operator]
    source = open_source(str(place))
    found, sizes = [], []
    for block in source.blocks(frames=64):
        assert block.first == len(found)
        sizes.append(len(block.frames))
        found += [bytes(block.wire[each["at"] : each["at"] + each["length"]]) for each in block.frames]
    assert found == frames
    assert source.report.damage == []
    assert max(sizes[:9]) <= 10  # of 1,000 octets each
    assert max(sizes) == 64  # of 60 octets each


@pytest.mark.parametrize(("lanes", "most"), [(1, 10), (2, 20), (16, 20)])
def test_blocks_for_several_lanes_are_larger(
    lanes: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "BLOCK_FRAMES", 10)
    place = tmp_path / "x.pcap"
    place.write_bytes(pcap([bytes(60)] * 45))
    sizes = [len(block.frames) for block in open_source(str(place), lanes).blocks()]
    assert max(sizes) == most
    assert sum(sizes) == 45


def test_a_stream_stays_within_its_buffer_whatever_the_lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "BLOCK_FRAMES", 10)
    place = tmp_path / "x.pcap.gz"
    place.write_bytes(gzip.compress(pcap([bytes(60)] * 45)))
    assert max(len(block.frames) for block in open_source(str(place), 2).blocks()) == 10


@pytest.mark.parametrize(("stamp", "exponent"), [(1 << 63, 12), ((1 << 64) - 1, 10), ((1 << 63) - 1, 12), (1999, 12)])
def test_stamps_finer_than_a_nanosecond_have_no_sign(stamp: int, exponent: int) -> None:
    signed = stamp - (1 << 64) if stamp >> 63 else stamp
    assert to_ns(signed, 0, exponent) == stamp // 10 ** (exponent - 9)

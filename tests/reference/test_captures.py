"""Capture files beside their twins: whole, cut anywhere, damaged anywhere, packed, and through a pipe."""

import bz2
import gzip
import lzma
import os
import random
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.source import SourceError, open_source
from tests.maker import START_NS, Frame, pcap
from tests.reference.captures import Found, Reading, read_pcap, read_pcapng

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def ours(path: Path, octets: bytes, frames: int = 3) -> Reading:
    """Read with blocks of few frames, so that their edges are met."""
    path.write_bytes(octets)
    source = open_source(str(path))
    found = Reading()
    for block in source.blocks(0, frames):
        for row in block.frames:
            kept = block.wire[row["at"] : row["at"] + row["length"]].tobytes()
            found.frames.append(Found(int(row["ts"]), kept, int(row["original"]), int(row["link"])))
    source.close()
    damage = [each for each in source.report.damage if each.offset]
    if damage:
        found.damage = damage[0].offset
    return found


frames_drawn = st.lists(
    st.tuples(st.integers(0, 2**31 * 10**9).map(lambda ts: ts // 1000 * 1000), st.binary(max_size=70)), max_size=12
)


def pad(octets: bytes) -> bytes:
    return octets + b"\0" * (-len(octets) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


@st.composite
def next_generation(draw: st.DrawFn) -> bytes:
    """Compose sections of either octet order, with every kind of block that carries frames."""
    found = b""
    for _ in range(draw(st.integers(1, 2))):
        order = draw(st.sampled_from("<>"))
        found += block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        for _ in range(draw(st.integers(0, 2))):
            found += block(
                order, 1, struct.pack(order + "HHI", draw(st.sampled_from([1, 101, 113])), 0, 64) + draw(options(order))
            )
        for _ in range(draw(st.integers(0, 6))):
            octets = draw(st.binary(max_size=30))
            number, stamp = draw(st.integers(0, 2)), draw(st.integers(0, 10**15))
            lengths = struct.pack(order + "II", len(octets), len(octets) + draw(st.integers(0, 9)))
            clock = struct.pack(order + "II", stamp >> 32, stamp & 0xFFFFFFFF)
            body, kind = draw(
                st.sampled_from(
                    [
                        (struct.pack(order + "I", number) + clock + lengths + pad(octets), 6),
                        (struct.pack(order + "HH", number, 0) + clock + lengths + pad(octets), 2),
                        (struct.pack(order + "I", len(octets)) + pad(octets), 3),
                        (pad(octets), 0x0BAD0BAD),
                        (pad(octets), 5),
                    ]
                )
            )
            found += block(order, kind, body)
    return found


def options(order: str) -> st.SearchStrategy[bytes]:
    resolution = st.sampled_from([0, 3, 6, 9, 12, 0x80 | 10, 0x80 | 20, 0x80 | 32])
    return st.one_of(
        st.just(b""),
        resolution.map(lambda value: struct.pack(order + "HHB3xHH", 9, 1, value, 0, 0)),
        st.integers(-(10**6), 10**6).map(lambda value: struct.pack(order + "HHq", 14, 8, value)),
    )


@st.composite
def hurt(draw: st.DrawFn, whole: st.SearchStrategy[bytes], head: int) -> bytes:
    """Cut a file somewhere, or change an octet, behind its first header."""
    octets = bytearray(draw(whole))
    match draw(st.integers(0, 2)):
        case 1:
            del octets[draw(st.integers(min(head, len(octets)), len(octets))) :]
        case 2 if len(octets) > head:
            octets[draw(st.integers(head, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets)


classic = st.builds(
    lambda frames, order, nano, link: pcap(frames, order=order, nano=nano, link=link),
    frames_drawn, st.sampled_from("<>"), st.booleans(), st.sampled_from([1, 101, 276]),
)  # fmt: skip

quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(hurt(classic, 24))
@quickly
def test_classic_captures_are_read_up_to_the_damage(tmp_path: Path, octets: bytes) -> None:
    assert ours(tmp_path / "a.pcap", octets) == read_pcap(octets)


@given(hurt(next_generation(), 28))
@quickly
def test_captures_of_the_next_generation_are_read_up_to_the_damage(tmp_path: Path, octets: bytes) -> None:
    assert ours(tmp_path / "a.pcapng", octets) == read_pcapng(octets)


@pytest.mark.parametrize("packing", PACKINGS)
@given(st.one_of(classic, next_generation()))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_packed_captures_are_what_they_were(tmp_path: Path, packing: str, octets: bytes) -> None:
    twin = read_pcapng(octets) if octets[:4] == b"\x0a\x0d\x0d\x0a" else read_pcap(octets)
    assert ours(tmp_path / f"a.pcap.{packing}", PACKINGS[packing](octets)) == twin


FRAMES: list[Frame] = [(START_NS + number, bytes([number]) * 60) for number in range(200)]
LARGE: list[Frame] = [(START_NS + number, random.Random(number).randbytes(1000)) for number in range(3000)]


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_capture_that_ends_early_is_read_up_to_there(tmp_path: Path, packing: str) -> None:
    packed = PACKINGS[packing](pcap(LARGE))
    found = ours(tmp_path / "cut", packed[: len(packed) * 3 // 4], frames=1000)
    assert found.damage is not None
    assert len(found.frames) > len(LARGE) // 2
    assert found.frames == read_pcap(pcap(LARGE)).frames[: len(found.frames)]


@pytest.mark.parametrize("packing", PACKINGS)
def test_members_one_behind_the_other_are_one_capture(tmp_path: Path, packing: str) -> None:
    whole = pcap(FRAMES)
    packed = b"".join(PACKINGS[packing](whole[at : at + 1000]) for at in range(0, len(whole), 1000))
    assert ours(tmp_path / "members", packed) == read_pcap(whole)


def test_a_pipe_that_gives_an_octet_at_a_time_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    whole = pcap(FRAMES[:20])

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for at in range(len(whole)):
                file.write(whole[at : at + 1])

    writer = threading.Thread(target=write)
    writer.start()
    source = open_source(str(pipe))
    assert sum(len(block.frames) for block in source.blocks()) == 20
    writer.join()
    assert source.report.damage == []


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_capture_with_a_wrong_octet_ends_in_damage_not_in_a_traceback(tmp_path: Path, packing: str) -> None:
    packed = bytearray(PACKINGS[packing](pcap(FRAMES)))
    for at in range(12, len(packed), 7):
        changed = bytes(packed[:at]) + bytes([packed[at] ^ 0x55]) + bytes(packed[at + 1 :])
        try:
            ours(tmp_path / "hurt", changed)
        except SourceError as error:
            assert str(error).endswith(".")  # noqa: PT017 - it need not come

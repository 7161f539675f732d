"""What comes through a pipe is the file, in blocks as large; buffers are used again, and never too early."""

import gzip
import os
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sonde.source import Source, captures, open_source
from sonde.source.buffers import MOST_LENT, Buffers
from tests.source.test_blocks import pcap, pcapng

CHANCE = random.Random(7)
#: Short, long and longer than a buffer, in no order.
FRAMES = [CHANCE.randbytes(CHANCE.choice([0, 60, 60, 60, 1500, 9000, 70_000])) for _ in range(400)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make buffers so small that many are needed, and some frames find no room in one."""
    monkeypatch.setattr(captures, "BUFFER", 40_000)
    monkeypatch.setattr(captures, "PIECE", 16_000)
    monkeypatch.setattr(captures, "BLOCK_OCTETS", 25_000)


@pytest.fixture
def through_pipe(tmp_path: Path) -> Iterator[Callable[[bytes, int], Source]]:
    """Write octets into a named pipe, so many at a time, and open it."""
    writers = []

    def begin(octets: bytes, step: int) -> Source:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)

        def write() -> None:
            with pipe.open("wb", buffering=0) as file:
                for at in range(0, len(octets), step):
                    rest = memoryview(octets)[at : at + step]
                    while rest:
                        rest = rest[file.write(rest) or 0 :]

        writers.append(threading.Thread(target=write))
        writers[-1].start()
        return open_source(str(pipe))

    yield begin
    for each in writers:
        each.join()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("behind", [0, 1, 3, 1000])
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_frames_are_those_of_the_file_however_late_buffers_are_given_back(
    through_pipe: Callable[[bytes, int], Source], write: Callable[[list[bytes]], bytes], behind: int
) -> None:
    source = through_pipe(write(FRAMES), 5_000)
    found, waiting = [], []
    for block in source.blocks():
        waiting.append(block)
        if len(waiting) > behind:  # looked at late: by then its buffer must not be in use again
            old = waiting.pop(0)
            found += [bytes(old.wire[each["at"] : each["at"] + each["length"]]) for each in old.frames]
            source.release(old.offset)
    for old in waiting:
        found += [bytes(old.wire[each["at"] : each["at"] + each["length"]]) for each in old.frames]
    assert found == FRAMES
    assert source.report.damage == []
    assert source.report.octets == len(write(FRAMES))


def test_blocks_of_a_pipe_are_as_large_as_those_of_a_file(
    through_pipe: Callable[[bytes, int], Source], tmp_path: Path
) -> None:
    octets = pcap([bytes(60)] * 50_000)
    place = tmp_path / "file"
    place.write_bytes(octets)
    sizes = [len(block.frames) for block in open_source(str(place)).blocks()]
    assert [len(block.frames) for block in through_pipe(octets, 1000).blocks()] == sizes
    assert len(sizes) == 3


def test_a_prompt_stream_gives_what_is_at_hand() -> None:
    end, begin = os.pipe()
    whole = pcap([bytes(60), bytes(61)])
    os.write(begin, whole[:-50])
    source = open_source(f"/dev/fd/{end}")
    source.patience_s = 0
    blocks = source.blocks()
    assert next(blocks).frames["length"].tolist() == [60]  # and nobody waits for the rest of the second
    os.write(begin, whole[-50:])
    assert next(blocks).frames["length"].tolist() == [61]
    os.close(begin)
    assert list(blocks) == []
    os.close(end)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_stream_that_trickles_is_not_waited_for_long(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "PATIENCE_S", 0.05)
    end, begin = os.pipe()
    first, second = pcap([bytes(60)] * 3), pcap([bytes(61)] * 2)[24:]
    os.write(begin, pack(first))
    blocks = open_source(f"/dev/fd/{end}").blocks()
    assert next(blocks).frames["length"].tolist() == [60] * 3  # nothing more comes meanwhile, and no end either
    os.write(begin, pack(second))
    os.close(begin)
    assert [length for block in blocks for length in block.frames["length"].tolist()] == [61] * 2
    os.close(end)


def test_a_pipe_that_is_set_not_to_wait_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    end, begin = os.pipe()
    os.set_blocking(end, False)
    with os.fdopen(end, "rb", buffering=0) as file:
        monkeypatch.setattr("sys.stdin", file)
        whole = pcap([bytes(60), bytes(61)])
        later = threading.Timer(0.2, lambda: (os.write(begin, whole[50:]), os.close(begin)))
        threading.Timer(0.1, os.write, (begin, whole[:50])).start()
        later.start()
        source = open_source("-")
        assert [length for block in source.blocks() for length in block.frames["length"].tolist()] == [60, 61]
        later.join()


def test_a_buffer_is_given_again_when_all_before_its_end_was_released() -> None:
    buffers = Buffers()
    first, second = buffers.take(100), buffers.take(100)
    buffers.lend(first, 10)
    buffers.lend(second, 20)
    buffers.release(9)
    assert not any(np.shares_memory(buffers.take(100), each) for each in (first, second))
    buffers.release(10)
    assert buffers.take(50) is first
    buffers.release(20)
    assert buffers.take(101) is not second  # too small, and let go


def test_whoever_never_releases_does_not_have_all_of_them_kept() -> None:
    buffers = Buffers()
    lent = []
    for number in range(10 * MOST_LENT):
        wire = np.empty(1, np.uint8)
        buffers.lend(wire, number)
        lent.append(weakref.ref(wire))
    del wire
    assert sum(each() is not None for each in lent) == MOST_LENT

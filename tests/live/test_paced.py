"""A pipe that is silent lets time pass; what is cut goes on where it was."""

import os
import struct
import sys
import threading
from collections.abc import Iterator

import pytest

from sonde.source import SourceError, open_source
from sonde.source.paced import Paced

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
SECOND_NS = 10**9


def frame(second: int) -> bytes:
    return struct.pack("<IIII", second, 0, 60, 60) + bytes(60)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as end:
        monkeypatch.setattr(sys, "stdin", end)
        yield write


def test_silence_ticks_and_the_clock_goes_on_from_the_last_frame(pipe: int) -> None:
    os.write(pipe, HEAD + frame(100))
    source = Paced(open_source("-"))
    blocks = source.blocks()
    first = next(block for block in blocks if len(block.frames))
    assert first.frames["ts"].tolist() == [100 * SECOND_NS]
    silent = next(blocks)
    assert len(silent.frames) == 0
    assert 100 * SECOND_NS < silent.now_ns < 130 * SECOND_NS  # not the year's
    os.write(pipe, frame(101))
    later = next(block for block in blocks if len(block.frames))
    assert later.first == 1
    os.close(pipe)
    assert [len(block.frames) for block in blocks if len(block.frames)] == []
    assert source.passed == 2


def test_what_is_cut_goes_on_with_the_rest(pipe: int) -> None:
    os.write(pipe, HEAD + frame(100))
    source = Paced(open_source("-"))
    for block in source.blocks():
        if len(block.frames):
            source.cut()
    os.write(pipe, frame(101))
    threading.Timer(0.3, os.close, (pipe,)).start()
    rest = [block.frames["ts"].tolist() for block in source.blocks(5) if len(block.frames)]
    assert rest == [[101 * SECOND_NS]]


def test_what_is_no_capture_is_said_where_blocks_are_asked_for(pipe: int) -> None:
    os.write(pipe, b"this is no capture, whatever it is")
    os.close(pipe)
    with pytest.raises(SourceError, match="is no capture"):
        list(Paced(open_source("-")).blocks())

"""One wire and one set of machine code for all live tests of a run."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.bench import USER, WHY_NOT, Pair, Place, open_folder


@pytest.fixture(scope="session")
def kernels() -> Iterator[Path]:
    """Machine code, compiled once, where the probe's user can read it."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    from sonde.pipeline.live import Tee
    from sonde.pipeline.read import make_plan
    from sonde.pipeline.recorder import Recorder
    from sonde.pipeline.run import compile_all
    from sonde.wire import cache_folder

    plan = make_plan()
    compile_all(plan, [rings_rehearsed, Recorder(plan, Tee(None, [], None)).rehearse])
    for folder in open_folder():
        shutil.copytree(cache_folder(), folder / "sonde" / cache_folder().name)
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, USER)
        yield folder


def rings_rehearsed() -> None:
    import numpy as np

    from sonde.source import tpacket
    from sonde.table.frames import FRAME

    none = np.zeros((0, tpacket.RING_SIZE), np.int64)
    tpacket.count_ready(np.zeros(1, np.uint8), none, 0)
    tpacket.walk_ready(np.zeros(1, np.uint8), none, np.empty(1, FRAME))


@pytest.fixture
def place() -> Iterator[Place]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    for folder in open_folder():
        yield Place(folder)


@pytest.fixture(scope="session")
def wire() -> Iterator[Pair]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    with Pair(f"sonde-live-{os.getpid()}") as pair:
        yield pair

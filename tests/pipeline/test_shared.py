"""Memory that two processes share: what is let go is used again, and nothing that is looked at changes."""

import os

import numpy as np
import pytest

from sonde.pipeline import shared as shared_module
from sonde.pipeline.shared import SMALL, UNIT, Shared


def filled(shared: Shared, octets: int, value: int) -> int:
    """Fill a piece with one value; give its place."""
    piece = shared.piece(octets)
    piece[:] = value
    return shared.place_of(piece)


def test_a_piece_is_used_again_when_the_last_view_of_it_is_gone() -> None:
    shared = Shared(64 * UNIT)
    first, second = filled(shared, SMALL, 1), filled(shared, SMALL + 1, 2)
    assert (first, second) == (0, SMALL)
    whole = shared.look(first, SMALL)
    part = whole.view(np.int64)[5:9]
    del whole
    assert filled(shared, SMALL, 3) == SMALL + 2 * SMALL // 2 + UNIT  # the first is still looked at
    assert part.view(np.uint8).tolist() == [1] * 32
    del part
    assert filled(shared, SMALL, 4) == 0


def test_what_lies_side_by_side_is_free_as_one() -> None:
    shared = Shared(48 * UNIT)
    places = [filled(shared, SMALL, number) for number in range(3)]
    looked = [shared.look(place, SMALL) for place in places]
    for number in (2, 0, 1):
        looked[number] = np.empty(0, np.uint8)
    assert filled(shared, 3 * SMALL, 7) == 0


def test_a_small_piece_is_copied_and_free_at_once() -> None:
    shared = Shared(32 * UNIT)
    place = filled(shared, 100, 5)
    kept = shared.look(place, 100)
    assert filled(shared, 100, 6) == place
    assert kept.tolist() == [5] * 100


def test_without_room_memory_is_of_the_process_alone() -> None:
    shared = Shared(32 * UNIT)
    assert filled(shared, 32 * UNIT, 1) == 0
    assert filled(shared, 1, 2) == -1
    assert len(shared.piece(0)) == 0


def test_another_process_sees_what_was_filled_and_lets_it_go() -> None:
    shared = Shared(64 * UNIT)
    place = filled(shared, SMALL, 9)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            looked = shared.look(place, SMALL)
            status = 0 if int(looked.min()) == int(looked.max()) == 9 else 2
            del looked
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert filled(shared, SMALL, 1) == place


def test_what_lies_behind_goes_back_to_the_system_when_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_module, "KEPT_UNITS", SMALL // UNIT)
    shared = Shared(4 * SMALL)
    for number in range(2):
        piece = shared.piece(SMALL)
        piece[:] = 7
        assert shared.place_of(piece) == number * SMALL
    for number in range(2):
        shared.look(number * SMALL, SMALL)
    filled(shared, UNIT, 9)
    assert shared.memory[UNIT:SMALL].tolist() == [7] * (SMALL - UNIT)
    assert not shared.memory[SMALL : 2 * SMALL].any()

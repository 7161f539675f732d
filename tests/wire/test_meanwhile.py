"""Kernels run as plain Python where their machine code is not there yet, and only there."""

import threading
from typing import Any

import numpy as np
import pytest

from sonde.wire import Meanwhile, interpreting, kernel
from sonde.wire.jit import here
from sonde.wire.meanwhile import COST_OF_CALL, MOST_INTERPRETED

CALLS: list[str] = []


@kernel
def inner_sum(wire: Any) -> int:
    """Add octets up."""
    total = np.int64(0)
    for octet in wire:
        total += np.int64(octet)
    return total


@kernel
def outer_sum(wire: Any) -> int:
    """Add octets up, and one more."""
    return inner_sum(wire) + 1


@pytest.mark.compiled
def test_little_is_interpreted_with_the_same_result_and_much_is_not() -> None:
    octets, meanwhile = np.arange(10, dtype=np.uint8), Meanwhile()
    assert meanwhile.allows(outer_sum, (octets,), 100, 1) == (not outer_sum.is_at_hand((octets,)))
    with interpreting(True):
        assert here.interprets
        found = outer_sum(octets)
    assert not here.interprets
    assert found == outer_sum(octets) == 46
    assert outer_sum.is_at_hand((octets,))
    assert not Meanwhile().allows(outer_sum, (octets,), 1)


@pytest.mark.compiled
def test_what_was_read_without_machine_code_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(outer_sum), "is_at_hand", lambda self, args: False)
    meanwhile = Meanwhile()
    calls = 0
    while meanwhile.allows(outer_sum, (np.zeros(1, np.uint8),), 1000):
        calls += 1
    assert calls == MOST_INTERPRETED // (1000 + COST_OF_CALL)
    assert not meanwhile.allows(outer_sum, (np.zeros(1, np.uint8),), 0, 0)


def test_only_the_thread_that_asked_interprets() -> None:
    seen: list[bool] = []
    with interpreting(True):
        thread = threading.Thread(target=lambda: seen.append(here.interprets))
        thread.start()
        thread.join()
    assert seen == [False]


def test_after_an_error_nothing_is_interpreted() -> None:
    with pytest.raises(ValueError, match="x"), interpreting(True):
        raise ValueError("x")
    assert not here.interprets

"""What the processor's own instructions make of a block is what the Python says, which is compiled without them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.wire import INTERPRETED, KernelFault, interpreting, kernel
from sonde.wire.aes import SCHEDULE_WORDS, encrypt_block, expand_key
from sonde.wire.digest import sha256_block
from sonde.wire.sha1 import sha1_block

WORD = st.integers(0, 0xFFFFFFFF)


@kernel
def run_sha256(state: Any, words: Any) -> None:
    """Take a block."""
    sha256_block(state, words)


@kernel
def run_sha1(state: Any, words: Any) -> None:
    """Take a block."""
    sha1_block(state, words)


@kernel
def run_cipher(schedule: Any, block: Any) -> None:
    """Encrypt a block."""
    encrypt_block(schedule, block)


SHORT = [
    (run_sha256, 7, 16),
    (run_sha256, 8, 15),
    (run_sha1, 4, 16),
    (run_sha1, 8, 15),
    (run_cipher, 43, 4),
    (run_cipher, 44, 3),
]


def both(of: Any, first: list[int], second: list[int], result: int) -> tuple[list[int], list[int]]:
    """Give what a kernel leaves in one of its arrays, compiled and as plain Python."""
    found = []
    for plainly in (False, True):
        arrays = np.array(first, np.int64), np.array(second, np.int64)
        with interpreting(is_wanted=plainly):
            of(*arrays)
        found.append(arrays[result].tolist())
    return found[0], found[1]


@given(st.lists(WORD, min_size=8, max_size=8), st.lists(WORD, min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_a_block_of_sha_256(state: list[int], words: list[int]) -> None:
    compiled, plain = both(run_sha256, state, words, 0)
    assert compiled == plain


@given(st.lists(WORD, min_size=8, max_size=8), st.lists(WORD, min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_a_block_of_sha_1_and_words_behind_the_state(state: list[int], words: list[int]) -> None:
    compiled, plain = both(run_sha1, state, words, 0)
    assert compiled == plain
    assert compiled[5:] == state[5:]


@given(st.binary(min_size=16, max_size=16), st.lists(WORD, min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_block_of_aes(key: bytes, block: list[int]) -> None:
    schedule = np.zeros(SCHEDULE_WORDS, np.int64)
    expand_key(np.frombuffer(key, np.uint8), 0, schedule)
    compiled, plain = both(run_cipher, schedule.tolist(), block, 1)
    assert compiled == plain


@pytest.mark.parametrize(
    ("of", "first", "second"),
    [
        (run_sha256, 7, 16),
        (run_sha256, 8, 15),
        (run_sha1, 4, 16),
        (run_sha1, 8, 15),
        (run_cipher, 43, 4),
        (run_cipher, 44, 3),
    ],
)
def test_what_is_too_short_is_not_touched_beyond_its_end(of: Any, first: int, second: int) -> None:
    with pytest.raises((KernelFault, IndexError)):
        of(np.zeros(first, np.int64), np.zeros(second, np.int64))


@pytest.mark.compiled
@pytest.mark.parametrize("of", [sha256_block, sha1_block, encrypt_block])
def test_a_processor_without_them_gets_the_python_compiled(of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import types

    from sonde.wire import processor

    assert not INTERPRETED
    if processor.has(of.emit):
        assert isinstance(of._numba_type_, types.Function)
    monkeypatch.setattr(processor, "features", frozenset)
    assert not processor.has(of.emit)
    assert isinstance(of._numba_type_, types.Dispatcher)

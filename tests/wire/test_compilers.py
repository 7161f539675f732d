"""How tasks of compilation are told to processes, and which of them share one."""

import pytest

from sonde.wire import compilers
from sonde.wire.compilers import MESSAGE, NUMBER


@pytest.mark.parametrize(
    "chain", [[0], [255], [255, 256, 511], [0x00FF, 0xFF00, 0xFFFE], list(range(MESSAGE // NUMBER))]
)
def test_a_message_tells_its_tasks(chain: list[int]) -> None:
    message = compilers._message(chain)
    assert len(message) == MESSAGE
    assert compilers._numbers(message) == chain


def test_tasks_that_share_most_go_to_one_process_and_large_ones_come_first() -> None:
    common = frozenset({b"a", b"b", b"c", b"d"})
    parts = {0: frozenset({b"x"}), 1: common | {b"e"}, 2: common | {b"f", b"g"}, 3: frozenset(), 4: frozenset()}
    assert compilers._chains(parts) == [[1, 2], [0], [3], [4]]
    # What is named first is waited for: it comes first among its like, however small.
    assert compilers._chains({number: parts[number] for number in (4, 2, 1, 0)}) == [[2, 1], [0], [4]]


def test_a_chain_fits_a_message() -> None:
    alike = frozenset({b"a", b"b", b"c"})
    chains = compilers._chains(dict.fromkeys(range(100), alike))
    assert sorted(number for chain in chains for number in chain) == list(range(100))
    assert max(map(len, chains)) == MESSAGE // NUMBER

"""Distinct texts and their repetition are what Arrow's own functions make of the same columns."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonde.table.arrow import hex_column, texts_column
from sonde.table.out import LENGTH_BITS
from sonde.table.texts import distinct, distinct_spans, repeated, spelled

TEXTS = st.lists(st.none() | st.text("ab\0é", max_size=12), max_size=40)
EXAMPLE = Path(__file__).parents[2] / "examples" / "first-look.pcapng"


@given(TEXTS, st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_distinct_texts_are_those_of_arrow(texts: list[str | None], first: int) -> None:
    column = texts_column(texts)[first:]
    codes, rows = distinct(column)
    wanted = pc.dictionary_encode(column)
    assert [None if code < 0 else code for code in codes.tolist()] == wanted.indices.to_pylist()
    assert repeated(column, rows).to_pylist() == wanted.dictionary.to_pylist()
    assert repeated(repeated(column, rows), codes).equals(pa.concat_arrays([column]))


@given(st.lists(st.none() | st.binary(max_size=9), max_size=20), st.integers(0, 5), st.integers(0, 20))
@example([b"\0\x0f\xf0\xff"], 0, 1)
@settings(max_examples=100, deadline=None)
def test_octets_are_spelled_as_python_spells_them(values: list[bytes | None], first: int, count: int) -> None:
    column = pa.array(values, pa.binary())[first : first + count]
    wanted = [None if value is None else value.hex() for value in column.to_pylist()]
    found = hex_column(column)
    found.validate(full=True)
    assert found.to_pylist() == wanted


@given(st.lists(st.text(max_size=9), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_repeated_texts_are_those_that_arrow_takes(texts: list[str], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(-1, len(texts) - 1), max_size=30))
    found = repeated(texts_column(texts), np.array(codes, np.int64))
    found.validate(full=True)
    assert found.equals(texts_column(texts).take(pa.array([code if code >= 0 else None for code in codes], pa.int32())))


@given(st.lists(st.none() | st.lists(st.text("xyz", max_size=3), max_size=3), min_size=1, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_lists_are_spelled_once_for_all_rows_that_have_them(lists: list[list[str] | None], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=30))
    found = spelled(np.array(codes, np.int64), lists)
    found.validate(full=True)
    assert found.to_pylist() == [lists[code] for code in codes]


def test_spans_with_the_same_octets_are_one() -> None:
    text = np.frombuffer(b"abcabcab", np.uint8)
    spans = [(0, 3), (3, 3), (6, 2), (0, 2), (5, 0), (3, 2)]
    codes, first = distinct_spans(text, np.array([at << LENGTH_BITS | size for at, size in spans] + [-1], np.int64))
    assert codes.tolist() == [0, 0, 1, 1, 2, 1, -1]
    assert first.tolist() == [0, 2, 4]


def test_half_a_character_does_not_keep_a_column_from_being_written() -> None:
    assert texts_column(["a\ud800b", None, "c"]).to_pylist() == ["a?b", None, "c"]


def test_nothing_repeats_into_nothing() -> None:
    assert repeated(texts_column([]), np.full(3, -1)).to_pylist() == [None, None, None]
    assert len(distinct(texts_column([]))[0]) == 0


def test_texts_that_collide_without_a_key_stay_apart() -> None:
    texts = [f"{number:08d}" for number in range(5000)]
    codes, rows = distinct(texts_column([*texts, *texts]))
    assert codes.tolist() == [*range(5000), *range(5000)]
    assert rows.tolist() == list(range(5000))


@pytest.mark.compiled
@pytest.mark.parametrize("policy", ["default", "clear"])
def test_a_capture_is_read_without_arrows_functions_and_pandas(policy: str, tmp_path: Path) -> None:
    code = (
        "import sys; from sonde.cli.main import main; "
        f"args = ['read', {str(EXAMPLE)!r}, '-o', {str(tmp_path / 'out')!r}, '--quiet', '--policy', {policy!r}]; "
        "status = main(args); "
        "sys.exit(status or not sys.modules.keys().isdisjoint(['pyarrow.compute', 'pandas']))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

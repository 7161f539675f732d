"""What every dissector must hold to, whoever wrote it: runs over each unasked."""

import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sonde.table.out import CUT_TEXT, NO_ROOM, NO_ROW
from sonde.wire import INTERPRETED
from tests.bench import Sample, trial
from tests.conformance.environment import environment
from tests.conformance.interpreted import read
from tests.conformance.samples import NAMES, cuts, damaged, dissector_of, in_octets, noise, samples_of

DAMAGED, NOISE = 150, 80  # messages of chance for each dissector
MOST_CUTS = 40 if INTERPRETED else 1200

each_dissector = pytest.mark.parametrize("name", NAMES)


def of_chance(name: str, count: int, seed: int) -> list[Sample]:
    source = random.Random(f"{name} {seed}")
    found = [damaged(sample, source) for sample in samples_of(name) for _ in range(count)]
    transports = {sample.stream for sample in samples_of(name)}
    ports = samples_of(name)[0].ports
    return found + [noise(source, stream=stream, ports=ports) for stream in transports for _ in range(NOISE)]


@each_dissector
def test_it_has_samples(name: str) -> None:
    assert samples_of(name), f"no module of tests/dissect has SAMPLES[{name!r}]"


@each_dissector
def test_each_sample_leaves_a_row_that_could_be_read(name: str) -> None:
    for sample in samples_of(name):
        rows = [row for table in read(name, sample).values() for row in table]
        assert 0 in {row["status"] for row in rows}
        assert any(value is not None for row in rows for value in row.values())


@each_dissector
def test_no_prefix_reads_what_lies_around_it(name: str) -> None:
    for sample in samples_of(name):
        for part in cuts(sample, MOST_CUTS):
            zeros = read(name, part, prefix=b"\0" * 70, suffix=b"\0" * 300)
            assert read(name, part, prefix=b"\xff" * 70, suffix=b"\xff" * 300) == zeros


@each_dissector
def test_segmentation_changes_no_row_of_a_stream(name: str) -> None:
    for sample in samples_of(name):
        if sample.stream:
            assert read(name, in_octets(sample), step_ns=0) == read(name, sample, step_ns=0)


@each_dissector
def test_damaged_and_random_octets_are_survived(name: str) -> None:
    for sample in of_chance(name, 5 if INTERPRETED else DAMAGED, seed=1):
        zeros = read(name, sample, prefix=b"\0" * 70, suffix=b"\0" * 300)
        assert read(name, sample, prefix=b"\xff" * 70, suffix=b"\xff" * 300) == zeros
        read(name, sample, names_only=True)


@each_dissector
def test_rows_and_text_stay_within_what_the_pipeline_reserves(name: str) -> None:
    for sample in [*samples_of(name), *of_chance(name, 10, seed=2)]:
        counts: dict[str, Any] = {}
        dissector = dissector_of(name)
        rows = trial(dissector, sample.messages, stream=sample.stream, ports=sample.ports, counts=counts)
        octets = sum(len(each) for _, each in sample.messages if isinstance(each, bytes))
        most = 2 * len(sample.messages) + octets // 64 + 64  # as pipeline.lane makes room
        for table, found in rows.items():
            assert len(found) <= most
            assert counts[table][NO_ROW] == 0
            assert counts[table][NO_ROOM] == 0
            assert counts[table][CUT_TEXT] >= 0


@pytest.mark.compiled
@each_dissector
def test_compiled_equals_interpreted(name: str, tmp_path: Path) -> None:
    chosen = [*samples_of(name), *of_chance(name, 12, seed=3)[:200]]
    chosen += [part for sample in samples_of(name) for part in cuts(sample, 12)]
    chosen += [in_octets(sample) for sample in samples_of(name) if sample.stream][:1]
    source, result = tmp_path / "samples", tmp_path / "rows"
    source.write_bytes(pickle.dumps((name, chosen)))
    child = [sys.executable, "-W", "error", "-m", "tests.conformance.interpreted", source, result]
    subprocess.run(child, check=True, env=environment(NUMBA_DISABLE_JIT="1"))
    interpreted = pickle.loads(result.read_bytes())
    for sample, rows in zip(chosen, interpreted, strict=True):
        assert repr(read(name, sample)) == repr(rows)  # as text, so that NaN equals itself

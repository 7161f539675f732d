"""Parts appear whole or not at all; they go when their time is over, or the disk is full; the log hears first."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sonde.audit import AuditError
from sonde.audit.verify import own_key, verify
from sonde.pipeline import retention
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.parts import Account, Parts
from sonde.pipeline.places import name_of, parts_of
from sonde.pipeline.plan import Plan
from sonde.pipeline.read import make_plan
from sonde.pipeline.recorder import schema_of
from sonde.pipeline.retention import clear_parts
from sonde.pipeline.state import State
from sonde.pipeline.whole import OutputError
from sonde.policy.terms import DAY_NS, Retention


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def ledger(tmp_path: Path, said: list[str]) -> Ledger:
    return Ledger(tmp_path / "audit", tmp_path / "keys", heartbeat_s=600, warn=said.append)


@pytest.fixture
def plan(ledger: Ledger, tmp_path: Path) -> Plan:
    return make_plan(["dns"], audit=ledger.log, keys=tmp_path / "keys")


def batch(plan: Plan):
    import pyarrow as pa

    from sonde.table import permitted

    schema = schema_of(plan, "dns")
    return permitted.Permitted("dns", pa.RecordBatch.from_pylist([{}] * 3, schema), seal=permitted._seal)


def test_a_part_is_a_dataset_that_the_log_told_of(tmp_path: Path, ledger: Ledger, plan: Plan) -> None:
    state = State()
    parts = Parts(tmp_path / "out", "parquet", ledger, state)
    parts.begin(plan)
    parts.write(batch(plan))
    assert list(parts_of(parts.folder)) == []
    inputs = [{"name": "eth0", "kind": "interface", "received": 12, "kernel_drops": 2}]
    assert parts.commit(Account(frames=10, drops=Counter(arp=3, out_of_scope=1), inputs=inputs, last_ns=5, first_ns=5))
    parts.write(batch(plan))
    assert parts.commit(Account(frames=1))
    first, second = parts_of(parts.folder)
    told = json.loads((first / "manifest.json").read_text())
    assert told["packets"] == {
        "in": 10, "recorded": 6, "dropped": {"arp": 3, "out_of_scope": 1}, "dropped_by_kernel": 2,
    }  # fmt: skip
    assert told["tables"] == {"dns": {"rows": 3, "files": ["dns/part-0000.parquet"]}}
    assert (state.parts_committed, state.rows, state.sinks["parts"].written) == (2, {"dns": 6}, 6)
    quiet = {"name": "eth0", "kind": "interface", "received": 0, "kernel_drops": 0}
    parts.commit(Account(inputs=[quiet]))  # nothing came: nothing is written
    assert list(parts_of(parts.folder)) == [first, second]
    parts.commit(Account(inputs=[quiet | {"received": 5, "kernel_drops": 5}]))  # what was lost is told, though
    assert (
        json.loads((list(parts_of(parts.folder))[2] / "manifest.json").read_text())["packets"]["dropped_by_kernel"] == 5
    )
    ledger.close()
    assert verify(ledger.folder, own_key(ledger.folder), outputs=parts.folder).status == "sound"
    parts.close()


def test_only_one_writes_there_and_finds_what_was_left(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "out/.partial/x").mkdir(parents=True)
    parts = Parts(tmp_path / "out", "parquet", ledger, State())
    assert parts.removed == 1
    with pytest.raises(OutputError, match="Another probe writes"):
        Parts(tmp_path / "out", "parquet", ledger, State())
    parts.close()
    (tmp_path / "out/manifest.json").touch()
    with pytest.raises(OutputError, match="is a dataset of `sonde read`"):
        Parts(tmp_path / "out", "parquet", ledger, State())


def test_without_a_log_nothing_is_committed_until_it_can_be_written(
    tmp_path: Path, ledger: Ledger, plan: Plan, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State()
    parts = Parts(tmp_path / "out", "parquet", ledger, state)
    parts.begin(plan)

    def fail(*_: object, **__: object) -> int:
        raise AuditError("the disk is full.")

    monkeypatch.setattr(ledger.log, "append_many", fail)
    parts.write(batch(plan))
    assert not parts.commit(Account(frames=1))
    assert (state.parts_failed, state.sinks["parts"].failed, list(parts_of(parts.folder))) == (1, 3, [])
    assert not list((parts.folder / ".partial").iterdir())
    assert "no output is committed" in said[0]
    monkeypatch.setattr("sonde.pipeline.ledger.RETRY_S", 0.0)
    from sonde.pipeline.account import tell_policy

    ledger.reopened = lambda log: tell_policy(log, plan.gate.policy)
    parts.write(batch(plan))
    assert parts.commit(Account(frames=1))
    assert len(list(parts_of(parts.folder))) == 1
    ledger.close()
    assert verify(ledger.folder, own_key(ledger.folder), outputs=parts.folder).status == "sound"
    parts.close()


def made(folder: Path, ages_days: list[float], now_ns: int) -> None:
    for age in ages_days:
        since = now_ns - int(age * DAY_NS)
        place = folder / name_of(since)
        (place / "dns").mkdir(parents=True)
        (place / "dns/part-0000.parquet").write_bytes(b"x" * 100)
        said = {"sonde": "0", "format": "parquet", "tables": {"dns": {"rows": 1, "files": ["dns/part-0000.parquet"]}}}
        (place / "manifest.json").write_text(json.dumps(said))
        os.utime(place / "manifest.json", ns=(since, since))


NOW_NS = 1_800_000_000 * 10**9


def test_parts_go_when_their_time_is_over_and_the_log_hears_first(tmp_path: Path) -> None:
    made(tmp_path, [40, 31, 29, 1], NOW_NS)
    policy = replace(make_plan().gate.policy, retention=Retention(records_ns=30 * DAY_NS))
    names = [each.name for each in parts_of(tmp_path)]
    told: list[str] = []

    def tell(kind: str, said: dict[str, str | int]) -> bool:
        assert (tmp_path / str(said["dataset"])).exists()
        told.append(f"{kind} {said['dataset']} {said['octets']}")
        return True

    assert clear_parts(parts_of(tmp_path), policy, NOW_NS, keep_free=0.0, told=tell) == (2, 0)
    assert told == [f"retention.delete {name} 100" for name in names[:2]]
    assert [each.name for each in parts_of(tmp_path)] == names[2:]
    assert clear_parts(parts_of(tmp_path), policy, NOW_NS + 2 * DAY_NS, keep_free=0.0, told=lambda *_: False) == (0, 0)
    assert len(list(parts_of(tmp_path))) == 2  # not without the log


def test_the_oldest_go_for_a_share_of_free_disk_and_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, [4, 3, 2, 1], NOW_NS)
    free = iter([0.05, 0.08, 0.12])
    monkeypatch.setattr(retention, "free_share", lambda _: next(free))
    policy = make_plan().gate.policy
    assert clear_parts(parts_of(tmp_path), policy, NOW_NS, keep_free=0.1, told=lambda *_: True) == (0, 2)
    monkeypatch.setattr(retention, "free_share", lambda _: 0.0)
    assert clear_parts(parts_of(tmp_path), policy, NOW_NS, keep_free=0.1, told=lambda *_: True) == (0, 1)
    assert len(list(parts_of(tmp_path))) == 1

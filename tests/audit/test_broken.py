"""Broken logs, each named by its damage: both verifiers refuse all of them, for the same reasons."""

import copy
import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.audit import read_verifier, verify
from sonde.audit.kinds import KINDS, MOST_COUNT, TEXTS
from tests.audit import broken
from tests.audit.forge import KEY, OTHER, cosigned, note, root_of, spelled, vkey, write_log

ROOT = Path(__file__).parent.parent.parent
SINGLE = ROOT / "tools/verify_audit.py"


def load_single(path: Path) -> ModuleType:
    """Load the single-file verifier; it is no part of a package."""
    spec = importlib.util.spec_from_file_location("verify_audit", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def single() -> ModuleType:
    return load_single(SINGLE)


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of few and short tiles."""
    place = tmp_path_factory.mktemp("log")
    write_log(place, [spelled(each) for each in broken.good()])
    return place


def both(single: ModuleType, log: Path, key: str | None = None, **more) -> dict:
    """Ask both verifiers; they must say the same."""
    witnesses = more.pop("witnesses", [])
    key = key or broken.key()
    ours = verify(log, read_verifier(key), witnesses=[read_verifier(each) for each in witnesses], **more).as_dict()
    theirs = single.run(log, single.Key(key), witnesses=[single.Key(each) for each in witnesses], **more).as_dict()
    assert ours == theirs
    return ours


def faults(found: dict) -> set[str]:
    return {each["fault"] for each in found["faults"]}


@pytest.mark.parametrize("name", broken.NAMES)
def test_a_broken_log_is_refused_by_both(tmp_path: Path, single: ModuleType, name: str) -> None:
    fault = broken.make(tmp_path, name)
    found = both(single, tmp_path)
    assert found["status"] == (
        "incomplete" if fault.endswith("-missing") and fault != "heartbeat-missing" else "violated"
    )
    assert fault in faults(found)


@pytest.mark.parametrize("count", [14, 255, 256, 257, 600])
def test_a_good_log_is_accepted_by_both(tmp_path: Path, single: ModuleType, count: int) -> None:
    entries = [spelled(each) for each in broken.good()] if count == 14 else broken.long(count)
    write_log(tmp_path, entries)
    found = both(single, tmp_path)
    assert (found["status"], found["size"], found["faults"]) == ("sound", count, [])
    assert found["root"] == root_of(entries).hex()
    assert sum(found["types"].values()) == count


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_any_octet_changed_anywhere_is_told(flipped: Path, single: ModuleType, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(each for each in flipped.rglob("*") if each.is_file())))
    octets = path.read_bytes()
    at, value = data.draw(st.integers(0, len(octets) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(octets[:at] + bytes([octets[at] ^ value]) + octets[at + 1 :])
    try:
        assert both(single, flipped)["status"] != "sound"
    finally:
        path.write_bytes(octets)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_whatever_an_entry_says_both_agree(tmp_path: Path, single: ModuleType, data: st.DataObject) -> None:
    """Entries with values out of place, signed: neither verifier stumbles, and both say the same."""
    entries = broken.good()
    values = st.one_of(
        st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False),
        st.lists(st.text(max_size=2)),
        st.sampled_from(["2026-06-01T12:30:00.000Z", "9999-12-31T23:59:59.999Z", broken.BOOT_1, broken.DIGEST, "boot"]),
        st.sampled_from([entry["data"] for entry in entries]), st.sampled_from([entry["type"] for entry in entries]),
    )  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        entry = data.draw(st.sampled_from(entries))
        target = data.draw(st.sampled_from([entry, entry["data"]])) if isinstance(entry["data"], dict) else entry
        names = sorted(target)
        if names:
            target[data.draw(st.sampled_from(names))] = copy.deepcopy(data.draw(values))
    write_log(tmp_path, [spelled(each) for each in entries])
    both(single, tmp_path)


def test_an_empty_log_is_refused_by_both(tmp_path: Path, single: ModuleType) -> None:
    write_log(tmp_path, [])
    assert faults(both(single, tmp_path)) == {"genesis"}


def test_a_log_of_the_writer_is_accepted_by_both(tmp_path: Path, single: ModuleType) -> None:
    from sonde.audit import AuditLog

    with AuditLog.open(tmp_path / "audit", tmp_path / "keys", probe="north") as log:
        key = log.key
        log.append_many([("heartbeat", {})] * 700)
        log.append("policy.load", broken.POLICY)
    with AuditLog.open(tmp_path / "audit", tmp_path / "keys") as log:
        log.append("degraded", {"what": "clock", "reason": 'ein "Wort", \u00e4\u2028\U0001f600\t\x7f'})
    assert both(single, tmp_path / "audit", key)["status"] == "sound"


def test_an_older_checkpoint_binds_whoever_holds_the_key(tmp_path: Path, single: ModuleType) -> None:
    entries = broken.long()
    old = {size: note(size, root_of(entries[:size])) for size in (1, 255, 256, 257, 512, 599, 600)}
    write_log(tmp_path / "good", entries)
    assert both(single, tmp_path / "good", since=list(old.values()))["status"] == "sound"
    # Rebuilt without one entry and signed again: by itself it verifies.
    story = broken.good()[:3] + [json.loads(each) for each in entries[4:]]
    broken.renumber(story)
    rebuilt = [spelled(each) for each in story]
    write_log(tmp_path / "forked", rebuilt)
    assert both(single, tmp_path / "forked")["status"] == "sound"
    assert faults(both(single, tmp_path / "forked", since=[old[599]])) == {"forked"}
    assert both(single, tmp_path / "forked", since=[old[1]])["status"] == "sound"
    write_log(tmp_path / "back", entries[:300])
    assert both(single, tmp_path / "back")["status"] == "sound"
    assert faults(both(single, tmp_path / "back", since=[old[600]])) == {"rolled-back"}
    assert faults(both(single, tmp_path / "back", since=[old[600], old[257]])) == {"rolled-back"}


def test_an_older_checkpoint_must_be_one_of_this_log(tmp_path: Path, single: ModuleType) -> None:
    entries = broken.long()
    write_log(tmp_path, entries)
    root = root_of(entries[:9])
    for since, fault in [
        (note(9, root, key=OTHER), "since-signature"),
        (note(9, root, origin="south/1"), "since-origin"),
        (b"nonsense", "since-malformed"),
        (note(9, root).replace(b"\n9\n", b"\n8\n"), "since-signature"),
    ]:
        assert faults(both(single, tmp_path, since=[since])) == {fault}


def test_witnesses_are_held_to_their_cosignatures(tmp_path: Path, single: ModuleType) -> None:
    entries = broken.long()
    write_log(tmp_path, entries)
    witness = vkey(OTHER, "witness.example/w1", 4)
    assert faults(both(single, tmp_path, witnesses=[witness])) == {"cosignature-missing"}
    assert both(single, tmp_path, witnesses=[witness])["status"] == "incomplete"
    plain = (tmp_path / "checkpoint").read_bytes()
    (tmp_path / "checkpoint").write_bytes(cosigned(plain, OTHER, "witness.example/w1", 1_780_000_000))
    assert both(single, tmp_path, witnesses=[witness])["status"] == "sound"
    assert both(single, tmp_path)["status"] == "sound"
    # Kept by the auditor, cosigned, the log's own checkpoint being newer.
    (tmp_path / "checkpoint").write_bytes(plain)
    kept = cosigned(note(300, root_of(entries[:300])), OTHER, "witness.example/w1", 1_780_000_000)
    assert both(single, tmp_path, witnesses=[witness], since=[kept])["status"] == "sound"
    forged = cosigned(plain, KEY, "witness.example/w1", 1_780_000_000)
    assert faults(both(single, tmp_path, witnesses=[witness])) == {"cosignature-missing"}
    (tmp_path / "checkpoint").write_bytes(forged)
    assert faults(both(single, tmp_path, witnesses=[witness])) == {"cosignature-missing"}
    line = forged.rsplit(b" ", 1)[0] + b" " + plain.rsplit(b" ", 1)[1]
    assert line != forged
    other = cosigned(plain, OTHER, "witness.example/w1", 1_780_000_000)
    (tmp_path / "checkpoint").write_bytes(other[:-8] + (b"AAA" if other[-8:-5] != b"AAA" else b"BBB") + other[-5:])
    assert faults(both(single, tmp_path, witnesses=[witness])) == {"cosignature"}


def dataset(folder: Path, text: str = "records") -> str:
    """Write files, and give the digest that `sha256sum` would."""
    (folder / "dns").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "dns/part-0000.parquet").write_text(text)
    (folder / "Z").write_text("Z comes before d where C sorts")
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  ./{name}\n"
        for name in ("Z", "dns/part-0000.parquet", "manifest.json")
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_outputs_are_held_to_their_entries(tmp_path: Path, single: ModuleType) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    entries = broken.good()
    entries[broken.COMMIT]["data"]["digest"] = dataset(out / "office.sonde")
    write_log(log, [spelled(each) for each in entries])
    found = both(single, log, outputs=out)
    assert (found["status"], found["outputs"]) == ("sound", 1)
    assert both(single, log, outputs=out / "office.sonde")["status"] == "sound"
    (out / "office.sonde").rename(out / "renamed.sonde")
    assert both(single, log, outputs=out)["status"] == "sound"
    (out / "renamed.sonde").rename(out / "office.sonde")
    dataset(out / "unknown.sonde", "others")
    assert faults(both(single, log, outputs=out)) == {"output-unknown"}
    (out / "office.sonde/dns/part-0000.parquet").write_text("altered")
    assert faults(both(single, log, outputs=out)) == {"output-unknown", "output-altered"}
    empty = tmp_path / "empty"
    empty.mkdir()
    found = both(single, log, outputs=empty)
    assert (found["status"], faults(found)) == ("incomplete", {"output-missing"})
    entries[-2]["data"]["dataset"] = "office.sonde"  # retention.delete
    write_log(tmp_path / "later", [spelled(each) for each in entries])
    assert both(single, tmp_path / "later", outputs=empty)["status"] == "sound"


def test_both_declare_the_same_types(single: ModuleType) -> None:
    letters = {"text": "s", "count": "i", TEXTS: "l"}
    ours = {
        name: tuple({key: letters[holds] for key, holds in keys.items()} for keys in (kind.needed, kind.optional))
        for name, kind in KINDS.items()
    }
    assert ours == single.DECLARED
    assert single.GREATEST == MOST_COUNT


@pytest.mark.parametrize(("name", "status"), [("", 0), ("gap-in-n", 1), ("bundle-missing", 2), ("tile-torn", 1)])
def test_exit_statuses_are_the_same(tmp_path: Path, name: str, status: int) -> None:
    if name:
        broken.make(tmp_path / "log", name)
    else:
        write_log(tmp_path / "log", [spelled(each) for each in broken.good()])
    (tmp_path / "key").write_text(broken.key() + "\n")
    said = []
    for program in ([str(SINGLE)], ["-m", "sonde.cli.main", "audit", "verify"]):
        args = [sys.executable, *program, str(tmp_path / "log"), "--key", str(tmp_path / "key"), "--json"]
        run = subprocess.run(args, capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (status, "")
        said.append(json.loads(run.stdout))
    assert said[0] == said[1]


@pytest.mark.parametrize("key", ["nowhere", "a+b+c"])
def test_a_wrong_key_is_no_violation(tmp_path: Path, key: str) -> None:
    write_log(tmp_path / "log", broken.long())
    for program in ([str(SINGLE)], ["-m", "sonde.cli.main", "audit", "verify"]):
        args = [sys.executable, *program, str(tmp_path / "log"), "--key", key]
        run = subprocess.run(args, capture_output=True, text=True)
        assert run.returncode == 2
        assert len(run.stderr.splitlines()) == 1


def test_the_single_file_imports_nothing_of_ours() -> None:
    text = SINGLE.read_text()
    assert "import sonde" not in text
    assert "from sonde" not in text
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_path({str(SINGLE)!r}, run_name='__main__')\n"
    code += "except SystemExit: pass\nassert not [name for name in sys.modules if name.split('.')[0] == 'sonde']"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

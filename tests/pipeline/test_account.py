"""What a run tells the audit log: in order, before the effect, and also where it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sonde
from sonde.audit import AuditError, verify
from sonde.audit.folder import read_log
from sonde.audit.note import read_checkpoint, split_note
from sonde.audit.stamp import digest_folder
from sonde.audit.verify import own_key
from sonde.pipeline import whole as reading
from sonde.pipeline.account import folder_of_log
from tests.pipeline.test_lanes import EXAMPLE

POLICY = """
schema = 1
version = {version}
operator = "Example University"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = {year}-06-30T00:00:00Z
[[network]]
cidr = "192.0.2.0/24"
role = "clients"
[classes]
ENDPOINT = "keep"
PERSON = "pseudonymise"
[signatures]
policy = 0
[pseudonym]
epoch = "24h"
keep_keys = "48h"
[audit]
log = "audit"
heartbeat = "5m"
"""


def told(log: Path) -> list[dict]:
    size = read_checkpoint(split_note((log / "checkpoint").read_bytes())[0]).size
    return [json.loads(octets) for _, octets in read_log(log, size).entries()]


def types(log: Path) -> list[str]:
    return [entry["type"] for entry in told(log)]


def write_policy(place: Path, version: int = 3, year: int = 2999) -> Path:
    path = place / "office.toml"
    path.write_text(POLICY.format(version=version, year=year))
    return path


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sonde.cli.main", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_run_is_told_and_its_output_committed(tmp_path: Path) -> None:
    log, out = tmp_path / "audit", tmp_path / "out/x.sonde"
    sonde.read(EXAMPLE, output=out, audit=log, keys=tmp_path / "keys", tables=["dns"])
    assert types(log) == ["log.genesis", "boot", "policy.load", "tally", "output.commit", "shutdown"]
    _, boot, load, tally, commit, end = told(log)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (load["data"]["digest"], load["data"]["version"]) == (manifest["policy"]["digest"], 0)
    assert tally["data"]["frames"] == manifest["packets"]["in"]
    assert tally["data"]["recorded"] == manifest["packets"]["recorded"]
    assert commit["data"]["digest"] == digest_folder(out).digest
    assert (commit["data"]["name"], commit["data"]["rows"]) == ("x.sonde", manifest["tables"]["dns"]["rows"])
    assert (boot["data"]["heartbeat_s"], end["data"]["reason"]) == (600, "done")
    assert verify(log, own_key(log), outputs=tmp_path / "out").status == "sound"
    (out / "manifest.json").write_text("{}")
    assert verify(log, own_key(log), outputs=tmp_path / "out").status == "violated"


def test_the_entry_is_there_before_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, out, seen = tmp_path / "audit", tmp_path / "x.sonde", []
    commit = reading._commit

    def look(aside: Path, place: Path, audit: object) -> None:
        seen.append((types(log)[-1], place.exists()))
        commit(aside, place, audit)

    monkeypatch.setattr(reading, "_commit", look)
    sonde.read(EXAMPLE, output=out, audit=log, keys=tmp_path / "keys", tables=["dns"])
    assert (seen, out.exists()) == ([("output.commit", False)], True)


def test_nothing_is_written_where_the_log_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sonde.audit.log as writer

    write = writer._write_all

    def full(folder: Path, files: object) -> None:
        if (tmp_path / "audit/checkpoint").exists() and b'"boot"' in (
            tmp_path / "audit/tile/entries/000.p/2"
        ).read_bytes():
            raise OSError(28, os.strerror(28))
        write(folder, files)

    monkeypatch.setattr(writer, "_write_all", full)
    with pytest.raises(AuditError, match="No space left on device"):
        sonde.read(EXAMPLE, output=tmp_path / "x.sonde", audit=tmp_path / "audit", keys=tmp_path / "keys")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit", "keys"]
    monkeypatch.undo()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AuditError, match="cannot be written"):
        sonde.read(EXAMPLE, output=tmp_path / "x.sonde", audit=tmp_path / "file", keys=tmp_path / "keys")
    assert not (tmp_path / "x.sonde").exists()


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    log, out = tmp_path / "audit", tmp_path / "x.sonde"
    out.mkdir()
    (out / "something").touch()
    with pytest.raises(reading.OutputError):
        sonde.read(EXAMPLE, output=out, audit=log, keys=tmp_path / "keys", tables=["dns"])
    assert types(log)[-2:] == ["policy.load", "shutdown"]
    assert told(log)[-1]["data"] == {"reason": "failed"}
    assert verify(log, own_key(log)).status == "sound"


def test_a_policy_names_its_log_and_cannot_be_lowered(tmp_path: Path) -> None:
    policy, log = write_policy(tmp_path), tmp_path / "audit"
    sonde.read(EXAMPLE, output=tmp_path / "1.sonde", policy=policy, keys=tmp_path / "keys", tables=["dns"])
    first = told(log)
    assert first[1]["data"]["heartbeat_s"] == 300
    assert first[2]["data"] | {"digest": ""} == {
        "digest": "", "name": "office.toml", "version": 3, "needed": 0, "signers": [], "authorisation": 2,
    }  # fmt: skip
    write_policy(tmp_path, version=2)
    done = run("read", EXAMPLE, "-o", tmp_path / "2.sonde", "--policy", policy, "--keys", tmp_path / "keys")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "version 3 was in force before" in done.stderr
    assert not (tmp_path / "2.sonde").exists()
    write_policy(tmp_path, version=4, year=2020)
    done = run("read", EXAMPLE, "-o", tmp_path / "2.sonde", "--policy", policy, "--keys", tmp_path / "keys")
    assert done.returncode == 2
    assert types(log)[len(first) :] == ["boot", "policy.refuse", "shutdown"] * 2
    assert [entry["data"]["reason"] for entry in told(log)[-2:]] == ["policy", "failed"]
    assert verify(log, own_key(log)).status == "sound"


def test_without_a_log_there_is_none(tmp_path: Path) -> None:
    sonde.read(EXAMPLE, output=tmp_path / "x.sonde", tables=["dns"], keys=tmp_path / "keys")
    assert [path.name for path in tmp_path.iterdir()] == ["x.sonde"]
    code = "import sys, sonde.pipeline.read, sonde.pipeline.account; assert 'sonde.audit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    done = run("read", EXAMPLE, "-o", tmp_path / "y.sonde", "--probe", "north")
    assert (done.returncode, "--audit DIR" in done.stderr) == (1, True)


def test_where_the_log_is(tmp_path: Path) -> None:
    policy = write_policy(tmp_path)
    assert folder_of_log(None, "default") is None
    assert folder_of_log("here", str(policy)) == Path("here")
    assert folder_of_log(None, str(policy)) == tmp_path / "audit"
    for text in ("", "[audit]", "audit = 1", "[audit]\nlog = 1", "nonsense", "[audit]\nlog = ''"):
        policy.write_text(text)
        assert folder_of_log(None, str(policy)) is None
    assert folder_of_log(None, str(tmp_path / "nowhere")) is None


def test_deletions_are_told_before_they_are_done(tmp_path: Path) -> None:
    policy, keys = write_policy(tmp_path), tmp_path / "keys"
    policy.write_text(policy.read_text() + '[retention]\nrecords = "1d"\n')
    sonde.read(EXAMPLE, output=tmp_path / "x.sonde", policy=policy, keys=keys, tables=["dns"])
    before = len(told(tmp_path / "audit"))
    args = ("retention", tmp_path / "x.sonde", "--policy", policy, "--keys", keys)
    assert run(*args, "--dry-run").returncode == 0
    assert len(told(tmp_path / "audit")) == before
    past = 1_600_000_000
    manifest = tmp_path / "x.sonde/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"last_ns": past * 10**9}))
    os.utime(manifest, (past, past))
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "x.sonde").exists()
    assert types(tmp_path / "audit")[before:] == ["boot", "policy.load", "retention.delete", "shutdown"]
    assert told(tmp_path / "audit")[-2]["data"]["dataset"] == "x.sonde"
    assert verify(tmp_path / "audit", own_key(tmp_path / "audit"), outputs=tmp_path).status == "sound"


def test_keys_of_pseudonyms_are_told(tmp_path: Path) -> None:
    policy, log = write_policy(tmp_path), tmp_path / "audit"
    sonde.read(EXAMPLE, output=tmp_path / "x.sonde", policy=policy, keys=tmp_path / "keys", tables=["http", "dns"])
    made = [entry["data"]["key"] for entry in told(log) if entry["type"] == "key.rotate"]
    assert made
    assert len(made) == len(list((tmp_path / "keys/pseudonyms").glob("*.key")))
    assert verify(log, own_key(log)).status == "sound"

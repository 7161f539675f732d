"""The writer: what it says is there is there, and what it cannot write it says."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import sonde.audit.log as writer
from sonde.audit import AuditError, AuditLog, read_verifier, verify
from sonde.audit.tiles import pack_entries, tile_path, unpack_entries

POLICY = {"digest": "a" * 64, "name": "office", "version": 3, "needed": 1, "signers": ["SHA256:x"], "authorisation": 2}


class Clock:
    """Milliseconds since 1970, as told."""

    def __init__(self, now: int = 1_780_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def begin(place: Path, **more) -> AuditLog:
    return AuditLog.open(place / "audit", place / "keys", **({"probe": "north"} | more))


def entries(place: Path) -> list[dict]:
    """Every entry, by the paths of tlog-tiles."""
    size = int((place / "audit/checkpoint").read_text().split("\n")[1])
    found = []
    for index in range((size + 255) // 256):
        path = place / "audit" / tile_path("entries", index, min(256, size - index * 256))
        found += [json.loads(each) for each in unpack_entries(path.read_bytes())]
    return found


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path("0", 1234067, 256) == "tile/0/x001/x234/067"
    assert tile_path("entries", 0, 5) == "tile/entries/000.p/5"
    assert tile_path("1", 1000, 256) == "tile/1/x001/000"
    assert tile_path("2", 999, 1) == "tile/2/999.p/1"


def test_a_bundle_is_cut_where_its_lengths_say() -> None:
    assert pack_entries([b"ab", b"", b"c" * 300]) == b"\0\2ab\0\0\x01\x2c" + b"c" * 300
    assert unpack_entries(b"\0\2ab\0\0\x01\x2c" + b"c" * 300) == [b"ab", b"", b"c" * 300]
    for damaged in (b"\0", b"\0\2a", b"\0\1ab"):
        with pytest.raises(AuditError):
            unpack_entries(damaged)


def test_a_new_log_says_who_and_since_when(tmp_path: Path) -> None:
    with begin(tmp_path) as log:
        log.append("policy.load", POLICY, actor=["SHA256:x"])
        log.append("heartbeat", {})
        key = log.key
    found = entries(tmp_path)
    assert [entry["type"] for entry in found] == ["log.genesis", "boot", "policy.load", "heartbeat", "shutdown"]
    assert [entry["n"] for entry in found] == [0, 1, 2, 3, 4]
    assert {entry["boot"] for entry in found} == {log.boot}
    assert [entry["policy"] for entry in found] == ["", "", "a" * 64, "a" * 64, "a" * 64]
    assert found[0]["data"]["key"] == key
    assert found[1]["data"]["previous"] == "first"
    assert verify(tmp_path / "audit", read_verifier(key)).status == "sound"


@pytest.mark.parametrize("steps", [[1], [251, 1, 1, 1], [252, 1], [253, 260], [70_000]])
def test_a_log_goes_on_where_it_was(tmp_path: Path, steps: list[int]) -> None:
    total = 3  # genesis, boot, shutdown
    with begin(tmp_path) as log:
        key = log.key
        for step in steps:
            log.append_many([("heartbeat", {})] * step)
            total += step
    with begin(tmp_path, probe="") as log:
        assert log.size == total + 1
        assert log.probe == "north"
        assert log.append("heartbeat", {}) == total + 1
    found = verify(tmp_path / "audit", read_verifier(key))
    assert (found.status, found.checkpoint.size) == ("sound", total + 3)


def test_every_checkpoint_keeps_its_partial_tiles_until_the_full_one(tmp_path: Path) -> None:
    with begin(tmp_path) as log:
        for _ in range(4):
            log.append("heartbeat", {})
        assert sorted(int(path.name) for path in (tmp_path / "audit/tile/0/000.p").iterdir()) == [2, 3, 4, 5, 6]
        log.append_many([("heartbeat", {})] * 250)
    assert not (tmp_path / "audit/tile/0/000.p").exists()
    assert not (tmp_path / "audit/tile/entries/000.p").exists()
    assert (tmp_path / "audit/tile/0/000").stat().st_size == 8192
    assert (tmp_path / "audit/tile/1/000.p/1").stat().st_size == 32


def test_the_past_is_known_when_opened(tmp_path: Path) -> None:
    granted = {
        "authorisation": "a-1", "digest": "d", "nonce": "n1", "policy": "a" * 64, "purpose": "incident",
        "networks": ["192.0.2.0/28"], "mail_domains": [], "captures": [],
        "protocols": ["smtp"], "artefacts": ["bodies"],
        "not_before": "2026-01-01T00:00:00+00:00", "not_after": "2026-01-02T00:00:00+00:00", "max_messages": 1,
        "max_octets": 1, "recipients": [], "signers": ["SHA256:x", "SHA256:y"],
    }  # fmt: skip
    with begin(tmp_path) as log:
        log.append("policy.load", POLICY)
        log.append("policy.load", POLICY | {"name": "default", "version": 0})
        log.append("authorisation.activate", granted)
    with begin(tmp_path) as log:
        assert log.highest_policy_version == 3
        assert log.seen_nonces == {"n1"}
        assert log.seen_ids == {"a-1"}
        assert log.latest


def test_nothing_undeclared_is_written(tmp_path: Path) -> None:
    with begin(tmp_path) as log:
        size = log.size
        for kind, data in [
            ("person.search", {}),
            ("heartbeat", {"who": "alice"}),
            ("shutdown", {"reason": 1}),
            ("shutdown", {"reason": None}),
            ("shutdown", {}),
            ("key.rotate", {"key": "k", "epoch_start_ns": 1.5}),
            ("key.rotate", {"key": "k", "epoch_start_ns": True}),
            ("key.rotate", {"key": "k", "epoch_start_ns": -1}),
            ("key.rotate", {"key": "k", "epoch_start_ns": 1 << 63}),
            ("selftest", {"policies": ["a", 1], "canaries": 1, "outputs": 1, "milliseconds": 1, "failures": []}),
            ("shutdown", {"reason": "x" * 8192}),
            ("shutdown", {"reason": "\ud800"}),
        ]:
            with pytest.raises(AuditError, match="cannot take an entry"):
                log.append(kind, data)
        assert log.size == size
    assert [entry["n"] for entry in entries(tmp_path)] == [0, 1, 2]


def test_a_clock_that_goes_back_is_told(tmp_path: Path) -> None:
    clock = Clock()
    with begin(tmp_path, clock=clock) as log:
        clock.now -= 500
        log.append("heartbeat", {})
        clock.now -= 5_000
        log.append("heartbeat", {})
        key = log.key
    found = entries(tmp_path)
    assert [entry["type"] for entry in found[2:]] == ["heartbeat", "clock.jump", "heartbeat", "shutdown"]
    assert found[2]["t"] == found[1]["t"]
    assert found[3]["data"] == {"back_ms": 5_500}
    assert log.latest == found[1]["t"] > found[-1]["t"]
    with begin(tmp_path, clock=clock) as log:
        assert log.latest == found[1]["t"]
    assert verify(tmp_path / "audit", read_verifier(key)).status == "sound"


def test_a_heartbeat_is_written_when_one_is_due(tmp_path: Path) -> None:
    with begin(tmp_path, heartbeat_s=600) as log:
        size = log.size
        log.beat()
        assert log.size == size
        log._last_beat -= 600
        log.beat()
        log.beat()
        assert log.size == size + 1


def test_a_run_that_fails_says_so_and_not_what(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), begin(tmp_path):
        raise RuntimeError("alice@example.org")
    assert entries(tmp_path)[-1]["data"] == {"reason": "failed"}
    with pytest.raises(KeyboardInterrupt), begin(tmp_path):
        raise KeyboardInterrupt
    assert entries(tmp_path)[-1]["data"] == {"reason": "interrupted"}


def test_there_is_one_writer(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(AuditError, match="Another program writes"):
        begin(tmp_path)
    begin(tmp_path).close()


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = begin(tmp_path)
    log.close()
    log.close()
    with pytest.raises(AuditError, match="closed"):
        log.append("heartbeat", {})


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    begin(tmp_path).close()
    (key,) = (tmp_path / "keys").glob("*.audit-key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    key.chmod(0o640)
    with pytest.raises(AuditError, match="Others can read the key"):
        begin(tmp_path)
    key.chmod(0o600)
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(AuditError, match="chmod 700"):
        begin(tmp_path)
    (tmp_path / "keys").chmod(0o700)
    key.write_text("nonsense")
    with pytest.raises(AuditError, match="is damaged"):
        begin(tmp_path)
    key.unlink()
    with pytest.raises(AuditError, match="key of this audit log is not in"):
        begin(tmp_path)


def test_two_logs_do_not_pass_for_one_another(tmp_path: Path) -> None:
    with begin(tmp_path) as log, AuditLog.open(tmp_path / "other", tmp_path / "keys", probe="north") as other:
        assert log.key != other.key
        keys = [log.key, other.key]
    assert verify(tmp_path / "audit", read_verifier(keys[0])).status == "sound"
    assert verify(tmp_path / "other", read_verifier(keys[0])).status == "violated"


def test_another_probes_log_is_refused(tmp_path: Path) -> None:
    begin(tmp_path).close()
    with pytest.raises(AuditError, match="of the probe 'north' and not of 'south'"):
        begin(tmp_path, probe="south")
    with pytest.raises(AuditError, match="cannot be named"):
        begin(tmp_path, probe="a b")


def test_a_damaged_log_is_not_written_on(tmp_path: Path) -> None:
    begin(tmp_path).close()
    path = tmp_path / "audit/tile/entries/000.p/3"
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b'"n":1', b'"n":9'))
    with pytest.raises(AuditError, match="is damaged"):
        begin(tmp_path)
    path.write_bytes(octets)
    note = tmp_path / "audit/checkpoint"
    note.write_bytes(note.read_bytes().replace(b"\n3\n", b"\n2\n"))
    with pytest.raises(AuditError, match="does not hold"):
        begin(tmp_path)


def test_what_was_left_behind_the_checkpoint_is_discarded_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin(tmp_path) as log:
        key = log.key
    with begin(tmp_path) as log:
        write = writer._write_all

        def full_at_the_checkpoint(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
            files = list(files)
            if files[0][0] == "checkpoint":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(folder, files)

        monkeypatch.setattr(writer, "_write_all", full_at_the_checkpoint)
        with pytest.raises(AuditError, match="cannot be written: No space left on device"):
            log.append_many([("heartbeat", {})] * 300)
        with pytest.raises(AuditError, match="cannot be written: No space left on device"):
            log.append("heartbeat", {})
        monkeypatch.setattr(writer, "_write_all", write)
    folder = tmp_path / "audit"
    verdict = verify(folder, read_verifier(key))
    assert (verdict.status, verdict.checkpoint.size, verdict.beyond) == ("sound", 4, 300)
    assert (folder / "tile/entries/000").exists()
    with begin(tmp_path) as log:
        assert not (folder / "tile/entries/000").exists()
        log.append("heartbeat", {})
    assert entries(tmp_path)[4]["data"] | {"version": ""} == {
        "version": "", "previous": "unclean", "discarded": 300, "heartbeat_s": 600,
    }  # fmt: skip
    verdict = verify(folder, read_verifier(key))
    assert (verdict.status, verdict.beyond) == ("sound", 0)


def test_a_log_put_back_from_a_copy_is_not_gone_on_with(tmp_path: Path) -> None:
    with begin(tmp_path) as log:
        key = log.key
    folder = tmp_path / "audit"
    shutil.copytree(folder, tmp_path / "copy")
    begin(tmp_path).close()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    with pytest.raises(AuditError, match="had 5 entries and has 3"):
        begin(tmp_path)
    assert verify(folder, read_verifier(key)).status == "sound"
    (mark,) = (tmp_path / "keys").glob("*.audit-newest")
    mark.write_text("torn")
    begin(tmp_path).close()


def test_a_checkpoint_put_back_loses_no_entry_before_it(tmp_path: Path) -> None:
    with begin(tmp_path) as log:
        key = log.key
    folder = tmp_path / "audit"
    before = (folder / "checkpoint").read_bytes()
    with begin(tmp_path) as log:
        log.append_many([("heartbeat", {})] * 300)
    after = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(before)
    with pytest.raises(AuditError, match="put back from a copy"):
        begin(tmp_path)
    for mark in (tmp_path / "keys").glob("*.audit-newest"):
        mark.unlink()
    begin(tmp_path).close()
    assert verify(folder, read_verifier(key)).status == "sound"
    assert [fault.name for fault in verify(folder, read_verifier(key), since=[after]).faults] == ["rolled-back"]


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(AuditError, match="cannot be written"):
        begin(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    begin(tmp_path).close()
    (tmp_path / "audit").chmod(0o500)
    with pytest.raises(AuditError, match="cannot be written: Permission denied"):
        begin(tmp_path)


FULL = """
import resource, signal, sys
from pathlib import Path
from sonde.audit import AuditError, AuditLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = AuditLog.open(Path(sys.argv[1]), Path(sys.argv[2]), probe="north")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # as a disk that is full
size, told = log.size, []
for _ in range(100):
    try:
        size = log.append("heartbeat", {}) + 1
    except AuditError as error:
        told.append(str(error))
log.close()
print(size, len(told), len(set(told)), told[0])
"""


def test_a_full_disk_ends_the_writer_and_loses_nothing(tmp_path: Path) -> None:
    args = [sys.executable, "-c", FULL, str(tmp_path / "audit"), str(tmp_path / "keys")]
    run = subprocess.run(args, capture_output=True, text=True, check=True)
    size, refused, sentences, said = run.stdout.split(" ", 3)
    assert (int(refused) > 50, sentences) == (True, "1")
    assert "cannot be written: File too large" in said
    assert "Traceback" not in run.stderr
    with begin(tmp_path) as log:
        key = log.key
        assert log.size == int(size) + 1
    assert entries(tmp_path)[int(size)]["data"]["previous"] == "unclean"
    assert verify(tmp_path / "audit", read_verifier(key)).status == "sound"

"""The commands of `sonde audit` as people meet them."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit import broken
from tests.audit.forge import ORIGIN, cosigned, note, put, root_of, spelled, vkey, write_log
from tests.audit.test_tree import follows


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sonde.cli.main", "audit", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_request_to_a_witness_proves_that_the_log_has_only_grown(tmp_path: Path) -> None:
    entries = broken.long()
    write_log(tmp_path / "log", entries)
    put(tmp_path / "old", note(300, root_of(entries[:300])))
    request = run("checkpoint", tmp_path / "log", "--since", tmp_path / "old").stdout
    head, checkpoint = request.split("\n\n", 1)
    size, *proof = head.split("\n")
    assert (size, checkpoint) == ("old 300", (tmp_path / "log/checkpoint").read_text())
    hashes = [base64.b64decode(line) for line in proof]
    assert follows(300, root_of(entries[:300]), 600, root_of(entries), hashes)
    put(tmp_path / "old", note(300, bytes(32)))
    forked = run("checkpoint", tmp_path / "log", "--since", tmp_path / "old")
    assert (forked.returncode, forked.stdout) == (1, "")
    assert "not what was signed then" in forked.stderr
    put(tmp_path / "old", note(601, bytes(32)))
    assert run("checkpoint", tmp_path / "log", "--since", tmp_path / "old").returncode == 1


def test_the_key_is_that_of_the_log(tmp_path: Path) -> None:
    write_log(tmp_path, broken.long())
    assert run("checkpoint", tmp_path, "--vkey").stdout == vkey() + "\n"
    assert run("checkpoint", tmp_path).stdout == (tmp_path / "checkpoint").read_text()


@pytest.mark.parametrize("act", [("checkpoint",), ("report",), ("verify", "--key", vkey())])
def test_where_there_is_no_log_a_sentence_says_so(tmp_path: Path, act: tuple[str, ...]) -> None:
    done = run(act[0], tmp_path / "nowhere", *act[1:])
    assert done.returncode == (2 if act[0] == "verify" else 1)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "nowhere" in said


def test_a_report_tells_and_escapes_what_the_log_says(tmp_path: Path) -> None:
    entries = broken.good()
    entries[broken.COMMIT]["data"]["name"] = "<b>|\u001b[31m.sonde"
    write_log(tmp_path, [spelled(each) for each in entries])
    text = run("report", tmp_path, "--key", vkey())
    assert (text.returncode, text.stderr) == (0, "")
    assert "\u001b" not in text.stdout
    assert "a-0000000000000001" in text.stdout
    markdown = run("report", tmp_path, "--key", vkey(), "--format", "markdown").stdout
    assert r"\<b\>\|?\[31m.sonde" in markdown
    assert "given beforehand" in markdown
    assert "proves little" in run("report", tmp_path).stdout


def test_a_verdict_names_its_faults(tmp_path: Path) -> None:
    broken.make(tmp_path, "one-signer")
    done = run("verify", tmp_path, "--key", vkey())
    assert done.returncode == 1
    assert "authorisation-signers: entry 3: 2 keys are needed" in done.stdout
    assert "no older checkpoint was given" in done.stdout


def test_witnesses_are_given_by_their_keys(tmp_path: Path) -> None:
    entries = broken.long()
    write_log(tmp_path, entries)
    witness = vkey(broken.OTHER, "w.example/1", 4)
    assert run("verify", tmp_path, "--key", vkey(), "--witness", witness).returncode == 2
    put(tmp_path / "checkpoint", cosigned(note(600, root_of(entries)), broken.OTHER, "w.example/1", 1_780_000_000))
    assert run("verify", tmp_path, "--key", vkey(), "--witness", witness).returncode == 0
    assert ORIGIN in run("verify", tmp_path, "--key", vkey()).stdout

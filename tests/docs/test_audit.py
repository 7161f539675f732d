"""The page for auditors: its commands run as they stand there, and its lists are those of the code."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sonde.audit.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/audit.md").read_text(encoding="utf-8")


def run(place: Path, script: str) -> subprocess.CompletedProcess[str]:
    programs = place / "bin"
    programs.mkdir(exist_ok=True)
    for name, args in (("sonde", "-m sonde.cli.main"), ("python", "")):
        command = programs / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {args} "$@"\n')
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "SONDE_KEYS": str(place / "keys"),
    }
    return subprocess.run(["sh", "-c", script], cwd=place, env=environment, capture_output=True, text=True)


@pytest.mark.skipif(not all(map(shutil.which, ("sha256sum", "find", "xargs"))), reason="needs coreutils and findutils")
def test_the_audit_runs_as_it_stands_there(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/first-look.pcapng", tmp_path / "office.pcapng")
    shutil.copy(ROOT / "tools/verify_audit.py", tmp_path)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    # Each block in the folder it begins in.
    done = run(tmp_path, "set -eu\n" + "\n".join(f"(\n{block})" for block in blocks))
    assert done.returncode == 0, done.stderr
    assert "Sound: every entry is there" in done.stdout
    assert "2 datasets compared" in done.stdout
    assert "\nsound\n" in done.stdout
    digests = set(re.findall(r"^([0-9a-f]{64})  -$", done.stdout, re.MULTILINE))
    log = (tmp_path / "statement.md").read_text()
    entries = b"".join(path.read_bytes() for path in (tmp_path / "audit/tile/entries/000.p").iterdir()).decode(
        "latin-1"
    )
    assert len(digests) == 2
    assert all(digest in entries for digest in digests)  # of the dataset, and of the program
    assert "again.sonde" in log
    assert (tmp_path / "request").read_text().startswith("old 6\n")


def test_every_type_and_its_data_stand_there() -> None:
    rows = re.findall(r"^\| (`[a-z.`, ]+`) \|([^|]*)\|", PAGE, re.MULTILINE)
    told = {name: data for names, data in rows for name in re.findall(r"`([a-z.]+)`", names)}
    for name, kind in KINDS.items():
        words = set(re.findall(r"[a-z0-9_]+", told[name])) - {"perhaps", "or"}
        assert words == set(kind.needed) | set(kind.optional), name


def test_every_fault_stands_there() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src/sonde/audit").glob("*.py"))
    named = re.findall(r'(?:fault\(|Fault\(|EntryError\()\s*"([a-z-]+)"', sources)
    named += re.findall(r'"(output-[a-z]+)"', sources)
    named += [f"{what}-{how}" for what in ("checkpoint", "since") for how in ("signature", "malformed", "origin")]
    assert [name for name in sorted(set(named)) if f"`{name}`" not in PAGE] == []
    listed = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", PAGE.split("## What is checked")[1].split("## What it cannot")[0])
    assert set(listed) == set(named)

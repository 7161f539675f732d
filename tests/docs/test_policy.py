"""The commands of docs/policy.md run as they stand there, and its file says every key there is."""

import os
import re
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from sonde.pipeline.plan import registry
from sonde.policy import check_text
from sonde.policy.document import TABLES, TOP
from sonde.policy.terms import TECHNIQUES
from sonde.wire import cache_folder
from tests.maker import conversation, pcap
from tests.policy.keys import needs_ssh_keygen

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text(encoding="utf-8")
SOURCES = Path(__file__).parents[2] / "src"


def block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found).replace("2027-06-30", f"{datetime.now(UTC).year + 1}-06-30")


@needs_ssh_keygen
def test_the_commands_run(tmp_path: Path) -> None:
    (tmp_path / "office.pcap").write_bytes(pcap(conversation([(0, b"hello")], stream=True)))
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "sonde"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sonde.cli.main "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(SOURCES), "HOME": str(tmp_path)}
    environment["SONDE_CACHE"] = str(cache_folder().parents[1])  # or every kernel would be compiled anew
    script = "set -eu\n" + block("sh")
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "signed office.toml" in done.stdout
    assert "Self-test passed" in done.stdout
    assert "office.sonde: kept until" in done.stdout
    assert (tmp_path / "office.sonde/manifest.json").is_file()


def test_the_file_is_a_policy_and_shows_every_key() -> None:
    policy, faults = check_text(block("toml").encode(), "office.toml", registry())
    assert faults == []
    assert policy is not None
    document = tomllib.loads(block("toml"))
    assert set(document) == set(TOP)
    for table, keys in TABLES.items():
        found = document[table][0] if isinstance(document[table], list) else document[table]
        assert set(found) == set(keys), table


def test_every_technique_is_explained() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \| [^|]*\| [^|]*\|$", PAGE, re.MULTILINE)) >= set(TECHNIQUES) - {"keep"}

"""The worked example of docs/authorisation.md runs as it stands there."""

import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sonde.policy.authorisation import REQUIRED, SCOPE, TOP
from tests.policy.keys import needs_ssh_keygen

PAGE = (Path(__file__).parents[2] / "docs/authorisation.md").read_text(encoding="utf-8")
SOURCES = Path(__file__).parents[2] / "src"


@needs_ssh_keygen
def test_the_worked_example_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    next_year = str(datetime.now(UTC).year + 1)
    script = "set -eu\n" + "\n".join(blocks).replace("2027-06-30", f"{next_year}-12-30")
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "sonde"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sonde.cli.main "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(SOURCES),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'Good "sonde-authorisation@v1" signature for alice@example.org' in done.stdout
    assert "would be accepted, signed by alice@example.org, bob@example.org" in done.stdout
    assert "headers, attachments of smtp" in done.stdout
    assert (tmp_path / "phish.toml.revoked").exists()
    assert stat.S_IMODE((tmp_path / "identity.txt").stat().st_mode) == 0o600


def test_every_key_is_explained() -> None:
    explained = set(re.findall(r"^\| `\[?(\w+)\]?`", PAGE, re.MULTILINE))
    assert explained == {*TOP, *SCOPE}
    assert set(REQUIRED) < explained

"""Rights are given up for good, in a process of its own so that these tests keep theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sonde.pipeline.privilege import PrivilegeError, choose_user
from tests.conformance.environment import environment

CONFINED = """
import os, sys
from pathlib import Path
from sonde.pipeline.privilege import confine
told = confine([Path({allowed!r})])
Path({allowed!r}, "may").write_text("x")
os.rename(Path({allowed!r}, "may"), Path({allowed!r}, "inner", "may"))
try:
    Path({forbidden!r}, "may not").write_text("x")
    said = "wrote"
except PermissionError:
    said = "refused"
try:
    os.execv("/bin/true", ["true"])
except PermissionError:
    started = "refused"
rights = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPrivs"))]
print(told["landlock"], told["capabilities"], said, started, " ".join(rights), sep=" | ")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="rights are Linux'")
def test_only_named_folders_can_be_written_and_no_program_is_started(tmp_path: Path) -> None:
    allowed, forbidden = tmp_path / "allowed", tmp_path / "forbidden"
    (allowed / "inner").mkdir(parents=True)
    forbidden.mkdir()
    text = CONFINED.format(allowed=str(allowed), forbidden=str(forbidden))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    if not done.stdout:
        pytest.skip("this kernel has no Landlock")  # /bin/true was started instead
    landlock, capabilities, wrote, started, rights = done.stdout.strip().split(" | ")
    assert landlock.startswith("version")
    assert capabilities.startswith("none")
    assert (wrote, started) == ("refused", "refused")
    assert rights.split() == ["0000000000000000", "1"]


def test_root_does_not_stay_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(PrivilegeError, match="--user NAME"):
        choose_user("root", tmp_path)
    with pytest.raises(PrivilegeError, match="--user NAME"):
        choose_user(None, tmp_path / "not there")
    with pytest.raises(PrivilegeError, match="no user 'nobody-at-all'"):
        choose_user("nobody-at-all", tmp_path)


def test_who_is_not_root_becomes_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert choose_user(None, tmp_path) is None
    with pytest.raises(PrivilegeError, match="Only root can become"):
        choose_user("root", tmp_path)

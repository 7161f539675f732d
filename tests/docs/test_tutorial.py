"""The tutorial of CONTRIBUTING.md and the template of `make dissector`, done exactly as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.environment import environment
from tests.maker import START_NS, ethernet, udp, write_pcap

ROOT = Path(__file__).parents[2]

#: Runs in a fresh process that finds the new dissector in a folder of its own, as if it lay in the package.
WITH_DISSECTOR = """
import pathlib, runpy, sys
import sonde.dissect
folder = pathlib.Path(sys.argv[1])
sonde.dissect.__path__.append(str(folder))
for name, test in list(runpy.run_path(sys.argv[2]).items()):
    if name.startswith("test_"):
        test()
        print("passed", name)
from sonde.cli.main import main
for capture in sys.argv[3:]:
    assert main(["read", capture, "-o", str(folder / "out"), "--format", "jsonl", "--quiet"]) == 0
"""


def run(folder: Path, test: Path, *captures: Path) -> str:
    child = [sys.executable, "-W", "error", "-c", WITH_DISSECTOR, folder, test, *captures]
    own_cache = environment(NUMBA_DISABLE_JIT="1", SONDE_CACHE=str(folder / "cache"))
    done = subprocess.run(child, capture_output=True, text=True, env=own_cache, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tutorial_makes_a_dissector_that_works(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    folder, test = tmp_path / "new", tmp_path / "test_wol.py"
    folder.mkdir()
    (folder / "wol.py").write_text("\n\n".join(blocks[:4]), encoding="utf-8")
    test.write_text(blocks[4], encoding="utf-8")
    packet = b"\xff" * 6 + bytes.fromhex("00005e005301") * 16
    frames = [(START_NS, ethernet(udp(packet + b"sesame", ports=(40000, 9))))]
    said = run(folder, test, write_pcap(tmp_path / "wake.pcap", frames))
    assert said.count("passed") == blocks[4].count("def test_") == 3
    (row,) = [json.loads(line) for line in (folder / "out/wol.jsonl").read_text().splitlines()]
    assert (row["target"], row["copies"], row["password_seen"]) == ("00:00:5e:00:53:01", 16, True)
    assert all(b"sesame" not in path.read_bytes() for path in (folder / "out").iterdir())
    (flow,) = [json.loads(line) for line in (folder / "out/flows.jsonl").read_text().splitlines()]
    assert (flow["protocol"], flow["confirmed"]) == ("wol", True)


def test_the_template_is_a_dissector_whose_tests_pass(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "docs/template.py", "parrot", "--root", tmp_path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert made.stdout.split() == ["wrote", "src/sonde/dissect/parrot.py", "wrote", "tests/dissect/test_parrot.py"]
    folder = tmp_path / "src/sonde/dissect"
    assert run(folder, tmp_path / "tests/dissect/test_parrot.py").count("passed") >= 2
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--config",
        ROOT / "pyproject.toml",
        "--ignore",
        "INP001",
        folder / "parrot.py",
    ]
    assert subprocess.run(ruff, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", ["Parrot", "9p", "dns", "api", "a-b", ""])
def test_the_template_refuses_names_that_would_not_do(name: str, tmp_path: Path) -> None:
    (tmp_path / "src/sonde/dissect").mkdir(parents=True)
    (tmp_path / "src/sonde/dissect/dns.py").write_text("")
    made = subprocess.run(
        [sys.executable, ROOT / "docs/template.py", name, "--root", tmp_path], capture_output=True, text=True
    )
    assert made.returncode == 2
    assert made.stderr.count("\n") == 1

"""Starting is quick: nothing slow is imported before it is needed."""

import subprocess
import sys

import pytest

from sonde.cli.main import DONE, main
from tests.conformance.environment import environment

SLOW = ("numba", "llvmlite", "numpy", "pyarrow", "duckdb", "rich", "pandas")


def loaded(code: str) -> set[str]:
    """Run a line of Python in a fresh process; give the slow modules that it imported."""
    tail = f"; print(*[name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    child = [sys.executable, "-c", f"import sys; {code}{tail}"]
    done = subprocess.run(child, check=True, capture_output=True, text=True, env=environment())
    return set(done.stderr.split())


def test_importing_the_library_imports_nothing_slow() -> None:
    assert loaded("import sonde; dir(sonde); sonde.__version__") == set()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["read", "--help"], ["query", "--help"], ["vault", "--help"], ["live", "--help"], []],
)
def test_help_imports_nothing_slow(arguments: list[str]) -> None:
    code = f"import sonde.cli.main; exec({RUN!r})"
    assert loaded(f"arguments = {arguments!r}; {code}") == set()


RUN = "try:\n    sonde.cli.main.main(arguments)\nexcept SystemExit:\n    pass"


@pytest.mark.compiled
def test_reading_with_kept_kernels_does_not_import_the_compiler() -> None:
    code = "import sonde; sonde.read('examples/first-look.pcapng', tables=['flows']).close()"
    loaded(code)  # whatever must be compiled is kept now
    assert "numba" not in loaded(code)


def test_the_process_that_reads_needs_no_arrow() -> None:
    """It is forked before what only a writer of records needs is imported."""
    code = "import sonde.pipeline.read as read; read.make_plan(); read.Apart"
    assert loaded(code) & {"pyarrow", "pandas", "numba", "duckdb", "rich"} == set()


COMMANDS = ["read", "query", "protocols", "authorize", "vault", "live", "watch"]
ACTS = [f"authorize {act}" for act in "draft sign show check revoke".split()] + [
    "vault keygen",
    "vault list",
    "vault open",
]


@pytest.mark.parametrize("command", COMMANDS + ACTS)
def test_every_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == DONE
    assert f"Example: sonde {command}" in capsys.readouterr().out

"""What goes wrong inside tells what and where, and nothing of what was read."""

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sonde.cli.main import main
from sonde.pipeline import join, recorder
from sonde.pipeline.tally import Tally
from sonde.sink import FORMATS, open_sink
from tests.maker import conversation, write_pcap

CANARY = "canary-of-a-person"
HTTP = [(0, f"GET /?q={CANARY} HTTP/1.1\r\nHost: www.example.org\r\n\r\n".encode())]


def value_error() -> None:
    raise ValueError(CANARY)


def key_error() -> None:
    raise KeyError(CANARY)


def arrow_error() -> None:
    pa.array([1, CANARY])


def decode_error() -> None:
    CANARY.encode().decode("punycode")
    (b"\xff" + CANARY.encode()).decode()


FAULTS = [value_error, key_error, arrow_error, decode_error]


@pytest.mark.parametrize(("struck", "name", "file"), [(join, "joined", "join"), (Tally, "add", "recorder")])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_within_repeats_nothing(
    struck, name, file, fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_pcap(tmp_path / "a.pcap", conversation(HTTP, stream=True))

    def broken(*args: object, **terms: object) -> None:
        fault()

    monkeypatch.setattr(struck, name, broken)
    assert main(["read", str(tmp_path / "a.pcap"), "-o", str(tmp_path / "out")]) == 1
    shown = "".join(capfd.readouterr())
    assert CANARY not in shown
    assert "Traceback" not in shown
    assert "internal error" in shown
    assert f"sonde/pipeline/{file}.py:" in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_rows_that_are_lost_are_told_and_not_repeated(
    fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_pcap(tmp_path / "a.pcap", conversation(HTTP, stream=True))

    def broken(*args: object, **terms: object) -> None:
        fault()

    monkeypatch.setattr(recorder, "build_columns", broken)
    assert main(["read", str(tmp_path / "a.pcap"), "-o", str(tmp_path / "out")]) == 0
    shown = "".join(capfd.readouterr())
    assert "rows lost 1" in shown
    assert "our defects" in shown
    assert "sonde/pipeline/recorder.py:" in shown
    assert CANARY not in shown + (tmp_path / "out/manifest.json").read_text()


def test_an_error_of_a_thread_repeats_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["protocols", "--json"]) == 0  # any command
    thread = threading.Thread(target=value_error)
    thread.start()
    thread.join()
    shown = capfd.readouterr().err
    assert "ValueError" in shown
    assert CANARY not in shown


def test_a_crash_leaves_no_memory_behind(capfd: pytest.CaptureFixture[str]) -> None:
    resource = pytest.importorskip("resource", reason="limits of resources are Unix'")
    assert main(["protocols", "--json"]) == 0
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


@pytest.mark.parametrize("form", FORMATS)
def test_every_sink_takes_only_what_passed_the_gate(form: str, tmp_path: Path) -> None:
    sink = open_sink(form, tmp_path, {})
    for given in (pa.RecordBatch.from_pydict({"a": ["x"]}), {"a": ["x"]}, [{"a": "x"}], None):
        with pytest.raises(TypeError, match="egress gate"):
            sink.write(given)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_whose_streams_are_closed_does_its_work(closed: str, tmp_path: Path) -> None:
    write_pcap(tmp_path / "a.pcap", conversation(HTTP, stream=True))
    sonde = [sys.executable, "-c", "from sonde.cli.main import program; program()"]
    words = [*sonde, "read", "a.pcap", "-o", "out", "--tables", "flows"]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *words], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert pq.read_table(tmp_path / "out" / "flows").num_rows == 1  # and nothing that is printed went into a file


@pytest.mark.parametrize("words", [["read", "-"], ["policy", "init", "x.toml"]])
def test_who_asks_a_standard_input_that_is_closed_is_told_a_sentence(words: list[str], tmp_path: Path) -> None:
    sonde = [sys.executable, "-c", "from sonde.cli.main import program; program()"]
    asked = ["sh", "-c", '"$@" <&-', "sh", *sonde, *words]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert "internal error" not in done.stderr
    assert done.stderr.endswith(".\n")

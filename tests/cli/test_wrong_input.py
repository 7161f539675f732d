"""What goes wrong is said in one sentence, with the right exit status, and leaves no half output."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sonde.cli.main import COULD_NOT, DAMAGED, DONE, INTERRUPTED, TERMINATED, WRONG_USAGE, main
from tests.conformance.environment import environment
from tests.maker import START_NS, conversation, ethernet, pcap, udp, write_pcap

FRAMES = conversation([(0, b"hello"), (1, b"world")], stream=True)
WHOLE = pcap(FRAMES)
Said = pytest.CaptureFixture[str]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_pcap(tmp_path / "whole.pcap", FRAMES)


def said(capfd: Said) -> str:
    """Give the one sentence on standard error; nothing may stand on standard output."""
    out, error = capfd.readouterr()
    assert out == ""
    lines = [line for line in error.splitlines() if "compiling kernels" not in line]
    assert len(lines) == 1, error
    assert lines[0].startswith("sonde: ")
    assert lines[0].endswith((".", "`", "!")) or "DuckDB" in lines[0]
    return lines[0]


def nothing_is_left(folder: Path, *known: str) -> bool:
    """Say whether a folder holds what is known and nothing else, hidden files included."""
    return sorted(each.name for each in folder.iterdir()) == sorted(known)


no_captures: dict[str, tuple[bytes | None, str]] = {
    "a text": (b"Dear Sir or Madam, this is no capture.", "is no capture"),
    "an empty file": (b"", "is empty"),
    "one octet": (b"\xd4", "is no capture"),
    "half a header": (WHOLE[:20], "ends within its header"),
    "a packed text": (b"\x1f\x8b\x08\x00" + bytes(20), "holds no capture"),
    "nothing at all": (None, "does not exist"),
}


@pytest.mark.parametrize("name", no_captures)
def test_what_is_no_capture_is_refused(name: str, tmp_path: Path, capfd: Said) -> None:
    octets, reason = no_captures[name]
    if octets is not None:
        (tmp_path / "in").write_bytes(octets)
    assert main(["read", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == COULD_NOT
    assert reason in said(capfd)
    assert nothing_is_left(tmp_path, *(["in"] if octets is not None else []))


def test_one_that_is_none_among_captures_stops_all(capture: Path, tmp_path: Path, capfd: Said) -> None:
    (tmp_path / "other").write_text("no capture at all, only words")
    assert main(["read", str(capture), str(tmp_path / "other"), "-o", str(tmp_path / "out")]) == COULD_NOT
    assert "other is no capture" in said(capfd)
    assert nothing_is_left(tmp_path, "other", "whole.pcap")


@pytest.mark.parametrize("pattern", ["nothing*.pcap", "empty"])
def test_globs_and_folders_without_captures_are_refused(pattern: str, tmp_path: Path, capfd: Said) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["read", str(tmp_path / pattern), "-o", str(tmp_path / "out")]) == COULD_NOT
    said(capfd)
    assert nothing_is_left(tmp_path, "empty")


damaged: dict[str, tuple[bytes, str, int]] = {
    "ends within a frame": (WHOLE[:-7], "ends within a record", len(FRAMES) - 1),
    "ends within a record's header": (WHOLE + b"\0" * 9, "ends within a record", len(FRAMES)),
    "a record of two gigabytes": (
        WHOLE + struct.pack("<IIII", 1, 1, 1 << 31, 60) + bytes(60),
        "which no frame is",
        len(FRAMES),
    ),
    "a block that lies": (
        struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack("<III", 6, 64, 64) + bytes(60),
        "does not hold together",
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", damaged)
def test_damaged_captures_are_read_up_to_the_damage(name: str, tmp_path: Path, capfd: Said) -> None:
    octets, reason, frames = damaged[name]
    (tmp_path / "in.pcap").write_bytes(octets)
    assert main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "out"), "--quiet"]) == DAMAGED
    assert reason in said(capfd)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["packets"]["in"] == frames
    assert manifest["inputs"][0]["damage"][0]["offset"] > 0
    assert nothing_is_left(tmp_path, "in.pcap", "out")


def test_frames_of_an_unknown_link_type_are_counted_and_told(tmp_path: Path, capfd: Said) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(FRAMES, link=65000))
    assert main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    assert "link type" in said(capfd)
    packets = json.loads((tmp_path / "out/manifest.json").read_text())["packets"]
    assert packets == {"in": len(FRAMES), "recorded": 0, "dropped": {"unknown_link": len(FRAMES)}}


def test_existing_output_is_not_touched(capture: Path, tmp_path: Path, capfd: Said) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work")
    assert main(["read", str(capture), "-o", str(tmp_path / "out")]) == COULD_NOT
    assert "exists already" in said(capfd)
    assert nothing_is_left(tmp_path / "out", "thesis.tex")
    (tmp_path / "file").write_text("also here")
    assert main(["read", str(capture), "-o", str(tmp_path / "file")]) == COULD_NOT
    assert "exists already" in said(capfd)


def test_an_empty_folder_may_be_filled(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    assert (tmp_path / "out/manifest.json").is_file()


def test_output_that_cannot_be_written_is_refused(capture: Path, tmp_path: Path, capfd: Said) -> None:
    (tmp_path / "file").write_text("no folder")
    assert main(["read", str(capture), "-o", str(tmp_path / "file/out")]) == COULD_NOT
    assert "cannot be written" in said(capfd)


usages: dict[str, list[str]] = {
    "an unknown table": ["--tables", "flows,nonsense"],
    "an unknown policy": ["--policy", "nonsense"],
    "an unknown format": ["--format", "nonsense"],
    "a size that is none": ["--memory", "much"],
    "too little memory": ["--memory", "1k"],
    "no lane": ["--lanes", "0"],
    "a time that is none": ["--interim", "soon"],
    "an unknown option": ["--nonsense"],
}


@pytest.mark.parametrize("name", usages)
def test_wrong_usage_is_told_before_anything_is_done(name: str, capture: Path, tmp_path: Path, capfd: Said) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), *usages[name]]) == WRONG_USAGE
    assert "nonsense" in said(capfd) or "--" in usages[name][0]
    assert nothing_is_left(tmp_path, "whole.pcap")


def test_a_command_that_does_not_exist_is_wrong_usage(capfd: Said) -> None:
    assert main(["frobnicate"]) == WRONG_USAGE
    assert "frobnicate" in said(capfd)


questions: dict[str, tuple[str, str]] = {
    "no SQL": ("selec protocol from flows", "syntax error"),
    "no such column": ("select nonsense from flows", "nonsense"),
    "no such table": ("from nonsense", "nonsense"),
    "two questions": ("select 1; select 2", "one SELECT"),
    "no question": ("", "one SELECT"),
    "a change": ("create table mine as from flows", "one SELECT"),
    "a file to be written": ("copy flows to 'flows.csv'", "one SELECT"),
    "a file of the machine": ("select * from read_text('/etc/hostname')", "Permission"),
    "an answer that fails": ("select cast(uid as int) from flows", "Conversion"),
}


@pytest.mark.parametrize("name", questions)
@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_bad_questions_are_told(name: str, form: str, capture: Path, tmp_path: Path, capfd: Said) -> None:
    sql, reason = questions[name]
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    assert main(["query", str(tmp_path / "out"), sql, "--format", form]) == COULD_NOT
    assert reason in said(capfd)


@pytest.mark.parametrize("manifest", [None, "", "{}", "[]", '{"format": "jsonl", "tables": {}}'])
def test_what_is_no_dataset_is_refused(manifest: str | None, tmp_path: Path, capfd: Said) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    assert main(["query", str(tmp_path), "select 1"]) == COULD_NOT
    said(capfd)


def run(*arguments: str | Path, before: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sonde.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), preexec_fn=before,
    )  # fmt: skip


def ended(child: "subprocess.Popen[str]") -> tuple[str, str]:
    """Wait for a child to end and give what it said; leave none behind."""
    try:
        return child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise


def limit_files() -> None:
    """Let no file grow beyond a few octets, as a full disk would."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv", "zeek"])
def test_a_full_disk_leaves_nothing(form: str, tmp_path: Path) -> None:
    frames = [(START_NS + n, ethernet(udp(b"x" * 40, ports=(1024 + n, 9)))) for n in range(3000)]
    write_pcap(tmp_path / "in.pcap", frames)
    assert main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "warm"), "--quiet"]) == DONE
    child = run("read", tmp_path / "in.pcap", "-o", tmp_path / "out", "--format", form, before=limit_files)
    out, error = ended(child)
    assert (child.returncode, out) == (COULD_NOT, ""), error
    assert error == f"sonde: {tmp_path / 'out'} cannot be written: File too large; nothing of it is left.\n"
    assert nothing_is_left(tmp_path, "in.pcap", "warm")


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, INTERRUPTED, "interrupted"), (signal.SIGTERM, TERMINATED, "ended on request")],
)
def test_an_interrupted_run_leaves_nothing(number: int, status: int, word: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = run("read", pipe, "-o", tmp_path / "out")
    with pipe.open("wb") as file:
        file.write(WHOLE)
        file.flush()
        while not list(tmp_path.glob(".out.*")):
            assert child.poll() is None, child.communicate()
            time.sleep(0.02)
        time.sleep(0.3)
        child.send_signal(number)
        out, error = ended(child)
    assert (child.returncode, out) == (status, "")
    assert [line for line in error.splitlines() if "compiling" not in line][-1].startswith(f"sonde: {word}")
    assert "Traceback" not in error
    assert nothing_is_left(tmp_path, "pipe")


def test_who_stops_reading_our_output_is_no_fault(capture: Path, tmp_path: Path) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == DONE
    child = run("query", tmp_path / "out", "from range(200000)", "--format", "csv")
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait(timeout=60) == DONE


@pytest.mark.compiled
def test_an_interrupt_does_not_wait_for_the_compiler(tmp_path: Path) -> None:
    """The first run on a machine compiles for a minute; who has enough of that may leave."""
    write_pcap(tmp_path / "in.pcap", FRAMES)
    child = subprocess.Popen(
        [sys.executable, "-m", "sonde.cli.main", "read", tmp_path / "in.pcap", "-o", tmp_path / "out"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(SONDE_CACHE=str(tmp_path / "cache")),
    )  # fmt: skip
    assert child.stderr is not None
    assert "compiling kernels" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, error = ended(child)
    assert time.monotonic() - began < 10
    assert (child.returncode, error) == (INTERRUPTED, "sonde: interrupted; nothing was written.\n")
    assert nothing_is_left(tmp_path, "cache", "in.pcap")

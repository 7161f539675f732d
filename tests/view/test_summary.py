"""The summary: what a person wants to know, in 80 columns, harmless to any terminal."""

import re
from pathlib import Path

import pytest

from sonde.cli.main import main
from sonde.view.summary import Style, size, summary_lines
from tests.maker import CLIENT, START_NS, conversation, ethernet, pcap, udp

EVIL = b"GET / HTTP/1.1\r\nHost: \x1b[2J\x1b]0;owned\x07.example.org\r\n\r\n"
LONG = b"GET / HTTP/1.1\r\nHost: " + b"a" * 60 + b".example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], octets: bytes, *options: str) -> str:
    (tmp_path / "in.pcap").write_bytes(octets)
    main(["read", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "out"), *options])
    return capsys.readouterr().out


def web(*requests: bytes) -> bytes:
    frames = []
    for number, request in enumerate(requests):
        messages: list[tuple[int, bytes | int]] = [(0, request), (1, OK)]
        frames += conversation(messages, stream=True, ports=(40000 + number, 80), start_ns=START_NS + number * 10**9)
    return pcap(frames)


def test_it_tells_what_who_and_how_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(tmp_path, capsys, web(b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"))
    for expected in ("in.pcap", "8 packets", "1 flows", "http", CLIENT, "www.example.org", "not recorded  nothing"):
        assert expected in out
    assert "flows 1" in out
    assert str(tmp_path / "out") in out
    assert "packets/s" in out


def test_it_fits_80_columns_and_has_no_escapes_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(tmp_path, capsys, web(EVIL, LONG))
    lines = [line for line in out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out)


def test_it_says_what_was_not_recorded_and_what_was_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arp = (START_NS, bytes(12) + b"\x08\x06" + bytes(28))
    out = shown(tmp_path, capsys, pcap([arp, (START_NS, ethernet(udp(b"?")))]) + b"\0" * 5)
    assert "arp 1" in out
    assert "damaged" in out


def test_a_policy_that_hides_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "name or describe persons" in shown(tmp_path, capsys, web(LONG), "--policy", "clear")


def test_a_capture_of_nothing_has_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(tmp_path, capsys, pcap([]))
    assert "0 packets" in out
    assert "records       none" in out


def test_colour_is_only_decoration(tmp_path: Path) -> None:
    import sonde

    (tmp_path / "in.pcap").write_bytes(web(LONG))
    with sonde.read(tmp_path / "in.pcap") as dataset:
        assert dataset.reading is not None
        plain = list(summary_lines(dataset.reading, 80, Style(coloured=False)))
        coloured = list(summary_lines(dataset.reading, 80, Style(coloured=True)))
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain
    assert plain != coloured


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (2 * 10**15, "2000.0 TB")]
)
def test_sizes_read_well(octets: int, text: str) -> None:
    assert size(octets) == text

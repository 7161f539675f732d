"""The story of one flow: what is told, in words, and what is said where there is none."""

from pathlib import Path

import pytest

import sonde
from sonde.cli.main import main
from sonde.identify import all_protocols
from sonde.identify.describe import describe, rules_of, structure_of
from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Same, Signature
from sonde.view.explain import explain_flow, rule_in_words
from tests.identify.asking import protocols
from tests.maker import START_NS, conversation, write_pcap

PASSIVE = [(1, b"220 FTP ready\r\n"), (0, b"EPSV\r\n"), (1, b"229 Extended (|||6446|)\r\n")]
EVIL = b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: \x1b[31mred\r\n\r\n"
Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames = conversation(PASSIVE, stream=True, ports=(40000, 21))
    frames += conversation([(1, b"-rw-r--r--\r\n")], stream=True, ports=(40001, 6446), start_ns=START_NS + 10**9)
    frames += conversation([(0, EVIL), (1, b"HTTP/1.1 204 No Content\r\n\r\n")], stream=True, ports=(40002, 80))
    path = write_pcap(tmp_path / "made.pcap", sorted(frames, key=lambda frame: frame[0]))
    with sonde.read(path, policy="clear", output=tmp_path / "made.sonde"):
        return tmp_path / "made.sonde"


def uids(folder: Path) -> dict[int, str]:
    return {flow["resp_port"]: flow["uid"] for flow in sonde.open_dataset(folder).flows.to_pylist()}


def test_a_flow_tells_its_rule_in_words_and_its_relatives(folder: Path, capsys: Said) -> None:
    names = uids(folder)
    assert main(["explain", str(folder), names[21]]) == 0
    out = capsys.readouterr().out
    assert "protocol      ftp: File Transfer Protocol (control) (RFC 959)" in out
    assert 'rule          ftp 1: "220 " in any case at 0; "ftp" from 4 to 256 (from the server, over TCP): sure' in out
    assert "layers        ipv4, tcp, ftp" in out
    assert f"announced     {names[6446]}" in out
    assert main(["explain", str(folder), names[6446]]) == 0
    out = capsys.readouterr().out
    assert "known by      expected: another flow announced it" in out
    assert f"announced by  {names[21]}" in out


def test_records_of_other_tables_are_told_without_what_a_terminal_acts_on(folder: Path, capsys: Said) -> None:
    story = explain_flow(folder, uids(folder)[80])
    assert list(story.records) == ["http"]
    assert main(["explain", str(folder), uids(folder)[80]]) == 0
    out = capsys.readouterr().out
    assert "records       http 1" in out
    assert "host=www.example.org" in out
    assert "\x1b" not in out
    assert "rule          http structure: " in out


def test_what_is_not_there_is_one_clear_sentence(folder: Path, capsys: Said) -> None:
    cases = (
        ([str(folder), "CnotThere"], "has no flow CnotThere"),
        ([str(folder), "C'; drop"], "A uid has letters and digits only"),
        ([str(folder / "none"), "C1"], "none"),
    )
    for args, said in cases:
        assert main(["explain", *args]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_a_dataset_without_flows_says_how_to_get_them(folder: Path, tmp_path: Path, capsys: Said) -> None:
    path = folder.parent / "made.pcap"
    with sonde.read(path, tables=["http"], output=tmp_path / "http.sonde"):
        pass
    assert main(["explain", str(tmp_path / "http.sonde"), "C1"]) == 1
    assert "with flows among --tables" in capsys.readouterr().err


CONFIRM = "must be confirmed"
WORDS = [
    (Signature((At(0, b"SSH-"),), YES), '"SSH-" at 0: sure'),
    (
        Signature((At(1, b"\x80", b"\xc0"),), MAYBE, "resp", "udp"),
        "80 in the bits c0 at 1 (from the server, over UDP): " + CONFIRM,
    ),
    (Signature((Number(4, 2, 1, 9, little=True),), YES), "number at 4 (2 octets, little-endian) is 1 to 9: sure"),
    (Signature((Length(2, 2, add=8),), YES), "number at 2 (2 octets) tells the length less 8: sure"),
    (Signature((Has(b"ab", 3, 9), Same(0, 4, 2)), YES), '"ab" from 3 to 9; the same 2 octets at 0 and 4: sure'),
    (Signature((Only(0, 0, b"0123456789"),), YES), "digits from 0 to the end: sure"),
    (
        Signature((), MAYBE, "both", "tcp", 48, 48, own_port=True, pair=True),
        "48 octets long (over TCP, on a registered port, if the other side agrees): " + CONFIRM,
    ),
]


@pytest.mark.parametrize(("signature", "words"), WORDS, ids=[case[1][:24] for case in WORDS])
def test_signatures_are_told_in_words(signature: Signature, words: str) -> None:
    assert describe(signature) == words


def test_every_protocol_can_be_told_in_words() -> None:
    for protocol in all_protocols(each for each in protocols()):
        assert all(rules_of(protocol))
        assert bool(structure_of(protocol)) == (protocol.identify is not None)


def test_a_rule_of_another_version_is_left_without_words() -> None:
    assert rule_in_words("ftp 1")
    assert [rule_in_words(each) for each in (None, "ftp 999", "nothing 1", "ftp x")] == ["", "", "", ""]

"""Completion by the shells themselves: what they offer is what the parser takes."""

import re
import shutil
import subprocess

import pytest

from sonde.cli.completion import commands_of
from sonde.cli.main import full_parser, main

Said = pytest.CaptureFixture[str]
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def script(shell: str, capsys: Said) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def offered(line: str, capsys: Said) -> set[str]:
    """Let bash complete a command line, its last word unfinished."""
    words = line.split(" ")
    typed = " ".join(f"'{word}'" for word in words)
    call = f"{script('bash', capsys)}\nCOMP_WORDS=({typed})\nCOMP_CWORD={len(words) - 1}\n"
    done = subprocess.run(
        [str(BASH), "--noprofile", "--norc", "-c", call + '_sonde; printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@needs_bash
def test_bash_offers_all_commands(capsys: Said) -> None:
    commands = {each.path for each in commands_of(full_parser()) if each.path and " " not in each.path}
    assert offered("sonde ", capsys) == commands
    assert commands >= {"read", "live", "export", "top", "query", "policy", "completion"}


@needs_bash
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sonde re", {"read", "retention"}),
        ("sonde read --form", {"--format"}),
        ("sonde read a.pcap --format ", {"parquet", "jsonl", "csv", "zeek"}),
        ("sonde read a.pcap --format j", {"jsonl"}),
        ("sonde policy ", {"init", "check", "explain", "sign"}),
        ("sonde policy sign --k", {"--key"}),
        ("sonde export d --transport ", {"udp", "tcp"}),
        ("sonde completion ", {"bash", "zsh", "fish"}),
        ("sonde read a.pcap --output ", set()),  # then it offers files
        ("sonde read ", set()),
    ],
)
def test_bash_offers_what_fits(line: str, expected: set[str], capsys: Said) -> None:
    assert offered(line, capsys) == expected


@needs_bash
def test_bash_offers_every_option_of_every_command(capsys: Said) -> None:
    for command in commands_of(full_parser()):
        names = {name for option in command.options for name in option.names}
        assert offered(f"sonde {command.path} -".replace("  ", " "), capsys) == names, command.path


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_theirs(shell: str, capsys: Said) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n"], input=script(shell, capsys), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_offers_what_fits(capsys: Said) -> None:
    def asked(line: str) -> set[str]:
        text = script("fish", capsys) + f"\ncomplete -C '{line}'\n"
        done = subprocess.run(["fish", "--no-config"], input=text, capture_output=True, text=True, check=True)
        return {each.split("\t")[0] for each in done.stdout.splitlines()}

    assert asked("sonde read a.pcap --format ") == {"parquet", "jsonl", "csv", "zeek"}
    assert asked("sonde policy ") == {"init", "check", "explain", "sign"}
    assert {"read", "live", "policy"} <= asked("sonde ")
    assert "--format" not in asked("sonde policy init --")


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_registers_its_function(capsys: Said) -> None:
    text = f"autoload -Uz compinit; compinit -D\n{script('zsh', capsys)}\nprint $_comps[sonde]\n"
    done = subprocess.run(["zsh", "-f"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_sonde"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_every_option(shell: str, capsys: Said) -> None:
    text = script(shell, capsys)
    for command in commands_of(full_parser()):
        for option in command.options:
            assert all(re.search(rf"\b{re.escape(name.lstrip('-'))}\b", text) for name in option.names)


def test_an_unknown_shell_is_one_sentence(capsys: Said) -> None:
    assert main(["completion", "csh"]) == 2
    assert "invalid choice: 'csh'" in capsys.readouterr().err

"""`sonde authorize` and `sonde vault` as a person uses them, right and wrong."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sonde.cli.main import main
from tests.policy.conftest import ssh_keys  # noqa: F401 - a fixture
from tests.policy.keys import public

POLICY = """\
schema = 1
version = 1
operator = "Example University"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = 2099-06-30T00:00:00Z
[[network]]
cidr = "10.20.0.0/16"
role = "clients"
[[network]]
cidr = "192.0.2.0/28"
role = "servers"
[[mail_domain]]
name = "example.org"
[classes]
ENDPOINT = "keep"
PERSON = "pseudonymise"
[signatures]
policy = 1
authorisation = 2
"""
WHY = "A wave of phishing reached our mail server; we need the attachments to block them."


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "office.toml").write_text(POLICY)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], line: str, *more: str) -> tuple[int, str, str]:
    status = main([*line.split(), *more])
    said = capsys.readouterr()
    return status, said.out, said.err


def drafted(capsys: pytest.CaptureFixture[str], *more: str, name: str = "phish.toml") -> tuple[int, str, str]:
    recipient = Path("recipient")
    if not recipient.exists():
        recipient.write_text(run(capsys, "vault keygen -o identity.txt")[1].strip())
    line = f"authorize draft {name} --policy office.toml --purpose mail-abuse --case INC-7 --protocol smtp"
    return run(capsys, line, "--artefact", "headers", "--to", recipient.read_text(), "--why", WHY, *more)


def test_a_draft_is_signed_and_checked(place: Path, ssh_keys: dict[str, Path], capsys) -> None:  # noqa: F811
    assert drafted(capsys, "--mail-domain", "example.org")[0] == 0
    (place / "allowed_signers").write_text("\n".join(f"{name} {public(ssh_keys[name])}" for name in ("alice", "bob")))
    check = "authorize check phish.toml --policy office.toml --signers allowed_signers"
    status, _, said = run(capsys, check)
    assert (status, "2 signers are needed and 0 signed" in said) == (1, True)
    sign = f"authorize sign phish.toml --policy office.toml --key {ssh_keys['alice']}"
    assert run(capsys, sign)[0] == 0
    status, _, said = run(capsys, sign)
    assert (status, "another key must sign next" in said) == (1, True)
    assert run(capsys, f"authorize sign phish.toml --policy office.toml --key {ssh_keys['bob']}")[0] == 0
    assert run(capsys, check) == (0, "phish.toml would be accepted, signed by alice, bob.\n", "")
    status, shown, _ = run(capsys, "authorize show phish.toml --policy office.toml --signers allowed_signers")
    assert status == 0
    assert "signed by      alice (SHA256:" in shown
    assert "72 hours" in shown
    assert run(capsys, "authorize revoke phish.toml")[0] == 0
    status, _, said = run(capsys, check)
    assert (status, "is revoked" in said) == (1, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--mail-domain", "alice@example.org"), "has a mailbox"),
        (("--network", "10.20.3.4/32"), "addresses of clients"),
        (("--mail-domain", "example.org", "--max-messages", "0"), "max_messages must be"),
        ((), "the scope is empty"),
        (("--capture", "missing.pcap"), "missing.pcap: No such file"),
    ],
)
def test_a_bad_draft_is_not_written(place: Path, capsys, more, said) -> None:
    status, _, error = drafted(capsys, *more)
    assert (status, said in error, error.count("\n")) == (1, True, 1)
    assert not (place / "phish.toml").exists()


def test_a_capture_is_named_by_its_digest(place: Path, capsys) -> None:
    (place / "office.pcap").write_bytes(b"test")
    assert drafted(capsys, "--capture", "office.pcap")[0] == 0
    text = (place / "phish.toml").read_text()
    assert "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" in text  # sha256sum of "test"
    assert "office.pcap" not in text


def test_a_mistake_is_one_sentence(place: Path, capsys) -> None:
    assert drafted(capsys, "--mail-domain", "example.org")[0] == 0
    bad = (place / "phish.toml").read_text().replace("INC-7", "+442079460018")
    (place / "bad.toml").write_text(bad)
    cases = {
        "authorize show none.toml --policy office.toml": "cannot be read",
        "authorize check none.toml --policy office.toml": "cannot be read",
        "authorize check phish.toml --policy none.toml": "none.toml",
        "authorize check phish.toml --policy office.toml --signers none": "cannot be read",
        "authorize check bad.toml --policy office.toml": "bad.toml, line 5: case_ref has a telephone",
        "authorize sign bad.toml --policy office.toml --key none": "line 5",
        "authorize sign phish.toml --policy office.toml --key none": "could not sign with none",
        "authorize revoke none.toml": "no such authorisation",
        "vault list none": "no such vault",
        "vault open none --identity identity.txt -o out": "no such vault",
        "vault open none --identity recipient -o out": "recipient: line 1 is no identity",
    }
    for line, expected in cases.items():
        status, _, said = run(capsys, line)
        assert (status, said.count("\n")) == (1, 1), (line, said)
        assert expected in said
    for line in ("vault keygen -o identity.txt", "authorize", "vault", "authorize draft x --hours 400"):
        status, _, said = run(capsys, line)
        assert (status, said.count("\n")) == (2, 1), (line, said)


def test_an_expired_authorisation_is_still_shown(place: Path, capsys) -> None:
    assert drafted(capsys, "--mail-domain", "example.org")[0] == 0
    text = (place / "phish.toml").read_text().splitlines()
    old = {"not_before": "2020-01-01T00:00:00Z", "not_after": "2020-01-02T00:00:00Z"}
    lines = [f"{key} = {old[key]}" if (key := line.partition(" ")[0]) in old else line for line in text]
    (place / "old.toml").write_text("\n".join(lines))
    status, shown, _ = run(capsys, "authorize show old.toml --policy office.toml")
    assert (status, "state          expired" in shown) == (0, True)
    status, _, said = run(capsys, "authorize check old.toml --policy office.toml")
    assert (status, "it expired" in said) == (1, True)


def test_a_vault_is_listed_and_opened(place: Path, capsys) -> None:
    from ipaddress import ip_address

    from sonde.sink.vault import Vault
    from sonde.table.granted import Place, Recipient
    from sonde.wire.bech32 import decode_bech32
    from tests.sink.test_vault import TERMS, World

    recipient = run(capsys, "vault keygen -o identity.txt")[1].strip()
    world = World()
    world.now = datetime.now(UTC)
    times = {"not_before": world.now, "not_after": world.now.replace(year=world.now.year + 1)}
    grant = world.grant(recipients=(Recipient(recipient, decode_bech32(recipient)[1]),), **times)
    with Vault(place / "vault", grant) as vault:
        vault.store(Place("smtp", 1, ip_address("192.0.2.5"), frozenset({"example.org"})), "bodies", [b"hello"])
    status, listed, _ = run(capsys, "vault list vault --json")
    (stored,) = json.loads(listed)
    assert (status, stored["authorisation"], stored["octets"]) == (0, TERMS.id, 5)
    assert stored["object"] in run(capsys, "vault list vault")[1]
    status, said, _ = run(capsys, "vault open vault --identity identity.txt -o opened")
    assert (status, said) == (0, "Opened 1 objects into opened.\n")
    assert (place / "opened" / stored["object"]).read_bytes() == b"hello"
    assert run(capsys, "vault open vault --identity identity.txt -o opened")[0] == 1

"""`sonde policy`, `retention` and `selftest` as people meet them."""

import io
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sonde.cli.main import main
from sonde.pipeline import selftest
from sonde.pipeline.canaries import write_canaries
from sonde.pipeline.plan import registry
from sonde.policy import techniques
from sonde.schema import Privacy
from tests.maker import conversation, write_pcap

ANSWERS = "Example University\nabuse@example.org\n\n192.0.2.0/24\n\n\n"
HTTP = [(0, b"GET /a?user=alice HTTP/1.1\r\nHost: www.example.org\r\n\r\n"), (1, b"HTTP/1.1 204 No Content\r\n\r\n")]
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SONDE_KEYS", str(tmp_path / "keys"))
    write_pcap(tmp_path / "a.pcap", conversation(HTTP, stream=True))
    return tmp_path


@pytest.fixture
def policy(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.stdin", io.StringIO(ANSWERS))
    assert main(["policy", "init", "office.toml"]) == 0
    return place / "office.toml"


def key(place: Path, name: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True)
    return f"{name}@example.org {(place / f'{name}.pub').read_text()}"


def test_six_questions_make_a_policy(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = place / "office.toml"
    monkeypatch.setattr("sys.stdin", io.StringIO(ANSWERS))
    assert main(["policy", "init", str(policy)]) == 0
    assert capsys.readouterr().err.count("?") == 6
    assert main(["policy", "check", str(policy)]) == 0
    assert "as it must be" in capsys.readouterr().out
    assert main(["policy", "init", str(policy)]) == 2  # nothing is overwritten
    assert "is there already" in capsys.readouterr().err


def test_the_answers_may_be_given_as_options(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--operator", "E", "--contact", "a@example.org", "--purpose", "research", "--persons", "drop"]
    nets = ["--clients", "10.20.0.0/16, 2001:db8::/48", "--servers", ""]
    assert main(["policy", "init", "b.toml", *options, *nets]) == 0
    assert 'cidr = "2001:db8::/48"' in (place / "b.toml").read_text()
    assert main(["policy", "init", "c.toml", *options, "--clients", "10.1.2.3/32", "--servers", ""]) == 2
    assert "one host is one person" in capsys.readouterr().err
    assert not (place / "c.toml").exists()


def test_check_names_every_line(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("PERSON =", "PERSN =").replace("operator =", "opertor ="))
    assert main(["policy", "check", str(policy)]) == 1
    told = capsys.readouterr().err
    assert "did you mean 'PERSON'" in told
    assert "did you mean 'operator'" in told
    assert "Traceback" not in told


def test_explain_says_what_the_gate_does(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 ") + '[fields]\n"http.host" = "truncate"\n')
    capsys.readouterr()
    assert main(["policy", "explain", str(policy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["read", "a.pcap", "-o", "out", "--policy", str(policy), "--quiet"]) == 0
    applied = json.loads(Path("out/manifest.json").read_text())["policy"]["techniques"]
    explained = {
        each["name"]: {field["name"]: field["technique"] for field in each["fields"]} for each in told["tables"]
    }
    assert applied["http"]
    for table, columns in applied.items():
        assert columns == {name: explained[table][name] for name in columns}
    assert main(["policy", "explain", str(policy)]) == 0
    text = capsys.readouterr().out
    assert "Only traffic with an endpoint in 192.0.2.0/24 (clients) is looked at" in text
    assert "only the registered domain" in text


@needs_ssh_keygen
def test_a_policy_that_asks_for_signatures_is_refused_without(
    policy: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("allowed_signers").write_text(key(place, "ann"))
    read = ["read", "a.pcap", "-o", "out", "--quiet", "--policy", str(policy)]
    signed = [*read, "--signers", "allowed_signers"]

    def refused(arguments: list[str], says: str) -> None:
        capsys.readouterr()
        assert main(arguments) == 2
        assert says in capsys.readouterr().err
        assert not Path("out").exists()

    refused(read, "--signers")
    refused(signed, "have it signed")
    key(place, "mallory")
    assert main(["policy", "sign", str(policy), "--key", "mallory"]) == 0
    refused(signed, "not in allowed_signers")
    Path("office.toml.sig").unlink()
    assert main(["policy", "sign", str(policy), "--key", "ann"]) == 0
    text = policy.read_text()
    policy.write_text(text + "# changed\n")
    refused(signed, "signature")
    policy.write_text(text)
    assert main(signed) == 0
    manifest = json.loads(Path("out/manifest.json").read_text())
    fingerprint = subprocess.run(["ssh-keygen", "-lf", "ann.pub"], capture_output=True, text=True, check=True).stdout
    assert manifest["policy"]["signed_by"] == [fingerprint.split()[1]]


@needs_ssh_keygen
def test_one_key_twice_is_one_and_another_namespace_none(
    policy: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 2 "))
    Path("allowed_signers").write_text(key(place, "ann"))
    assert main(["policy", "sign", str(policy), "--key", "ann"]) == 0
    assert main(["policy", "sign", str(policy), "--key", "ann"]) == 1
    once = Path("office.toml.sig").read_bytes()
    Path("office.toml.sig").write_bytes(once + once)
    read = ["read", "a.pcap", "-o", "out", "--quiet", "--policy", str(policy), "--signers", "allowed_signers"]
    capsys.readouterr()
    assert main(read) == 2
    assert "one key counts once" in capsys.readouterr().err
    policy.write_text(policy.read_text().replace("policy = 2 ", "policy = 1 "))
    Path("office.toml.sig").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", "ann", policy], check=True, capture_output=True
    )
    assert main(read) == 2
    assert "sonde-policy@v1" in capsys.readouterr().err


def test_retention_deletes_what_is_over_and_nothing_else(
    policy: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 "))
    for name in ("old", "new"):
        assert main(["read", "a.pcap", "-o", f"sets/{name}", "--quiet", "--policy", str(policy)]) == 0
    os.utime("sets/old/manifest.json", (1_700_000_000, 1_700_000_000))
    Path("sets/old/notes.txt").write_text("mine")
    keep = ["retention", "sets", "--policy", str(policy)]
    assert main([*keep, "--dry-run"]) == 0
    assert "would be deleted" in capsys.readouterr().out
    assert Path("sets/old/http").exists()
    assert main(keep) == 0
    shown = capsys.readouterr().out
    assert "left, for it is not in the manifest: notes.txt" in shown
    assert sorted(path.name for path in Path("sets/old").iterdir()) == ["notes.txt"]
    assert Path("sets/new/http/part-0000.parquet").exists()
    assert list((place / "keys/pseudonyms").glob("*.key"))  # its time is not over
    assert main(["retention", "sets/old", "--policy", str(policy)]) == 1
    assert "no dataset" in capsys.readouterr().err


def test_a_manifest_that_points_elsewhere_deletes_nothing(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 "))
    assert main(["read", "a.pcap", "-o", "out", "--quiet", "--policy", str(policy)]) == 0
    manifest = json.loads(Path("out/manifest.json").read_text())
    manifest["tables"]["http"]["files"] = ["../a.pcap"]
    Path("out/manifest.json").write_text(json.dumps(manifest))
    os.utime("out/manifest.json", (1_700_000_000, 1_700_000_000))
    assert main(["retention", "out", "--policy", str(policy)]) == 1
    assert "outside" in capsys.readouterr().err
    assert Path("a.pcap").exists()


def test_what_packets_say_of_the_time_keeps_nothing_longer(place: Path, policy: Path) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 "))
    late = [(4_102_444_800 * 10**9 + at, octets) for at, (_, octets) in enumerate(conversation(HTTP, stream=True))]
    write_pcap(place / "late.pcap", late)  # of the year 2100
    assert main(["read", "late.pcap", "-o", "late", "--quiet", "--policy", str(policy)]) == 0
    assert json.loads(Path("late/manifest.json").read_text())["last_ns"] > 4 * 10**18
    os.utime("late/manifest.json", (1_700_000_000, 1_700_000_000))
    assert main(["retention", "late", "--policy", str(policy)]) == 0
    assert not Path("late").exists()


def vault(place: Path, **ages: int) -> None:
    """Lay out a vault as `sonde.sink.vault` does, of objects so many hours old."""
    place.mkdir(mode=0o700)
    (place / ".lock").touch()
    for name, hours in ages.items():
        then = datetime.now(UTC) - timedelta(hours=hours)
        (place / f"{name}.age").write_bytes(b"sealed")
        os.utime(place / f"{name}.age", (then.timestamp(), then.timestamp()))
        (place / f"{name}.json").write_text(json.dumps({"object": name, "stored": then.isoformat(timespec="seconds")}))


def test_retention_deletes_content_that_is_over(policy: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 "))  # content = "72h"
    vault(place / "vault", young=71, old=73, copied=73, damaged=73)
    now = datetime.now(UTC).timestamp()
    os.utime("vault/copied.age", (now, now))  # the index knows better
    Path("vault/damaged.json").write_text("?")
    Path("vault/orphan.json").write_text("{}")  # of a deletion that was interrupted
    Path("vault/begun.json").write_text("{}")
    Path("vault/begun.part").write_bytes(b"sea")  # somebody writes
    keep = ["retention", "vault", "--policy", str(policy)]
    assert main([*keep, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would be deleted") == 3
    assert main([*keep, "--audit", "log"]) == 0
    left = [".lock", "begun.json", "begun.part", "young.age", "young.json"]
    assert sorted(each.name for each in Path("vault").iterdir()) == left
    told = b"".join(path.read_bytes() for path in Path("log/tile/entries").rglob("*") if path.is_file())
    assert all(b'"dataset":"%s"' % name in told for name in (b"old", b"copied", b"damaged"))
    assert b"young" not in told
    capsys.readouterr()
    text = policy.read_text()
    policy.write_text(text.replace('content = "72h"', ""))
    assert main(keep) == 1
    assert 'write content = "72h" in [retention]' in capsys.readouterr().err


def test_a_list_of_names_tells_nothing_that_the_policy_hides(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("names.toml").write_text('[alice]\ndomains = ["www.example.org"]\n')
    read = ["read", "a.pcap", "--quiet", "--applications", "names.toml"]
    assert main([*read, "-o", "kept"]) == 0
    text = policy.read_text().replace("policy = 1 ", "policy = 0 ")
    for hides in ('\n[fields]\n"http.host" = "truncate"\n', '\n[tables]\nhttp = "drop"\n'):
        policy.write_text(text + hides)
        capsys.readouterr()
        assert main([*read, "-o", "out", "--policy", str(policy)]) == 2
        assert "does not keep http.host" in capsys.readouterr().err
    assert main([*read, "-o", "out", "--policy", "strict"]) == 2
    assert not Path("out").exists()


def test_a_list_of_agents_tells_none_that_the_policy_hides(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = ["read", "a.pcap", "--quiet", "--policy", str(policy), "--names"]
    text = policy.read_text().replace("policy = 1 ", "policy = 0 ")
    Path("agents.toml").write_text('[alice]\nagents = ["Alices"]\n')
    Path("domains.toml").write_text('[alice]\ndomains = ["www.example.org"]\n')
    policy.write_text(text + '\n[fields]\n"http.user_agent" = "drop"\n')
    assert main([*read, "domains.toml", "-o", "domains"]) == 0
    capsys.readouterr()
    assert main([*read, "agents.toml", "-o", "out"]) == 2
    assert "would tell user agents, and office.toml does not keep http.user_agent" in capsys.readouterr().err
    policy.write_text(text + '\n[fields]\n"http.host" = "drop"\n')
    assert main([*read, "agents.toml", "-o", "agents"]) == 0


def test_a_client_tells_its_application_where_the_policy_drops_what_it_said(policy: Path, place: Path) -> None:
    request = b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: WhatsApp/2.21.12 A\r\n\r\n"
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    write_pcap(place / "b.pcap", conversation([(0, request), (1, answer)], stream=True))
    text = policy.read_text().replace("policy = 1 ", "policy = 0 ")
    policy.write_text(text + '\n[fields]\n"http.user_agent" = "drop"\n')
    assert main(["read", "b.pcap", "--quiet", "-o", "told", "--format", "jsonl", "--policy", str(policy)]) == 0
    (flow,) = [json.loads(line) for line in Path("told/flows.jsonl").read_text().splitlines()]
    (row,) = [json.loads(line) for line in Path("told/http.jsonl").read_text().splitlines()]
    assert (flow["application"], flow["application_evidence"]) == ("whatsapp", "agent")
    assert "user_agent" not in row


def test_the_selftest_passes_here(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("policy = 1 ", "policy = 0 "))
    capsys.readouterr()
    assert main(["selftest", "--policy", str(policy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outputs"], told["failures"]) == (16, [])
    assert told["canaries"] > 20


def test_the_selftest_has_a_canary_in_every_text_of_a_person(tmp_path: Path) -> None:
    """A new field of class PERSON needs one, or a place among those that cannot hold a word."""
    digests = {"tls.client_cert_chain_fps", "mail.sha256", "mail_part.sha256"}
    others = {
        "tls.client_subject",  # a client has a certificate of its own
        "certificates.client_subject",
        "http.resp_filename",  # as http.orig_filename
        "mail.bcc_addresses",  # as mail.cc_addresses
        "mail.reasons",  # of verdicts: made of other fields
        "mail_part.members",  # of archives
    }
    places = {place for canary in write_canaries(tmp_path / "a.pcap") for place in canary.places}
    persons = {
        f"{table}.{name}" for table, found in registry().items() for name, field in found.items()
        if field.privacy is Privacy.PERSON
    }  # fmt: skip
    assert persons - places - digests - others == set()
    assert (digests | others) & places == set()


def test_the_selftest_finds_a_leak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(techniques, "pseudonyms", lambda column, *args, **terms: column)
    assert main(["selftest"]) == 1
    assert "default, jsonl: the canary of http.username (PERSON) was found" in capsys.readouterr().err


def test_the_selftest_says_where_it_is_blind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "everything", lambda folder: "")
    assert main(["selftest"]) == 1
    assert "sees nothing" in capsys.readouterr().err

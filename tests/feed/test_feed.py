"""`sonde mail-feed` as a person uses it: files once, folders that are watched, a mail server's filter."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sonde.pipeline import feeding
from sonde.pipeline.feeding import FeedOptions, MailProbe, fed
from sonde.policy import PolicyError
from tests.cli.test_authorize import POLICY, run
from tests.feed.client import Client
from tests.policy.conftest import ssh_keys  # noqa: F401 - a fixture
from tests.policy.keys import needs_ssh_keygen, public


def message(subject: str, to: str = "bob@example.org", size: int = 100) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Alice <alice@example.net>", to, subject
    made["Message-ID"] = f"<{subject}@example.net>"
    made.set_content("canary-of-a-text\n")
    made.add_attachment(b"x" * size, maintype="application", subtype="pdf", filename="a.pdf")
    return made.as_bytes().replace(b"\n", b"\r\n")


def rows(folder: Path, table: str = "mail") -> list[dict]:
    parts = [each for each in sorted(folder.rglob(f"{table}/*.parquet")) if ".partial" not in each.parts]
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    for number in range(3):
        (tmp_path / f"reports/{number}.eml").write_bytes(message(f"s{number}").replace(b"\r\n", b"\n"))
    (tmp_path / "reports/notes.txt").write_text("no message")
    return tmp_path


def test_a_folder_of_files_is_read_once(place: Path, capsys) -> None:
    status, said, wrong = run(capsys, "mail-feed reports -o out --policy clear")
    assert (status, said, wrong) == (0, "3 messages, 3 recorded\nout: mail 3, mail_part 9 rows\n", "")
    found = rows(place / "out")
    assert sorted(row["subject"] for row in found) == ["s0", "s1", "s2"]
    assert {(row["source"], row["orig_ip"], row["resp_port"], str(row["oddities"])) for row in found} == {
        ("file", None, None, "None")
    }
    assert {row["size"] for row in rows(place / "out", "mail_part") if row["file_name"]} == {100}
    status, _, wrong = run(capsys, "mail-feed reports -o out --policy clear")
    assert (status, "exists already" in wrong) == (1, True)


def test_a_maildir_is_read_wherever_its_reader_put_messages(place: Path, capsys) -> None:
    box = Maildir("Maildir")
    for number in range(2):
        box.add(message(f"m{number}"))
    inner = box.add_folder("Spam")
    key = inner.add(message("spam"))
    seen = inner.get_message(key)
    seen.set_subdir("cur")
    seen.add_flag("S")
    inner[key] = seen
    assert run(capsys, "mail-feed Maildir -o out --policy clear --format jsonl --quiet")[0] == 0
    lines = [json.loads(line) for line in (place / "out/mail.jsonl").read_text().splitlines()]
    assert sorted((line["source"], line["subject"]) for line in lines) == [
        ("maildir", "m0"), ("maildir", "m1"), ("maildir", "spam"),
    ]  # fmt: skip


def test_other_peoples_mail_is_counted_and_not_looked_at(place: Path, capsys) -> None:
    (place / "office.toml").write_text(POLICY.replace("policy = 1", "policy = 0"))
    (place / "reports/other.eml").write_bytes(message("secret", to="eve@elsewhere.test"))
    status, said, _ = run(capsys, "mail-feed reports -o out --policy office.toml --audit log --keys keys")
    assert (status, said.splitlines()[0]) == (0, "4 messages, 3 recorded, 1 out of scope")
    assert len(rows(place / "out")) == 3
    manifest = json.loads((place / "out/manifest.json").read_text())
    assert manifest["messages"]["dropped"] == {"out_of_scope": 1}
    assert all(b"canary-of-a-text" not in path.read_bytes() for path in (place / "out").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("mail-feed -o out", "name a Maildir"),
        ("mail-feed nowhere -o out", "no such file or folder"),
        ("mail-feed empty -o out", "There is no message in empty"),
        ("mail-feed --watch -o out", "--watch needs a folder"),
        ("mail-feed reports --watch -o out --audit log", "built in"),
        ("mail-feed --milter inet:127.0.0.1:0 -o out", "built in"),
        ("mail-feed reports --milter inet:127.0.0.1:0 -o out", "add --watch"),
        ("mail-feed reports --tables dns -o out", "mail and mail_part"),
        ("mail-feed reports --vault v -o out", "go together"),
    ],
)
def test_a_mistake_is_one_sentence(place: Path, capsys, line: str, says: str) -> None:
    (place / "empty").mkdir()
    status, _, said = run(capsys, line)
    assert status in (1, 2)
    assert says in said
    assert said.count("\n") == 1
    assert not (place / "out/mail").exists()


@pytest.fixture
def office(place: Path, ssh_keys: dict[str, Path], capsys) -> Path:  # noqa: F811
    (place / "office.toml").write_text(POLICY)
    (place / "signers").write_text(f"alice {public(ssh_keys['alice'])}\n")
    assert run(capsys, f"policy sign office.toml --key {ssh_keys['alice']}")[0] == 0
    return place


def options(place: Path, **more) -> FeedOptions:
    return FeedOptions(
        policy="office.toml", output=place / "mail", signers=place / "signers", keys=place / "keys",
        audit=place / "log", roll_s=more.pop("roll_s", 0.3), **more,
    )  # fmt: skip


def at_work(options: FeedOptions, act: Callable[[MailProbe], None]) -> MailProbe:
    """Run a feed here while another thread acts."""
    failed: list[BaseException] = []
    with fed(options) as probe:

        def other() -> None:
            try:
                act(probe)
            except BaseException as error:  # noqa: BLE001 - raised below
                failed.append(error)
            probe.stop()

        thread = threading.Thread(target=other)
        thread.start()
        probe.run()
        thread.join()
    if failed:
        raise failed[0]
    return probe


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@needs_ssh_keygen
def test_a_folder_is_watched_and_each_file_taken_once_across_restarts(office: Path, monkeypatch) -> None:
    monkeypatch.setattr(feeding, "SETTLED_S", 0.0)
    monkeypatch.setattr(feeding, "LOOK_S", 0.05)
    box = Maildir("Maildir")
    watched = options(office, places=[office / "reports", office / "Maildir"])

    def act(probe: MailProbe) -> None:
        until(lambda: probe.feed.messages == 3)
        key = box.add(message("later"))
        until(lambda: probe.feed.messages == 4)
        path = next((office / "Maildir/new").iterdir())
        path.rename(office / f"Maildir/cur/{key}:2,S")  # its reader read it
        until(lambda: probe.state.parts_committed >= 1 and not probe.pending)

    at_work(watched, act)
    again = at_work(watched, lambda probe: time.sleep(0.5))
    assert (again.feed.messages, len(rows(office / "mail"))) == (0, 4)
    (office / "mail/.taken").unlink()  # the parts know as well
    assert at_work(watched, lambda probe: time.sleep(0.5)).feed.messages == 0
    names = "".join(path.read_text() for path in (office / "mail").rglob("manifest.json"))
    assert "0.eml" not in names
    kinds = [json.loads(line)["type"] for line in entries(office)]
    assert kinds.count("output.commit") >= 1
    assert kinds[-1] == "shutdown"


def entries(place: Path) -> list[str]:
    """Give the entries of a log of under 256: each as two octets of length, and so much JSON (C2SP tlog-tiles)."""
    newest = max((place / "log/tile/entries/000.p").iterdir(), key=lambda path: int(path.name))
    octets, at, found = newest.read_bytes(), 0, []
    while at < len(octets):
        length = int.from_bytes(octets[at : at + 2], "big")
        found.append(octets[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return found


@needs_ssh_keygen
@pytest.mark.parametrize("address", ["inet:127.0.0.1:0", "unix:milter"])
def test_a_mail_server_tells_of_messages(office: Path, address: str) -> None:
    def act(probe: MailProbe) -> None:
        assert probe.server is not None
        client = Client("milter" if address.startswith("unix") else ("127.0.0.1", probe.server.port))
        assert (client.version, client.actions) == (6, 0)
        client.hello()
        assert client.message("alice@example.net", ["bob@example.org"], message("one", size=200_000)) == b"c"
        assert client.message("alice@example.net", ["eve@elsewhere.test"], message("other")) == b"c"
        client.step(b"M", b"<alice@example.net>\0", 0x4000)
        client.step(b"R", b"<bob@example.org>\0", 0x8000)
        client.step(b"L", b"Subject\0 cut short\0", 0x80)
        client.quit()
        until(lambda: probe.feed.messages == 3)

    probe = at_work(options(office, milter=address), act)
    found = sorted(rows(office / "mail"), key=lambda row: row["ts"])
    assert [(row["source"], row["complete"], row["orig_ip"], row["orig_port"]) for row in found] == [
        ("milter", True, "192.0.2.77", 40000), ("milter", False, "192.0.2.77", 40000),
    ]  # fmt: skip
    assert found[0]["size"] == len(message("one", size=200_000))
    assert [row["size"] for row in rows(office / "mail", "mail_part") if row["is_attachment"]] == [200_000]
    assert probe.feed.dropped == {"out_of_scope": 1}
    assert probe.server.failed == 0


@needs_ssh_keygen
def test_what_is_wrong_on_one_connection_ends_that_one_alone(office: Path) -> None:
    def act(probe: MailProbe) -> None:
        one = Client(("127.0.0.1", probe.server.port))
        two = Client(("127.0.0.1", probe.server.port), steps=0)
        one.socket.sendall(b"\0\0\0\0garbage")
        one.socket.close()
        two.hello()
        assert two.message("alice@example.org", ["x@elsewhere.test"], message("fine")) == b"c"
        two.quit()
        until(lambda: probe.feed.messages == 1 and probe.server.broken == 1)

    at_work(options(office, milter="inet:127.0.0.1:0"), act)
    assert [row["complete"] for row in rows(office / "mail")] == [True]


@needs_ssh_keygen
def test_a_policy_is_taken_anew_and_a_bad_one_refused(office: Path, ssh_keys, capsys) -> None:  # noqa: F811
    def act(probe: MailProbe) -> None:
        (office / "office.toml").write_text("schema = 2")
        probe.reload()
        until(lambda: probe.state.policy_refusals == 1)
        (office / "office.toml").write_text(POLICY.replace("version = 1", "version = 2"))
        (office / "office.toml.sig").unlink()
        assert run(capsys, f"policy sign office.toml --key {ssh_keys['alice']}")[0] == 0
        probe.reload()
        until(lambda: probe.state.version == 2)

    at_work(options(office, milter="inet:127.0.0.1:0"), act)


@needs_ssh_keygen
def test_a_feed_wants_a_signed_policy_of_ones_own(office: Path) -> None:
    (office / "office.toml").write_text(POLICY.replace('[[mail_domain]]\nname = "example.org"\n', ""))
    with pytest.raises(PolicyError, match=r"signature|mail_domain"), fed(options(office, milter="inet:127.0.0.1:0")):
        pass


@needs_ssh_keygen
@pytest.mark.slow
def test_killed_at_any_moment_each_file_is_recorded_once(office: Path) -> None:
    box = Maildir("Maildir")
    for number in range(60):
        box.add(message(f"k{number}"))
    command = [
        sys.executable, "-m", "sonde.cli.main", "mail-feed", "Maildir", "--watch", "--policy", "office.toml",
        "--signers", "signers", "--audit", "log", "--keys", "keys", "-o", "mail", "--roll", "1", "--quiet",
    ]  # fmt: skip
    for number in range(6):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        time.sleep(1.0 + number * 0.35)
        box.add(message(f"l{number}"))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    until(lambda: len(rows(office / "mail")) >= 66, 30)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    found = [row["message_id"] for row in rows(office / "mail")]
    assert len(found) == len(set(found)) == 66
    assert Path("log/checkpoint").exists()

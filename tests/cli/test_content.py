"""Content under an authorisation, as a person asks for it: what is granted is kept, and nothing else, anywhere."""

import hashlib
import json
import subprocess
import sys
from base64 import encodebytes
from ipaddress import ip_address
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sonde.content import Head
from sonde.pipeline import keeping
from sonde.sink.vault import VaultError
from tests.cli.test_authorize import POLICY, WHY, run
from tests.maker import Frame, conversation, write_pcap
from tests.policy.conftest import ssh_keys  # noqa: F401 - a fixture
from tests.policy.keys import needs_ssh_keygen, public

pytestmark = needs_ssh_keygen
SERVER = "192.0.2.5"
CANARY = b"canary-in-a-body-7c1d"
FILE = b"MZ canary-in-a-file-91aa" + bytes(range(256)) * 300


def message(to: bytes) -> bytes:
    return (
        b"From: Alice <alice@example.net>\r\nTo: " + to + b"\r\nSubject: bill\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
        b".dots stay\r\n" + CANARY + b"\r\n--b\r\nContent-Type: application/pdf\r\n"
        b'Content-Disposition: attachment; filename="bill.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + encodebytes(FILE).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )


def sent(to: bytes, header_to: bytes, number: int, server: str = SERVER) -> list[Frame]:
    stuffed = message(header_to).replace(b"\r\n.", b"\r\n..")
    talk: list[tuple[int, bytes | int]] = [
        (1, b"220 mx\r\n"), (0, b"EHLO c\r\n"), (1, b"250 mx\r\n"),
        (0, b"MAIL FROM:<alice@example.net>\r\nRCPT TO:<" + to + b">\r\nDATA\r\n"),
        (1, b"250 ok\r\n250 ok\r\n354 go\r\n"), (0, stuffed + b".\r\n"), (1, b"250 ok\r\n"),
        (0, b"QUIT\r\n"), (1, b"221 bye\r\n"),
    ]  # fmt: skip
    return conversation(
        talk, stream=True, ports=(40000 + number, 25), hosts=("10.20.0.9", server),
        start_ns=(1_700_000_000 + number) * 10**9,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ssh_keys: dict[str, Path], capsys) -> Path:  # noqa: F811
    """Make a policy that is signed, a capture of three messages, and who may open the vault."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "office.toml").write_text(POLICY)
    (tmp_path / "signers").write_text("\n".join(f"{name} {public(ssh_keys[name])}" for name in ("alice", "bob")))
    assert run(capsys, f"policy sign office.toml --key {ssh_keys['alice']}")[0] == 0
    (tmp_path / "recipient").write_text(run(capsys, "vault keygen -o identity.txt")[1].strip())
    frames = sent(b"bob@example.org", b"undisclosed-recipients:;", 1)
    frames += sent(b"eve@elsewhere.test", b"bob@example.org", 2)  # the envelope counts, not what the head claims
    frames += sent(b"carol@example.org", b"carol@example.org", 3)
    write_pcap(tmp_path / "x.pcap", frames)
    return tmp_path


def authorised(capsys, keys: dict[str, Path], *more: str, name: str = "phish.toml") -> None:
    recipient = Path("recipient").read_text()
    line = f"authorize draft {name} --policy office.toml --purpose mail-abuse --case INC-7 --protocol smtp"
    status, _, said = run(capsys, line, "--to", recipient, "--why", WHY, *more)
    assert status == 0, said
    for who in ("alice", "bob"):
        assert run(capsys, f"authorize sign {name} --policy office.toml --key {keys[who]}")[0] == 0


READ = (
    "read x.pcap --policy office.toml --signers signers --keys keys --audit log "
    "--authorisation phish.toml --vault vault --quiet -o {}"
)
ARTEFACTS = ("--artefact", "headers", "--artefact", "bodies", "--artefact", "attachments")


def opened(capsys, folder: str = "vault") -> dict[str, tuple[str, bytes]]:
    """Open a vault; give artefact and octets of each object."""
    kinds = {each["object"]: each["artefact"] for each in json.loads(run(capsys, f"vault list {folder} --json")[1])}
    assert run(capsys, f"vault open {folder} --identity identity.txt -o {folder}.open")[0] == 0
    return {path.name: (kinds[path.name], path.read_bytes()) for path in Path(f"{folder}.open").iterdir()}


def test_what_is_granted_is_kept_and_found_again(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, *ARTEFACTS, "--network", "192.0.2.0/28", "--mail-domain", "example.org")
    assert run(capsys, READ.format("out")) == (0, "", "")
    kept = opened(capsys)
    whole = {message(b"undisclosed-recipients:;"), message(b"carol@example.org")}
    assert {octets for kind, octets in kept.values() if kind == "bodies"} == whole
    heads = {each.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for each in whole}
    assert {octets for kind, octets in kept.values() if kind == "headers"} == heads
    assert [octets for kind, octets in kept.values() if kind == "attachments"] == [FILE, FILE]
    mails = pq.read_table("out/mail").to_pylist()
    assert [len(row["vault_objects"] or ()) for row in mails] == [2, 0, 2]
    for row in mails:
        for name in row["vault_objects"] or ():
            if kept[name][0] == "bodies":
                assert hashlib.sha256(kept[name][1]).hexdigest() != row["sha256"]  # PERSON: a pseudonym
                assert len(kept[name][1]) == row["size"]
    parts = [row["vault_object"] for row in pq.read_table("out/mail_part").to_pylist() if row["is_attachment"]]
    assert [kept[name][1] if name else None for name in parts] == [FILE, None, FILE]
    told = json.loads(Path("out/manifest.json").read_text())["content"]
    assert (told["messages"], told["refused"]) == (2, {"out of scope": 3})


def test_content_lies_nowhere_else(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, *ARTEFACTS, "--network", "192.0.2.0/28")
    for form in ("parquet", "jsonl", "zeek"):
        Path("phish.toml").unlink()
        Path("phish.toml.sig").unlink()
        authorised(capsys, ssh_keys, *ARTEFACTS, "--network", "192.0.2.0/28")
        assert run(capsys, READ.format(form), "--format", form) == (0, "", "")
    for path in place.rglob("*"):
        if path.is_file() and path.name != "x.pcap":
            octets = path.read_bytes()
            assert CANARY not in octets, path
            assert FILE[:24] not in octets, path
    key = next(Path("log").glob("*.vkey"), None)
    assert key is None or run(capsys, f"audit verify log --key {key}")[0] == 0


def test_an_authorisation_counts_once(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, "--artefact", "headers", "--network", "192.0.2.0/28")
    assert run(capsys, READ.format("one"))[0] == 0
    status, _, said = run(capsys, READ.format("two"))
    assert (status, "it was used before" in said) == (1, True)
    assert not Path("two").exists()


def test_caps_hold_over_a_run(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    more = ("--network", "192.0.2.0/28", "--max-messages", "1")
    authorised(capsys, ssh_keys, "--artefact", "bodies", "--artefact", "attachments", *more)
    assert run(capsys, READ.format("out"))[0] == 0
    assert sorted(kind for kind, _ in opened(capsys).values()) == ["attachments", "bodies"]


def test_a_capture_is_held_to_its_digest(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, "--artefact", "attachments", "--capture", "x.pcap")
    write_pcap(place / "x.pcap", sent(b"bob@example.org", b"bob@example.org", 9))
    status, _, said = run(capsys, READ.format("out"))
    assert (status, "does not name x.pcap" in said) == (1, True)
    assert not Path("vault").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--vault vault", ""), "go together"),
        (("--audit log", ""), "name the audit log"),
        (("--policy office.toml --signers signers", "--policy default"), "built in"),
        (("phish.toml", "none.toml"), "cannot be read"),
        (("--quiet", "--tables flows --quiet"), "mail and mail_part"),
    ],
)
def test_what_is_missing_is_said(place: Path, ssh_keys, capsys, change, says) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, "--artefact", "headers", "--network", "192.0.2.0/28")
    status, _, said = run(capsys, READ.format("out").replace(*change))
    assert status in (1, 2)
    assert says in said
    assert said.count("\n") == 1
    assert not Path("out").exists()


def test_large_messages_are_kept_whole(place: Path, ssh_keys, capsys, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(keeping, "MOST_HELD", 100)  # of a message that comes at once its head is no longer than that
    authorised(capsys, ssh_keys, "--artefact", "bodies", "--network", "192.0.2.0/28")
    assert run(capsys, READ.format("out"))[0] == 0
    assert len(opened(capsys)) == 3
    assert "not_kept" not in json.loads(Path("out/manifest.json").read_text())["content"]


def test_a_head_that_does_not_end_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(keeping, "MOST_HELD", 100)
    keeper = keeping.Keeper(vault=None)  # it is not asked
    taker = keeper.taker("smtp", ip_address(SERVER), [])
    for _ in range(4):
        taker.raw(memoryview(b"X: y\r\n" * 10))
    taker.know(Head(b""), 0)
    assert (keeper.not_kept, taker.finish()) == ({"head_too_long": 1}, [])


#: A probe that keeps the rights of its test.
AS_IT_IS = """
import functools, sys
import sonde.pipeline.start as start
start.Options = functools.partial(start.Options, confines=False)
from sonde.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_probe_at_work_keeps_what_is_granted(place: Path, ssh_keys, capsys) -> None:  # noqa: F811
    authorised(capsys, ssh_keys, "--artefact", "bodies", "--network", "192.0.2.0/28", "--mail-domain", "example.org")
    words = READ.format("live").replace("read x.pcap", "live -").replace("--quiet", "").split()
    done = subprocess.run(
        [sys.executable, "-c", AS_IT_IS, *words], input=Path("x.pcap").read_bytes(), capture_output=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {octets for _, octets in opened(capsys).values()} == {
        message(b"undisclosed-recipients:;"), message(b"carol@example.org"),
    }  # fmt: skip
    rows = [row for part in Path("live").glob("*/mail/*.parquet") for row in pq.read_table(part).to_pylist()]
    assert sorted(bool(row["vault_objects"]) for row in rows) == [False, True, True]


class Failing:
    """A vault on a disk that is full."""

    folder = Path("vault")
    closed = False

    class grant:  # noqa: N801 - it stands for a grant
        class terms:  # noqa: N801
            artefacts = ("bodies",)

    def begin(self, _place: object, _artefact: str) -> None:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        self.closed = True


def test_where_the_vault_fails_records_go_on_and_content_does_not() -> None:
    said: list[str] = []
    vault = Failing()
    keeper = keeping.Keeper(vault, lost=said.append)  # as much of one as is asked for
    for _ in range(2):
        taker = keeper.taker("smtp", ip_address(SERVER), [])
        taker.raw(memoryview(b"X: y\r\n\r\nz"))
        taker.know(Head(b""), 8)
        assert taker.finish() == []
    full = "vault: the vault cannot be written (No space left on device); make room, or mend it."
    assert said == [f"{full} No content is kept any more."]
    assert vault.closed
    with pytest.raises(VaultError, match="cannot be written"):
        keeping.Keeper(Failing()).begin(taker.place, "bodies")


def test_a_full_house_is_counted(place: Path, ssh_keys, capsys, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(keeping, "MOST_OBJECTS", 0)
    authorised(capsys, ssh_keys, "--artefact", "bodies", "--network", "192.0.2.0/28")
    assert run(capsys, READ.format("out"))[0] == 0
    assert json.loads(Path("out/manifest.json").read_text())["content"]["not_kept"] == {"too_many_open": 3}

"""The vault: nothing without a grant, nothing before the log, nothing beyond what is granted."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from sonde.policy import activation
from sonde.sink.age import new_identity, read_identities
from sonde.sink.vault import Stored, Vault, VaultError, list_vault, open_vault
from sonde.table.granted import Grant, Place, Recipient, Refusal, Terms, take_grant_seal
from sonde.wire.bech32 import decode_bech32

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
IDENTITY, RECIPIENT = new_identity()
TERMS = Terms(
    id="a-0123456789abcdef",
    nonce="00112233445566778899aabbccddeeff",
    digest="cd" * 32,
    policy="ab" * 32,
    networks=(ip_network("192.0.2.0/28"),),
    mail_domains=("example.org",),
    captures=(),
    protocols=("smtp",),
    artefacts=("headers", "bodies"),
    not_before=NOW - timedelta(hours=1),
    not_after=NOW + timedelta(hours=71),
    max_messages=2,
    max_octets=1000,
    recipients=(Recipient(RECIPIENT, decode_bech32(RECIPIENT)[1]),),
)
PLACE = Place("smtp", 1, ip_address("192.0.2.5"), frozenset({"example.org", "example.net"}))
CANARY = b"canary-of-a-body"


class World:
    """A clock, a log and a revocation that a test moves."""

    def __init__(self) -> None:
        self.now, self.ticks, self.revoked = NOW, 0.0, False
        self.entries: list[tuple[str, dict]] = []
        self.on_entry = lambda kind: None

    def audit(self, kind: str, data: dict) -> None:
        json.dumps(data)
        self.on_entry(kind)
        self.entries.append((kind, dict(data)))

    def grant(self, **changes) -> Grant:
        return Grant(
            replace(TERMS, **changes),
            self.now,
            seal=activation._SEAL,
            audit=self.audit,
            revoked=lambda: self.revoked,
            ticks=lambda: self.ticks,
        )

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.entries]


@pytest.fixture
def world() -> World:
    return World()


def files(folder: Path) -> list[str]:
    return sorted(each.suffix for each in folder.iterdir() if each.name != ".lock")


def test_only_a_verified_authorisation_makes_a_grant(world: World, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="verified authorisation"):
        Grant(TERMS, NOW, seal=object(), audit=world.audit)
    with pytest.raises(TypeError, match="has it already"):
        take_grant_seal()
    with pytest.raises(TypeError, match="only under a grant"):
        Vault(tmp_path / "vault", TERMS)  # type: ignore[arg-type]
    assert not (tmp_path / "vault").exists()


def test_what_is_granted_is_kept_encrypted_and_opened_by_its_recipient(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with Vault(folder, world.grant(), clock=lambda: world.now) as vault:
        stored = vault.store(PLACE, "bodies", [CANARY, b"!" * 100])
    assert isinstance(stored, Stored)
    assert (stored.octets, stored.artefact, stored.authorisation) == (116, "bodies", TERMS.id)
    assert files(folder) == [".age", ".json"]
    assert not [each for each in folder.iterdir() if CANARY in each.read_bytes()]
    assert {each.stat().st_mode & 0o077 for each in [folder, *folder.iterdir()]} == {0}
    (entry,) = [data for kind, data in world.entries if kind == "content.store"]
    assert entry["scope"] == ["192.0.2.0/28", "example.org"]
    assert "192.0.2.5" not in str(world.entries)
    assert list_vault(folder) == [stored]
    (path,) = open_vault(folder, read_identities(IDENTITY), tmp_path / "out")
    assert path.read_bytes() == CANARY + b"!" * 100
    assert world.kinds()[-1] == "authorisation.close"
    assert (world.entries[-1][1]["messages"], world.entries[-1][1]["octets"]) == (1, 116)


@pytest.mark.parametrize(
    ("place", "artefact", "octets", "refusal"),
    [
        (replace(PLACE, server=ip_address("192.0.2.99")), "bodies", 5, Refusal.SCOPE),
        (replace(PLACE, server=ip_address("2001:db8::1")), "bodies", 5, Refusal.SCOPE),
        (replace(PLACE, server=None), "bodies", 5, Refusal.SCOPE),
        (replace(PLACE, mail_domains=frozenset({"example.net"})), "bodies", 5, Refusal.SCOPE),
        (replace(PLACE, mail_domains=frozenset({"sub.example.org"})), "bodies", 5, Refusal.SCOPE),
        (replace(PLACE, protocol="imap"), "bodies", 5, Refusal.PROTOCOL),
        (PLACE, "attachments", 5, Refusal.ARTEFACT),
        (PLACE, "bodies", 1001, Refusal.OCTETS),
        (PLACE, "bodies", -1, Refusal.OCTETS),
    ],
)
def test_what_is_not_granted_is_refused_and_logged_once(world: World, place, artefact, octets, refusal) -> None:
    grant = world.grant()
    assert [grant.take(place, artefact, octets, NOW) for _ in range(3)] == [refusal] * 3
    assert world.entries == [("authorisation.refuse", {"authorisation": TERMS.id, "reason": str(refusal)})]
    grant.close()
    assert world.entries[-1][1]["refused"] == [f"{refusal}: 3"]


def test_a_grant_for_captures_covers_nothing_live(world: World) -> None:
    grant = world.grant(networks=(), mail_domains=(), captures=("ef" * 32,))
    assert grant.take(PLACE, "bodies", 5, NOW) == Refusal.SCOPE
    assert grant.take(replace(PLACE, capture="ee" * 32), "bodies", 5, NOW) == Refusal.SCOPE
    assert grant.take(replace(PLACE, capture="ef" * 32), "bodies", 5, NOW) is None


def test_caps_are_never_passed(world: World) -> None:
    grant = world.grant()
    taken = [grant.take(replace(PLACE, message=number), "bodies", 10, NOW) for number in (1, 1, 2, 3)]
    assert taken == [None, None, None, Refusal.MESSAGES]
    assert grant.take(replace(PLACE, message=2), "bodies", 971, NOW) == Refusal.OCTETS
    assert grant.take(replace(PLACE, message=2), "bodies", 970, NOW) is None
    assert grant.take(replace(PLACE, message=2), "bodies", 1, NOW) == Refusal.OCTETS


@pytest.mark.parametrize(
    ("change", "refusal", "kinds"),
    [
        ({"now": TERMS.not_after}, Refusal.EXPIRED, ["authorisation.expire"]),
        ({"ticks": 71 * 3600.0}, Refusal.EXPIRED, ["authorisation.expire"]),  # the clock was stopped
        ({"now": NOW - timedelta(seconds=2)}, Refusal.CLOCK, ["clock.jump", "authorisation.close"]),
        ({"revoked": True}, Refusal.REVOKED, ["authorisation.revoke"]),
    ],
)
def test_a_grant_that_ended_stays_ended(world: World, change, refusal, kinds) -> None:
    grant = world.grant()
    assert grant.take(PLACE, "bodies", 1, world.now) is None
    for name, value in change.items():
        setattr(world, name, value)
    assert grant.take(PLACE, "bodies", 1, world.now) == refusal
    world.now, world.ticks, world.revoked = NOW, 0.0, False
    assert grant.take(PLACE, "bodies", 1, world.now) == refusal
    grant.close()
    assert world.kinds() == kinds


def test_a_clock_may_be_set_back_by_its_slack(world: World) -> None:
    grant = world.grant()
    assert grant.take(PLACE, "bodies", 1, NOW - timedelta(seconds=1)) is None


def test_a_grant_that_has_not_begun_gives_nothing(world: World) -> None:
    grant = world.grant(not_before=NOW + timedelta(hours=1))
    assert grant.take(PLACE, "bodies", 1, NOW) == Refusal.NOT_YET
    assert grant.take(PLACE, "bodies", 1, NOW + timedelta(hours=1)) is None


def test_nothing_is_kept_that_the_log_does_not_have(world: World, tmp_path: Path) -> None:
    """When the entry is written the object has no name yet; if it fails there is nothing at all."""
    folder, seen = tmp_path / "vault", []
    vault = Vault(folder, world.grant(), clock=lambda: world.now)

    def look(kind: str) -> None:
        seen.append((kind, files(folder)))

    world.on_entry = look
    assert isinstance(vault.store(PLACE, "bodies", [CANARY]), Stored)
    assert seen == [("content.store", [".part"])]

    def fail(kind: str) -> None:
        raise OSError("the log's disk is full")

    world.on_entry = fail
    with pytest.raises(OSError, match="disk is full"):
        vault.store(PLACE, "bodies", [CANARY])
    assert files(folder) == [".age", ".json"]
    world.on_entry = lambda kind: None
    assert vault.store(PLACE, "bodies", [CANARY]) == Refusal.AUDIT


def test_an_object_refused_half_way_leaves_nothing(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    vault = Vault(folder, world.grant(), clock=lambda: world.now)
    assert vault.store(PLACE, "bodies", [bytes(600), bytes(600)]) == Refusal.OCTETS
    assert files(folder) == []
    assert vault.store(PLACE, "bodies", [bytes(401)]) == Refusal.OCTETS  # what was taken stays counted
    assert files(folder) == []

    def breaking():
        yield bytes(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault.store(PLACE, "bodies", breaking())
    assert files(folder) == []


def test_a_run_that_was_killed_is_finished_or_undone(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with Vault(folder, world.grant(), clock=lambda: world.now) as vault:
        stored = vault.store(PLACE, "bodies", [CANARY])
    assert isinstance(stored, Stored)
    (folder / f"{stored.object}.age").rename(folder / f"{stored.object}.part")  # killed before the name
    (folder / f"{'0' * 32}.part").write_bytes(b"half")  # killed before the log's entry
    Vault(folder, world.grant(), clock=lambda: world.now).close()
    assert list_vault(folder) == [stored]
    assert files(folder) == [".age", ".json"]


def test_a_vault_has_one_writer_and_no_readers(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    vault = Vault(folder, world.grant())
    with pytest.raises(VaultError, match="another process writes"):
        Vault(folder, world.grant())
    vault.close()
    assert vault.store(PLACE, "bodies", [CANARY]) == Refusal.CLOSED
    folder.chmod(0o750)
    with pytest.raises(VaultError, match="others can read"):
        Vault(folder, world.grant())


def test_opening_gives_all_or_nothing(world: World, tmp_path: Path) -> None:
    folder, out = tmp_path / "vault", tmp_path / "out"
    with Vault(folder, world.grant(), clock=lambda: world.now) as vault:
        for _ in range(2):
            stored = vault.store(PLACE, "bodies", [CANARY])
    with pytest.raises(VaultError, match="somebody else"):
        open_vault(folder, read_identities(new_identity()[0]), out)
    assert isinstance(stored, Stored)
    path = folder / f"{stored.object}.age"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(VaultError, match="not what was stored"):
        open_vault(folder, read_identities(IDENTITY), out)
    path.with_suffix(".json").unlink()
    with pytest.raises(VaultError, match="index says nothing"):
        list_vault(folder)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["vault"]
    with pytest.raises(VaultError, match="no such vault"):
        list_vault(tmp_path / "none")

"""Authorisations and vaults with a true audit log: what they tell it, both verifiers accept."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from sonde.audit import AuditLog, read_verifier, verify
from sonde.policy.activation import NAMESPACE, Seen, Signed, activate
from sonde.policy.allowed_signers import parse_allowed_signers
from sonde.policy.authorisation import AuthorisationError
from sonde.sink.vault import Vault
from sonde.table.granted import Place, Refusal
from tests.audit.test_broken import SINGLE, load_single
from tests.policy.keys import public, sign
from tests.policy.office import GOOD, NOW, OfficePolicy

PLACE = Place("smtp", 1, ip_address("192.0.2.5"), frozenset({"example.org"}))
POLICY = {
    "digest": OfficePolicy().digest, "name": "office.toml", "version": 3, "needed": 0, "signers": [],
    "authorisation": 2,
}  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def milliseconds(self) -> int:
        return round(self.now.timestamp() * 1000)


def test_content_is_told_as_it_is_kept(ssh_keys: dict[str, Path], tmp_path: Path) -> None:
    lines = [f"{name}@example.org {public(ssh_keys[name])}" for name in ("alice", "bob")]
    signers = parse_allowed_signers("\n".join(lines).encode())
    document = GOOD.encode()
    signed = Signed(document, [sign(ssh_keys[name], document, NAMESPACE) for name in ("alice", "bob")])
    clock, office = Clock(), OfficePolicy()
    with AuditLog.open(tmp_path / "log", tmp_path / "keys", clock=clock.milliseconds, heartbeat_s=0) as log:
        key = log.key
        log.append("policy.load", POLICY)
        seen = Seen(log.seen_nonces, log.seen_ids, datetime.fromisoformat(log.latest))
        grant = activate(signed, office, signers, seen=seen, audit=log.append, now=clock.now)
        with Vault(tmp_path / "vault", grant, clock=lambda: clock.now) as vault:
            assert not isinstance(vault.store(PLACE, "attachments", [b"x" * 1000]), Refusal)
            clock.now += timedelta(minutes=1)
            assert not isinstance(vault.store(PLACE, "headers", [b"y" * 10]), Refusal)
            assert vault.store(PLACE, "bodies", [b"z"]) is Refusal.ARTEFACT
            clock.now -= timedelta(hours=1)
            assert vault.store(PLACE, "headers", [b"y"]) is Refusal.CLOCK
    # After a restart it is not activated again: the log remembers.
    with AuditLog.open(tmp_path / "log", tmp_path / "keys", clock=clock.milliseconds, heartbeat_s=0) as log:
        log.append("policy.load", POLICY)
        seen = Seen(log.seen_nonces, log.seen_ids, datetime.fromisoformat(log.latest))
        with pytest.raises(AuthorisationError, match="used before"):
            activate(signed, office, signers, seen=seen, audit=log.append, now=clock.now)
    found = verify(tmp_path / "log", read_verifier(key))
    assert (found.status, found.faults) == ("sound", [])
    assert {kind: found.story.counts[kind] for kind in ("content.store", "authorisation.refuse", "clock.jump")} == {
        "content.store": 2, "authorisation.refuse": 2, "clock.jump": 1,
    }  # fmt: skip
    single = load_single(SINGLE)
    assert single.run(tmp_path / "log", single.Key(key)).as_dict() == found.as_dict()

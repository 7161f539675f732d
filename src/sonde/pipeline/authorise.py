"""Authorisations as files: drafted, signed, checked, revoked, and opened as grants.

    text = draft(Wish(...), policy, now)                    # TOML; refused if it would not be accepted
    sign_file(Path("a.toml"), policy, Path("~/.ssh/id_ed25519"), now)
    grant = open_grant(Path("a.toml"), policy, signers, seen=Seen(), audit=log.append, now=now)

Beside `a.toml` stand its signatures, one after the other, in `a.toml.sig`. A file
`a.toml.revoked` ends it, whoever wrote that: to stop needs no signature.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sonde.pipeline.signing import SIGNATURES, add_signature, replace_file
from sonde.policy.activation import NAMESPACE, Seen, Signed, activate, verify_authorisation
from sonde.policy.allowed_signers import AllowedSigners
from sonde.policy.authorisation import (
    DEFAULT_TIME,
    MOST_OCTETS,
    Authorisation,
    AuthorisationError,
    Fault,
    GoverningPolicy,
    check_authorisation,
)
from sonde.policy.error import PolicyError
from sonde.policy.sshsig import Signer, read_signatures
from sonde.table.granted import Audit, Grant

REVOKED = ".revoked"
NONCE_OCTETS, ID_OCTETS = 16, 8


@dataclass(frozen=True)
class Wish:
    """What an authorisation is to say; captures are paths, of which the digests are taken."""

    purpose: str
    case_ref: str
    justification: str
    protocols: Sequence[str]
    artefacts: Sequence[str]
    recipients: Sequence[str]
    max_messages: int
    max_octets: int
    networks: Sequence[str] = ()
    mail_domains: Sequence[str] = ()
    captures: Sequence[Path] = ()
    begins: datetime | None = None
    lasts: timedelta = DEFAULT_TIME


def draft(wish: Wish, policy: GoverningPolicy, now: datetime) -> str:
    """Write an authorisation; refused with AuthorisationError where it could not be accepted."""
    begins = (wish.begins or now).astimezone(UTC).replace(microsecond=0)
    digests = [digest_of(path) for path in wish.captures]
    scope = {"networks": wish.networks, "mail_domains": wish.mail_domains, "captures": digests}
    terms = [
        "# An authorisation of content; the page on authorising says what each line means.",
        "schema = 1",
        f'id = "a-{secrets.token_hex(ID_OCTETS)}"',
        f"purpose = {json.dumps(wish.purpose)}",
        f"case_ref = {json.dumps(wish.case_ref)}",
        f"justification = {json.dumps(wish.justification, ensure_ascii=False)}",
        f'policy = "{policy.digest}"',
        f"protocols = {json.dumps(list(wish.protocols))}",
        f"artefacts = {json.dumps(list(wish.artefacts))}",
        f"not_before = {begins:%Y-%m-%dT%H:%M:%SZ}",
        f"not_after = {begins + wish.lasts:%Y-%m-%dT%H:%M:%SZ}",
        f"max_messages = {wish.max_messages}",
        f"max_octets = {wish.max_octets}",
        f'nonce = "{secrets.token_hex(NONCE_OCTETS)}"',
        f"recipients = {json.dumps(list(wish.recipients))}",
        "",
        "[scope]",
        *(f"{key} = {json.dumps(list(values))}" for key, values in scope.items() if values),
    ]
    text = "\n".join(terms) + "\n"
    _, faults = check_authorisation(text.encode("utf-8", "replace"), policy, now)
    if faults:
        raise AuthorisationError(f"This cannot be authorised: {faults[0].text}", faults[0].reason)
    return text


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a capture, as scopes name it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path) -> Signed:
    """Read an authorisation's octets and the signatures beside it."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise PolicyError(f"{path}: the authorisation cannot be read ({error.strerror}).") from None
    return Signed(octets, read_signatures(beside(path, SIGNATURES)))


def beside(path: Path, ending: str) -> Path:
    """Name a file that belongs to an authorisation."""
    return path.with_name(path.name + ending)


def check_file(path: Path, policy: GoverningPolicy, now: datetime) -> tuple[Authorisation | None, list[Fault]]:
    """Check what a file says; its signatures are not looked at."""
    return check_authorisation(read_file(path).octets, policy, now)


def verify_file(
    path: Path, policy: GoverningPolicy, signers: AllowedSigners, now: datetime
) -> tuple[Authorisation, list[Signer]]:
    """Check what a file says and who signed it; AuthorisationError where it would be refused."""
    try:
        found = verify_authorisation(read_file(path), policy, signers, now)
    except AuthorisationError as error:
        raise AuthorisationError(f"{path}: {error}", error.reason) from None
    if is_revoked(path):
        raise PolicyError(f"{path} is revoked; draft a new one and have it signed.")
    return found


def sign_file(path: Path, policy: GoverningPolicy, key: Path, now: datetime) -> str:
    """Sign with ssh-keygen and a key, private or in an agent; add it to the signatures; give the fingerprint."""
    signed = read_file(path)
    _, faults = check_authorisation(signed.octets, policy, now)
    if faults:
        raise AuthorisationError(f"{path}, line {faults[0].line}: {faults[0].text}", faults[0].reason)
    return add_signature(path, signed.octets, key, NAMESPACE)


def revoke_file(path: Path, now: datetime) -> Path:
    """Revoke an authorisation, whatever its state: a grant under it ends at the next thing it is asked for."""
    if not path.is_file():
        raise PolicyError(f"{path}: there is no such authorisation.")
    mark = beside(path, REVOKED)
    if not mark.exists():
        replace_file(mark, f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
    return mark


def is_revoked(path: Path) -> bool:
    """Say whether an authorisation is revoked; one whose file is gone is."""
    return os.path.lexists(beside(path, REVOKED)) or not path.exists()


def open_grant(
    path: Path,
    policy: GoverningPolicy,
    signers: AllowedSigners,
    *,
    seen: Seen,
    audit: Audit,
    now: datetime,
) -> Grant:
    """Give the grant of an authorisation's file, or refuse with AuthorisationError; the log has either first."""
    try:
        return activate(
            read_file(path), policy, signers, seen=seen, audit=audit, now=now, revoked=lambda: is_revoked(path)
        )
    except AuthorisationError as error:
        raise AuthorisationError(f"{path}: {error}", error.reason) from None

"""An authorisation and a vault in words that a person reads before signing, or after."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sonde.policy.authorisation import Authorisation
    from sonde.policy.sshsig import Signer
    from sonde.sink.vault import Stored

WIDTH = 14


def print_authorisation(
    found: "Authorisation", now: datetime, *, revoked: bool, needed: int, signers: "Sequence[Signer] | None"
) -> None:
    """Print what an authorisation says, its state, and who signed if that was checked."""
    terms = found.terms
    hours = (terms.not_after - terms.not_before).total_seconds() / 3600
    lines = {
        "authorisation": terms.id,
        "purpose": f"{found.purpose}, case {found.case_ref}",
        "why": found.justification,
        "what": f"{', '.join(terms.artefacts)} of {', '.join(terms.protocols)}",
        "networks": ", ".join(map(str, terms.networks)),
        "mail domains": ", ".join(terms.mail_domains),
        "captures": ", ".join(terms.captures),
        "time": f"{_time(terms.not_before)} to {_time(terms.not_after)}, {hours:g} hours",
        "at most": f"{terms.max_messages:,} messages, {terms.max_octets:,} octets",
        "opened by": ", ".join(each.text for each in terms.recipients),
        "under policy": terms.policy,
        "SHA-256": terms.digest,
        "state": _state(terms.not_before, terms.not_after, now, revoked=revoked),
        "signatures": f"{needed} needed, of distinct people",
    }
    if signers is not None:
        lines["signed by"] = ", ".join(f"{each.principal} ({each.fingerprint})" for each in signers) or "nobody"
    for name, text in lines.items():
        if text:
            print(f"{name:<{WIDTH}} {text}")


def _state(before: datetime, after: datetime, now: datetime, *, revoked: bool) -> str:
    if revoked:
        return "revoked"
    if now >= after:
        return "expired"
    return "not yet valid" if now < before else "within its time"


def _time(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M UTC}"


def print_vault(objects: "Sequence[Stored]", *, as_json: bool) -> None:
    """Print what the index says; nothing is opened."""
    if as_json:
        print(json.dumps([asdict(each) for each in objects]))
        return
    print(f"{'object':<32}  {'stored':<25}  {'authorisation':<18}  {'protocol':<8}  {'artefact':<11}  octets")
    for each in objects:
        print(
            f"{each.object}  {each.stored:<25}  {each.authorisation}  {each.protocol:<8}  {each.artefact:<11}  "
            f"{each.octets:,}"
        )

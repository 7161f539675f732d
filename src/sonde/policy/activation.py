"""From a signed authorisation to a grant: every rule of ACCOUNTABILITY §3, in one place.

    grant = activate(Signed(octets, signatures), policy, signers, seen=seen, audit=log.append, now=datetime.now(UTC))

Nothing else makes a grant. Whatever the outcome, the log has it before it has an effect.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sonde.policy.allowed_signers import AllowedSigners, matches
from sonde.policy.authorisation import Authorisation, AuthorisationError, GoverningPolicy, Reason, check_authorisation
from sonde.policy.error import SignatureError
from sonde.policy.sshsig import Signer, count_signers
from sonde.table.granted import CLOCK_SLACK, Audit, Grant, take_grant_seal

NAMESPACE = "sonde-authorisation@v1"
LEAST_LIVE_SIGNERS = 2  # ACCOUNTABILITY §3: whatever the policy asks, unless captures bound the scope

_SEAL = take_grant_seal()


@dataclass(frozen=True)
class Signed:
    """The exact octets of an authorisation's file, and the signatures beside it."""

    octets: bytes
    signatures: Sequence[bytes]


@dataclass(frozen=True)
class Seen:
    """What the audit log knows: nonces and ids of authorisations activated before, and its latest time."""

    nonces: Collection[str] = ()
    ids: Collection[str] = ()
    latest: datetime | None = None


def never() -> bool:
    """Say that nothing was revoked."""
    return False


def activate(
    signed: Signed,
    policy: GoverningPolicy,
    signers: AllowedSigners,
    *,
    seen: Seen,
    audit: Audit,
    now: datetime,
    revoked: Callable[[], bool] = never,
    ticks: Callable[[], float] = time.monotonic,
) -> Grant:
    """Give a grant, or refuse with AuthorisationError; both are in the log first.

    `now` is the clock's time with its zone. An authorisation is activated once: after a
    restart a new one is needed, or what was used of it would be forgotten.
    """
    try:
        authorisation, who = verify_authorisation(signed, policy, signers, now)
        _refuse_what_cannot_begin(authorisation, seen, now, revoked)
    except AuthorisationError as refused:
        audit("authorisation.refuse", {"digest": sha256(signed.octets).hexdigest(), "reason": str(refused.reason)})
        raise
    terms = authorisation.terms
    audit(
        "authorisation.activate",
        {
            "authorisation": terms.id,
            "digest": terms.digest,
            "nonce": terms.nonce,
            "policy": terms.policy,
            "purpose": authorisation.purpose,
            "networks": [str(each) for each in terms.networks],
            "mail_domains": list(terms.mail_domains),
            "captures": list(terms.captures),
            "protocols": list(terms.protocols),
            "artefacts": list(terms.artefacts),
            "not_before": terms.not_before.isoformat(),
            "not_after": terms.not_after.isoformat(),
            "max_messages": terms.max_messages,
            "max_octets": terms.max_octets,
            "recipients": [each.text for each in terms.recipients],
            "signers": [each.fingerprint for each in who],
        },
    )
    return Grant(terms, now, seal=_SEAL, audit=audit, revoked=revoked, ticks=ticks)


def verify_authorisation(
    signed: Signed, policy: GoverningPolicy, signers: AllowedSigners, now: datetime
) -> tuple[Authorisation, list[Signer]]:
    """Check document and signatures; give what it says and who signed, or refuse with AuthorisationError."""
    authorisation, faults = check_authorisation(signed.octets, policy, now)
    if authorisation is None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise AuthorisationError(f"line {first.line}: {first.text}{more}", first.reason)
    try:
        who = count_signers(signed.octets, signed.signatures, signers, NAMESPACE, now)
    except SignatureError as error:
        raise AuthorisationError(str(error), Reason.SIGNATURE) from None
    needed = needed_signers(authorisation, policy)
    distinct = count_people(who)
    if distinct < needed:
        raise AuthorisationError(
            f"{needed} signers are needed and {distinct} signed; have others sign with `sonde authorize sign`.",
            Reason.SIGNATURE,
        )
    return authorisation, who


def count_people(who: Sequence[Signer]) -> int:
    """Count signers whose lines share no name: one person with two keys, or two lines, is one person."""
    people: list[set[str]] = []
    for signer in who:
        names = {each.removeprefix("!").casefold() for each in signer.principal.split(",")}
        same = [each for each in people if _share_a_name(names, each)]
        people = [each for each in people if each not in same]
        people.append(names.union(*same))
    return len(people)


def _share_a_name(some: set[str], others: set[str]) -> bool:
    """Say whether a name, or a pattern, of one fits one of the other."""
    return any(matches(a, (b,)) or matches(b, (a,)) for a in some for b in others)


def needed_signers(authorisation: Authorisation, policy: GoverningPolicy) -> int:
    """Say how many must sign: as the policy asks, and two at least where no captures bound the scope."""
    asked = max(policy.signatures.authorisation, 1)
    return asked if authorisation.terms.captures else max(asked, LEAST_LIVE_SIGNERS)


def _refuse_what_cannot_begin(
    authorisation: Authorisation, seen: Seen, now: datetime, revoked: Callable[[], bool]
) -> None:
    """Refuse what was used, is revoked, or does not begin yet."""
    terms = authorisation.terms
    if terms.nonce in seen.nonces or terms.id in seen.ids:
        raise AuthorisationError("it was used before; draft a new one and have it signed.", Reason.USED)
    if revoked():
        raise AuthorisationError("it is revoked; draft a new one and have it signed.", Reason.REVOKED)
    if seen.latest is not None and now < seen.latest - CLOCK_SLACK:
        raise AuthorisationError("the clock is behind the audit log; set it right and try again.", Reason.CLOCK)
    if now < terms.not_before:
        begins = terms.not_before.strftime("%Y-%m-%d %H:%M UTC")
        raise AuthorisationError(f"it begins at {begins}; try again then.", Reason.NOT_YET)


__all__ = ["NAMESPACE", "Seen", "Signed", "activate", "count_people", "needed_signers", "verify_authorisation"]

"""From the name of a policy, or its file, to a policy that may be applied: checked, signed, not rolled back.

policy = open_policy("office.toml", signers=Path("allowed_signers"), least_version=3)
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sonde.pipeline.plan import registry
from sonde.policy import BUILT_IN, Policy, PolicyError, load_policy

NAMESPACE = "sonde-policy@v1"


def open_policy(
    name_or_path: str, *, signers: Path | None = None, least_version: int = 0, now: datetime | None = None
) -> Policy:
    """Give a policy, every rule about it kept; PolicyError with a sentence for the user otherwise.

    `least_version` is the highest version that the audit log has seen; 0 where there is none.
    """
    when = now or datetime.now(UTC)
    policy = load_policy(name_or_path, registry(), now=when)
    if policy.is_built_in:
        if signers is not None:
            raise PolicyError(f"{name_or_path} is built in and has no signatures; leave --signers away.")
        return policy
    if policy.version < least_version:
        raise PolicyError(
            f"{name_or_path} is version {policy.version}, and version {least_version} was in force before; "
            "raise `version` and have it signed again."
        )
    return replace(policy, signed_by=_signed_by(Path(name_or_path), policy, signers, when))


def _signed_by(path: Path, policy: Policy, signers: Path | None, when: datetime) -> tuple[str, ...]:
    """Give the fingerprints of the keys that signed a policy file; PolicyError where they are too few."""
    needed = policy.signatures.policy
    if signers is None:
        if needed:
            raise PolicyError(f"{path} asks for {_keys(needed)}; name who may sign with --signers FILE.")
        return ()
    # What reads signatures takes 12 ms of each start, and most policies are built in.
    from sonde.pipeline.signing import signatures_beside  # noqa: PLC0415
    from sonde.policy.sshsig import count_signers, load_allowed_signers  # noqa: PLC0415

    found = signatures_beside(path)
    if len(found) < needed:
        raise PolicyError(
            f"{path} asks for {_keys(needed)} and has {len(found) or 'none'}; "
            f"have it signed: sonde policy sign {path} --key KEY."
        )
    by = count_signers(policy.octets, found, load_allowed_signers(signers), NAMESPACE, when)
    if len(by) < needed:
        raise PolicyError(f"{path} asks for {_keys(needed)}, and {len(by)} signed; one key counts once.")
    return tuple(each.fingerprint for each in by)


def sign_policy(path: Path, key: Path, now: datetime | None = None) -> str:
    """Sign a policy file that has no fault; give the fingerprint of the key."""
    policy = load_policy(path, registry(), now=now)
    if policy.is_built_in:
        raise PolicyError(f"{path} is built in and is not signed; write one of your own with `sonde policy init`.")
    from sonde.pipeline.signing import add_signature  # noqa: PLC0415 - see `_signed_by`

    return add_signature(path, policy.octets, key, NAMESPACE)


def _keys(count: int) -> str:
    return "the signature of one key" if count == 1 else f"the signatures of {count} keys"


def live_obstacles(policy: Policy) -> list[str]:
    """Say what keeps a policy from being fit for live capture (ACCOUNTABILITY §2); nothing if it is."""
    found = []
    if policy.is_built_in:
        found.append("it is built in: live capture needs a policy file of your own")
    if not policy.networks:
        found.append("it declares no [[network]]")
    if policy.signatures.policy < 1:
        found.append("it asks for no signature: write policy = 1 or more in [signatures]")
    return found


def is_file(name_or_path: str) -> bool:
    """Say whether a policy comes from a file."""
    return name_or_path not in BUILT_IN


__all__ = ["NAMESPACE", "is_file", "live_obstacles", "open_policy", "sign_policy"]

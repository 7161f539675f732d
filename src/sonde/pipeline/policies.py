"""From the name of a policy, or its file, to a policy that may be applied: checked, signed, not rolled back.

policy = open_policy("office.toml", signers=Path("allowed_signers"), least_version=3)
"""

from datetime import UTC, datetime
from pathlib import Path

from sonde.pipeline.plan import registry
from sonde.policy import BUILT_IN, Policy, PolicyError, load_policy

NAMESPACE = "sonde-policy@v1"
SIGNATURE_ENDING = ".sig"
MOST_SIGNATURES = 16  # files that are read


def open_policy(
    name_or_path: str, *, signers: Path | None = None, least_version: int = 0, now: datetime | None = None
) -> Policy:
    """Give a policy, every rule about it kept; PolicyError with a sentence for the user otherwise.

    `least_version` is the highest version that the audit log has seen; 0 where there is none.
    """
    when = now or datetime.now(UTC)
    policy = load_policy(name_or_path, registry(), now=when)
    if policy.is_built_in:
        return policy
    if policy.version < least_version:
        raise PolicyError(
            f"{name_or_path} is version {policy.version}, and version {least_version} was in force before; "
            "raise `version` and have it signed again."
        )
    return policy


def is_file(name_or_path: str) -> bool:
    """Say whether a policy comes from a file."""
    return name_or_path not in BUILT_IN


__all__ = ["NAMESPACE", "is_file", "open_policy"]

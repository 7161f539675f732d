"""What a run tells the audit log, and when: before the effect.

    with accounted(folder_of_log(None, "office.toml"), "office.toml", keys) as audit:
        plan = make_plan(policy="office.toml", audit=audit)          # policy.load, or policy.refuse
        read_captures(captures, plan, out, audit=audit)              # tally, output.commit, then the rename

`audit` is None where no log is asked for, and then nothing here costs anything.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.pipeline.policies import open_policy
from sonde.policy import BUILT_IN, Policy, PolicyError, load_policy, read_octets
from sonde.policy.error import SignatureError
from sonde.policy.terms import SECOND_NS

if TYPE_CHECKING:
    from sonde.audit import AuditLog

MOST_REASONS = 64  # of drops and bounds told in one entry; there are fewer


def folder_of_log(option: str | Path | None, policy: str) -> Path | None:
    """Give the folder of the log: the option, else what the policy's file says, relative to itself; else None.

    The file need not be one that is accepted: the refusal is to be logged too.
    """
    if option:
        return Path(option)
    if policy in BUILT_IN:
        return None
    try:
        log = tomllib.loads(read_octets(Path(policy)).decode())["audit"]["log"]
    except (PolicyError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Path(policy).parent / log if isinstance(log, str) and log else None


@contextmanager
def accounted(folder: Path | None, policy: str, keys: Path, probe: str = "") -> Iterator["AuditLog | None"]:
    """Open the log of a run, and close it saying how the run ended; AuditError where it cannot be written."""
    if folder is None:
        if probe:
            raise PolicyError("The name of a probe stands in its audit log; name that with --audit DIR.")
        yield None
        return
    from sonde.audit import AuditLog  # noqa: PLC0415 - ciphers take time to import, and most runs have no log
    from sonde.audit.log import HEARTBEAT_S  # noqa: PLC0415

    heartbeat_s = HEARTBEAT_S
    with suppress(PolicyError):  # told where the policy is opened
        heartbeat_s = load_policy(policy).audit.heartbeat_ns // SECOND_NS
    with AuditLog.open(folder, keys, probe=probe, heartbeat_s=heartbeat_s) as log:
        yield log


def accept_policy(
    policy: str,
    signers: Path | None,
    audit: "AuditLog | None",
    check: Callable[[Policy], None] = lambda policy: None,
) -> Policy:
    """Open a policy, of no lower version than the log has seen; the log hears of it, or of the refusal, first.

    `check` raises PolicyError for one that is unfit for what is to be done.
    """
    if audit is None:
        terms = open_policy(policy, signers=signers)
        check(terms)
        return terms
    try:
        terms = open_policy(policy, signers=signers, least_version=audit.highest_policy_version)
        check(terms)
    except PolicyError as error:
        _tell_refusal(audit, policy, error)
        raise
    tell_policy(audit, terms)
    return terms


def tell_policy(audit: "AuditLog", policy: Policy) -> None:
    """Say that a policy is in force."""
    data = {
        "digest": policy.digest,
        "name": Path(policy.name).name,
        "version": policy.version,
        "needed": 0 if policy.is_built_in else policy.signatures.policy,
        "signers": list(policy.signed_by),
        "authorisation": policy.signatures.authorisation,
    }
    audit.append("policy.load", data, actor=policy.signed_by)


def _tell_refusal(audit: "AuditLog", policy: str, error: PolicyError) -> None:
    """Say that a policy was refused, by which of the rules, and nothing of what it says."""
    data = {"reason": "signature" if isinstance(error, SignatureError) else "policy"}
    with suppress(PolicyError):
        data["digest"] = sha256(read_octets(Path(policy))).hexdigest()
    audit.append("policy.refuse", data)


def tell_output(audit: "AuditLog", folder: Path, name: str, manifest: Mapping[str, Any]) -> None:
    """Say what was counted, and what is about to appear; `folder` has all of it."""
    audit.append_many(output_entries(folder, name, manifest))


def output_entries(folder: Path, name: str, manifest: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Give the entries that say what was counted, and what is about to appear."""
    from sonde.audit.stamp import digest_folder  # noqa: PLC0415

    found, packets = digest_folder(folder), manifest.get("messages") or manifest["packets"]
    dropped = dict(packets["dropped"])
    if packets.get("dropped_by_kernel"):
        dropped["kernel"] = packets["dropped_by_kernel"]
    counts = {key: [f"{reason}: {count}" for reason, count in sorted(told.items())][:MOST_REASONS]
              for key, told in (("dropped", dropped), ("bounds", manifest["bounds"]))}  # fmt: skip
    tally = {
        "frames": packets["in"],
        "recorded": packets["recorded"],
        "out_of_scope": packets["dropped"].get("out_of_scope", 0),
        "faults": len(manifest["internal_errors"]),
        **counts,
    }
    output = {
        "name": name,
        "digest": found.digest,
        "files": found.files,
        "octets": found.octets,
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
    }
    return [("tally", tally), ("output.commit", output)]


__all__ = ["accept_policy", "accounted", "folder_of_log", "output_entries", "tell_output", "tell_policy"]

"""Signatures beside a file: made by ssh-keygen, one after the other in `FILE.sig`.

fingerprint = add_signature(Path("office.toml"), octets, Path("~/.ssh/id_ed25519"), "sonde-policy@v1")
"""

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from sonde.policy.allowed_signers import fingerprint
from sonde.policy.error import PolicyError
from sonde.policy.sshsig import parse_signature, read_signatures

SIGNATURES = ".sig"


def signatures_beside(path: Path) -> list[bytes]:
    """Read the signatures of a file; none where it has none."""
    return read_signatures(path.with_name(path.name + SIGNATURES))


def add_signature(path: Path, octets: bytes, key: Path, namespace: str) -> str:
    """Sign with ssh-keygen and a key, private or in an agent; add it to the signatures; give the fingerprint."""
    present = signatures_beside(path)
    program = shutil.which("ssh-keygen")
    if program is None:
        raise PolicyError("ssh-keygen is not installed; on Debian: apt install openssh-client.")
    command = [program, "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    done = subprocess.run(command, input=octets, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it does not say why"]
        raise PolicyError(f"ssh-keygen could not sign with {key}: {said[-1].rstrip('.')}.")
    by = parse_signature(done.stdout).key
    if any(parse_signature(each).key == by for each in present):
        raise PolicyError(f"{fingerprint(by)} signed {path} before; another key must sign next.")
    replace_file(
        path.with_name(path.name + SIGNATURES), b"".join(each.rstrip(b"\n") + b"\n" for each in [*present, done.stdout])
    )
    return fingerprint(by)


def is_security_key(key: Path) -> bool:
    """Say whether a key, by its public half, waits to be touched: what ssh-keygen says of that is not shown."""
    public = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    try:
        with public.open("rb") as file:
            return file.read(3) == b"sk-"
    except OSError:
        return False


def replace_file(path: Path, octets: bytes) -> None:
    """Write a file whole or not at all."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


__all__ = ["SIGNATURES", "add_signature", "is_security_key", "replace_file", "signatures_beside"]

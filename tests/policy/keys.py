"""Keys made by ssh-keygen for one test run, and what it signs and verifies with them."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

SSH_KEYGEN = shutil.which("ssh-keygen")
needs_ssh_keygen = pytest.mark.skipif(SSH_KEYGEN is None, reason="ssh-keygen is not installed (openssh-client)")


def make_key(folder: Path, name: str, kind: str = "ed25519", bits: int | None = None) -> Path:
    """Make a key pair; give the path of the private half."""
    path = folder / name
    size = ["-b", str(bits)] if bits else []
    run(["-q", "-t", kind, *size, "-N", "", "-C", f"comment of {name}", "-f", path])
    return path


def public(key: Path) -> str:
    """Give key type and key, as allowed_signers wants them."""
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def sign(key: Path, message: bytes, namespace: str, *options: str) -> bytes:
    """Sign octets with ssh-keygen."""
    return run(["-q", "-Y", "sign", "-f", key, "-n", namespace, *options], message).stdout


def accepts(
    folder: Path, message: bytes, signature: bytes, allowed: str, namespace: str, name: str, *options: str
) -> bool:
    """Ask ssh-keygen whether a signature holds."""
    (folder / "asked.sig").write_bytes(signature)
    (folder / "asked.allowed").write_text(allowed)
    files = ["-s", folder / "asked.sig", "-f", folder / "asked.allowed"]
    done = run(["-Y", "verify", *files, "-n", namespace, "-I", name, *options], message, check=False)
    return done.returncode == 0


def run(
    arguments: Iterable[str | Path], octets: bytes = b"", *, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen without an agent, in UTC."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": "/nonexistent"}
    command = [SSH_KEYGEN or "ssh-keygen", *map(str, arguments)]
    return subprocess.run(command, input=octets, capture_output=True, check=check, env=environment)

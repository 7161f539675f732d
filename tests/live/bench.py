"""What live tests stand on: a signed policy, machine code that another user can read, and a probe on a wire."""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dpkt
import duckdb
import pytest

from lab.pair import Pair, obstacle
from sonde.pipeline.policies import sign_policy
from tests.policy.keys import SSH_KEYGEN, make_key, public

if TYPE_CHECKING:
    import subprocess

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/first-look.pcapng"
WHY_NOT = obstacle() or ("" if SSH_KEYGEN else "ssh-keygen is not installed (openssh-client)")
USER = "nobody"
PATIENCE_S = 60

OFFICE = """\
schema = 1
version = {version}
operator = "Example University"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = {until}

[[network]]
cidr = "192.0.2.0/24"
role = "clients"
[[network]]
cidr = "198.51.100.0/24"
role = "servers"
[[network]]
cidr = "2001:db8::/32"
role = "clients"

[classes]
ENDPOINT = "{endpoint}"
PERSON = "pseudonymise"
[pseudonym]
epoch = "24h"
keep_keys = "48h"
[retention]
records = "30d"
[signatures]
policy = {needed}
[audit]
heartbeat = "10m"
"""


class Place:
    """A folder that others can enter, with a policy, its signer, and what a probe needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policy, self.signers = folder / "office.toml", folder / "allowed_signers"
        self.output, self.audit, self.keys = folder / "var/office", folder / "var/audit", folder / "var/keys"
        self.key = make_key(folder, "alice")
        self.signers.write_text(f'alice@example.org namespaces="sonde-policy@v1" {public(self.key)}\n')
        self.write()
        for each in (self.policy, self.signers):
            each.chmod(0o644)

    def write(self, *, signed: bool = True, **changes: object) -> None:
        """Write the policy, and sign it; changes are put into it."""
        terms = {"version": 3, "until": "2035-06-30T00:00:00Z", "endpoint": "keep", "needed": 1, **changes}
        for old in self.folder.glob("office.toml*"):
            old.unlink()
        self.policy.write_text(OFFICE.format(**terms))
        if signed:
            sign_policy(self.policy, self.key)
        for each in self.folder.glob("office.toml*"):
            each.chmod(0o644)

    def words(self, interface: str, **options: str) -> list[str]:
        """Give a command line."""
        given = {
            "policy": self.policy, "signers": self.signers, "output": self.output, "audit": self.audit,
            "keys": self.keys, "user": USER, **options,
        }  # fmt: skip
        pairs = [word for name, value in given.items() if value for word in (f"--{name.replace('_', '-')}", str(value))]
        return [sys.executable, "-m", "sonde.cli.main", "live", interface, *pairs]

    def manifests(self) -> list[dict]:
        """Give the manifests of all parts, the oldest first."""
        return [json.loads(each.read_text()) for each in sorted(self.output.glob("*/manifest.json"))]

    def rows(self, table: str, columns: str = "*") -> list[tuple]:
        """Give the rows of a table over all parts."""
        files = f"{self.output}/*/{table}/*.parquet"
        return duckdb.sql(
            f"select {columns} from read_parquet('{files}', union_by_name = true) order by all"
        ).fetchall()

    def entries(self) -> list[str]:
        """Give the types of the audit log's entries, in order."""
        from sonde.audit.folder import read_log
        from sonde.audit.note import read_checkpoint, split_note

        note = (self.audit / "checkpoint").read_bytes()
        found = read_log(self.audit, read_checkpoint(split_note(note)[0]).size, [])
        return [json.loads(octets)["type"] for _, octets in found.entries()]

    def verify(self) -> str:
        """Give what the verifier says of the log and of the parts held to it."""
        from sonde.audit.verify import own_key, verify

        verdict = verify(self.audit, own_key(self.audit), outputs=self.output)
        return verdict.status if verdict.status == "sound" else f"{verdict.status}: {verdict.faults}"


class Running:
    """A probe that lets frames in."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said = ""
        deadline = time.monotonic() + PATIENCE_S
        while "watching" not in self.said and time.monotonic() < deadline:
            line = process.stderr.readline()
            if not line:
                break
            self.said += line
        assert "watching" in self.said, self.said

    def hear(self, words: str) -> str:
        """Wait until it says something on standard error; give the line."""
        while line := self.process.stderr.readline():
            self.said += line
            if words in line:
                return line
        raise AssertionError(f"it ended without saying {words!r}: {self.said}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process.stderr.close()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Tell it to end, and give all that it said."""
        self.tell(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        self.said += said
        return self.said


def counted(said: str) -> dict[str, int]:
    """Read the account that a probe gives at its end."""
    import re

    last = said[said.rindex("sonde: stopped") :].replace(",", "")
    found = {
        "received": r"(\d+) received by the kernel",
        "recorded": r"(\d+) recorded",
        "out_of_scope": r"(\d+) out of scope",
        "kernel_drops": r"(\d+) dropped by the kernel \d+ on their way",
        "unaccounted": r"dropped by the kernel (-?\d+) on their way",
    }
    told = {name: int(re.search(pattern, last).group(1)) for name, pattern in found.items()}
    not_recorded = re.search(r"\n\s+(.*) not recorded", last).group(1)
    told["dropped"] = sum(int(each) for each in re.findall(r"\b(\d+)\b", not_recorded))
    return told


def frames_of(path: Path = EXAMPLE) -> list[bytes]:
    with path.open("rb") as file:
        return [octets for _, octets in dpkt.pcapng.Reader(file)]


def open_folder() -> Iterator[Path]:
    """Make a folder that any user can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="sonde-live-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


needs_wire = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "nothing lacks")


def environment(cache: Path, **more: str) -> Mapping[str, str]:
    return {**os.environ, "SONDE_CACHE": str(cache), "PYTHONPATH": str(ROOT / "src"), **more}


__all__ = ["Pair", "Place", "Running", "counted", "environment", "frames_of", "needs_wire", "open_folder"]

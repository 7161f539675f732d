"""How long an audit log of 100,000 entries takes to write, to open and to verify.

    python bench/audit.py

The entries are those of a probe that stores content: an authorisation, objects, tallies.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sonde.audit import AuditLog, read_verifier, verify

ENTRIES, BATCH = 100_000, 1000
FINGERPRINTS = ["SHA256:" + "a" * 43, "SHA256:" + "b" * 43]
POLICY = {
    "digest": "a" * 64,
    "name": "office.toml",
    "version": 3,
    "needed": 1,
    "signers": FINGERPRINTS[:1],
    "authorisation": 2,
}
STORED = {
    "object": "c" * 32,
    "authorisation": "a-0123456789abcdef",
    "protocol": "smtp",
    "artefact": "attachments",
    "octets": 1234,
    "sealed": 1500,
    "sha256": "d" * 64,
    "scope": ["192.0.2.0/28", "example.org"],
}


def authorisation(now_s: float) -> dict[str, object]:
    """Make one that is in force now."""
    begins, ends = (time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now_s + at)) for at in (-60, 86400))
    return {
        "authorisation": STORED["authorisation"],
        "digest": "e" * 64,
        "nonce": "f" * 32,
        "policy": POLICY["digest"],
        "purpose": "mail-abuse",
        "networks": ["192.0.2.0/28"],
        "mail_domains": ["example.org"],
        "captures": [],
        "protocols": ["smtp"],
        "artefacts": ["attachments"],
        "not_before": begins,
        "not_after": ends,
        "max_messages": ENTRIES,
        "max_octets": 1 << 40,
        "recipients": [],
        "signers": FINGERPRINTS,
    }


def main() -> None:
    """Write, open and verify, and print seconds."""
    with tempfile.TemporaryDirectory() as place:
        folder, keys = Path(place) / "audit", Path(place) / "keys"
        with AuditLog.open(folder, keys, probe="bench") as log:
            log.append("policy.load", POLICY)
            log.append("authorisation.activate", authorisation(time.time()))
            began = time.perf_counter()
            for _ in range(1000):
                log.append("heartbeat", {})
            told("1,000 entries, each by itself", began)
            stored = STORED | {"stored": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())}
            began = time.perf_counter()
            for _ in range(ENTRIES // BATCH):
                log.append_many([("content.store", stored)] * BATCH)
            told(f"{ENTRIES:,} entries, {BATCH:,} at a time", began)
            key = log.key
        began = time.perf_counter()
        AuditLog.open(folder, keys).close()
        told("opened", began)
        began = time.perf_counter()
        found = verify(folder, read_verifier(key))
        told(f"verified: {found.status}", began)
        single = Path(__file__).parent.parent / "tools/verify_audit.py"
        began = time.perf_counter()
        status = subprocess.run([sys.executable, str(single), str(folder), "--key", key], check=False).returncode
        told(f"verified by the single file: status {status}", began)


def told(what: str, began: float) -> None:
    """Print how long something took."""
    print(f"{time.perf_counter() - began:7.2f} s  {what}")


if __name__ == "__main__":
    main()

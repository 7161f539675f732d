"""audit: what was done -> an append-only Merkle log that an outsider can verify (ACCOUNTABILITY §5).

with AuditLog.open(Path("audit"), Path("keys"), probe="north") as log:
    log.append("heartbeat", {})
verdict = verify(Path("audit"), read_verifier(log_key))
"""

from sonde.audit.error import AuditError
from sonde.audit.log import AuditLog
from sonde.audit.note import read_verifier
from sonde.audit.verify import Verdict, verify

__all__ = ["AuditError", "AuditLog", "Verdict", "read_verifier", "verify"]

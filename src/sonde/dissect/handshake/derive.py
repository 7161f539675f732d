"""What Python derives in bulk for the two tables: what certificates say, and whether names fit.

Each distinct certificate is read once for each run; both caches are bounded and forget
everything when full, which costs time and nothing else.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from sonde.dissect.handshake.der import (
    Certificate,
    DerError,
    common_names,
    read_alternative_names,
    read_certificate,
    spell_name,
)
from sonde.dissect.handshake.record import DATE_OUT_OF_RANGE
from sonde.table.arrow import texts_column, truths
from sonde.table.out import LENGTH_BITS, LENGTH_MASK, MALFORMED
from sonde.table.texts import distinct_octets, repeated
from sonde.wire import Rows, Wire

MOST_KEPT = 1 << 15
Found = TypeVar("Found")

_CERTIFICATES: dict[bytes, Certificate] = {}
_NAMES: dict[bytes, Any] = {}
#: Columns of the certificates' table that a Certificate holds under the same name.
DERIVED = (
    "version", "serial", "issuer", "not_valid_before", "not_valid_after", "key_alg", "sig_alg", "key_type",
    "key_length",
    "exponent", "curve", "san_dns", "san_uri", "san_email", "san_ip", "basic_constraints_ca",
    "basic_constraints_path_len",
)  # fmt: skip


def _once(cache: dict[bytes, Found], key: bytes, make: Callable[[bytes], Found], raw: bytes) -> Found:
    """Give what `make` makes of `raw`, from the cache if it is there."""
    found = cache.get(key)
    if found is None:
        if len(cache) >= MOST_KEPT:
            cache.clear()
        found = cache[key] = make(raw)
    return found


def _pieces(text: Wire, spans: np.ndarray) -> list[bytes | None]:
    """Give the octets of spans; None for null."""
    view = text.data
    return [
        None if span < 0 else bytes(view[span >> LENGTH_BITS : (span >> LENGTH_BITS) + (span & LENGTH_MASK)])
        for span in spans.tolist()
    ]


def complete_certificates(rows: Rows, text: Wire) -> dict[str, Any]:
    """Read each distinct certificate once."""
    found: dict[str, list[Any]] = {name: [] for name in DERIVED}
    subjects: list[str | None] = []
    client_subjects: list[str | None] = []
    marks, wholes = _pieces(text, rows["fingerprint"]), _pieces(text, rows["der"])
    for row, (mark, raw) in enumerate(zip(marks, wholes, strict=True)):
        client = rows["client_cert"][row] == 1
        told = Certificate()
        if raw is not None:
            told = _once(_CERTIFICATES, mark or raw, read_certificate, raw)
            if not told.whole:
                rows["status"][row] = MALFORMED
            if told.date_out_of_range:
                rows["anomaly"][row] |= np.uint64(DATE_OUT_OF_RANGE)
        for name in DERIVED:
            found[name].append(getattr(told, name))
        subjects.append(None if client else told.subject)
        client_subjects.append(told.subject if client else None)
    return {**found, "subject": subjects, "client_subject": client_subjects}


def _spell(raw: bytes) -> str:
    try:
        return spell_name(raw)
    except (DerError, ValueError):
        return ""


def _hosts(raw: bytes) -> frozenset[str]:
    return frozenset(name.lower() for name in read_alternative_names(raw).dns)


def _common(raw: bytes) -> frozenset[str]:
    try:
        return frozenset(name.lower() for name in common_names(raw))
    except (DerError, ValueError):
        return frozenset()


def matches_name(host: str, patterns: frozenset[str]) -> bool:
    """Say whether a name of a certificate is for a host; a star stands for the first label (RFC 6125 §6.4.3)."""
    if host in patterns:
        return True
    label, _, rest = host.partition(".")
    return bool(label) and "." in rest and "*." + rest in patterns  # a star before one label alone stands for none


def complete_sessions(rows: Rows, text: Wire) -> dict[str, Any]:
    """Spell the names of both sides, and say whether the one asked for is among the server's; like ones once."""
    found: dict[str, Any] = {}
    for name in ("subject", "issuer", "client_subject", "client_issuer"):
        codes, raws = distinct_octets(text, rows[f"{name}_der"])
        names = [_once(_NAMES, b"d" + raw, _spell, raw) for raw in raws]
        is_told = np.array([*map(bool, names), False])  # the last is for -1
        found[name] = repeated(texts_column(names), np.where(is_told[codes], codes, -1))
    asked, hosts = distinct_octets(text, rows["server_name"])
    subjects, names_of = distinct_octets(text, rows["subject_der"])
    others, lists = distinct_octets(text, rows["names_der"])
    null = (asked < 0) | (subjects < 0)
    pairs = (asked * len(names_of) + subjects) * (len(lists) + 1) + others + 1
    fits, judged = np.zeros(len(rows), bool), []
    different, which = np.unique(pairs[~null], return_inverse=True)
    for pair in different.tolist():
        both, other = divmod(pair, len(lists) + 1)
        host, subject = divmod(both, len(names_of))
        judged.append(_fits(hosts[host], names_of[subject], lists[other - 1] if other else b""))
    fits[~null] = np.array(judged, bool)[which]
    return {**found, "sni_matches_cert": truths(fits, null)}


def _fits(host: bytes, subject: bytes, names: bytes) -> bool:
    """Say whether a certificate with these names is for a host."""
    patterns = _once(_NAMES, b"h" + names, _hosts, names) if names else None
    # Common names count only where no alternative name is a host's (RFC 6125 §6.4.4).
    patterns = patterns or _once(_NAMES, b"c" + subject, _common, subject)
    return matches_name(host.decode("latin-1").lower().rstrip("."), patterns)


#: A certificate is told once in each role, with the session that showed it first.
DISTINCT = {"certificates": ("fingerprint", "host_cert", "client_cert")}
COMPLETE = {"tls": complete_sessions, "certificates": complete_certificates}

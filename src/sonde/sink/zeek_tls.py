"""ssl.log and x509.log: one row for each session, one for each distinct certificate of a run."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds

MOST_REMEMBERED = 1 << 16  # certificates; then they are told again


def tls(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write ssl.log."""
    count, c = columns_of(batch)
    for row in range(count):
        seen = c["cert_chain_fps"][row] is not None or c["client_cert_chain_fps"][row] is not None
        yield (
            "ssl",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "version": c["version"][row],
                "cipher": c["cipher"][row],
                "curve": c["curve"][row],
                "server_name": c["server_name"][row],
                "resumed": c["resumed"][row],
                "last_alert": c["last_alert"][row],
                "next_protocol": c["next_protocol"][row],
                "established": c["established"][row],
                "ssl_history": c["ssl_history"][row],
                "cert_chain_fps": (c["cert_chain_fps"][row] or []) if seen else None,
                "client_cert_chain_fps": (c["client_cert_chain_fps"][row] or []) if seen else None,
                "subject": spell(c["subject"][row]),
                "issuer": spell(c["issuer"][row]),
                "client_subject": spell(c["client_subject"][row]),
                "client_issuer": spell(c["client_issuer"][row]),
                "sni_matches_cert": c["sni_matches_cert"][row],
                "ja3": c["ja3"][row],
                "ja3s": c["ja3s"][row],
                "ja4": c["ja4"][row],
            },
        )


def certificates(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write x509.log, each certificate once in each role."""
    count, c = columns_of(batch)
    for row in range(count):
        mark = ("x509", c["fingerprint"][row], c["host_cert"][row], c["client_cert"][row])
        told: dict[Any, Row] = state.waiting.setdefault("x509", {})
        if mark in told and mark[1] is not None:
            continue
        if len(told) >= MOST_REMEMBERED:
            told.clear()
        told[mark] = {}
        yield (
            "x509",
            {
                "ts": seconds(c["ts"][row]),
                "fingerprint": c["fingerprint"][row],
                "certificate.version": c["version"][row],
                "certificate.serial": c["serial"][row],
                "certificate.subject": spell(c["subject"][row] or c["client_subject"][row]),
                "certificate.issuer": spell(c["issuer"][row]),
                "certificate.not_valid_before": seconds(c["not_valid_before"][row]),
                "certificate.not_valid_after": seconds(c["not_valid_after"][row]),
                "certificate.key_alg": c["key_alg"][row],
                "certificate.sig_alg": c["sig_alg"][row],
                "certificate.key_type": c["key_type"][row],
                "certificate.key_length": c["key_length"][row],
                "certificate.exponent": c["exponent"][row],
                "certificate.curve": c["curve"][row],
                "san.dns": c["san_dns"][row],
                "san.uri": c["san_uri"][row],
                "san.email": c["san_email"][row],
                "san.ip": c["san_ip"][row],
                "basic_constraints.ca": c["basic_constraints_ca"][row],
                "basic_constraints.path_len": c["basic_constraints_path_len"][row],
                "host_cert": c["host_cert"][row],
                "client_cert": c["client_cert"][row],
            },
        )


def spell(name: str | None) -> str | None:
    """Spell a name as Zeek does: octets that are not ASCII as backslash and two digits (RFC 2253 §2.4).

    Zeek's logs double each backslash.
    """
    if name is None:
        return None
    plain = "".join(letter if letter.isascii() else octets_of(letter) for letter in name)
    return plain.replace("\\", "\\\\")


def octets_of(letter: str) -> str:
    """Spell a letter's octets in UTF-8."""
    return "".join(f"\\{octet:02X}" for octet in letter.encode("utf-8", "surrogatepass"))

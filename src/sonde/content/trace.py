"""Where a message came from: Received path, authentication results, signatures (RFC 5321 §4.4, RFC 8601, RFC 6376)."""

import re
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from sonde.content.heads import Head, date_ns

MOST_HOPS = 100
MOST_SIGNATURES = 50
RESULTS = (
    "pass fail softfail neutral none temperror permerror policy bestguesspass nxdomain signed unknown discard".split()
)

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:IPv6:)?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"^\s*([A-Za-z0-9-]{1,32})(?:/\d+)?\s*=\s*([A-Za-z]{1,20})")
_TAG = re.compile(r"(?:^|;)\s*([ds])\s*=\s*([^;\s]{1,255})")


def addresses_in(value: str) -> list[str]:
    """Give the IP addresses in a text, in order."""
    found = []
    for match in _ADDRESS.finditer(value[:2000]):
        try:
            found.append(str(ip_address(match[0].removeprefix("IPv6:"))))
        except ValueError:
            continue
    return found


def path_of(head: Head) -> dict[str, Any]:
    """Read the Received fields: the last hop stands first."""
    hops = head.all("received")
    times = [
        stamp for stamp in (date_ns(hop.rpartition(";")[2].strip()) for hop in hops[:MOST_HOPS]) if stamp is not None
    ]
    steps = [later - earlier for later, earlier in pairwise(times)]
    return {
        "received": [" ".join(hop.split())[:1000] for hop in hops[:MOST_HOPS]],
        "received_ips": [found for found in map(hop_address, hops[:MOST_HOPS]) if found],
        "hops": len(hops),
        "transit": times[0] - times[-1] if len(times) > 1 else None,
        "longest_hop": max(steps) if steps else None,
    }


def hop_address(hop: str) -> str | None:
    """Give the address of who handed the message to this hop: the first in its `from` clause."""
    found = addresses_in(re.split(r"\bby\b", hop, maxsplit=1)[0])
    return found[-1] if found else None


def authentication_of(head: Head) -> dict[str, Any]:
    """Read the topmost Authentication-Results (RFC 8601 §2.2), ARC's seals and DKIM's signatures."""
    found: dict[str, Any] = dict.fromkeys(("auth_server", "auth_results", "spf", "dkim", "dmarc", "arc"))
    value = head.first("authentication-results")
    if value is not None:
        server, results = results_of(value)
        found["auth_server"] = server
        found["auth_results"] = [f"{method}={result}" for method, result in results]
        for method in ("spf", "dkim", "dmarc", "arc"):
            told = [result for each, result in results if each == method]
            found[method] = "pass" if "pass" in told else told[0] if told else None
    elif (spf := head.first("received-spf")) is not None:
        word = spf.split(" ", 1)[0].lower()
        found["spf"] = word if word in RESULTS else None
    signatures = [dict(_TAG.findall(each.replace("\n", ""))) for each in head.all("dkim-signature")[:MOST_SIGNATURES]]
    found["dkim_domains"] = [each["d"].lower() for each in signatures if "d" in each] or None
    found["dkim_selectors"] = [each["s"].lower() for each in signatures if "s" in each] or None
    found["arc_sets"] = len(head.all("arc-seal"))
    return found


def results_of(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Read an Authentication-Results field: who judged, and (method, result) pairs."""
    value = value[:8192]
    while _COMMENT.search(value):
        value = _COMMENT.sub(" ", value)
    server, *rest = value.split(";")
    results = []
    for part in rest[:64]:
        match = _RESULT.match(part)
        if match and match[2].lower() in RESULTS:
            results.append((match[1].lower(), match[2].lower()))
    return server.split()[0].lower() if server.split() else "", results


__all__ = ["addresses_in", "authentication_of", "path_of"]

"""Where a message came from: Received path, authentication results, signatures (RFC 5321 §4.4, RFC 8601, RFC 6376)."""

import re
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from sonde.content.heads import Head, date_ns
from sonde.content.index import ASK

MOST_HOPS = 100
MOST_SIGNATURES = 50
LONGEST_NS = (1 << 63) - 1
RESULTS = (
    "pass fail softfail neutral none temperror permerror policy bestguesspass nxdomain signed unknown discard".split()
)

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:IPv6:)?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
_BY = re.compile(r"\bby\b")
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
    if not head.hops:
        return {"received": [], "received_ips": [], "hops": 0}
    texts, addresses, times = [], [], []
    for hop, (text, seconds, address) in zip(head.all("received")[:MOST_HOPS], head.hops, strict=False):
        texts.append(text[:1000])
        found_address = hop_address(hop) if address == ASK else address
        if isinstance(found_address, str):
            addresses.append(found_address)
        stamp = date_ns(hop[hop.rfind(";") + 1 :].strip() if seconds == ASK else "", seconds)
        if stamp is not None:
            times.append(stamp)
    found = {"received": texts, "received_ips": addresses, "hops": len(head.hops)}
    if len(times) > 1:
        found["transit"] = duration(times[0] - times[-1])
        found["longest_hop"] = duration(max([later - earlier for later, earlier in pairwise(times)]))
    return found


def duration(length_ns: int) -> int | None:
    """Give a duration, unless it is longer than a column can tell: two dates may be 500 years apart."""
    return length_ns if abs(length_ns) <= LONGEST_NS else None


def hop_address(hop: str) -> str | None:
    """Give the address of who handed the message to this hop: the last in its `from` clause, which `by` ends."""
    by = _BY.search(hop)
    found = addresses_in(hop[: by.start()] if by else hop)
    return found[-1] if found else None


def authentication_of(head: Head) -> dict[str, Any]:
    """Read the topmost Authentication-Results (RFC 8601 §2.2) and DKIM's signatures; what is not there is left out."""
    values = head.values
    found: dict[str, Any] = {}
    if "authentication-results" in values:
        server, results = results_of(head.first("authentication-results") or "")
        found["auth_server"] = server
        found["auth_results"] = [f"{method}={result}" for method, result in results]
        for method in ("spf", "dkim", "dmarc", "arc"):
            told = [result for each, result in results if each == method]
            found[method] = "pass" if "pass" in told else told[0] if told else None
    elif "received-spf" in values:
        word = (head.first("received-spf") or "").split(" ", 1)[0].lower()
        found["spf"] = word if word in RESULTS else None
    if "dkim-signature" in values:
        signed = [dict(_TAG.findall(each.replace("\n", ""))) for each in head.all("dkim-signature")[:MOST_SIGNATURES]]
        found["dkim_domains"] = [each["d"].lower() for each in signed if "d" in each] or None
        found["dkim_selectors"] = [each["s"].lower() for each in signed if "s" in each] or None
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

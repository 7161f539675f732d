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
SAYS_WHO = frozenset(("authentication-results", "received-spf", "dkim-signature"))

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:IPv6:)?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
#: The same without what only IPv6 has, and which begin like no other text; what stands before is looked at apart,
#: since an expression that begins with that is tried at each letter.
_QUICK = re.compile(r"\d\d{0,2}(?:\.\d{1,3}){3}(?![\w.:])")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GOOD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"^\s*([A-Za-z0-9-]{1,32})(?:/\d+)?\s*=\s*([A-Za-z]{1,20})")
_TAG = re.compile(r"(?:^|;)\s*([ds])\s*=\s*([^;\s]{1,255})")


def addresses_in(value: str) -> list[str]:
    """Give the IP addresses in a text, in order."""
    value = value[:2000]
    if value.count(":") >= 2:
        shaped = [match[0] for match in _ADDRESS.finditer(value)]
    else:
        shaped = [match[0] for match in _QUICK.finditer(value) if not _goes_on(value, match.start())]
    found = []
    for text in shaped:
        if _GOOD.fullmatch(text):
            found.append(text)
            continue
        try:
            found.append(str(ip_address(text.removeprefix("IPv6:"))))
        except ValueError:
            continue
    return found


def _goes_on(value: str, at: int) -> bool:
    """Say whether what begins there belongs to a word or an address before it."""
    return at > 0 and (value[at - 1].isalnum() or value[at - 1] in "_.:")


def path_of(head: Head) -> dict[str, Any]:
    """Read the Received fields: the last hop stands first."""
    all_hops = head.all("received")
    texts, addresses, times = [], [], []
    for hop in all_hops[:MOST_HOPS]:
        texts.append(" ".join(hop.split())[:1000])
        address = hop_address(hop)
        if address is not None:
            addresses.append(address)
        stamp = date_ns(hop[hop.rfind(";") + 1 :].strip())
        if stamp is not None:
            times.append(stamp)
    found = {"received": texts, "received_ips": addresses, "hops": len(all_hops)}
    if len(times) > 1:
        found["transit"] = times[0] - times[-1]
        found["longest_hop"] = max([later - earlier for later, earlier in pairwise(times)])
    return found


def hop_address(hop: str) -> str | None:
    """Give the address of who handed the message to this hop: the last in its `from` clause, which `by` ends."""
    at, end = hop.find("by"), len(hop)
    while at >= 0:
        if not (at and _is_word(hop[at - 1])) and not (at + 2 < end and _is_word(hop[at + 2])):
            hop = hop[:at]
            break
        at = hop.find("by", at + 2)
    found = addresses_in(hop)
    return found[-1] if found else None


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def authentication_of(head: Head) -> dict[str, Any]:
    """Read the topmost Authentication-Results (RFC 8601 §2.2) and DKIM's signatures; what is not there is left out."""
    values = head.values
    found: dict[str, Any] = {}
    if SAYS_WHO.isdisjoint(values):
        return found
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

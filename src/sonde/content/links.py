"""Links of a text, by host, and links whose text shows another host than they lead to.

A tolerant scan, bounded, of what a mail reader would show; nothing is fetched.
"""

import html
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

MOST_TEXT = 256 << 10  # octets of a part that are searched
MOST_LINKS = 2000  # of a part that are looked at
MOST_DOMAINS = 100  # that are listed

_REST = re.compile(r"[^\s<>\"'\]\)]{1,2000}")  # of a link, behind its scheme
_SCHEME = re.compile(r"(?:https?|ftp)\Z", re.IGNORECASE)
LONGEST_SCHEME = 5
_TAG = re.compile(r"<[^>]{0,4000}>")


class Links(NamedTuple):
    """Hosts in the order of their first link, how many links there are, and how many mislead."""

    domains: list[str]
    total: int
    mismatches: list[tuple[str, str]]
    is_cut: bool


@cache
def _of_html() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Give what an anchor and a host that its text shows look like; most runs need neither."""
    anchor = r"<a\b[^>]{0,4000}?\bhref\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)[^>]{0,4000}>(.{0,4000}?)</a"
    # Both cases are spelled out: to find them for so large a range would take 20 ms.
    label, top = r"[A-Za-z0-9\u00a1-\uffff-]{1,63}", r"[A-Za-z\u00a1-\uffff]{2,24}"
    shown = rf"^\s*(?:[Hh][Tt][Tt][Pp][Ss]?://)?((?:{label}\.)+{top})(?:[/:?#].*)?\s*$"
    return re.compile(anchor, re.IGNORECASE | re.DOTALL), re.compile(shown, re.DOTALL)


def links_of(text: str, *, is_html: bool) -> Links:
    """Find the links of a text."""
    hosts: dict[str, None] = {}
    mismatches: list[tuple[str, str]] = []
    count = 0
    if is_html:
        anchor, shown_host = _of_html()
        for found in anchor.finditer(text):
            target = host_of(html.unescape(found[1].strip("\"'")))
            shown = shown_host.match(html.unescape(_TAG.sub("", found[2])))
            if target and shown and not is_kin(shown[1].lower(), target) and len(mismatches) < MOST_DOMAINS:
                mismatches.append((shown[1].lower(), target))
    for url in urls_in(text):
        count += 1
        if count > MOST_LINKS:
            break
        host = host_of(html.unescape(url) if is_html else url)
        if host and len(hosts) < MOST_DOMAINS:
            hosts[host] = None
    return Links(list(hosts), count, mismatches, count > MOST_LINKS)


def urls_in(text: str) -> Iterator[str]:
    """Give the links of a text in order; found by what all have, which is many times quicker than by how they begin."""
    at = 0
    while (at := text.find("://", at)) >= 0:
        scheme = _SCHEME.search(text, max(0, at - LONGEST_SCHEME), at)
        rest = _REST.match(text, at + 3)
        start = at
        at += 3
        if scheme is None or rest is None:
            continue
        before = scheme.start()
        if before and (text[before - 1].isalnum() or text[before - 1] == "_"):
            continue  # a longer word ends so
        at = rest.end()
        yield text[before:start] + "://" + rest[0]


def host_of(url: str) -> str:
    """Give the host that a link leads to, in lower case; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")[:255]
    except ValueError:
        return ""


def is_kin(shown: str, target: str) -> bool:
    """Say whether two hosts are the same but for labels in front."""
    shown, target = shown.removeprefix("www."), target.removeprefix("www.")
    return shown == target or target.endswith("." + shown) or shown.endswith("." + target)


__all__ = ["Links", "links_of"]

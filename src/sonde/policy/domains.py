"""Host names and their registrable domain, by the Public Suffix List.

    registrable("www.example.co.uk")      # "example.co.uk"

The list is the package `publicsuffixlist`'s (docs/decisions/0015); it is loaded when a policy
first shortens a name, which takes some hundredths of a second.
"""

import re
from functools import cache, lru_cache
from typing import Any

LONGEST_NAME = 253  # RFC 1035 §2.3.4, without the root
#: RFC 952 and 1123 §2.1, and the underscore of RFC 8552.
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_REMEMBERED = 1 << 14


@cache
def _suffixes() -> Any:  # noqa: ANN401 - the package's own class
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - 0.05 s, and few policies need it

    return PublicSuffixList()


def spelled_domain(text: str) -> str:
    """Give a host name in lower case without the root's dot; empty where it is none.

    What ends in a number is an address or part of one (RFC 3696 §2), and no name.
    """
    name = text.lower().removesuffix(".")
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdecimal():
        return ""
    return name


@lru_cache(_REMEMBERED)
def registrable(text: str) -> str:
    """Give the registrable domain of a host name; empty where it has none."""
    name = spelled_domain(text)
    return (_suffixes().privatesuffix(name) or "") if name else ""


def is_public_suffix(name: str) -> bool:
    """Say whether anybody may register names under a domain."""
    return bool(_suffixes().is_public(name))


__all__ = ["is_public_suffix", "registrable", "spelled_domain"]

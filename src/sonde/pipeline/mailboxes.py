"""Whose a message is: the domains of its mailboxes, which scopes of mail are made of."""

from collections.abc import Iterable, Sequence

from sonde.content import Head

NAMED_IN = ("from", "sender", "reply-to", "to", "cc", "bcc")  # fields whose domains count where there is no envelope


def named_in(head: Head) -> list[str]:
    """Give the mailboxes that a head names."""
    return [each.address for name in NAMED_IN for each in head.addresses(name)]


def domains_of(mailboxes: Iterable[str]) -> frozenset[str]:
    """Give the domains of mailboxes, in lower case."""
    found = {each.rpartition("@")[2].strip().rstrip(".>").lower() for each in mailboxes if "@" in each}
    return frozenset(each for each in found if each)


def is_own(domains: Iterable[str], own: Sequence[str]) -> bool:
    """Say whether one of some domains is one of the operator's own, or below it."""
    return any(domain == each or domain.endswith("." + each) for domain in domains for each in own)


__all__ = ["domains_of", "is_own", "named_in"]

"""What an authorisation in force allows to be kept: the only thing that lets the vault store.

    refusal = grant.take(place, "bodies", 4096, now)      # None: yes; else why not

A `Grant` is made of a verified authorisation alone, as `Permitted` is made by the egress gate
alone: the seal goes to the first who asks. It counts what it gave, never gives more than its
caps, and once it has ended it gives nothing again (ACCOUNTABILITY §3).
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

#: Writes an entry of the audit log and comes back when it is durable; raises if it cannot be.
Audit: TypeAlias = Callable[[str, Mapping[str, object]], object]

ARTEFACTS = ("headers", "attachments", "bodies")
CLOCK_SLACK = timedelta(seconds=1)  # how far a clock may be set back, as by NTP, while a grant is in force

_seal = object()
_taken: list[bool] = []


class Refusal(StrEnum):
    """Why something is not kept."""

    NOT_YET = "not yet valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CLOCK = "the clock went backwards"
    MESSAGES = "max_messages used up"
    OCTETS = "max_octets used up"
    SCOPE = "out of scope"
    PROTOCOL = "protocol not authorised"
    ARTEFACT = "artefact not authorised"
    AUDIT = "the audit log cannot be written"
    CLOSED = "closed"


#: After one of these a grant has ended, whatever the clock says later.
ENDINGS = (Refusal.EXPIRED, Refusal.REVOKED, Refusal.CLOCK, Refusal.AUDIT, Refusal.CLOSED)


@dataclass(frozen=True)
class Recipient:
    """Who can open the vault: as written (age1...), and the X25519 public key of 32 octets."""

    text: str
    key: bytes


@dataclass(frozen=True)
class Terms:
    """What the authorisation says; networks, mail domains and captures that are given must all fit."""

    id: str
    nonce: str
    digest: str
    policy: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    mail_domains: tuple[str, ...]
    captures: tuple[str, ...]
    protocols: tuple[str, ...]
    artefacts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    max_messages: int
    max_octets: int
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True)
class Place:
    """Where a message was met: its server, the domains of its mailboxes, its capture (SHA-256; live: none).

    Its number tells messages apart: artefacts with one number count as one message.
    """

    protocol: str
    message: int
    server: IPv4Address | IPv6Address | None = None
    mail_domains: frozenset[str] = frozenset()
    capture: str = ""


class Grant:
    """What may still be kept under one authorisation. Only who holds the seal makes one."""

    def __init__(
        self,
        terms: Terms,
        now: datetime,
        *,
        seal: object,
        audit: Audit,
        revoked: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Refuse to be made by anyone who does not hold the authorisation's seal."""
        if seal is not _seal:
            raise TypeError("content is kept only under a verified authorisation")
        self.terms, self.audit = terms, audit
        self.messages, self.octets = 0, 0
        self.refused: Counter[Refusal] = Counter()
        self.ended: Refusal | None = None
        self._revoked, self._ticks = revoked, ticks
        self._latest, self._began = now, ticks()
        self._counted: set[int] = set()  # messages of which something was taken; never more than max_messages
        self._longest = (terms.not_after - now).total_seconds()

    def take(self, place: Place, artefact: str, octets: int, when: datetime) -> Refusal | None:
        """Count octets of an artefact and give None, or say why they may not be kept.

        `when` is the probe's clock, never the time of a packet. What is taken stays counted,
        whether it is kept in the end or not.
        """
        refusal = self._why_not(place, artefact, octets, when)
        if refusal is None:
            self._count(place, octets)
            return None
        self.refused[refusal] += 1
        if self.refused[refusal] == 1:
            self._tell(refusal)
        return refusal

    def close(self, reason: Refusal = Refusal.CLOSED) -> None:
        """End the grant, and log what was kept and refused; a second time does nothing."""
        if self.ended is None:
            self._end(reason)

    def _why_not(self, place: Place, artefact: str, octets: int, when: datetime) -> Refusal | None:
        return self.ended or self._why_not_now(when) or self._why_not_this(place, artefact, octets)

    def _why_not_now(self, when: datetime) -> Refusal | None:
        if when < self._latest - CLOCK_SLACK:
            return Refusal.CLOCK
        self._latest = max(self._latest, when)
        # A clock that was stopped does not make the time longer: what passed is measured too.
        if self._latest >= self.terms.not_after or self._ticks() - self._began >= self._longest:
            return Refusal.EXPIRED
        if when < self.terms.not_before:
            return Refusal.NOT_YET
        return Refusal.REVOKED if self._revoked() else None

    def _why_not_this(self, place: Place, artefact: str, octets: int) -> Refusal | None:
        terms = self.terms
        if not self._in_scope(place):
            return Refusal.SCOPE
        if place.protocol not in terms.protocols:
            return Refusal.PROTOCOL
        if artefact not in terms.artefacts:
            return Refusal.ARTEFACT
        if self.messages + (place.message not in self._counted) > terms.max_messages:
            return Refusal.MESSAGES
        if octets < 0 or self.octets + octets > terms.max_octets:
            return Refusal.OCTETS
        return None

    def scope_of(self, place: Place) -> list[str]:
        """Give the values of the scope that a place fits, as the authorisation writes them."""
        terms = self.terms
        networks = [str(each) for each in terms.networks if place.server is not None and place.server in each]
        domains = [each for each in terms.mail_domains if each in place.mail_domains]
        return [*networks, *domains, *(each for each in terms.captures if each == place.capture)]

    def _in_scope(self, place: Place) -> bool:
        terms = self.terms
        if terms.captures and place.capture not in terms.captures:
            return False
        if terms.mail_domains and not place.mail_domains & set(terms.mail_domains):
            return False
        if terms.networks:
            return place.server is not None and any(place.server in network for network in terms.networks)
        return bool(terms.captures or terms.mail_domains)

    def _count(self, place: Place, octets: int) -> None:
        self._counted.add(place.message)
        self.messages = len(self._counted)
        self.octets += octets

    def _tell(self, refusal: Refusal) -> None:
        """Log the first refusal of each kind; the counts follow when the grant ends."""
        if refusal in ENDINGS:
            self._end(refusal)
            return
        try:
            self.audit("authorisation.refuse", {"authorisation": self.terms.id, "reason": str(refusal)})
        except BaseException:
            self.ended = Refusal.AUDIT
            raise

    def _end(self, reason: Refusal) -> None:
        self.ended = reason
        if reason is Refusal.CLOCK:
            self.audit("clock.jump", {"authorisation": self.terms.id})
        kinds = {Refusal.EXPIRED: "authorisation.expire", Refusal.REVOKED: "authorisation.revoke"}
        self.audit(kinds.get(reason, "authorisation.close"), self.account(reason))

    def account(self, reason: Refusal) -> dict[str, object]:
        """Give what was kept and refused, for the audit log."""
        return {
            "authorisation": self.terms.id,
            "reason": str(reason),
            "messages": self.messages,
            "octets": self.octets,
            "refused": [f"{each}: {count}" for each, count in sorted(self.refused.items())],
        }


def take_grant_seal() -> object:
    """Give the seal to the first who asks, which is the authorisation, and to nobody after."""
    if _taken:
        raise TypeError("the seal is the authorisation's, which has it already")
    _taken.append(True)
    return _seal

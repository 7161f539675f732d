"""Content of mail on its way into the vault: under an authorisation, within its scope and caps, or not at all.

    with keeping(Wanted(Path("phish.toml"), Path("vault")), plan, audit, captures) as keeper:
        read_captures(captures, plan, out, audit=audit, keeper=keeper)

A message's octets wait in memory, bounded, until its head is over; then the grant says what of it
may be kept, and the rest goes by as it does without an authorisation. For SMTP the domains of a
message are those of its envelope; where there is none, those that its head names.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sonde.audit import AuditError
from sonde.content import Head, MailPartRecord, MailRecord
from sonde.pipeline.authorise import digest_of, open_grant
from sonde.pipeline.mailboxes import domains_of, named_in
from sonde.pipeline.plan import Plan
from sonde.policy.activation import Seen
from sonde.policy.allowed_signers import load_allowed_signers
from sonde.policy.error import PolicyError
from sonde.schema import table_name
from sonde.sink.vault import Opened, Stored, Vault, VaultError
from sonde.table.granted import Place, Refusal

if TYPE_CHECKING:
    from sonde.audit import AuditLog

Result = TypeVar("Result")
HEADERS, ATTACHMENTS, BODIES = "headers", "attachments", "bodies"
MOST_HELD = 1 << 20  # octets of one message that may wait when more of its head comes
MOST_OBJECTS = 128  # open at a time; each is an open file


@dataclass(frozen=True)
class Wanted:
    """What a user asks for: an authorisation, the vault to write to, and who may have signed it."""

    authorisation: Path
    vault: Path
    signers: Path | None = None


@dataclass
class Keeper:
    """Gives each message a taker, and counts what could not be kept though it was granted."""

    vault: Vault
    capture: str = ""
    numbers: Iterator[int] = field(default_factory=count)
    opened: set[Opened] = field(default_factory=set)
    not_kept: dict[str, int] = field(default_factory=dict)
    #: Hears why no content is kept any more, where records are to go on without; None: the run ends instead.
    lost: Callable[[str], None] | None = None
    ended: bool = False

    def taker(self, protocol: str, server: IPv4Address | IPv6Address, envelope: Sequence[str] | None) -> "MailTaker":
        """Give what takes the content of one message; `envelope` has its mailboxes, or is None where there is none."""
        return MailTaker(self, protocol, server, envelope)

    def begin(self, place: Place, artefact: str) -> Opened | None:
        """Begin an object, if the grant has it and there is room."""
        if self.ended or artefact not in self.vault.grant.terms.artefacts:
            return None
        if len(self.opened) >= MOST_OBJECTS:
            self.count("too_many_open")
            return None
        opened = self._done(lambda: self.vault.begin(place, artefact))
        if not isinstance(opened, Opened):
            return None
        self.opened.add(opened)
        return opened

    def write(self, opened: Opened, octets: memoryview | bytes) -> bool:
        """Write octets of an object; False where the grant has no more of it."""
        refusal = self._done(lambda: opened.write(octets))
        if refusal is not None:
            self.opened.discard(opened)
        return refusal is None and not self.ended

    def commit(self, opened: Opened) -> str | None:
        """Keep an object; give its name."""
        self.opened.discard(opened)
        stored = self._done(opened.commit)
        return stored.object if isinstance(stored, Stored) else None

    def _done(self, act: "Callable[[], Result]") -> "Result | Refusal":
        """Do something with the vault; where that fails there is no content any more, and no run that claims it."""
        if self.ended:
            return Refusal.CLOSED
        try:
            return act()
        except (OSError, AuditError) as error:
            told = str(error)
            if isinstance(error, OSError):
                told = f"{self.vault.folder}: the vault cannot be written ({error.strerror}); make room, or mend it."
            if self.lost is None:
                if isinstance(error, AuditError):
                    raise
                raise VaultError(told) from None
            self.end(f"{told} No content is kept any more.")
            return Refusal.CLOSED

    def end(self, why: str) -> None:
        """Keep nothing any more, though records go on, and say why."""
        if self.ended:
            return
        self.ended = True
        with suppress(OSError, AuditError):  # it may be why we are here
            self.close()
        if self.lost is not None:
            self.lost(why)

    def count(self, reason: str) -> None:
        """Count what was not kept."""
        self.not_kept[reason] = self.not_kept.get(reason, 0) + 1

    def account(self) -> dict[str, Any]:
        """Tell what was kept, for the manifest."""
        grant = self.vault.grant
        told: dict[str, Any] = {
            "authorisation": grant.terms.id,
            "messages": grant.messages,
            "octets": grant.octets,
            "refused": {str(reason): number for reason, number in sorted(grant.refused.items())},
        }
        return told | ({"not_kept": dict(sorted(self.not_kept.items()))} if self.not_kept else {})

    def close(self) -> None:
        """Leave nothing of objects that were not finished, and end the grant."""
        for opened in self.opened:
            opened.abort()
        self.opened.clear()
        self.vault.close()


class MailTaker:
    """Takes the content of one message, as far as it is granted."""

    def __init__(
        self, keeper: Keeper, protocol: str, server: IPv4Address | IPv6Address, envelope: Sequence[str] | None
    ) -> None:
        """Wait for the head."""
        self.keeper, self.protocol, self.server, self.envelope = keeper, protocol, server, envelope
        self.place: Place | None = None
        self.held: bytearray | None = bytearray()
        self.body: Opened | None = None
        self.attachment: Opened | None = None
        self.kept: list[str] = []

    def raw(self, octets: memoryview) -> None:
        """Take octets of the whole message."""
        if self.held is not None:
            if len(self.held) > MOST_HELD:  # what comes at once is bounded by blocks
                self.held = None
                self.keeper.count("head_too_long")
            else:
                self.held += octets
        elif self.body is not None and not self.keeper.write(self.body, octets):
            self.body = None

    def know(self, head: Head, size: int) -> None:
        """Ask the grant, now that it is known whose message this is."""
        if self.held is None:
            return
        domains = domains_of(self.envelope if self.envelope is not None else named_in(head))
        self.place = Place(self.protocol, next(self.keeper.numbers), self.server, domains, self.keeper.capture)
        held, self.held = bytes(self.held), None
        headers = self.keeper.begin(self.place, HEADERS)
        if headers is not None and self.keeper.write(headers, held[:size]):
            self._keep(headers)
        self.body = self.keeper.begin(self.place, BODIES)
        if self.body is not None and not self.keeper.write(self.body, held):
            self.body = None

    def begin_part(self, *, is_attachment: bool) -> None:
        """Begin an attachment."""
        if is_attachment and self.place is not None:
            self.attachment = self.keeper.begin(self.place, ATTACHMENTS)

    def part(self, octets: memoryview) -> None:
        """Take octets of it."""
        if self.attachment is not None and not self.keeper.write(self.attachment, octets):
            self.attachment = None

    def end_part(self) -> str | None:
        """Keep it; give its name."""
        opened, self.attachment = self.attachment, None
        return self.keeper.commit(opened) if opened is not None else None

    def finish(self) -> list[str]:
        """Keep the message; give the names of what holds it or its head."""
        if self.body is not None:
            self._keep(self.body)
            self.body = None
        return self.kept

    def _keep(self, opened: Opened) -> None:
        name = self.keeper.commit(opened)
        if name is not None:
            self.kept.append(name)


@contextmanager
def keeping(
    wanted: Wanted | None, plan: Plan, audit: "AuditLog | None", captures: Sequence[str]
) -> Iterator[Keeper | None]:
    """Open the vault of a run under an authorisation, if there is one, and close it."""
    if wanted is None:
        yield None
        return
    keeper = open_keeper(wanted, plan, audit, captures)
    try:
        yield keeper
    finally:
        keeper.close()


def open_keeper(
    wanted: Wanted,
    plan: Plan,
    audit: "AuditLog | None",
    captures: Sequence[str],
    lost: Callable[[str], None] | None = None,
) -> Keeper:
    """Open the vault of a run under an authorisation; PolicyError or VaultError where that may not be."""
    policy = plan.gate.policy
    path = wanted.authorisation
    if audit is None:
        raise PolicyError("Content is kept only where a log tells of it; name the audit log with --audit DIR.")
    if policy.is_built_in:
        raise PolicyError(f"{policy.name} is built in, and authorises no content; use a policy file of your own.")
    if wanted.signers is None:
        raise PolicyError(f"{path} must be signed; name who may sign with --signers FILE.")
    if not {table_name(MailRecord), table_name(MailPartRecord)} & plan.tables:
        told = "Content of mail comes with the tables mail and mail_part"
        raise PolicyError(f"{told}; let --tables or the policy have one.")
    now = datetime.now(UTC)
    seen = Seen(audit.seen_nonces, audit.seen_ids, datetime.fromisoformat(audit.latest) if audit.latest else None)
    grant = open_grant(path, policy, load_allowed_signers(wanted.signers), seen=seen, audit=audit.append, now=now)
    try:
        capture = _capture(captures, grant.terms.captures, path)
        return Keeper(Vault(wanted.vault, grant), capture, lost=lost)
    except BaseException:
        grant.close()
        raise


def _capture(captures: Sequence[str], named: Sequence[str], path: Path) -> str:
    """Give the SHA-256 of the capture that is read, where an authorisation is bounded by captures."""
    if not named:
        return ""
    if len(captures) != 1 or captures[0] == "-":
        raise PolicyError(f"{path} is for captures that it names; read them one by one, each as a file.")
    found = digest_of(Path(captures[0]))
    if found not in named:
        raise PolicyError(f"{path} does not name {captures[0]}; draft one with `--capture {captures[0]}`.")
    return found


__all__ = ["Keeper", "MailTaker", "Wanted", "keeping", "open_keeper"]

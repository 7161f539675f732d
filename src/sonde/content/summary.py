"""The row of `mail`: what a message's head says, and what verdicts rest on it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sonde.content.heads import Address, Head
from sonde.content.records import MailRecord
from sonde.content.trace import addresses_in, authentication_of, path_of
from sonde.content.verdicts import Evidence, judge, may_be_suspect
from sonde.schema import columns

_AUTOMATIC = re.compile(r"no|auto-[a-z]{1,20}")
ORIGINS = ("x-originating-ip", "x-sender-ip", "x-client-ip", "x-source-ip")  # in this order
#: A message of which nothing is known; most columns stay so.
UNKNOWN: dict[str, Any] = dict.fromkeys(column.name for column in columns(MailRecord))
#: Columns that are the first field of a name, as it stands and with its encoded words decoded.
AS_IT_STANDS = (("message-id", "message_id"), ("in-reply-to", "in_reply_to"))
DECODED = (("from", "from_header"), ("subject", "subject"), ("list-id", "list_id"))
RECIPIENTS = (("to", "to_addresses"), ("cc", "cc_addresses"), ("bcc", "bcc_addresses"))
ONCE = frozenset(("from", "date", "subject", "message-id", "to"))  # fields that a head has once (RFC 5322 §3.6)
NO_ONE = Address("", "")


@dataclass(slots=True)
class Connection:
    """What is known of a message from elsewhere than itself."""

    source: str = ""
    direction: str = "sent"
    return_path: str = ""
    own_domains: Sequence[str] = ()
    has_credentials: bool = False
    is_stripped: bool = False
    is_smuggled: bool = False
    is_partial: bool = False
    is_stored: bool = False  # in a file, where lines may all end in LF


def summarised(
    head: Head,
    known: Connection,
    parts: Sequence[dict[str, Any]],
    mismatches: Sequence[tuple[str, str]],
    odd: set[str],
) -> dict[str, Any]:
    """Give the columns of a message as far as its head and its parts tell them; add what is odd of its head."""
    values = head.values
    fields = UNKNOWN.copy()
    for name, column in AS_IT_STANDS:
        if name in values:
            fields[column] = values[name][0]
    for name, column in DECODED:
        if name in values:
            fields[column] = head.decoded(values[name][0])
    senders, reply_to = head.addresses("from"), head.addresses("reply-to")
    back = (head.first("return-path") or known.return_path).strip("<> ")
    _add_senders(fields, senders, reply_to, back)
    fields["source"], fields["direction"] = known.source or None, known.direction
    if "sender" in values:
        fields["sender"] = next((each.address for each in head.addresses("sender") if each.address), None)
    if "date" in values:
        fields["date"], fields["date_header"] = head.date(), values["date"][0][:256] or None
    if "references" in values:
        fields["reference_ids"] = values["references"][0].split()[:200] or None
    if "user-agent" in values or "x-mailer" in values:
        fields["user_agent"] = head.text("user-agent") or head.text("x-mailer")
    fields["originating_ip"] = _originating(head)
    fields["list_unsubscribe"] = "list-unsubscribe" in values
    if "auto-submitted" in values:
        fields["auto_submitted"] = _automatic(head)
    _add_recipients(fields, head)
    fields.update(path_of(head))
    results = authentication_of(head)
    fields.update(results)
    fields["arc_sets"] = len(values.get("arc-seal", ()))
    seen = Evidence(
        known.own_domains, senders, reply_to, back,
        {name: results[name] for name in ("spf", "dkim", "dmarc") if results.get(name)} if results else results,
        list(filter(may_be_suspect, parts)),
        mismatches, known.has_credentials, known.is_stripped, known.is_smuggled,
    )  # fmt: skip
    verdicts, reasons = judge(seen)
    fields["verdicts"], fields["reasons"] = verdicts or None, reasons or None
    if head.repeated and not ONCE.isdisjoint(head.repeated):
        odd.add("header_twice")
    if len(senders) > 1:
        odd.add("several_authors")
    odd |= head.odd
    return fields


def _add_senders(fields: dict[str, Any], senders: list[Address], reply_to: list[Address], back: str) -> None:
    """Add whom it is from, and where answers and returns go to."""
    if senders:
        first = senders[0]
        fields["from_address"], fields["from_name"] = first.address or None, first.name or None
        fields["from_domain"] = first.domain or None
    if reply_to:
        fields["reply_to"], fields["reply_to_domain"] = reply_to[0].address or None, reply_to[0].domain
    if back:
        fields["return_path"] = back
        if "@" in back:
            fields["return_path_domain"] = back.rpartition("@")[2].lower()


def _add_recipients(fields: dict[str, Any], head: Head) -> None:
    recipients = 0
    for name, column in RECIPIENTS:
        if name in head.values:
            addresses = head.addresses(name)
            recipients += len(addresses)
            fields[column] = [each.address for each in addresses if each.address] or None
    fields["recipients"] = recipients


def _originating(head: Head) -> str | None:
    """Give the address that a web mailer says the message came from."""
    for name in ORIGINS:
        if name in head.values:
            found = addresses_in(head.values[name][0])
            if found:
                return found[0]
    return None


def _automatic(head: Head) -> str | None:
    """Give the keyword of Auto-Submitted (RFC 3834 §5); anything else is no keyword."""
    found = _AUTOMATIC.fullmatch(head.parameters("auto-submitted")[0])
    return found[0] if found else None


__all__ = ["Connection", "summarised"]

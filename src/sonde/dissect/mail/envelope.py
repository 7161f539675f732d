"""SMTP's records: sessions and, apart from them, transactions (RFC 5321 §3.3), and what a command says."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np

from sonde.dissect.api import Out, places
from sonde.dissect.mail.lines import (
    AT_SIGN,
    EQUALS,
    LESS,
    LINE_ANOMALIES,
    SP,
    mailbox_start,
    path_end,
    read_number,
    skip_spaces,
    word,
    word_end,
    word_key,
)
from sonde.dissect.mail.reply_text import queue_ids
from sonde.schema import (
    ENDPOINT,
    PERSON,
    PROTOCOL,
    U16,
    U32,
    U64,
    Bool,
    DurationNs,
    Field,
    Record,
    Text,
    TextList,
    U32List,
    code,
)
from sonde.table.out import OWN_ANOMALY, begin_text, end_text, put_item, save
from sonde.wire import Int, Row, Wire, kernel

ANOMALIES = (
    *LINE_ANOMALIES,
    "bad_reply",
    "too_many_pending",
    "nested_mail",
    "no_mail",
    "bad_path",
    "bad_chunk_size",
    "end_lookalike",
    "ended_by_reply",
    "recipients_cut",
    "data_refused",
    "talks_early",
)
(
    BAD_REPLY, TOO_MANY_PENDING, NESTED_MAIL, NO_MAIL, BAD_PATH, BAD_CHUNK_SIZE,
    END_LOOKALIKE, ENDED_BY_REPLY, RECIPIENTS_CUT, DATA_REFUSED, TALKS_EARLY,
) = (1 << (OWN_ANOMALY + bit) for bit in range(2, len(ANOMALIES)))  # fmt: skip

TLS_ABSENT, TLS_OFFERED, TLS_USED, TLS_REFUSED, TLS_STRIPPED, TLS_ASKED = range(6)
StartTls = code({0: "absent", 1: "offered", 2: "used", 3: "refused", 4: "stripped", 5: "asked"})
ACCEPTED, REJECTED, RESET, INCOMPLETE, ABANDONED = range(5)
Outcome = code({0: "accepted", 1: "rejected", 2: "reset", 3: "incomplete", 4: "abandoned"})
BY_DATA, BY_BDAT = range(2)
Transfer = code({BY_DATA: "data", BY_BDAT: "bdat"})
MOST_SIZE = 1 << 56  # that SIZE= may announce
BODY, SIZE, RET, ENVID, UTF8, NOTIFY, ORCPT = map(word, ("body", "size", "ret", "envid", "smtputf8", "notify", "orcpt"))


class SmtpSessionRecord(Record):
    """One SMTP or LMTP connection."""

    table: ClassVar[str] = "smtp_session"

    greeting_code: Annotated[U16, Field("Code of the greeting", PROTOCOL, ref="RFC 5321 §3.1")]
    greeting: Annotated[Text, Field("What the server says of itself", ENDPOINT, ref="RFC 5321 §4.2")]
    helo: Annotated[Text, Field("Name that the client gives itself", ENDPOINT, ref="RFC 5321 §4.1.1.1", holds="host")]
    extended: Annotated[Bool, Field("EHLO or LHLO, not HELO", PROTOCOL)]
    lmtp: Annotated[Bool, Field("LMTP", PROTOCOL, ref="RFC 2033")]
    server_name: Annotated[Text, Field("Name in the answer to EHLO", ENDPOINT, holds="host")]
    capabilities: Annotated[TextList, Field("What the server offers last", PROTOCOL, ref="RFC 5321 §4.1.1.1")]
    starttls: Annotated[StartTls, Field("STARTTLS, and whether it was stripped on the way", PROTOCOL, ref="RFC 3207")]  # type: ignore[valid-type]
    auth_mechanism: Annotated[Text, Field("Mechanism asked for last", PROTOCOL, ref="RFC 4954 §4")]
    auth_attempts: Annotated[U16, Field("Attempts to authenticate", PROTOCOL)]
    auth_success: Annotated[Bool, Field("Authentication succeeded", PROTOCOL)]
    cleartext_credentials: Annotated[Bool, Field("Credentials went in clear", PROTOCOL)]
    commands: Annotated[U32, Field("Commands of the client", PROTOCOL)]
    transactions: Annotated[U32, Field("Transactions begun", PROTOCOL)]
    pipelined: Annotated[Bool, Field("Commands came before the answer to others", PROTOCOL, ref="RFC 2920")]
    quit: Annotated[Bool, Field("The client said goodbye", PROTOCOL)]
    last_code: Annotated[U16, Field("Code of the last reply", PROTOCOL)]


class SmtpRecord(Record):
    """One SMTP transaction: an envelope, and what became of it."""

    table: ClassVar[str] = "smtp"

    message: Annotated[U32, Field("Number of the transaction in its connection, from 1", PROTOCOL)]
    helo: Annotated[Text, Field("Name that the client gives itself", ENDPOINT, ref="RFC 5321 §4.1.1.1", holds="host")]
    mail_from: Annotated[Text, Field("Reverse path; empty for reports", PERSON, ref="RFC 5321 §4.1.1.2", holds="mail")]
    mail_from_domain: Annotated[Text, Field("Its domain", ENDPOINT, holds="host")]
    mail_code: Annotated[U16, Field("Reply to MAIL", PROTOCOL)]
    declared_size: Annotated[U64, Field("SIZE announced", PROTOCOL, unit="octets", ref="RFC 1870")]
    body: Annotated[Text, Field("BODY announced", PROTOCOL, ref="RFC 6152")]
    smtputf8: Annotated[Bool, Field("SMTPUTF8 asked for", PROTOCOL, ref="RFC 6531")]
    dsn: Annotated[Bool, Field("Delivery reports asked for or forbidden", PROTOCOL, ref="RFC 3461")]
    mail_parameters: Annotated[TextList, Field("Keywords of MAIL's parameters", PROTOCOL)]
    rcpt_to: Annotated[TextList, Field("Forward paths", PERSON, ref="RFC 5321 §4.1.1.3", holds="mail")]
    rcpt_codes: Annotated[U32List, Field("Reply to each of them", PROTOCOL)]
    recipients: Annotated[U32, Field("Forward paths in all", PROTOCOL)]
    recipients_accepted: Annotated[U32, Field("Of these accepted", PROTOCOL)]
    transfer: Annotated[Transfer, Field("How the message came", PROTOCOL)]  # type: ignore[valid-type]
    data_code: Annotated[U16, Field("Reply to DATA", PROTOCOL)]
    size: Annotated[U64, Field("Octets of the message as it came", PROTOCOL, unit="octets")]
    chunks: Annotated[U32, Field("Commands BDAT", PROTOCOL, ref="RFC 3030")]
    outcome: Annotated[Outcome, Field("What became of it", PROTOCOL)]  # type: ignore[valid-type]
    last_code: Annotated[U16, Field("Code of the last reply", PROTOCOL)]
    enhanced_status: Annotated[Text, Field("Its enhanced status", PROTOCOL, ref="RFC 3463")]
    last_reply: Annotated[Text, Field("The last reply; servers repeat addresses in it", PERSON)]
    queue_id: Annotated[Text, Field("Name that the server gives the message", PERSON, derived=True)]
    duration: Annotated[DurationNs, Field("From MAIL to the last reply", PROTOCOL)]


ENVELOPE, SESSION = places(SmtpRecord), places(SmtpSessionRecord)


def complete(rows: Any, text: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Derive what a last reply tells of the queue."""
    return {"queue_id": queue_ids(rows["last_reply"], text)}


@kernel
def take_path(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> Int:
    """Read the reverse path of MAIL into its row; give where its parameters begin."""
    stop = path_end(wire, at, end)
    bracketed = at < end and wire[at] == LESS
    if not bracketed or stop == end:
        record["anomaly"] |= np.uint64(BAD_PATH)
    first = mailbox_start(wire, at + 1 if bracketed else at, stop)
    record["mail_from"] = save(out, ENVELOPE.mail_from, wire, first, stop)
    for place in range(stop - 1, first - 1, -1):
        if wire[place] == AT_SIGN:
            record["mail_from_domain"] = save(out, ENVELOPE.mail_from_domain, wire, place + 1, stop)
            break
    return stop + 1 if bracketed else stop


@kernel
def take_parameters(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read MAIL's parameters (RFC 5321 §4.1.1.11); values that name somebody are left out."""
    list_start = begin_text(out)
    count = 0
    while at < end:
        at = skip_spaces(wire, at, end)
        stop = word_end(wire, at, end)
        if at == stop:
            break
        equals = at
        while equals < stop and wire[equals] != EQUALS:
            equals += 1
        put_item(out, wire, at, equals)
        count += 1
        key = word_key(wire, at, equals)
        if key == SIZE:
            record["declared_size"] = read_number(wire, equals + 1, stop, MOST_SIZE)
        elif key == UTF8:
            record["smtputf8"] = 1
        elif key == RET or key == ENVID:
            record["dsn"] = 1
        at = stop
    record["mail_parameters"] = end_text(out, ENVELOPE.mail_parameters, list_start)


@kernel
def take_body_kind(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read MAIL's parameter BODY, whose value is a word of a closed list."""
    while at < end:
        at = skip_spaces(wire, at, end)
        stop = word_end(wire, at, end)
        if at == stop:
            return
        if stop - at > 5 and wire[at + 4] == EQUALS and word_key(wire, at, at + 4) == BODY:
            record["body"] = save(out, ENVELOPE.body, wire, at + 5, min(stop, at + 5 + 16))
        at = stop


@kernel
def asks_for_report(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether parameters of RCPT ask for delivery reports or forbid them (RFC 3461 §4)."""
    while at < end:
        at = skip_spaces(wire, at, end)
        stop = word_end(wire, at, end)
        if at == stop:
            return False
        equals = at
        while equals < stop and wire[equals] != EQUALS:
            equals += 1
        key = word_key(wire, at, equals)
        if key == NOTIFY or key == ORCPT:
            return True
        at = stop
    return False


@kernel
def save_status(wire: Wire, at: Int, end: Int, record: Row, out: Out) -> None:
    """Read the enhanced status that a reply's text begins with (RFC 2034 §4)."""
    place, dots, digits = at, 0, 0
    while place < end and wire[place] != SP:
        octet = wire[place]
        if octet == 46 and digits > 0:
            dots, digits = dots + 1, 0
        elif 48 <= octet <= 57 and digits < 3:
            digits += 1
        else:
            return
        place += 1
    if dots == 2 and digits > 0 and (wire[at] == 50 or wire[at] == 52 or wire[at] == 53) and wire[at + 1] == 46:
        record["enhanced_status"] = save(out, ENVELOPE.enhanced_status, wire, at, place)

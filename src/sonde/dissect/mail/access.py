"""IMAP's record (RFC 9051), and what can be odd in it."""

from typing import Annotated

from sonde.dissect.api import places
from sonde.dissect.mail.envelope import StartTls
from sonde.dissect.mail.lines import LINE_ANOMALIES
from sonde.schema import ENDPOINT, PERSON, PROTOCOL, U32, U64, Bool, Field, Record, Text, TextList
from sonde.table.out import OWN_ANOMALY

ANOMALIES = (*LINE_ANOMALIES, "too_many_pending", "bad_command", "bad_literal")
TOO_MANY_PENDING, BAD_COMMAND, BAD_LITERAL = (1 << (OWN_ANOMALY + bit) for bit in range(2, len(ANOMALIES)))


class ImapRecord(Record):
    """One IMAP connection."""

    greeting: Annotated[Text, Field("What the server says of itself", ENDPOINT, ref="RFC 9051 §7.1")]
    client: Annotated[Text, Field("What the client says of itself", ENDPOINT, ref="RFC 2971 §3.1")]
    user: Annotated[Text, Field("User that LOGIN names", PERSON, ref="RFC 9051 §6.2.3")]
    auth_mechanism: Annotated[Text, Field("LOGIN, or AUTHENTICATE's mechanism", PROTOCOL, ref="RFC 9051 §6.2.2")]
    login_attempts: Annotated[U32, Field("Attempts to log in", PROTOCOL)]
    login_success: Annotated[Bool, Field("One of them succeeded", PROTOCOL)]
    cleartext_credentials: Annotated[Bool, Field("A password went in clear", PROTOCOL)]
    capabilities: Annotated[TextList, Field("What the server offers last", PROTOCOL, ref="RFC 9051 §7.2.2")]
    starttls: Annotated[StartTls, Field("STARTTLS: offered, used or refused", PROTOCOL, ref="RFC 9051 §6.2.1")]
    compressed: Annotated[Bool, Field("What follows is compressed, and not read", PROTOCOL, ref="RFC 4978")]
    mailboxes: Annotated[TextList, Field("Mailboxes selected", PERSON, ref="RFC 9051 §6.3.2")]
    commands: Annotated[U32, Field("Commands of the client", PROTOCOL)]
    fetched: Annotated[U32, Field("Messages fetched whole, or in parts from the first", PROTOCOL)]
    fetched_headers: Annotated[U32, Field("Messages of which the header was fetched", PROTOCOL)]
    fetched_octets: Annotated[U64, Field("Octets of both", PROTOCOL, unit="octets")]
    appended: Annotated[U32, Field("Messages put into a mailbox", PROTOCOL, ref="RFC 9051 §6.3.12")]
    deletions: Annotated[U32, Field("Commands that mark messages as deleted", PROTOCOL, ref="RFC 9051 §6.4.6")]
    expunged: Annotated[U32, Field("Messages removed", PROTOCOL, ref="RFC 9051 §7.5.1")]
    idled: Annotated[U32, Field("Times that the client waited for news", PROTOCOL, ref="RFC 2177")]
    refused: Annotated[U32, Field("Commands that the server refused", PROTOCOL)]
    logout: Annotated[Bool, Field("The client said goodbye", PROTOCOL)]


AT = places(ImapRecord)

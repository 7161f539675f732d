"""The tables that are made of messages: `mail`, a row for each, and `mail_part`, a row for each part of one."""

from typing import Annotated, ClassVar

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
    TimeNs,
)


class MailRecord(Record):
    """One mail message, by whatever protocol it came."""

    table: ClassVar[str] = "mail"

    source: Annotated[Text, Field("Protocol that carried it", PROTOCOL)]
    message: Annotated[U32, Field("Its number in the connection, as in `smtp`", PROTOCOL)]
    direction: Annotated[Text, Field("sent by the client, or fetched by it", PROTOCOL)]
    from_header: Annotated[Text, Field("From, decoded", PERSON, ref="RFC 5322 §3.6.2")]
    from_address: Annotated[Text, Field("First address in From", PERSON, holds="mail")]
    from_name: Annotated[Text, Field("Display name of it", PERSON)]
    from_domain: Annotated[Text, Field("Domain of it", ENDPOINT, holds="host")]
    sender: Annotated[Text, Field("Address in Sender", PERSON, ref="RFC 5322 §3.6.2", holds="mail")]
    reply_to: Annotated[Text, Field("First address in Reply-To", PERSON, ref="RFC 5322 §3.6.2", holds="mail")]
    reply_to_domain: Annotated[Text, Field("Domain of its first address", ENDPOINT, holds="host")]
    return_path: Annotated[
        Text, Field("Return-Path, or the envelope's reverse path", PERSON, ref="RFC 5321 §4.4", holds="mail")
    ]
    return_path_domain: Annotated[Text, Field("Domain of it", ENDPOINT, holds="host")]
    to_addresses: Annotated[TextList, Field("Addresses in To", PERSON, ref="RFC 5322 §3.6.3", holds="mail")]
    cc_addresses: Annotated[TextList, Field("Addresses in Cc", PERSON, ref="RFC 5322 §3.6.3", holds="mail")]
    bcc_addresses: Annotated[
        TextList, Field("Addresses in Bcc, where it was left in", PERSON, ref="RFC 5322 §3.6.3", holds="mail")
    ]
    recipients: Annotated[U32, Field("Addresses in To, Cc and Bcc", PROTOCOL)]
    subject: Annotated[Text, Field("Subject, decoded", PERSON, ref="RFC 5322 §3.6.5")]
    date: Annotated[TimeNs, Field("When it says it was written", PROTOCOL, ref="RFC 5322 §3.6.1")]
    date_header: Annotated[Text, Field("Date, as it stands", PERSON)]
    message_id: Annotated[Text, Field("Message-ID", PERSON, ref="RFC 5322 §3.6.4")]
    in_reply_to: Annotated[Text, Field("In-Reply-To", PERSON, ref="RFC 5322 §3.6.4")]
    reference_ids: Annotated[TextList, Field("References", PERSON, ref="RFC 5322 §3.6.4")]
    user_agent: Annotated[Text, Field("User-Agent or X-Mailer", ENDPOINT)]
    originating_ip: Annotated[Text, Field("X-Originating-IP and kin", ENDPOINT, holds="address")]
    received: Annotated[TextList, Field("Received, the last hop first", PERSON, ref="RFC 5321 §4.4")]
    received_ips: Annotated[TextList, Field("Address of each hop that tells one", ENDPOINT, holds="address")]
    hops: Annotated[U16, Field("Received fields", PROTOCOL)]
    transit: Annotated[DurationNs, Field("From the first hop to the last", PROTOCOL)]
    longest_hop: Annotated[DurationNs, Field("Longest time between two hops", PROTOCOL)]
    auth_server: Annotated[Text, Field("Who wrote Authentication-Results", ENDPOINT, ref="RFC 8601 §2.2")]
    auth_results: Annotated[TextList, Field("method=result, of the topmost field", PROTOCOL, ref="RFC 8601 §2.2")]
    spf: Annotated[Text, Field("Result of SPF", PROTOCOL, ref="RFC 7208")]
    dkim: Annotated[Text, Field("Result of DKIM, the best one", PROTOCOL, ref="RFC 6376")]
    dmarc: Annotated[Text, Field("Result of DMARC", PROTOCOL, ref="RFC 7489")]
    arc: Annotated[Text, Field("Result of ARC", PROTOCOL, ref="RFC 8617")]
    arc_sets: Annotated[U16, Field("ARC-Seal fields", PROTOCOL, ref="RFC 8617 §4.2")]
    dkim_domains: Annotated[TextList, Field("Domains that signed", ENDPOINT, ref="RFC 6376 §3.5", holds="host")]
    dkim_selectors: Annotated[TextList, Field("Their selectors", ENDPOINT, ref="RFC 6376 §3.5")]
    list_id: Annotated[Text, Field("Mailing list", ENDPOINT, ref="RFC 2919")]
    list_unsubscribe: Annotated[Bool, Field("It says how to unsubscribe", PROTOCOL, ref="RFC 2369")]
    auto_submitted: Annotated[Text, Field("Written by a program", PROTOCOL, ref="RFC 3834 §5")]
    content_type: Annotated[Text, Field("Media type of the whole", PROTOCOL, ref="RFC 2045 §5")]
    parts: Annotated[U32, Field("Parts of the MIME tree", PROTOCOL, ref="RFC 2046")]
    attachments: Annotated[U32, Field("Of these attachments", PROTOCOL, ref="RFC 2183")]
    depth: Annotated[U16, Field("Levels of the tree", PROTOCOL)]
    size: Annotated[U64, Field("Octets, dots unstuffed", PROTOCOL, unit="octets")]
    header_size: Annotated[U32, Field("Octets of the head", PROTOCOL, unit="octets")]
    header_fields: Annotated[U32, Field("Fields of the head", PROTOCOL)]
    sha256: Annotated[Text, Field("Of the whole message", PERSON)]
    complete: Annotated[Bool, Field("Every octet of it was there", PROTOCOL)]
    partial: Annotated[Bool, Field("Only a part of it was fetched", PROTOCOL)]
    vault_objects: Annotated[TextList, Field("Objects of the vault that hold it or its head", PROTOCOL)]
    verdicts: Annotated[TextList, Field("What is dangerous or untrue in it, see docs/mail.md", PROTOCOL)]
    reasons: Annotated[TextList, Field("On what each verdict rests", PERSON)]
    oddities: Annotated[TextList, Field("What is broken in it, see docs/mail.md", PROTOCOL)]


class MailPartRecord(Record):
    """One part of a mail message: a leaf of the MIME tree, or what holds others."""

    table: ClassVar[str] = "mail_part"

    source: Annotated[Text, Field("Protocol that carried it", PROTOCOL)]
    message: Annotated[U32, Field("Number of the message in its connection", PROTOCOL)]
    part: Annotated[Text, Field("Place in the tree, such as 1.2", PROTOCOL, ref="RFC 9051 §6.4.5")]
    content_type: Annotated[Text, Field("Media type declared", PROTOCOL, ref="RFC 2045 §5")]
    found_type: Annotated[Text, Field("Media type by content", PROTOCOL)]
    charset: Annotated[Text, Field("Charset declared", PROTOCOL, ref="RFC 2046 §4.1.2")]
    encoding: Annotated[Text, Field("Transfer encoding declared", PROTOCOL, ref="RFC 2045 §6")]
    disposition: Annotated[Text, Field("inline, attachment", PROTOCOL, ref="RFC 2183 §2")]
    is_attachment: Annotated[Bool, Field("By disposition, or by having a file name", PROTOCOL)]
    file_name: Annotated[Text, Field("File name, decoded", PERSON, ref="RFC 2231")]
    extension: Annotated[Text, Field("Last extension of it", PROTOCOL)]
    double_extension: Annotated[Bool, Field("A harmless extension before a harmful one", PROTOCOL)]
    size: Annotated[U64, Field("Octets, decoded", PROTOCOL, unit="octets")]
    encoded_size: Annotated[U64, Field("Octets as they came, without line breaks held back", PROTOCOL, unit="octets")]
    sha256: Annotated[Text, Field("Of the octets decoded", PERSON)]
    members: Annotated[TextList, Field("What an archive lists", PERSON)]
    member_count: Annotated[U32, Field("How many it lists", PROTOCOL)]
    encrypted: Annotated[Bool, Field("It is encrypted, or holds members that are", PROTOCOL)]
    signed: Annotated[Bool, Field("It is, or belongs to, a signature", PROTOCOL, ref="RFC 1847")]
    macros: Annotated[Bool, Field("It holds macros", PROTOCOL)]
    tnef: Annotated[Bool, Field("Microsoft's winmail.dat", PROTOCOL)]
    vault_object: Annotated[Text, Field("Object of the vault that holds it", PROTOCOL)]
    link_domains: Annotated[TextList, Field("Hosts that links lead to", ENDPOINT, holds="host")]
    links: Annotated[U32, Field("Links in all", PROTOCOL)]
    link_mismatches: Annotated[U32, Field("Links whose text names another host", PROTOCOL)]
    complete: Annotated[Bool, Field("Every octet of it was there", PROTOCOL)]
    oddities: Annotated[TextList, Field("What is broken in it", PROTOCOL)]

"""Canaries in mail: what is said around a message, what stands in it, and the passwords of those who fetch it.

SMTP RFC 5321 and 4954, POP3 RFC 1939, IMAP RFC 9051; the message RFC 5322 and 2045.
"""

from base64 import b64encode

from sonde.pipeline.words import Canary, Words
from sonde.schema import CONTENT, ENDPOINT, PERSON, SECRET

Messages = list[tuple[int, bytes]]
#: What must be seen nowhere, under no policy, has the class of content.
NOWHERE = CONTENT


def smtp(words: Words) -> Messages:
    """Compose a session that logs in and sends one message; later one that forgets the mechanism."""
    user, password = words("SMTP user", NOWHERE), words("SMTP password", SECRET)
    plain = _in_base64(words, f"\0{user}\0{password}", "SMTP AUTH PLAIN")
    bare = words("SMTP password without mechanism", SECRET)
    helo = words("smtp.helo, smtp_session.helo", ENDPOINT)
    name = words("smtp_session.server_name", ENDPOINT)
    sender = words("smtp.mail_from, mail.return_path", PERSON)
    domain = words("smtp.mail_from_domain, mail.return_path_domain", ENDPOINT)
    message = _message(words, "sent")
    return [
        (1, f"220 mx.example.org {words('smtp_session.greeting', ENDPOINT)}\r\n".encode()),
        (0, f"EHLO {helo}.example.org\r\n".encode()),
        (1, f"250-{name}.example.org\r\n250-SIZE 1000000\r\n250 AUTH PLAIN\r\n".encode()),
        (0, f"AUTH {bare}\r\n".encode()),
        (1, b"504 5.5.4 unknown\r\n"),
        (0, f"AUTH PLAIN {plain}\r\n".encode()),
        (1, b"235 2.7.0 accepted\r\n"),
        (0, f"MAIL FROM:<{sender}@{domain}.example.org>\r\n".encode()),
        (1, b"250 2.1.0 fine\r\n"),
        (0, f"RCPT TO:<{words('smtp.rcpt_to', PERSON)}@example.org>\r\n".encode()),
        (1, b"250 2.1.5 fine\r\n"),
        (0, b"DATA\r\n"),
        (1, b"354 go on\r\n"),
        (0, message + b".\r\n"),
        (1, f"250 2.0.0 Ok: queued as {words('smtp.queue_id, smtp.last_reply', PERSON)}\r\n".encode()),
        (0, b"QUIT\r\n"),
        (1, b"221 bye\r\n"),
    ]


def pop3(words: Words) -> Messages:
    """Compose a session that fetches one message."""
    message = _message(words, "retrieved")
    return [
        (1, f"+OK {words('pop3.greeting', ENDPOINT)}\r\n".encode()),
        (0, f"USER {words('pop3.user', PERSON)}\r\n".encode()),
        (1, b"+OK\r\n"),
        (0, f"PASS {words('POP3 password', SECRET)}\r\n".encode()),
        (1, b"+OK\r\n"),
        (0, b"RETR 1\r\n"),
        (1, b"+OK\r\n" + message + b".\r\n"),
        (0, b"QUIT\r\n"),
        (1, b"+OK\r\n"),
    ]


def imap(words: Words) -> Messages:
    """Compose a session that selects a mailbox and fetches one message."""
    message = _message(words, "fetched")
    user, password = words("imap.user", PERSON), words("IMAP password", SECRET)
    return [
        (1, f"* OK IMAP4rev2 {words('imap.greeting', ENDPOINT)}\r\n".encode()),
        (0, f"a LOGIN {user} {password}\r\n".encode()),
        (1, b"a OK\r\n"),
        (0, f"b SELECT {words('imap.mailboxes', PERSON)}\r\n".encode()),
        (1, b"* 1 EXISTS\r\nb OK\r\n"),
        (0, f"c SEARCH TEXT {words('IMAP search', NOWHERE)}\r\n".encode()),
        (1, b"* SEARCH 1\r\nc OK\r\n"),
        (0, b"d FETCH 1 BODY[]\r\n"),
        (1, f"* 1 FETCH (BODY[] {{{len(message)}}}\r\n".encode() + message + b")\r\nd OK\r\n"),
        (0, b"e LOGOUT\r\n"),
        (1, b"* BYE\r\ne OK\r\n"),
    ]


def _message(words: Words, way: str) -> bytes:
    """Compose a message of a text and an attachment; `way` tells the canaries of several apart."""
    address = words("mail.from_address, mail.from_header", PERSON)
    domain = words("mail.from_domain", ENDPOINT)
    said = _in_base64(
        words, words(f"attachment of a message {way}", NOWHERE), f"attachment of a message {way}, encoded"
    )
    tokens = {
        name: words(f"{name} of a message {way}", NOWHERE)
        for name in ("boundary", "parameter of a type", "comment in a type", "unknown header")
    }
    head = [
        f"Received: from {words('mail.received', PERSON)} by mx.example.org; Wed, 15 Nov 2023 08:00:00 +0000",
        f"Date: Wed, 15 Nov 2023 08:00:00 +0000 ({words('mail.date_header', PERSON)})",
        f"From: {words('mail.from_name, mail.from_header', PERSON)} <{address}@{domain}.example.org>",
        f"Sender: {words('mail.sender', PERSON)}@example.org",
        f"Reply-To: {words('mail.reply_to', PERSON)}@{words('mail.reply_to_domain', ENDPOINT)}.example.org",
        f"To: {words('mail.to_addresses', PERSON)}@example.org",
        f"Cc: {words('mail.cc_addresses', PERSON)}@example.org",
        f"Subject: {words('mail.subject', PERSON)}",
        f"Message-ID: <{words('mail.message_id', PERSON)}@example.org>",
        f"In-Reply-To: <{words('mail.in_reply_to', PERSON)}@example.org>",
        f"References: <{words('mail.reference_ids', PERSON)}@example.org>",
        f"User-Agent: {words('mail.user_agent', ENDPOINT)}",
        f"List-Id: <{words('mail.list_id', ENDPOINT)}.example.org>",
        f"X-Note: {tokens['unknown header']}",
        "MIME-Version: 1.0",
        f"Content-Type: multipart/mixed; boundary={tokens['boundary']}",
        "",
        f"--{tokens['boundary']}",
        f"Content-Type: text/plain; charset=utf-8; format={tokens['parameter of a type']}",
        "",
        words(f"text of a message {way}", NOWHERE),
        f"http://{words('mail_part.link_domains', ENDPOINT)}.example.org/{words(f'link of a message {way}', NOWHERE)}",
        f"--{tokens['boundary']}",
        f"Content-Type: application/octet-stream ({tokens['comment in a type']})",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: attachment; filename={words('mail_part.file_name', PERSON)}.txt",
        "",
        said,
        f"--{tokens['boundary']}--",
        "",
    ]
    return "\r\n".join(head).encode()


def _in_base64(words: Words, text: str, what: str) -> str:
    """Encode a text, and remember the code as a canary of its own."""
    encoded = b64encode(text.encode()).decode()
    words.canaries.append(Canary(encoded, (what,), NOWHERE))
    return encoded


__all__ = ["imap", "pop3", "smtp"]

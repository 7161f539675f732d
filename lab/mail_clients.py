"""The clients of mail_exchange.py, which run inside a namespace: NAME SERVER [FOLDER]; the last line printed is JSON.

What is printed is what the client sent or was given: digests of octets as they went over the wire.
"""

import hashlib
import imaplib
import json
import poplib
import smtplib
import socket
import ssl
import sys
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

ALICE, BOB, CAROL = "alice@example.org", "bob@example.net", "carol@example.org"
PASSWORD = "correct-horse"
STRIPPING_PORT = 2525


def digest(octets: bytes) -> str:
    """Give the SHA-256 of octets."""
    return hashlib.sha256(octets).hexdigest()


def message(subject: str, size: int = 3000) -> bytes:
    """Compose one message; its octets depend on its subject alone."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = f"Bób <{BOB}>", f"Alice <{ALICE}>", subject
    made["Date"], made["Message-ID"] = (
        "Wed, 01 Jul 2026 10:00:00 +0200",
        f"<{digest(subject.encode())[:12]}@example.net>",
    )
    made.set_content(f"Grüße an alle: {subject}\n.\n..two dots\n", cte="quoted-printable")
    content = hashlib.shake_256(subject.encode()).digest(size)
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{subject}.bin")
    return made.as_bytes()


def told(sent: list[bytes], **more: object) -> dict[str, object]:
    """Say what was sent."""
    return {"messages": [digest(each) for each in sent], **more}


def plain(server: str) -> dict[str, object]:
    """Send three messages in one session, one to two recipients, one refused."""
    sent = [message(f"plain {number}") for number in range(3)]
    with smtplib.SMTP(server, 25, local_hostname="laptop.example.org") as client:
        client.sendmail(BOB, [ALICE], sent[0])
        client.sendmail(BOB, [ALICE, CAROL], sent[1])
        try:
            client.sendmail(BOB, ["nobody@elsewhere.test"], message("refused"))
        except smtplib.SMTPRecipientsRefused as refused:
            code = refused.recipients["nobody@elsewhere.test"][0]
        client.sendmail("", [ALICE], sent[2], mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=lab"])
    return told(sent, refused=code, recipients=[1, 2, 1])


def starttls(server: str) -> dict[str, object]:
    """Send a message behind STARTTLS, of which nobody sees anything."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(server, 25, local_hostname="laptop.example.org") as client:
        client.starttls(context=context)
        client.sendmail(BOB, [ALICE], message("hidden"))
    return told([])


def stripped(server: str) -> dict[str, object]:
    """Send a message through somebody who takes STARTTLS out of the conversation."""
    sent = [message("stripped")]
    with smtplib.SMTP(server, STRIPPING_PORT, local_hostname="laptop.example.org") as client:
        client.ehlo()
        offered = client.has_extn("starttls")
        client.sendmail(BOB, [ALICE], sent[0])
    return told(sent, offered=offered)


def lines(connection: socket.socket, count: int) -> list[bytes]:
    """Read whole replies, as many as are asked for."""
    file = connection.makefile("rb")
    replies: list[bytes] = []
    while len(replies) < count:
        line = file.readline()
        if line[3:4] != b"-":
            replies.append(line)
    return replies


def pipelined(server: str) -> dict[str, object]:
    """Send commands of two transactions without waiting for replies (RFC 2920)."""
    sent = [message("pipelined 0"), message("pipelined 1")]
    with socket.create_connection((server, 25)) as connection:
        lines(connection, 1)
        connection.sendall(b"EHLO laptop.example.org\r\n")
        lines(connection, 1)
        for octets in sent:
            envelope = f"MAIL FROM:<{BOB}>\r\nRCPT TO:<{ALICE}>\r\nRCPT TO:<{CAROL}>\r\nDATA\r\n"
            connection.sendall(envelope.encode())
            lines(connection, 4)
            connection.sendall(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            lines(connection, 1)
        connection.sendall(b"RSET\r\nQUIT\r\n")
        lines(connection, 2)
    return told(sent, recipients=[2, 2])


def bdat(server: str) -> dict[str, object]:
    """Send a message in chunks (RFC 3030), in which dots are no marks."""
    octets = message("chunks", 20_000)
    with socket.create_connection((server, 25)) as connection:
        lines(connection, 1)
        connection.sendall(b"EHLO laptop.example.org\r\n")
        lines(connection, 1)
        connection.sendall(f"MAIL FROM:<{BOB}>\r\n".encode())
        lines(connection, 1)
        connection.sendall(f"RCPT TO:<{ALICE}>\r\n".encode())
        lines(connection, 1)
        for piece, last in ((octets[:777], b""), (octets[777:9000], b""), (octets[9000:], b" LAST")):
            connection.sendall(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
            lines(connection, 1)
        connection.sendall(b"QUIT\r\n")
        lines(connection, 1)
    return told([octets])


def lmtp(server: str) -> dict[str, object]:
    """Deliver to two recipients over LMTP, where each has a reply of its own (RFC 2033 §4.2)."""
    octets = message("delivered")
    with socket.create_connection((server, 24)) as connection:
        lines(connection, 1)
        for words in (
            "LHLO laptop.example.org",
            f"MAIL FROM:<{BOB}>",
            f"RCPT TO:<{ALICE}>",
            f"RCPT TO:<{ALICE}>",
            "DATA",
        ):
            connection.sendall(words.encode() + b"\r\n")
            lines(connection, 1)
        connection.sendall(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        lines(connection, 2)
        connection.sendall(b"QUIT\r\n")
        lines(connection, 1)
    return told([octets], recipients=[2])


def fill(server: str, subjects: list[str], size: int = 3000) -> None:
    """Put messages into the mailbox, behind TLS so that they are in no capture twice."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL(server, 993, ssl_context=context) as client:
        client.login("alice", PASSWORD)
        client.select("INBOX")
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()
        for subject in subjects:
            client.append("INBOX", "", imaplib.Time2Internaldate(1_780_000_000), message(subject, size))


def idle(server: str) -> dict[str, object]:
    """Wait for mail with IDLE (RFC 2177), fetch it, and a part of it."""
    fill(server, ["before"])
    with socket.create_connection((server, 143)) as connection:
        file = connection.makefile("rb")

        def ask(words: str, until: bytes) -> list[bytes]:
            connection.sendall(words.encode() + b"\r\n")
            found = []
            while not found or not found[-1].startswith(until):
                found.append(file.readline())
            return found

        file.readline()
        ask(f'a1 LOGIN "alice" "{PASSWORD}"', b"a1 ")
        ask("a2 SELECT INBOX", b"a2 ")
        ask("a3 IDLE", b"+")
        later = threading.Thread(target=arrive, args=(server,))
        later.start()
        while b"EXISTS" not in file.readline():
            pass
        later.join()
        ask("DONE", b"a3 ")
        connection.sendall(b"a4 FETCH 2 BODY[]\r\n")
        first = file.readline()
        size = int(first.rpartition(b"{")[2].rstrip(b"}\r\n"))
        whole = file.read(size)
        while not file.readline().startswith(b"a4 "):
            pass
        ask("a5 FETCH 2 BODY.PEEK[]<0.100>", b"a5 ")
        ask("a6 LOGOUT", b"a6 ")
    return told([whole], partial=1)


def arrive(server: str) -> None:
    """Have a message arrive while another connection waits, over TLS."""
    time.sleep(0.5)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL(server, 993, ssl_context=context) as client:
        client.login("alice", PASSWORD)
        client.append("INBOX", "", imaplib.Time2Internaldate(1_780_000_000), message("arrived"))


def literals(server: str) -> dict[str, object]:
    """Append a large message and fetch all there are."""
    fill(server, ["small"])
    large = message("large", 60_000)
    with imaplib.IMAP4(server, 143) as client:
        client.login("alice", PASSWORD)
        client.select("INBOX")
        client.append("INBOX", "", imaplib.Time2Internaldate(1_780_000_000), large)
        client.noop()
        fetched = client.fetch("1:*", "(UID RFC822)")[1]
        found = [each[1] for each in fetched if isinstance(each, tuple)]
    return told([large, *found], appended=1)


def pop3(server: str) -> dict[str, object]:
    """Fetch two messages, look at the beginning of one, delete it."""
    fill(server, ["one", "two"])
    client = poplib.POP3(server, 110)
    client.user("alice")
    client.pass_(PASSWORD)
    found = [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in (1, 2)]
    client.top(1, 1)
    client.dele(1)
    client.quit()
    return told(found, partial=1, deleted=1)


def many(server: str, folder: str) -> dict[str, object]:
    """Send every message of a folder, fifty in a session."""
    files = sorted(Path(folder).glob("*.eml"))
    for at in range(0, len(files), 50):
        with smtplib.SMTP(server, 25, local_hostname="laptop.example.org", timeout=60) as client:
            for file in files[at : at + 50]:
                client.sendmail(BOB, [ALICE], file.read_bytes(), mail_options=["BODY=8BITMIME"])
    return {"messages": len(files)}


def strip(server: str) -> None:
    """Stand between and overwrite STARTTLS in what the server offers, as some networks do."""
    with socket.create_server((server, STRIPPING_PORT)) as listener:
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((server, 25))
            for source, target, change in ((near, far, False), (far, near, True)):
                threading.Thread(target=carry, args=(source, target, change), daemon=True).start()


def carry(source: socket.socket, target: socket.socket, change: bool) -> None:
    """Carry octets one way."""
    while octets := source.recv(65536):
        target.sendall(octets.replace(b"STARTTLS", b"XXXXXXXX") if change else octets)
    target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    print(json.dumps(globals()[name](*words)))

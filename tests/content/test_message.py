"""Messages beside Python's `email` as an independent reader, examples of the RFCs, and bounds."""

import email
import email.policy
import hashlib
import io
import random
import tracemalloc
import zipfile
from email.message import EmailMessage
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.content import Connection, Message, MessageReader
from sonde.wire import INTERPRETED

CYRILLIC = "xn--" + "\u0435\u0445ample".encode("punycode").decode()  # two letters of another script
ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"]


def octets(raw: bytes) -> Any:
    return np.frombuffer(raw, np.uint8)


def read(raw: bytes, sizes: tuple[int, ...] = (), known: Connection | None = None, **wishes: Any) -> Message:
    """Read a message, cut into pieces of these sizes over and over, or whole."""
    reader, at, turn = MessageReader(1, **wishes), 0, 0
    while at < len(raw):
        size = sizes[turn % len(sizes)] if sizes else len(raw)
        reader.feed(octets(raw[at : at + size]))
        at, turn = at + size, turn + 1
    return reader.finish(known)


def parts_of(raw: bytes) -> list[tuple[str, str]]:
    """Say with `email` what the leaves of a message are and what they hold."""
    found = []
    for part in email.message_from_bytes(raw).walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found.append((part.get_content_type(), hashlib.sha256(payload).hexdigest()))
    return found


def compose(source: random.Random) -> bytes:
    """Compose a message of chance: charsets, encodings, attachments, messages inside messages."""
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"] = f"Jürgen Ω {source.random()} <j@example.org>"
    made["To"] = "a@example.com, Bob <b@example.net>"
    made["Subject"] = "Grüße, 你好 " * source.randrange(1, 9)
    text = "".join(source.choice("abc =.\n-äß\t你") for _ in range(source.randrange(400))) + "\n"
    encoding = source.choice(ENCODINGS[1:])
    made.set_content(text, cte=encoding)
    if source.random() < 0.5:
        made.add_alternative(f"<html>{text}</html>", subtype="html", cte=source.choice(ENCODINGS[1:]))
    for number in range(source.randrange(4)):
        payload = source.randbytes(source.choice((0, 1, 2, 56, 57, 58, 5000)))
        made.add_attachment(payload, maintype="application", subtype="x-some", filename=f"dä {number}.bin")
    if source.random() < 0.3:
        inner = EmailMessage()
        inner["Subject"] = "inside"
        inner.set_content("inside\n")
        inner.add_attachment(b"x" * 100, maintype="image", subtype="png", filename="a.png")
        made.add_attachment(inner)
    return made.as_bytes(policy=email.policy.SMTP)


@given(st.integers(0, 1 << 32), st.lists(st.sampled_from((1, 2, 3, 7, 60, 998, 70_000)), min_size=1, max_size=5))
@settings(max_examples=15 if INTERPRETED else 150, deadline=None)
def test_parts_are_those_that_email_finds_however_they_are_cut(seed: int, sizes: list[int]) -> None:
    raw = compose(random.Random(seed))
    whole = read(raw)
    leaves = [(row["content_type"], row["sha256"]) for row in whole.parts if row["sha256"]]
    assert leaves == parts_of(raw)
    assert whole.fields["sha256"] == hashlib.sha256(raw).hexdigest()
    assert whole.fields["size"] == len(raw)
    cut = read(raw, tuple(sizes))
    assert cut.parts == whole.parts
    assert cut.fields == whole.fields


@given(st.integers(0, 1 << 32), st.data())
@settings(max_examples=10 if INTERPRETED else 150, deadline=None)
def test_whatever_is_broken_is_told_and_never_raised(seed: int, data: Any) -> None:
    raw = bytearray(compose(random.Random(seed)))
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(raw)))
        change = data.draw(st.sampled_from(["cut", "insert", "delete", "flip"]))
        if change == "cut":
            del raw[at:]
        elif change == "insert":
            raw[at:at] = data.draw(st.sampled_from([b"\0", b"\r", b"\n", b"--", b"=?x?q?=", b"\xff" * 30, b";" * 99]))
        elif change == "delete":
            del raw[at : at + 9]
        elif at < len(raw):
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
    sizes = tuple(data.draw(st.lists(st.integers(1, 4000), min_size=1, max_size=3)))
    assert read(bytes(raw), sizes).fields == read(bytes(raw)).fields


def test_a_body_whose_boundary_never_comes_is_content() -> None:
    # As `email` has it: what hides behind a boundary that is none still has a digest.
    head = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    for raw in (
        head + b"hidden\r\n--b\r\nx",
        head + b"--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nhidden\r\n--a--\r\n",
        head + b"--a\r\n" + head.replace(b"=a", b"=c") + b"hidden",
        head.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b"aGlkZG",
    ):
        rows = [row for row in read(raw).parts if row["sha256"]]
        assert [(row["content_type"], row["sha256"]) for row in rows] == parts_of(raw)
    late = head.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + (
        b"aGlkZ\r\n--a\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\n--a--\r\n"
    )
    assert [row["size"] for row in read(late).parts] == [None, 6]


def test_a_head_decoded() -> None:
    # RFC 2047, section 8; RFC 2231, sections 3 and 4.1.
    raw = (
        b"From: =?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>\r\n"
        b"To: =?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>\r\n"
        b"CC: =?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>\r\n"
        b"Subject: =?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
        b"    =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=\r\n"
        b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
        b"Message-ID: <1234@local.machine.example>\r\n"
        b"Content-Type: application/x-stuff;\r\n"
        b" title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
        b" title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n"
        b' title*2="isn\'t it!"; name*0="a"; name*1=".exe"\r\n'
        b"\r\nx\r\n"
    )
    message = read(raw)
    fields = message.fields
    assert (fields["from_name"], fields["from_address"]) == ("Keith Moore", "moore@cs.utk.edu")
    assert (fields["to_addresses"], fields["cc_addresses"]) == (["keld@dkuug.dk"], ["PIRARD@vm1.ulg.ac.be"])
    assert fields["subject"] == "If you can read this you understand the example."
    assert fields["date"] == 880_127_706 * 10**9
    assert message.parts[0]["file_name"] == "a.exe"
    assert fields["oddities"] is None


def test_where_it_came_from() -> None:
    # RFC 8601, appendix B.3 and B.5 (results), RFC 5321 section 4.4 (Received), RFC 6376 section 3.5.
    raw = (
        b"Received: from mx.example.org ([192.0.2.7]) by mail.example.net; Fri, 15 Feb 2002 17:20:05 -0800\r\n"
        b"Received: from dialup-1-2-3-4.example.net (dialup [2001:db8::4])\r\n by mx.example.org with ESMTPA id g1;"
        b" Fri, 15 Feb 2002 17:19:07 -0800\r\n"
        b"Authentication-Results: example.com; auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
        b' spf=fail smtp.mailfrom=example.net; dkim=fail reason="bad signature" header.i=@mail-router.example.net;\r\n'
        b" dkim=pass header.d=newyork.example.com\r\n"
        b"DKIM-Signature: v=1; a=rsa-sha256; s=furble; d=newyork.example.com; bh=x; b=y\r\n"
        b"ARC-Seal: i=1; a=rsa-sha256\r\n"
        b"X-Originating-IP: [198.51.100.9]\r\n"
        b"List-Id: A list <list.example.com>\r\n\r\nx\r\n"
    )
    fields = read(raw).fields
    assert fields["received_ips"] == ["192.0.2.7", "2001:db8::4"]
    assert (fields["hops"], fields["transit"], fields["longest_hop"]) == (2, 58 * 10**9, 58 * 10**9)
    assert fields["auth_server"] == "example.com"
    assert fields["auth_results"] == ["auth=pass", "spf=fail", "dkim=fail", "dkim=pass"]
    assert (fields["spf"], fields["dkim"], fields["arc_sets"]) == ("fail", "pass", 1)
    assert (fields["dkim_domains"], fields["dkim_selectors"]) == (["newyork.example.com"], ["furble"])
    assert fields["originating_ip"] == "198.51.100.9"
    assert fields["verdicts"] == ["authentication_failed"]


def test_dots_are_unstuffed() -> None:
    raw = b"Subject: x\r\n\r\n..one\r\n...\r\n.two.\r\n"
    plain = b"Subject: x\r\n\r\n.one\r\n..\r\ntwo.\r\n"
    for sizes in ((), (1,), (13,), (14, 1)):
        assert read(raw, sizes, dotted=True).fields["sha256"] == hashlib.sha256(plain).hexdigest()


def attached(payload: bytes, name: str, kind: str = "octet-stream", **fields: str) -> Message:
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"] = fields.pop("sender", "Shop <shop@laden.example>")
    for field, value in fields.items():
        made[field.replace("_", "-")] = value
    made.set_content("hello\n")
    made.add_attachment(payload, maintype="application", subtype=kind, filename=name)
    return read(made.as_bytes(), known=Connection(own_domains=("example.org", "sparkasse.example")))


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 50)
    return file.getvalue()


def test_archives_and_documents() -> None:
    plain = attached(zipped("a.txt", "b/invoice.scr"), "x.zip", "zip").parts[-1]
    assert (plain["members"], plain["member_count"], plain["encrypted"]) == (["a.txt", "b/invoice.scr"], 2, None)
    document = attached(zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "x.docm").parts[-1]
    assert (document["macros"], document.get("members")) == (True, None)
    locked = bytearray(zipped("a.txt"))
    locked[6] |= 1  # general purpose bit 0 of the local header and of the directory (APPNOTE 4.4.4)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted_archive" in attached(bytes(locked), "x.zip", "zip").fields["verdicts"]
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "_VBA_PROJECT".encode("utf-16-le")
    assert attached(old, "x.doc", "msword").parts[-1]["macros"] is True


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ("executable", lambda: attached(b"MZ" + b"\0" * 99, "a.bin")),
        ("executable", lambda: attached(zipped("run.js"), "a.zip", "zip")),
        ("macro", lambda: attached(b"x", "a.docm")),
        ("type_mismatch", lambda: attached(b"%PDF-1.7 x", "photo.png", "png")),
        ("double_extension", lambda: attached(b"x", "invoice.pdf.exe")),
        ("from_mismatch", lambda: attached(b"x", "a.bin", Reply_To="me@elsewhere.example")),
        ("display_name", lambda: attached(b"x", "a.bin", sender='"boss@example.org" <x@evil.example>')),
        ("look_alike", lambda: attached(b"x", "a.bin", sender="a@exarnple.org")),
        ("look_alike", lambda: attached(b"x", "a.bin", sender=f"a@{CYRILLIC}.org")),
        ("look_alike", lambda: attached(b"x", "a.bin", sender="a@example.com")),
        ("look_alike", lambda: attached(b"x", "a.bin", sender="a@sparkasse-online.example")),
    ],
)
def test_each_verdict_has_its_reason(verdict: str, message: Any) -> None:
    fields = message().fields
    assert verdict in fields["verdicts"]
    assert any(reason.startswith(f"{verdict}: ") for reason in fields["reasons"])


def test_honest_mail_has_no_verdict() -> None:
    assert attached(b"%PDF-1.7 x", "a.pdf", "pdf", Reply_To="help@mail.laden.example").fields["verdicts"] is None
    own = attached(b"x", "a.bin", sender="Boss <boss@mail.example.org>").fields
    assert own["verdicts"] is None


def test_links_that_mislead() -> None:
    body = (
        b'<html><a href="http://evil.example/x">www.bank.example</a> <a href="https://www.shop.example/">shop.example</a>'
        b' <a href="https://track.example/1">click here</a> http://third.example/</html>'
    )
    message = read(b"Content-Type: text/html\r\n\r\n" + body + b"\r\n")
    assert message.parts[0]["link_domains"] == ["evil.example", "www.shop.example", "track.example", "third.example"]
    assert message.parts[0]["link_mismatches"] == 1
    assert message.fields["reasons"] == ["link_mismatch: www.bank.example leads to evil.example"]


@pytest.mark.parametrize(
    ("raw", "oddity"),
    [
        (b"Subject: a\nTo: b\n\nx\n", "bare_lf"),
        (b"Subject: a\r\n\r\nx\ry\r\n", "bare_cr"),
        (b"Subject: a\r\n\r\n" + b"x" * 5000 + b"\r\n", "long_line"),
        (b"Subject: a\r\nSubject: b\r\n\r\nx\r\n", "header_twice"),
        (b"Subject: a\r\n: no name\r\n\r\nx\r\n", "bad_header"),
        (b"Date: yesterday\r\n\r\nx\r\n", "bad_date"),
        (b"Subject: a\r\n", "no_body"),
        (b"Subject: \xff\xfe\r\n\r\nx\r\n", "raw_octets"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n", "boundary_not_closed"),
        (b"A: " + b"x" * 300_000 + b"\r\n\r\nx\r\n", "head_cut"),
        (b"A: b\r\n" * 2000 + b"\r\nx\r\n", "headers_cut"),
    ],
)
def test_what_is_odd_of_a_message_is_told(raw: bytes, oddity: str) -> None:
    assert oddity in read(raw).fields["oddities"]
    assert oddity in read(raw, (1000, 1)).fields["oddities"]


@pytest.mark.parametrize(
    ("head", "body", "oddity"),
    [
        (b"Content-Transfer-Encoding: base64", b"ab!!cd==", "bad_encoding"),
        (b"Content-Transfer-Encoding: quoted-printable", b"a=ZZb", "bad_encoding"),
        (b"Content-Transfer-Encoding: x-unknown", b"abc", "unknown_encoding"),
        (b"Content-Type: multipart/mixed", b"abc", "no_boundary"),
        (b"Content-Type: nonsense", b"abc", "bad_content_type"),
    ],
)
def test_what_is_odd_of_a_part_is_told(head: bytes, body: bytes, oddity: str) -> None:
    assert oddity in read(head + b"\r\n\r\n" + body + b"\r\n").parts[0]["oddities"]


def test_a_gap_is_told_of_the_part_that_has_it() -> None:
    reader = MessageReader(1)
    reader.feed(octets(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntw"))
    reader.lose(100)
    reader.feed(octets(b"o\r\n--b--\r\n"))
    message = reader.finish()
    assert message.fields["complete"] is False
    assert [part["complete"] for part in message.parts[1:]] == [True, False]


def test_a_body_without_an_empty_line_before_it_is_still_read() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-A: b\r\nhidden text\r\nmore\r\n--b--\r\n"
    for sizes in ((), (1,), (3, 7)):
        part = read(raw, sizes).parts[1]
        assert part["sha256"] == parts_of(raw)[0][1] == hashlib.sha256(b"hidden text\r\nmore").hexdigest()
        assert part["oddities"] == ["no_separator"]


def test_base_64_is_over_with_its_padding() -> None:
    part = read(b"Content-Transfer-Encoding: base64\r\n\r\nQUJDQQ==\r\nQUJD\r\n").parts[0]
    assert part["sha256"] == hashlib.sha256(b"ABCA").hexdigest()
    assert part["oddities"] == ["bad_encoding"]


def test_a_boundary_may_end_the_message_without_a_line_end() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--"
    message = read(raw)
    assert message.fields["oddities"] is None
    assert message.parts[1]["sha256"] == hashlib.sha256(b"x").hexdigest()


def test_boundaries_are_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonde.content.message.MOST_COUNTED", 50)
    message = read(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100)
    assert message.fields["parts"] == 50
    assert message.fields["oddities"] == ["parts_not_counted"]


def test_many_parts_and_deep_trees_are_bounded() -> None:
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000 + b"--b--\r\n"
    message = read(many)
    assert (message.fields["parts"], len(message.parts)) == (10_001, 1000)
    assert "parts_cut" in message.fields["oddities"]
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(1000)
    )
    assert "too_deep" in read(deep + b"\r\nx\r\n").fields["oddities"]
    nested = read(b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"x\r\n")
    assert "too_deep" in nested.fields["oddities"]


@pytest.mark.compiled
def test_memory_does_not_grow_with_a_message() -> None:
    head = b"Content-Type: application/x-some; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    line = octets(b"QUJD" * 19 + b"\r\n")
    block = np.tile(line, 10_000)
    reader = MessageReader(1)
    reader.feed(octets(head))
    tracemalloc.start()
    for _ in range(130):  # 100 MB
        reader.feed(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    part = reader.finish().parts[0]
    assert part["size"] == 130 * 10_000 * 57
    assert peak < 16 << 20

"""IMAP: the session of RFC 9051, section 8, literals, parts of messages, and what must not be kept."""

from typing import Any

import pytest

from sonde.dissect.imap import DISSECTOR
from sonde.dissect.mail.chunk import AFTER_GAP, CREDENTIALS, CUT_SHORT, FETCHED, FIRST, LAST, PARTIAL
from tests.bench import Sample, trial

C, S = 0, 1
HEADER = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
    b"MIME-Version: 1.0\r\n\r\n"
)
LETTER = HEADER + b"hidden canary text\r\n"

# RFC 9051, section 8, shortened; the message fetched whole and the LOGOUT are added.
TYPICAL: list[tuple[int, bytes | int]] = [
    (S, b"* OK [CAPABILITY STARTTLS AUTH=SCRAM-SHA-256 IMAP4rev2] IMAP4rev2 Service Ready\r\n"),
    (C, b"a000 login mrc canary-secret\r\n"),
    (S, b"a000 OK LOGIN completed\r\n"),
    (C, b"a001 select inbox\r\n"),
    (
        S,
        b"* 18 EXISTS\r\n* FLAGS (\\Deleted \\Seen)\r\n* OK [UIDVALIDITY 3857529045] valid\r\n",
    ),
    (S, b"a001 OK [READ-WRITE] SELECT completed\r\n"),
    (C, b"a002 fetch 12 full\r\n"),
    (S, b'* 12 FETCH (FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286)\r\n'),
    (S, b"a002 OK FETCH completed\r\n"),
    (C, b"a003 fetch 12 body[header]\r\n"),
    (S, b"* 12 FETCH (BODY[HEADER] {%d}\r\n" % len(HEADER) + HEADER + b")\r\na003 OK FETCH completed\r\n"),
    (C, b"a004 store 12 +flags \\deleted\r\n"),
    (S, b"* 12 FETCH (FLAGS (\\Seen \\Deleted))\r\na004 OK +FLAGS completed\r\n"),
    (C, b"a005 UID FETCH 4827 (BODY.PEEK[])\r\n"),
    (S, b"* 12 FETCH (UID 4827 BODY[] {%d}\r\n" % len(LETTER) + LETTER[:50]),
    (S, LETTER[50:] + b" FLAGS (\\Seen))\r\na005 OK done\r\n"),
    (C, b"a006 EXPUNGE\r\n"),
    (S, b"* 12 EXPUNGE\r\na006 OK done\r\n"),
    (C, b"a007 logout\r\n"),
    (S, b"* BYE IMAP4rev2 server terminating connection\r\na007 OK LOGOUT completed\r\n"),
]
# RFC 9051, section 6.3.12 (with a literal of its own), and 6.2.2; the words are canaries.
APPENDED: list[tuple[int, bytes | int]] = [
    (S, b"* OK hello\r\n"),
    (C, b"1 AUTHENTICATE PLAIN\r\n"),
    (S, b"+ \r\n"),
    (C, b"AGNhbmFyeQBjYW5hcnk=\r\n"),
    (S, b"1 OK [CAPABILITY IMAP4rev1 IDLE COMPRESS=DEFLATE] Success\r\n"),
    (C, b'2 ID ("name" "Thunderbird" "version" "115.3")\r\n'),
    (S, b"* ID NIL\r\n2 OK done\r\n"),
    (C, b"3 APPEND saved-messages (\\Seen) {%d}\r\n" % len(LETTER)),
    (S, b"+ Ready for literal data\r\n"),
    (C, LETTER + b"\r\n"),
    (S, b"3 OK APPEND completed\r\n"),
    (C, b'4 SELECT "In box"\r\n'),
    (S, b"4 NO none such\r\n"),
    (C, b"5 IDLE\r\n"),
    (S, b"+ idling\r\n* 3 EXISTS\r\n"),
    (C, b"DONE\r\n"),
    (S, b"5 OK IDLE terminated\r\n"),
]

SAMPLES = {
    "imap": [
        Sample(TYPICAL, stream=True, ports=(40000, 143), secrets=(b"canary-secret", b"hidden canary")),
        Sample(APPENDED, stream=True, ports=(40000, 143), secrets=(b"AGNhbmFyeQBjYW5hcnk", b"hidden canary")),
    ]
}


def imap(messages: list[tuple[int, bytes | int]], **wishes: Any) -> dict[str, list[dict[str, Any]]]:
    return trial(DISSECTOR, messages, stream=True, ports=(40000, 143), **wishes)


def whole(rows: dict[str, list[dict[str, Any]]], message: int = 1) -> tuple[bytes, int]:
    chunks = [row for row in rows["mail_chunk"] if row["message"] == message]
    marks = 0
    for chunk in chunks:
        marks |= chunk["marks"]
    return b"".join(chunk["octets"] for chunk in chunks), marks & ~FETCHED


def fetched(*responses: bytes | int) -> list[tuple[int, bytes | int]]:
    """Put responses of the server behind a greeting and a command."""
    return [(S, b"* OK hi\r\n"), (C, b"a FETCH 1 BODY[]\r\n"), *((S, each) for each in responses)]


def test_a_typical_session() -> None:
    rows = imap(TYPICAL)
    (row,) = rows["imap"]
    assert row["greeting"].endswith("IMAP4rev2 Service Ready")
    assert row["capabilities"] == ["STARTTLS", "AUTH=SCRAM-SHA-256", "IMAP4rev2"]
    assert (row["user"], row["auth_mechanism"], row["login_success"]) == ("mrc", "LOGIN", True)
    assert (row["cleartext_credentials"], row["starttls"]) == (True, "offered")
    assert row["mailboxes"] == ["inbox"]
    assert (row["fetched"], row["fetched_headers"], row["fetched_octets"]) == (1, 1, len(HEADER) + len(LETTER))
    assert (row["deletions"], row["expunged"], row["commands"], row["logout"]) == (1, 1, 8, True)
    assert row["anomaly"] == []
    assert whole(rows, 1) == (HEADER, FIRST | LAST | PARTIAL | CREDENTIALS)
    assert whole(rows, 2) == (LETTER, FIRST | LAST | CREDENTIALS)
    assert "canary-secret" not in repr(rows)


def test_a_message_put_into_a_mailbox_and_waiting_for_news() -> None:
    rows = imap(APPENDED)
    (row,) = rows["imap"]
    assert (row["auth_mechanism"], row["login_success"], row["login_attempts"]) == ("PLAIN", True, 1)
    assert row["client"] == '("name" "Thunderbird" "version" "115.3")'
    assert (row["appended"], row["idled"], row["refused"], row["commands"]) == (1, 1, 1, 5)
    assert row["mailboxes"] == ["In box"]
    assert whole(rows) == (LETTER, FIRST | LAST | CREDENTIALS)
    assert "AGNh" not in repr(rows)


def test_parts_of_one_message_are_put_together() -> None:
    parts = [
        b"* 1 FETCH (BODY[]<%d> {%d}\r\n%b)\r\n" % (at, len(LETTER[at : at + 60]), LETTER[at : at + 60])
        for at in range(0, len(LETTER), 60)
    ]
    rows = imap(fetched(*parts))
    assert whole(rows) == (LETTER, FIRST | LAST | PARTIAL)
    assert rows["imap"][0]["fetched"] == 1
    twice = imap(fetched(*parts, *parts))
    assert [whole(twice, number)[0] for number in (1, 2)] == [LETTER, LETTER]
    later = imap(fetched(*parts[1:]))  # the first part is missing
    assert later["mail_chunk"] == []


def test_sections_that_nobody_needs_are_passed_over() -> None:
    rows = imap(
        fetched(b"* 1 FETCH (BODY[1.2] {5}\r\nab\r\nc BODY[HEADER.FIELDS (FROM TO)] {3}\r\nx\r\n)\r\n", b"a OK\r\n")
    )
    assert rows["mail_chunk"] == []
    assert rows["imap"][0]["anomaly"] == []


def test_credentials_in_literals_are_passed_over() -> None:
    rows = imap(
        [
            (S, b"* OK hi\r\n"),
            (C, b"a LOGIN {6}\r\n"),
            (S, b"+ go\r\n"),
            (C, b"canary {6+}\r\ncanary\r\n"),
            (S, b"a OK in\r\n"),
            (C, b"b NOOP\r\n"),
        ]
    )
    (row,) = rows["imap"]
    assert (row["login_success"], row["user"], row["commands"]) == (True, None, 2)
    assert "canary" not in repr(rows)


def test_tls_and_compression_end_the_reading() -> None:
    conn: dict[str, Any] = {}
    start = [(S, b"* OK hi\r\n"), (C, b"a STARTTLS\r\n")]
    assert imap([*start, (S, b"a OK go\r\n"), (C, b"\x16\x03\x01")], conn=conn)["imap"][0]["starttls"] == "used"
    assert conn["switch"] == 1
    assert imap([*start, (S, b"a BAD no\r\n")])["imap"][0]["starttls"] == "refused"
    rows = imap([start[0], (C, b"a COMPRESS DEFLATE\r\n"), (S, b"a OK go\r\n"), (C, b"\x00\x01")], conn=conn)
    assert rows["imap"][0]["compressed"] is True


@pytest.mark.parametrize("lost", [4, 40, 400])
def test_a_gap_in_a_literal_is_counted_into_it(lost: int) -> None:
    start = b"* 1 FETCH (BODY[] {%d}\r\n" % len(LETTER)
    if lost < len(LETTER):
        rows = imap(fetched(start + LETTER[:50], lost, LETTER[50 + lost :] + b")\r\na OK\r\n* 2 EXPUNGE\r\n"))
        assert whole(rows) == (LETTER[:50] + LETTER[50 + lost :], FIRST | LAST | AFTER_GAP)
        assert rows["imap"][0]["expunged"] == 1
    else:
        rows = imap(fetched(start + LETTER[:50], lost, b"rest\r\n* 2 EXPUNGE\r\n"))
        assert whole(rows) == (LETTER[:50], FIRST | LAST | AFTER_GAP | CUT_SHORT)
    assert "gap" in rows["imap"][0]["anomaly"]


def test_a_message_cut_short() -> None:
    rows = imap(fetched(b"* 1 FETCH (BODY[] {400}\r\nSubject: x"))
    assert whole(rows) == (b"Subject: x", FIRST | LAST | CUT_SHORT)
    assert rows["imap"][0]["anomaly"] == ["unanswered"]


def test_bounds() -> None:
    many = imap([(S, b"* OK hi\r\n"), (C, b"".join(b"a%d NOOP\r\n" % number for number in range(40)))])["imap"][0]
    assert "too_many_pending" in many["anomaly"]
    boxes = imap([(S, b"* OK hi\r\n"), (C, b"".join(b"a SELECT box%d\r\n" % number for number in range(400)))])
    assert len(boxes["imap"][0]["mailboxes"]) < 400
    long = imap([(S, b"* OK hi\r\n"), (S, b"* 1 FETCH (" + b"x" * 40000), (S, b"\r\n* 1 EXPUNGE\r\n")])["imap"][0]
    assert ("long_line" in long["anomaly"], long["expunged"]) == (True, 1)
    odd = imap(fetched(b"* 1 FETCH (BODY[] {99999999999999}\r\n"))["imap"][0]
    assert "bad_literal" in odd["anomaly"]
    conn: dict[str, Any] = {}
    imap([(S, b"* OK hi\r\n"), (C, b"one two\r\nthree\r\nfour five\r\n")], conn=conn)
    assert conn["violated"] == 1

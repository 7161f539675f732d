"""SMTP: exchanges of the RFCs that define it, what goes wrong in them, and what must not be kept."""

from typing import Any

import pytest

from sonde.dissect.mail.chunk import AFTER_GAP, CREDENTIALS, CUT_SHORT, DOTTED, FIRST, LAST, SMUGGLED, STRIPPED
from sonde.dissect.smtp import DISSECTOR
from tests.bench import Sample, trial

C, S = 0, 1

# RFC 5321, appendix D.1, with the body that stands there.
TYPICAL: list[tuple[int, bytes | int]] = [
    (S, b"220 foo.com Simple Mail Transfer Service Ready\r\n"),
    (C, b"EHLO bar.com\r\n"),
    (S, b"250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n"),
    (C, b"MAIL FROM:<Smith@bar.com>\r\n"),
    (S, b"250 OK\r\n"),
    (C, b"RCPT TO:<Jones@foo.com>\r\n"),
    (S, b"250 OK\r\n"),
    (C, b"RCPT TO:<Green@foo.com>\r\n"),
    (S, b"550 No such user here\r\n"),
    (C, b"RCPT TO:<Brown@foo.com>\r\n"),
    (S, b"250 OK\r\n"),
    (C, b"DATA\r\n"),
    (S, b"354 Start mail input; end with <CRLF>.<CRLF>\r\n"),
    (C, b"Blah blah blah...\r\n..etc. etc. etc.\r\n"),
    (C, b".\r\n"),
    (S, b"250 OK\r\n"),
    (C, b"QUIT\r\n"),
    (S, b"221 foo.com Service closing transmission channel\r\n"),
]
# RFC 3030, section 4.2: chunks, pipelined.
CHUNKED: list[tuple[int, bytes | int]] = [
    (S, b"220 cnri.reston.va.us SMTP service ready\r\n"),
    (C, b"EHLO ymir.claremont.edu\r\n"),
    (S, b"250-cnri.reston.va.us says hello\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n"),
    (C, b"MAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME\r\n"),
    (C, b"RCPT TO:<gvaudre@cnri.reston.va.us>\r\nRCPT TO:<jstewart@cnri.reston.va.us>\r\n"),
    (S, b"250 <ned@ymir.claremont.edu>... Sender and BINARYMIME ok\r\n"),
    (S, b"250 <gvaudre@cnri.reston.va.us>... Recipient ok\r\n250 <jstewart@cnri.reston.va.us>... Recipient ok\r\n"),
    (C, b"BDAT 19\r\nSubject: a\r\n\r\n.\r\nxyBDAT 7\r\n\r\n.\r\nabBDAT 0 LAST\r\n"),
    (S, b"250 19 octets received\r\n250 7 octets received\r\n250 Message OK, 26 octets received\r\n"),
    (C, b"QUIT\r\n"),
    (S, b"221 Goodbye\r\n"),
]
# RFC 4954, section 4.4 has the exchange; the words are canaries.
LOGIN: list[tuple[int, bytes | int]] = [
    (S, b"220 smtp.example.com ESMTP\r\n"),
    (C, b"EHLO client.example.com\r\n"),
    (S, b"250-smtp.example.com\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250 XXXXXXXA\r\n"),
    (C, b"AUTH LOGIN\r\n"),
    (S, b"334 VXNlcm5hbWU6\r\n"),
    (C, b"Y2FuYXJ5LXVzZXI=\r\n"),
    (S, b"334 UGFzc3dvcmQ6\r\n"),
    (C, b"Y2FuYXJ5LXBhc3N3b3Jk\r\n"),
    (S, b"235 2.7.0 Authentication successful\r\n"),
    (C, b"MAIL FROM:<> SIZE=500 RET=HDRS ENVID=canary-envelope SMTPUTF8\r\n"),
    (S, b"250 2.1.0 Ok\r\n"),
    (C, b"RCPT TO:<@relay.example:walter@b.example> NOTIFY=NEVER\r\n"),
    (S, b"250 2.1.5 Ok\r\n"),
    (C, b"DATA\r\n"),
    (S, b"354 Go\r\n"),
    (C, b"Subject: x\r\n\r\nsecret-canary-body\r\n.\r\n"),
    (S, b"250 2.0.0 Ok: queued as 4X1y2Z3abc\r\n"),
]

SAMPLES = {
    "smtp": [
        Sample(TYPICAL, stream=True, ports=(40000, 25), secrets=(b"Blah blah blah",)),
        Sample(CHUNKED, stream=True, ports=(40000, 25)),
        Sample(
            LOGIN,
            stream=True,
            ports=(40000, 587),
            secrets=(b"Y2FuYXJ5LXVzZXI", b"Y2FuYXJ5LXBhc3N3b3Jk", b"canary-envelope", b"secret-canary-body"),
        ),
    ]
}


def smtp(messages: list[tuple[int, bytes | int]], **wishes: Any) -> dict[str, list[dict[str, Any]]]:
    return trial(DISSECTOR, messages, stream=True, ports=(40000, 25), **wishes)


def whole(rows: dict[str, list[dict[str, Any]]], message: int = 1) -> tuple[bytes, int]:
    chunks = [row for row in rows["mail_chunk"] if row["message"] == message]
    marks = 0
    for chunk in chunks:
        marks |= chunk["marks"]
    return b"".join(chunk["octets"] or b"" for chunk in chunks), marks


def opened(*rest: tuple[int, bytes | int]) -> list[tuple[int, bytes | int]]:
    """Put what follows behind a greeting, an envelope and the go-ahead for data."""
    return [*TYPICAL[:7], (C, b"DATA\r\n"), (S, b"354 go\r\n"), *rest]


def test_a_typical_exchange() -> None:
    rows = smtp(TYPICAL)
    (session,), (mail,) = rows["smtp_session"], rows["smtp"]
    assert session["greeting"] == "foo.com Simple Mail Transfer Service Ready"
    assert (session["helo"], session["server_name"], session["extended"]) == ("bar.com", "foo.com", True)
    assert session["capabilities"] == ["8BITMIME", "SIZE", "DSN", "HELP"]
    assert (session["starttls"], session["quit"], session["last_code"]) == ("absent", True, 221)
    assert (session["commands"], session["transactions"], session["pipelined"]) == (7, 1, False)
    assert (mail["mail_from"], mail["mail_from_domain"]) == ("Smith@bar.com", "bar.com")
    assert mail["rcpt_to"] == ["Jones@foo.com", "Green@foo.com", "Brown@foo.com"]
    assert mail["rcpt_codes"] == [250, 550, 250]
    assert (mail["recipients"], mail["recipients_accepted"], mail["data_code"]) == (3, 2, 354)
    assert (mail["outcome"], mail["last_reply"], mail["transfer"]) == ("accepted", "250 OK", "data")
    assert mail["duration"] == 12_000_000  # from MAIL, the fourth message, to the reply, the sixteenth
    assert session["anomaly"] == mail["anomaly"] == []
    octets, marks = whole(rows)
    assert octets == b"Blah blah blah...\r\n..etc. etc. etc.\r\n"
    assert marks == FIRST | LAST | DOTTED
    assert mail["size"] == len(octets)


def test_chunks_are_counted_not_searched() -> None:
    rows = smtp(CHUNKED)
    (mail,) = rows["smtp"]
    octets, marks = whole(rows)
    assert octets == b"Subject: a\r\n\r\n.\r\nxy\r\n.\r\nab"
    assert marks == FIRST | LAST
    assert (mail["chunks"], mail["size"], mail["transfer"], mail["body"]) == (3, 26, "bdat", "BINARYMIME")
    assert mail["rcpt_codes"] == [250, 250]
    assert mail["last_reply"] == "250 Message OK, 26 octets received"
    assert rows["smtp_session"][0]["pipelined"] is True


def test_of_authentication_only_mechanism_and_outcome_are_told() -> None:
    rows = smtp(LOGIN)
    (session,), (mail,) = rows["smtp_session"], rows["smtp"]
    assert (session["auth_mechanism"], session["auth_attempts"], session["auth_success"]) == ("LOGIN", 1, True)
    assert session["cleartext_credentials"] is True
    assert session["starttls"] == "stripped"
    assert (mail["mail_from"], mail["declared_size"], mail["dsn"], mail["smtputf8"]) == ("", 500, True, True)
    assert mail["mail_parameters"] == ["SIZE", "RET", "ENVID", "SMTPUTF8"]
    assert mail["rcpt_to"] == ["walter@b.example"]
    assert mail["enhanced_status"] == "2.0.0"
    assert whole(rows)[1] == FIRST | LAST | CREDENTIALS | STRIPPED
    assert "canary" not in repr({name: found for name, found in rows.items() if name != "mail_chunk"})


def test_tls_is_handed_over_and_what_was_offered_is_told() -> None:
    start = [TYPICAL[0], TYPICAL[1], (S, b"250-foo.com\r\n250 STARTTLS\r\n")]
    assert smtp(start)["smtp_session"][0]["starttls"] == "offered"
    conn: dict[str, Any] = {}
    rows = smtp([*start, (C, b"STARTTLS\r\n"), (S, b"220 Go ahead\r\n"), (C, b"\x16\x03\x01")], conn=conn)
    assert rows["smtp_session"][0]["starttls"] == "used"
    assert conn["switch"] == 1
    assert smtp([*start, (C, b"STARTTLS\r\n"), (S, b"454 no\r\n")])["smtp_session"][0]["starttls"] == "refused"
    assert smtp([*start, (C, b"XXXXXXXX\r\n"), (S, b"500 what?\r\n")])["smtp_session"][0]["starttls"] == "stripped"
    conn = {}
    blind = smtp([*start, (C, b"STARTTLS\r\n"), (C, b"\x16\x03\x01\x00")], conn=conn)  # no reply was captured
    assert (blind["smtp_session"][0]["starttls"], conn["switch"]) == ("used", 1)


def test_a_rejected_transaction_and_a_reset_one() -> None:
    rows = smtp(
        [
            *TYPICAL[:3],
            (C, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
            (S, b"250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n"),
            (C, b"RSET\r\nMAIL FROM:<e@f>\r\n"),
            (S, b"250 reset\r\n250 ok\r\n"),
            (C, b"RSET\r\n"),
            (S, b"250 reset\r\n"),
            (C, b"MAIL FROM:<g@h>\r\n"),
        ]
    )
    first, second, third = sorted(rows["smtp"], key=lambda row: row["message"])
    assert (first["outcome"], first["data_code"], first["rcpt_codes"]) == ("rejected", 554, [550])
    assert (second["outcome"], second["mail_from"]) == ("reset", "e@f")
    assert (third["outcome"], third["anomaly"]) == ("incomplete", ["unanswered"])
    assert rows["mail_chunk"] == []


def test_lmtp_replies_for_each_recipient() -> None:
    # RFC 2033, section 4.2 (shortened).
    rows = smtp(
        [
            (S, b"220 foo.edu LMTP server ready\r\n"),
            (C, b"LHLO foo.edu\r\n"),
            (S, b"250-foo.edu\r\n250-PIPELINING\r\n250 SIZE\r\n"),
            (
                C,
                b"MAIL FROM:<chris@bar.com>\r\n%b\r\n%b\r\n%b\r\nDATA\r\n"
                % (b"RCPT TO:<pat@foo.edu>", b"RCPT TO:<jones@foo.edu>", b"RCPT TO:<green@foo.edu>"),
            ),
            (
                S,
                b"250 OK\r\n250 OK\r\n550 No such user here\r\n250 OK\r\n354 Start mail input\r\n",
            ),
            (C, b"Blah blah blah...\r\n...etc. etc. etc.\r\n.\r\n"),
            (S, b"250 OK\r\n452 <green@foo.edu> is temporarily over quota\r\n"),
            (C, b"QUIT\r\n"),
            (S, b"221 foo.edu closing connection\r\n"),
        ]
    )
    (mail,) = rows["smtp"]
    assert rows["smtp_session"][0]["lmtp"] is True
    assert (mail["outcome"], mail["last_code"], mail["rcpt_codes"]) == ("accepted", 452, [250, 550, 250])


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\rx"])
def test_what_only_looks_like_the_end_of_data_is_told(end: bytes) -> None:
    body = b"Subject: x\r\n\r\nhello" + end + b"MAIL FROM:<evil@example>\r\n"
    rows = smtp(opened((C, body), (C, b".\r\n"), (S, b"250 ok\r\n")))
    (mail,) = rows["smtp"]
    octets, marks = whole(rows)
    assert octets == body
    assert marks & SMUGGLED
    assert "end_lookalike" in mail["anomaly"]
    assert mail["outcome"] == "accepted"


def test_a_server_that_takes_a_lookalike_for_the_end_is_believed() -> None:
    rows = smtp(
        opened((C, b"hello\n.\n"), (S, b"250 ok\r\n"), (C, b"MAIL FROM:<evil@example>\r\n"), (S, b"250 ok\r\n"))
    )
    first, second = sorted(rows["smtp"], key=lambda row: row["message"])
    assert "ended_by_reply" in first["anomaly"]
    assert second["mail_from"] == "evil@example"
    assert whole(rows)[1] & CUT_SHORT


def test_data_that_does_not_wait_for_the_go_ahead() -> None:
    envelope = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: hurry\r\n\r\nhi\r\n.\r\nQUIT\r\n"
    rows = smtp([*TYPICAL[:3], (C, envelope), (S, b"250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n")])
    (mail,) = rows["smtp"]
    assert (mail["outcome"], mail["size"]) == ("accepted", 22)
    assert rows["smtp_session"][0]["anomaly"] == ["talks_early"]
    refused = smtp([*TYPICAL[:3], (C, b"MAIL FROM:<a@b>\r\nDATA\r\nRSET\r\n"), (S, b"250 ok\r\n503 no\r\n250 ok\r\n")])
    assert refused["mail_chunk"] == []


def test_one_side_alone_still_tells_the_message() -> None:
    rows = smtp([(side, octets) for side, octets in TYPICAL if side == C])
    assert whole(rows)[0] == b"Blah blah blah...\r\n..etc. etc. etc.\r\n"
    assert rows["smtp"][0]["outcome"] == "incomplete"


def test_a_gap_in_the_message_is_marked_and_the_end_still_found() -> None:
    rows = smtp(opened((C, b"Subject: x\r\n\r\nhel"), (C, 1000), (C, b"lo\r\n.\r\n"), (S, b"250 ok\r\n")))
    octets, marks = whole(rows)
    assert octets == b"Subject: x\r\n\r\nhello\r\n"
    assert marks & AFTER_GAP
    assert (rows["smtp"][0]["outcome"], rows["smtp"][0]["anomaly"]) == ("accepted", ["gap"])


def test_a_gap_in_a_chunk_is_counted_into_it() -> None:
    start = [*CHUNKED[:7]]
    rows = smtp(
        [
            *start,
            (C, b"BDAT 100 LAST\r\n0123456789"),
            (C, 80),
            (C, b"abcdefghijQUIT\r\n"),
            (S, b"250 ok\r\n221 bye\r\n"),
        ]
    )
    assert whole(rows)[0] == b"0123456789abcdefghij"
    assert rows["smtp_session"][0]["quit"] is True


def test_a_session_cut_in_data_ends_its_message() -> None:
    rows = smtp(opened((C, b"Subject: x\r\n\r\nhel")))
    assert whole(rows)[1] == FIRST | LAST | CUT_SHORT
    assert rows["smtp"][0]["outcome"] == "incomplete"


def test_bounds() -> None:
    many = b"".join(b"RCPT TO:<user%d@example.org>\r\n" % number for number in range(500))
    rows = smtp([*TYPICAL[:5], (C, many), (S, b"250 ok\r\n" * 500)], room=1 << 22)
    (mail,) = rows["smtp"]
    assert mail["recipients"] == 500
    assert len(mail["rcpt_to"]) == 128
    assert "recipients_cut" in mail["anomaly"]
    assert "too_many_pending" in rows["smtp_session"][0]["anomaly"]
    long = smtp([*TYPICAL[:3], (C, b"MAIL FROM:<" + b"a" * 5000), (C, b">\r\nNOOP\r\n")])
    assert "long_line" in long["smtp_session"][0]["anomaly"]
    assert long["smtp"] == []


@pytest.mark.parametrize("size", [b"x", b"-1", b"99999999999999999999", b"12 LATE", b""])
def test_a_chunk_without_a_size_is_refused(size: bytes) -> None:
    rows = smtp([*CHUNKED[:7], (C, b"BDAT " + size + b"\r\n"), (S, b"501 what?\r\n"), (C, b"QUIT\r\n")])
    (mail,) = rows["smtp"]
    assert "bad_chunk_size" in mail["anomaly"]
    assert rows["mail_chunk"] == []


@pytest.mark.parametrize(
    ("path", "mailbox", "domain"),
    [
        (b'<"quo>ted user"@example.org>', '"quo>ted user"@example.org', "example.org"),
        (b" <a@b.example>", "a@b.example", "b.example"),
        (b"a@b.example", "a@b.example", "b.example"),
        (b"<@one.example,@two.example:a@b.example>", "a@b.example", "b.example"),
        ("<grün@müll.example>".encode(), "grün@müll.example", "müll.example"),
        (b"<>", "", None),
    ],
)
def test_paths(path: bytes, mailbox: str, domain: str | None) -> None:
    (mail,) = smtp([*TYPICAL[:3], (C, b"mail from:" + path + b"\r\n")])["smtp"]
    assert (mail["mail_from"], mail["mail_from_domain"]) == (mailbox, domain)


def test_another_protocol_with_such_a_greeting_is_none() -> None:
    conn: dict[str, Any] = {}
    smtp([(S, b"220 ftp ready\r\n"), (C, b"USER a\r\nPASS b\r\nSYST\r\n")], conn=conn)
    assert conn["violated"] == 1

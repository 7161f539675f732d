"""POP3: the exchange of RFC 1939, section 10, and what goes wrong in others."""

from typing import Any

from sonde.dissect.mail.chunk import AFTER_GAP, CREDENTIALS, CUT_SHORT, DOTTED, FETCHED, FIRST, LAST, PARTIAL
from sonde.dissect.pop3 import DISSECTOR
from tests.bench import Sample, trial

C, S = 0, 1
ONE = b"From: mrose@dbc.mtview.ca.us\r\nSubject: one\r\n\r\n..hidden canary text\r\n"
TWO = b"From: mrose@dbc.mtview.ca.us\r\nSubject: two\r\n\r\nbye\r\n"

# RFC 1939, section 10, with messages written out.
TYPICAL: list[tuple[int, bytes | int]] = [
    (S, b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n"),
    (C, b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"),
    (S, b"+OK mrose's maildrop has 2 messages (320 octets)\r\n"),
    (C, b"STAT\r\n"),
    (S, b"+OK 2 320\r\n"),
    (C, b"LIST\r\n"),
    (S, b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n"),
    (C, b"RETR 1\r\n"),
    (S, b"+OK 120 octets\r\n" + ONE + b".\r\n"),
    (C, b"DELE 1\r\n"),
    (S, b"+OK message 1 deleted\r\n"),
    (C, b"RETR 2\r\n"),
    (S, b"+OK 200 octets\r\n" + TWO[:30]),
    (S, TWO[30:] + b".\r\n"),
    (C, b"DELE 2\r\n"),
    (S, b"+OK message 2 deleted\r\n"),
    (C, b"QUIT\r\n"),
    (S, b"+OK dewey POP3 server signing off (maildrop empty)\r\n"),
]
# RFC 2449, section 5; the words are canaries.
LOGIN: list[tuple[int, bytes | int]] = [
    (S, b"+OK hello\r\n"),
    (C, b"CAPA\r\n"),
    (S, b"+OK Capability list follows\r\nTOP\r\nUSER\r\nSASL CRAM-MD5 KERBEROS_V4\r\nSTLS\r\nPIPELINING\r\n.\r\n"),
    (C, b"USER someone\r\nPASS canary-password with spaces\r\nTOP 7 0\r\n"),
    (S, b"+OK\r\n+OK Mailbox locked and ready\r\n+OK top\r\nSubject: x\r\n\r\n.\r\n"),
    (C, b"QUIT\r\n"),
    (S, b"+OK bye\r\n"),
]

SAMPLES = {
    "pop3": [
        Sample(
            TYPICAL, stream=True, ports=(40000, 110), secrets=(b"c4c9334bac560ecc979e58001b3e22fb", b"hidden canary")
        ),
        Sample(LOGIN, stream=True, ports=(40000, 110), secrets=(b"canary-password",)),
    ]
}


def pop3(messages: list[tuple[int, bytes | int]], **wishes: Any) -> dict[str, list[dict[str, Any]]]:
    return trial(DISSECTOR, messages, stream=True, ports=(40000, 110), **wishes)


def whole(rows: dict[str, list[dict[str, Any]]], message: int = 1) -> tuple[bytes, int]:
    chunks = [row for row in rows["mail_chunk"] if row["message"] == message]
    marks = 0
    for chunk in chunks:
        marks |= chunk["marks"]
    return b"".join(chunk["octets"] for chunk in chunks), marks & ~FETCHED


def test_a_typical_exchange() -> None:
    rows = pop3(TYPICAL)
    (row,) = rows["pop3"]
    assert row["greeting"] == "POP3 server ready <1896.697170952@dbc.mtview.ca.us>"
    assert (row["user"], row["auth_mechanism"]) == ("mrose", "APOP")
    assert (row["login_attempts"], row["login_success"], row["cleartext_credentials"]) == (1, True, False)
    assert (row["mailbox_messages"], row["mailbox_octets"]) == (2, 320)
    assert (row["retrieved"], row["deleted"], row["tops"], row["commands"]) == (2, 2, 0, 8)
    assert row["retrieved_octets"] == len(ONE) + len(TWO)
    assert (row["quit"], row["anomaly"], row["starttls"]) == (True, [], "absent")
    assert whole(rows, 1) == (ONE, FIRST | LAST | DOTTED)
    assert whole(rows, 2) == (TWO, FIRST | LAST)


def test_capabilities_and_a_pipelined_login() -> None:
    rows = pop3(LOGIN)
    (row,) = rows["pop3"]
    assert row["capabilities"] == ["TOP", "USER", "SASL CRAM-MD5 KERBEROS_V4", "STLS", "PIPELINING"]
    assert (row["user"], row["auth_mechanism"], row["login_success"]) == ("someone", "PASS", True)
    assert row["cleartext_credentials"] is True
    assert (row["tops"], row["retrieved"], row["starttls"]) == (1, 0, "offered")
    assert whole(rows) == (b"Subject: x\r\n\r\n", FIRST | LAST | PARTIAL | CREDENTIALS)
    assert "canary" not in repr(rows)


def test_of_authentication_nothing_is_kept() -> None:
    start = [(S, b"+OK hi\r\n"), (C, b"AUTH PLAIN\r\n"), (S, b"+ \r\n"), (C, b"AGNhbmFyeQBjYW5hcnk=\r\n")]
    good = pop3([*start, (S, b"+OK\r\n"), (C, b"STAT\r\n"), (S, b"+OK 0 0\r\n")])["pop3"][0]
    assert (good["auth_mechanism"], good["login_success"], good["mailbox_messages"]) == ("PLAIN", True, 0)
    bad = pop3([*start, (S, b"-ERR no\r\n")])["pop3"][0]
    assert (bad["login_success"], bad["refused"], bad["commands"]) == (False, 1, 1)
    assert "AGNh" not in repr((good, bad))


def test_tls_is_handed_over() -> None:
    conn: dict[str, Any] = {}
    start = [(S, b"+OK hi\r\n"), (C, b"STLS\r\n")]
    rows = pop3([*start, (S, b"+OK Begin TLS\r\n"), (C, b"\x16\x03\x01")], conn=conn)
    assert (rows["pop3"][0]["starttls"], conn["switch"]) == ("used", 1)
    assert pop3([*start, (S, b"-ERR no\r\n")])["pop3"][0]["starttls"] == "refused"


def test_a_message_with_a_gap_and_one_cut_short() -> None:
    start = [(S, b"+OK hi\r\n"), (C, b"RETR 1\r\n"), (S, b"+OK\r\nSubject: x\r\n\r\nab"), (S, 500)]
    gap = pop3([*start, (S, b"cd\r\n.\r\n")])
    assert whole(gap) == (b"Subject: x\r\n\r\nabcd\r\n", FIRST | LAST | AFTER_GAP)
    assert gap["pop3"][0]["anomaly"] == ["gap"]
    assert whole(pop3(start[:3]))[1] == FIRST | LAST | CUT_SHORT


def test_bounds() -> None:
    rows = pop3([(S, b"+OK hi\r\n"), (C, b"NOOP\r\n" * 100)])["pop3"][0]
    assert "too_many_pending" in rows["anomaly"]
    long = pop3([(S, b"+OK hi\r\n"), (C, b"USER " + b"a" * 3000), (C, b"\r\nNOOP\r\n")])["pop3"][0]
    assert "long_line" in long["anomaly"]
    assert (long["user"], long["commands"]) == (None, 1)
    odd = pop3([(S, b"+OK hi\r\nwhat\r\n"), (C, b"NOOP\n")])["pop3"][0]
    assert {"bad_reply", "bare_lf"} <= set(odd["anomaly"])
    conn: dict[str, Any] = {}
    pop3([(S, b"+OK hi\r\n"), (C, b"one\r\ntwo\r\nthree\r\n")], conn=conn)
    assert conn["violated"] == 1

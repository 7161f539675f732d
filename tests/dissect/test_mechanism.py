"""What is kept of a login where a client puts its password in the place of the mechanism: nothing."""

import numpy as np
import pytest

from sonde.dissect import imap, pop3, smtp
from sonde.dissect.mail.mechanism import NAMES, mechanism_end
from tests.bench import trial

C, S = 0, 1
PASSWORD = b"AGFsaWNlAGh1bnRlcjI="  # base64 of \0alice\0hunter2
ASKS = {
    "smtp_session": (smtp.DISSECTOR, 25, b"220 a ESMTP\r\n", b"AUTH %b\r\n"),
    "pop3": (pop3.DISSECTOR, 110, b"+OK hi\r\n", b"AUTH %b\r\n"),
    "imap": (imap.DISSECTOR, 143, b"* OK hi\r\n", b"a AUTHENTICATE %b\r\n"),
}


def asked(table: str, word: bytes) -> dict:
    dissector, port, greeting, ask = ASKS[table]
    (row,) = trial(dissector, [(S, greeting), (C, ask % word)], stream=True, ports=(40000, port))[table]
    return row


@pytest.mark.parametrize("table", ASKS)
def test_a_mechanism_is_told_in_any_case(table: str) -> None:
    for word in (b"PLAIN", b"plain", b"SCRAM-SHA-256-PLUS", b"XOAUTH2"):
        assert asked(table, word)["auth_mechanism"] == word.decode()


@pytest.mark.parametrize("table", ASKS)
@pytest.mark.parametrize("word", [PASSWORD, b"hunter2", b"HUNTER2", b"PLAI", b"PLAINX", b"X" * 60, b"SCRAM-SHA-25"])
def test_what_is_no_mechanism_is_not_kept(table: str, word: bytes) -> None:
    row = asked(table, word)
    assert row["auth_mechanism"] is None
    assert word.decode() not in str(row)


def test_every_name_is_found_and_nothing_beyond_the_end_is_read() -> None:
    for name in NAMES:
        wire = np.frombuffer(f"{name.upper()}LONGER".encode(), np.uint8)
        assert mechanism_end(wire, 0, len(name)) == len(name)
        assert mechanism_end(wire[: len(name)], 0, len(name)) == len(name)
        assert mechanism_end(wire, 0, len(name) - 1) in (0, len(name) - 1)

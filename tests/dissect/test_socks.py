"""SOCKS: messages laid out by hand as RFC 1928, RFC 1929 and the memo on version 4 draw them."""

from typing import Any

import pytest

from sonde.dissect.socks import DISSECTOR
from tests.bench import Sample, trial

C, S = 0, 1
GREETING, PLAIN, ASKS_PASSWORD = b"\5\2\0\2", b"\5\0", b"\5\2"
PASSWORD = b"\1\7someone\x0fcanary-password"
BY_NAME = b"\5\1\0\3\x0fwww.example.org\x01\xbb"
ON_IPV4 = b"\5\1\0\1\xc0\0\2\7\0\x50"
ON_IPV6 = b"\5\1\0\4" + bytes.fromhex("20010db8000000000000000000000007") + b"\0\x50"
GRANTED = b"\5\0\0\1\xc6\x33\x64\1\xe0\1"
GET = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"

TYPICAL: list[tuple[int, bytes | int]] = [
    (C, GREETING), (S, ASKS_PASSWORD), (C, PASSWORD), (S, b"\1\0"), (C, BY_NAME), (S, GRANTED),
]  # fmt: skip
OLD: list[tuple[int, bytes | int]] = [
    (C, b"\4\1\0\x50\0\0\0\7someone\0www.example.org\0"), (S, b"\0\x5a\x80\1\xc6\x33\x64\1"),
]  # fmt: skip

SAMPLES = {
    "socks": [
        Sample(TYPICAL, stream=True, ports=(40000, 1080), secrets=(b"canary-password",)),
        Sample(OLD, stream=True, ports=(40000, 1080)),
    ]
}


def socks(*messages: tuple[int, bytes | int], **wishes: Any) -> dict[str, Any]:
    (row,) = trial(DISSECTOR, list(messages), stream=True, ports=(40000, 1080), **wishes)["socks"]
    return row


def test_a_connection_by_name_with_a_password() -> None:
    state: dict[str, Any] = {}
    row = socks(*TYPICAL, conn=state)
    assert (row["version"], row["method"], row["user"], row["auth_success"]) == (5, "password", "someone", True)
    assert (row["command"], row["request_name"], row["request_port"]) == ("connect", "www.example.org", 443)
    assert (row["reply"], row["bound_host"], row["bound_port"]) == ("succeeded", "198.51.100.1", 57345)
    assert (row["request_host"], row["bound_name"], row["anomaly"]) == (None, None, [])
    assert (state["switch"], state["confirmed"]) == (1, 1)


@pytest.mark.parametrize(("asked", "host"), [(ON_IPV4, "192.0.2.7"), (ON_IPV6, "2001:db8::7")])
def test_addresses_are_told_as_text(asked: bytes, host: str) -> None:
    row = socks((C, b"\5\1\0"), (S, PLAIN), (C, asked), (S, b"\5\0\0\3\x07gateway\x04\x38"))
    assert (row["request_host"], row["request_port"], row["request_name"]) == (host, 80, None)
    assert (row["bound_name"], row["bound_host"], row["bound_port"]) == ("gateway", None, 1080)


def test_version_4_tells_a_user_and_in_4a_a_name() -> None:
    row = socks(*OLD)
    assert (row["version"], row["user"], row["request_name"], row["request_host"]) == (
        4, "someone", "www.example.org", None,
    )  # fmt: skip
    assert (row["reply"], row["bound_host"], row["bound_port"]) == ("granted", "198.51.100.1", 32769)
    plain = socks((C, b"\4\1\0\x50\xc0\0\2\7\0"), (S, b"\0\x5b\0\0\0\0\0\0"))
    assert (plain["user"], plain["request_host"], plain["reply"]) == (None, "192.0.2.7", "rejected")


@pytest.mark.parametrize("messages", [TYPICAL, OLD], ids=["5", "4"])
def test_octets_may_come_one_by_one(messages: list[tuple[int, bytes]]) -> None:
    apart = [(side, octets[place : place + 1]) for side, octets in messages for place in range(len(octets))]
    before, after = socks(*messages), socks(*apart)
    assert {name: value for name, value in before.items() if name != "ts"} == {
        name: value for name, value in after.items() if name != "ts"
    }


def test_a_client_may_ask_and_send_on_before_it_is_answered() -> None:
    state: dict[str, Any] = {}
    row = socks((C, b"\5\1\0" + ON_IPV4 + GET), (S, PLAIN), (S, GRANTED + b"HTTP/1.1 200 OK\r\n"), conn=state)
    assert (row["request_host"], row["reply"], row["anomaly"]) == ("192.0.2.7", "succeeded", [])
    assert state["switch"] == 1


def test_what_is_refused_leads_nowhere() -> None:
    for answer, told in ((b"\5\5\0\1\0\0\0\0\0\0", "connection-refused"), (b"\5\x21\0\1\0\0\0\0\0\0", "unknown-33")):
        state: dict[str, Any] = {}
        row = socks((C, b"\5\1\0"), (S, PLAIN), (C, ON_IPV4), (S, answer), conn=state)
        assert (row["reply"], row["anomaly"], state["switch"]) == (told, [], 0)
    no_method = socks((C, b"\5\1\0"), (S, b"\5\xff"))
    assert (no_method["method"], no_method["command"], no_method["anomaly"]) == (
        "none-acceptable",
        None,
        ["unanswered"],
    )
    wrong = socks((C, GREETING), (S, ASKS_PASSWORD), (C, PASSWORD), (S, b"\1\1"))
    assert (wrong["auth_success"], wrong["user"]) == (False, "someone")


def test_an_awaited_connection_is_answered_twice() -> None:
    state: dict[str, Any] = {}
    bind = b"\5\2\0\1\0\0\0\0\0\0"
    row = socks((C, b"\5\1\0"), (S, PLAIN), (C, bind), (S, GRANTED), conn=state)
    assert (row["command"], row["bound_host"], state["switch"]) == ("bind", "198.51.100.1", 0)
    row = socks((C, b"\5\1\0"), (S, PLAIN), (C, bind), (S, GRANTED), (S, b"\5\0\0\1\xc0\0\2\x09\0\x15"), conn=state)
    assert (row["bound_host"], row["bound_port"], state["switch"]) == ("192.0.2.9", 21, 1)


def test_what_gss_api_protects_is_not_read() -> None:
    state: dict[str, Any] = {}
    row = socks((C, b"\5\1\1"), (S, b"\5\1"), (C, b"\1\1\0\4abcd"), (S, b"\1\1\0\4abcd"), conn=state)
    assert (row["method"], row["user"], row["auth_success"], row["anomaly"]) == ("gssapi", None, None, ["unanswered"])
    assert state["done"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [b"\5\0\1\1\0\0\0\0\0\0", b"\5\0\0\2\0\0\0\0\0\0", b"HTTP/1.1 400 Bad\r\n\r\n"],
    ids=["reserved", "kind", "text"],
)
def test_what_is_no_reply_is_odd(answer: bytes) -> None:
    row = socks((C, b"\5\1\0"), (S, PLAIN), (C, ON_IPV4), (S, answer))
    assert (row["reply"], set(row["anomaly"])) == (None, {"malformed", "unanswered"})


def test_a_user_without_end_is_odd() -> None:
    row = socks((C, b"\4\1\0\x50\xc0\0\2\7" + b"u" * 600))
    assert (row["user"], set(row["anomaly"])) == (None, {"malformed", "unanswered"})


def test_what_a_gap_took_is_not_guessed() -> None:
    row = socks((C, b"\5\1\0"), (S, PLAIN), (C, 10), (C, ON_IPV4), (S, GRANTED))
    assert (row["command"], row["reply"], set(row["anomaly"])) == (None, None, {"gap", "unanswered"})


def test_where_only_names_are_wanted_the_protocol_behind_is_still_reached() -> None:
    state: dict[str, Any] = {}
    row = socks(*TYPICAL, names_only=True, conn=state)
    assert (row["request_name"], row["anomaly"], state["switch"]) == ("www.example.org", [], 1)


def test_what_is_no_socks_is_violated() -> None:
    state: dict[str, Any] = {}
    assert trial(DISSECTOR, [(C, b"\x16\3\1hello")], stream=True, conn=state)["socks"] == []
    assert state["violated"] == 1

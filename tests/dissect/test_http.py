"""HTTP: exchanges in the RFCs' own layout, and what real senders do to it."""

import gzip
from typing import Any

import numpy as np
import pytest

from sonde.dissect.http import DISSECTOR, MAX_PENDING, identify
from sonde.schema import FROM_RESP, OWN_PORT, Verdict
from tests.bench import Sample, trial

GET = (
    b"GET /hello.txt?who=you HTTP/1.1\r\n"  # RFC 9112 §2.1, with a query
    b"User-Agent: curl/7.64.1\r\n"
    b"Host: www.example.org\r\n"
    b"Referer: http://example.org/from\r\n"
    b"Accept-Language: en, mi\r\n"
    b"\r\n"
)
OK = (
    b"HTTP/1.1 200 OK\r\n"
    b"Date: Mon, 27 Jul 2009 12:28:53 GMT\r\n"
    b"Server: Apache\r\n"
    b"Content-Length: 51\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"Hello World! My content includes a trailing CRLF.\r\n"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Expires\r\n\r\n"
    b"4\r\nWiki\r\n"
    b"6;name=value\r\npedia \r\n"  # with an extension, RFC 9112 §7.1.1
    b"E\r\nin \r\n\r\nchunks.\r\n"
    b"0\r\nExpires: never\r\n\r\n"
)
POST = b'POST /form HTTP/1.1\r\nHost: example.org\r\nContent-Length: 7\r\nContent-Type: application/json\r\n\r\n{"a":1}'
HEAD = b"HEAD / HTTP/1.1\r\nHost: example.org\r\n\r\n"
Messages = list[tuple[int, bytes | int]]


def read(*messages: tuple[int, bytes | int], **kwargs: Any) -> list[dict[str, Any]]:
    return trial(DISSECTOR, list(messages), stream=True, **kwargs)["http"]


def octet_by_octet(messages: Messages) -> Messages:
    whole = [(side, octets) for side, octets in messages if isinstance(octets, bytes)]
    return [(side, octets[n : n + 1]) for side, octets in whole for n in range(len(octets))]


def verdict(octets: bytes, hint: int = 0) -> int:
    return int(identify(np.frombuffer(octets, np.uint8), 0, len(octets), hint))


def test_an_exchange_is_one_row() -> None:
    (row,) = read((0, GET), (1, OK))
    assert (row["method"], row["host"]) == ("GET", "www.example.org")
    assert (row["path"], row["query"]) == ("/hello.txt", "who=you")
    assert (row["version"], row["status_code"], row["status_msg"], row["server"]) == ("1.1", 200, "OK", "Apache")
    assert (row["user_agent"], row["referrer"]) == ("curl/7.64.1", "http://example.org/from")
    assert (row["request_body_len"], row["response_body_len"], row["resp_mime"]) == (0, 51, "text/plain")
    assert row["response_content_type"] == "text/plain"
    assert (row["trans_depth"], row["anomaly"], row["status"]) == (1, [], 0)


EXCHANGES: dict[str, Messages] = {
    "plain": [(0, GET), (1, OK)],
    "kept alive": [(0, GET), (1, OK), (0, POST), (1, CHUNKED)],
    "pipelined": [(0, GET + HEAD + POST), (1, OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + CHUNKED)],
    "interim": [(0, POST), (1, b"HTTP/1.1 100 Continue\r\n\r\n" + OK)],
    "long body": [(0, GET), (1, OK.replace(b"51", b"4000")[:-51] + b"x" * 4000 + OK)],
    "bare line feeds": [(0, GET.replace(b"\r\n", b"\n")), (1, OK[:-51].replace(b"\r\n", b"\n") + OK[-51:])],
    "folded": [(0, GET.replace(b"curl/7", b"curl\r\n /7")), (1, OK)],
    "junk": [(0, GET + b"\x00\x01 nothing\r\n" + GET), (1, OK + OK)],
    "until close": [(0, GET), (1, b"HTTP/1.0 200 OK\r\n\r\n<html>and so on")],
    "old": [(0, b"GET /old\r\n"), (1, b"<html>no head at all")],
}


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    times = ("ts", "response_after", "request_body_time", "response_body_time")
    return [{**row, **dict.fromkeys(times)} for row in rows]


@pytest.mark.parametrize("name", EXCHANGES)
def test_segmentation_changes_no_row(name: str) -> None:
    messages = EXCHANGES[name]
    assert timeless(read(*octet_by_octet(messages))) == timeless(read(*messages))


def test_every_prefix_reads_the_same_whatever_follows_it() -> None:
    whole = GET + POST
    for length in range(1, len(whole), 3):
        rows = read((0, whole[:length]), suffix=b"\0" * 8)
        assert rows == read((0, whole[:length]), suffix=b"\xff" * 8)


def test_lengths_and_times_of_bodies_are_told() -> None:
    # The response comes in three: its head, a piece of the body, and the rest, a millisecond each.
    head, body = OK[:-51], OK[-51:]
    (row,) = read((0, POST), (1, head), (1, body[:20]), (1, body[20:]))
    assert (row["request_length"], row["response_length"]) == (7, 51)
    assert (row["response_after"], row["request_body_time"], row["response_body_time"]) == (1_000_000, 0, 1_000_000)
    (cut,) = read((0, GET), (1, head), (1, body[:20]))
    assert (cut["response_body_len"], cut["response_body_time"], cut["anomaly"]) == (20, None, ["body_incomplete"])
    (endless,) = read((0, GET), (1, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200))
    assert (endless["response_body_len"], endless["response_length"], endless["response_body_time"]) == (
        200,
        None,
        None,
    )
    (chunked,) = read((0, GET), (1, CHUNKED[:-20]), (1, CHUNKED[-20:]))
    assert (chunked["response_length"], chunked["response_body_time"]) == (None, 1_000_000)


def test_chunks_count_without_their_framing() -> None:
    (row,) = read((0, GET), (1, CHUNKED))
    assert (row["response_body_len"], row["response_chunked"], row["anomaly"]) == (24, True, [])


def test_pipelined_requests_meet_their_responses_in_order() -> None:
    rows = read(*EXCHANGES["pipelined"])
    assert [row["method"] for row in rows] == ["GET", "HEAD", "POST"]
    assert [row["response_body_len"] for row in rows] == [51, 0, 24]
    assert [row["trans_depth"] for row in rows] == [1, 2, 3]
    assert (rows[2]["request_body_len"], rows[2]["orig_mime"]) == (7, "text/json")


@pytest.mark.parametrize("code", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body_whatever_they_say(code: bytes) -> None:
    rows = read((0, GET + GET), (1, b"HTTP/1.1 " + code + b"\r\nContent-Length: 99\r\n\r\n" + OK))
    assert [row["status_code"] for row in rows] == [int(code[:3]), 200]


@pytest.mark.parametrize(
    ("line", "version", "status"),
    [
        (b"HTTP/1.01 200 OK", None, 200), (b"HTTP/1.10 200 OK", None, 200), (b"HTTP/1\0.1 200 OK", None, 200),
        (b"HTTP/ 200 OK", None, 200), (b"HTTP/1.1 200\0 OK", "1.1", 200), (b"\0HTTP/1.1 200 OK", "1.1", 200),
        (b"HTTP/1.1 0200 OK", "1.1", 200), (b"HTTP/1.1 20 OK", "1.1", 20), (b"HTTP/1.1 000 OK", "1.1", 0),
        (b"HTTP/1.1 2000 OK", "1.1", None), (b"HTTP/1.1 2xx OK", "1.1", None), (b"HTTP/1.1 OK", "1.1", None),
    ],
)  # fmt: skip
def test_what_clients_take_for_a_status_line_answers_and_is_odd(
    line: bytes, version: str | None, status: int | None
) -> None:
    (row,) = read((0, GET), (1, line + OK[OK.index(b"\r\n") :]))
    assert (row["status_code"], row["response_body_len"], row["anomaly"]) == (status, 51, ["odd_status_line"])
    assert (row["version"], row["status_msg"][-2:]) == (version, "OK")


@pytest.mark.parametrize("junk", [b"x", b"\0\0\0\0", b"HTT", b"HHHH"])
def test_some_octets_before_an_answer_are_passed_over(junk: bytes) -> None:
    whole = [(0, GET), (1, junk + OK)]
    (row,) = read(*whole)
    assert (row["status_code"], row["response_body_len"], row["anomaly"]) == (200, 51, ["odd_status_line"])
    assert timeless(read(*octet_by_octet(whole))) == timeless([row])


def test_an_answer_that_is_none_is_told() -> None:
    for octets in (b"ICY 200 OK\r\n\r\n", b"xxxxxHTTP/1.1 200 OK\r\n\r\n", b"a file and nothing else"):
        (row,) = read((0, GET), (1, octets))
        assert (row["status_code"], set(row["anomaly"])) == (None, {"unanswered", "not_a_message"})


def test_lines_may_end_with_more_than_one_cr() -> None:
    (row,) = read((0, GET), (1, OK.replace(b"\r\n", b"\r\r\n")))
    assert (row["status_code"], row["response_body_len"], row["server"]) == (200, 51, "Apache")
    assert row["anomaly"] == []


@pytest.mark.parametrize(
    ("size", "length", "anomaly"),
    [(b"5", 5, []), (b"0" * 20 + b"5", 5, []), (b"5 ", 5, []), (b"5;a=b", 5, []), (b"0x5", 12, ["bad_chunk"])],
)
def test_sizes_of_chunks_are_spelt_in_many_ways(size: bytes, length: int, anomaly: list[str]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n"
    (row,) = read((0, GET), (1, answer))
    assert (row["response_body_len"], row["anomaly"]) == (length, anomaly)


@pytest.mark.parametrize("line", [b"HTTP/1.1", b"HTTP/1.1\n 200 OK", b"HTTP/", b"HTTP/\r"])
def test_a_status_line_may_tell_nothing_and_the_body_is_still_seen(line: bytes) -> None:
    (row,) = read((0, GET), (1, line + OK[OK.index(b"\r\n") :]), suffix=b"9" * 8)
    assert (row["status_code"], row["response_body_len"]) == (None, 51)
    assert "odd_status_line" in row["anomaly"]


@pytest.mark.parametrize("line", [b"HTTP/1.1 2000 OK", b"HTTP/1.01 200 OK", b"HTTP/1.1", b"HTTP/1.1 99 Low"])
def test_nothing_odd_begins_a_connection(line: bytes) -> None:
    state: dict[str, Any] = {}
    assert read((1, line + b"\r\n\r\n"), conn=state) == []
    assert state["violated"] == 1


@pytest.mark.parametrize(
    ("head", "length"),
    [(b"Content-Length: 30\r\nTransfer-Encoding: chunked", 30), (b"Transfer-Encoding: chunked", None)],
)
def test_a_body_without_the_chunks_that_are_told_ends_by_its_length_or_with_the_stream(
    head: bytes, length: int | None
) -> None:
    body = b"This is 30 octets of one body."
    (row,) = read((0, GET), *((1, part) for part in (b"HTTP/1.0 200 OK\r\n" + head + b"\r\n\r\n", body[:1], body[1:])))
    assert (row["response_body_len"], row["response_length"], row["response_chunked"]) == (30, length, True)
    assert "bad_chunk" in row["anomaly"]
    assert ("two_framings" in row["anomaly"]) == (length is not None)


def test_interim_answers_leave_their_code() -> None:
    (row,) = read(*EXCHANGES["interim"])
    assert (row["info_code"], row["info_msg"], row["status_code"]) == (100, "Continue", 200)


def test_a_tunnel_ends_http() -> None:
    ask = b"CONNECT server.example.org:443 HTTP/1.1\r\nHost: server.example.org:443\r\n\r\n"
    agreed = b"HTTP/1.1 200 Connection established\r\n\r\n"
    (row,) = read((0, ask), (1, agreed), (0, b"\x16\x03\x01GET / HTTP/1.1\r\n\r\n"))
    assert (row["method"], row["path"], row["tunnel"]) == ("CONNECT", "server.example.org:443", True)


def test_a_refused_tunnel_does_not() -> None:
    ask = b"CONNECT server.example.org:443 HTTP/1.1\r\n\r\n"
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    rows = read((0, ask), (1, refusal), (0, GET), (1, OK))
    assert [(row["status_code"], row["tunnel"]) for row in rows] == [(407, None), (200, None)]


def test_an_upgrade_ends_http() -> None:
    ask = GET.replace(b"Accept-Language: en, mi", b"Upgrade: websocket\r\nConnection: Upgrade")
    (row,) = read((0, ask), (1, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"))
    assert (row["status_code"], row["upgrade"], row["tunnel"]) == (101, "websocket", True)


def test_a_password_is_seen_but_never_kept() -> None:
    secret = b"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # Aladdin, open sesame: RFC 7617 §2
    secrets = b"Authorization: Basic " + secret + b"\r\nCookie: key=12345\r\n"
    (row,) = read((0, GET.replace(b"Host:", secrets + b"Host:")), (1, OK))
    assert (row["username"], row["password_seen"], row["cookie_seen"]) == ("Aladdin", True, True)
    (other,) = read((0, b"GET http://user:sesame@example.org/ HTTP/1.1\r\n\r\n"), (1, OK))
    assert (other["path"], other["password_seen"]) == ("http://example.org/", True)
    for each in (row, other):
        assert not any(word in str(each) for word in ("sesame", "12345", secret.decode()))


def test_the_length_before_gzip_is_told_by_its_end() -> None:
    body = gzip.compress(b"hello " * 500)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    (row,) = read((0, GET), (1, head + b"Content-Length: %d\r\n\r\n" % len(body) + body))
    assert (row["response_body_len"], row["response_decoded_len"]) == (len(body), 3000)
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:-3], body[-3:]))
    (row,) = read((0, GET), (1, head + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"))
    assert (row["response_body_len"], row["response_decoded_len"]) == (len(body), 3000)
    (row,) = read((0, GET), (1, head + b"Content-Length: 40\r\n\r\n" + b"no gzip at all, whatever the header said"))
    assert row["response_decoded_len"] is None


def test_a_gap_in_a_body_is_survived() -> None:
    head = OK[:-51].replace(b"51", b"5000")
    rows = read((0, GET + GET), (1, head + b"x" * 200), (1, 4000), (1, b"x" * 800 + OK))
    assert [(row["status_code"], row["anomaly"]) for row in rows] == [(200, []), (200, [])]
    assert rows[0]["response_body_len"] == 5000


def test_after_another_gap_the_next_message_is_found() -> None:
    rows = read((0, GET), (1, OK[:40]), (1, 30), (1, b"tent-Type: text/plain\r\n\r\nrest"), (0, GET), (1, OK))
    assert rows[0]["anomaly"] == ["gap"]
    assert rows[-1]["status_code"] == 200


def test_roles_are_told_by_the_messages() -> None:
    (row,) = read((1, GET), (0, OK))
    assert (row["method"], row["status_code"]) == ("GET", 200)


def test_what_is_missing_is_said() -> None:
    (asked,) = read((0, GET))
    assert asked["anomaly"] == ["unanswered"]
    (answered,) = read((1, OK))
    assert (answered["anomaly"], answered["method"]) == (["unasked"], None)
    (short,) = read((0, GET), (1, OK[:-20]))
    assert (short["anomaly"], short["response_body_len"]) == (["body_incomplete"], 31)
    (cut,) = read((0, GET[:60]))
    assert cut["status"] == 1


def test_pending_requests_are_bounded() -> None:
    rows = read((0, HEAD * (MAX_PENDING + 3)))
    assert len(rows) == MAX_PENDING + 3
    assert sum("too_many_pending" in row["anomaly"] for row in rows) == 3


def test_odd_syntax_is_read_and_named() -> None:
    odd = b"get  /a b  http/1.1\nHost : example.org\nno colon here\nX: 1\n\n"
    (row,) = read((0, odd), (1, OK))
    assert (row["method"], row["path"], row["host"]) == ("get", "/a b", "example.org")
    assert row["anomaly"] == ["bare_lf", "space_before_colon", "no_colon"]


def test_proxies_are_listed_by_header() -> None:
    (row,) = read((0, GET.replace(b"Host:", b"Via: 1.1 a\r\nX-Forwarded-For: 192.0.2.7\r\nHost:")), (1, OK))
    assert row["proxied"] == ["VIA -> 1.1 a", "X-FORWARDED-FOR -> 192.0.2.7"]


def test_only_the_name_ends_with_the_host() -> None:
    state: dict[str, Any] = {}
    (row,) = read((0, GET), (1, OK), names_only=True, conn=state)
    assert (row["host"], row["status_code"]) == ("www.example.org", None)
    assert state["done"].tolist() == [1, 1]


def test_other_protocols_are_not_taken_for_http() -> None:
    for octets in (
        b"OPTIONS rtsp://192.0.2.1/a RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"INVITE sip:bob@example.org SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"EHLO example.org\r\n",
    ):
        assert verdict(octets) == Verdict.NO
    assert verdict(GET) == verdict(OK, FROM_RESP) == verdict(b"M-SEARCH * HTTP/1.1\r\n\r\n") == Verdict.YES
    assert verdict(b"GET /old\r\n", OWN_PORT) == Verdict.MAYBE
    assert verdict(b"GET /old\r\n") == Verdict.NO


def test_what_is_no_http_is_violated() -> None:
    state: dict[str, Any] = {}
    assert read((0, b"\x16\x03\x01\x00\x05hello"), conn=state) == []
    assert state["violated"] == 1


SAMPLES = {
    "http": [
        Sample([(0, GET), (1, OK)], stream=True, ports=(40000, 80)),
        Sample([(0, GET + HEAD), (1, CHUNKED), (1, OK[: OK.index(b"Hello")])], stream=True),
        Sample(
            [(0, POST.replace(b"Host", b"Authorization: Basic dXNlcjpzZXNhbWU=\r\nCookie: k=nougat\r\nHost")), (1, OK)],
            stream=True,
            ports=(40000, 80),
            secrets=(b"sesame", b"nougat", b"dXNlcjpzZXNhbWU="),
        ),
    ]
}

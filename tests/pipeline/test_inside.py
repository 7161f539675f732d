"""Protocols that begin inside others: what comes behind is read, however the packets lie."""

from pathlib import Path
from typing import Any

import pytest

import sonde
from tests.maker import conversation, write_pcap

C, S = 0, 1
GET = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PROXY = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 80\r\n"
ASKS, CHOSEN = b"\5\1\0", b"\5\0"
CONNECTS, GRANTED = b"\5\1\0\1\xc6\x33\x64\1\0\x50", b"\5\0\0\1\0\0\0\0\0\0"


def read(messages: list[tuple[int, bytes]], folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give the one flow and the rows of http."""
    capture = write_pcap(folder / "made.pcap", conversation(messages, stream=True))
    with sonde.read(capture, tables=["flows", "http"], policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
        return flow, dataset.http.to_pylist()


@pytest.mark.parametrize(
    ("messages", "outer"),
    [
        ([(C, PROXY + GET)], "proxy-protocol"),
        ([(C, PROXY), (C, GET), (S, OK)], "proxy-protocol"),
        ([(C, ASKS), (S, CHOSEN), (C, CONNECTS), (S, GRANTED), (C, GET), (S, OK)], "socks"),
        ([(C, ASKS), (S, CHOSEN), (C, CONNECTS + GET), (S, GRANTED)], "socks"),
        ([(C, ASKS), (S, CHOSEN), (C, CONNECTS + GET), (S, GRANTED + OK)], "socks"),
    ],
    ids=["at once", "apart", "in turn", "not waited for", "all at once"],
)
def test_http_behind_a_proxy_is_read(messages: list[tuple[int, bytes]], outer: str, tmp_path: Path) -> None:
    flow, (exchange,) = read(messages, tmp_path)
    assert (flow["protocol"], flow["layers"][-2:]) == (outer, [outer, "http"])
    assert (exchange["host"], exchange["uid"]) == ("www.example.org", flow["uid"])
    assert exchange["status_code"] == (200 if OK in messages[-1][1] else None)


def test_proxies_in_front_of_each_other_are_all_read(tmp_path: Path) -> None:
    flow, (exchange,) = read([(C, PROXY + ASKS), (S, CHOSEN), (C, CONNECTS), (S, GRANTED), (C, GET), (S, OK)], tmp_path)
    assert flow["layers"][-1] == "http"
    assert exchange["status_code"] == 200

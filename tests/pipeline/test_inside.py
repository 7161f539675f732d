"""Protocols that begin inside others: what comes behind is read, however the packets lie."""

import ssl
from pathlib import Path
from typing import Any

import pytest

import sonde
from sonde.dissect import all_dissectors
from tests.dissect.tls_maker import NAME, handshake
from tests.identify.asking import PORT, SURE, TCP, protocols
from tests.identify.samples import SAMPLES
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


@pytest.mark.parametrize("tables", [["flows"], ["flows", "http", "socks", "proxy", "tls"]], ids=["flows alone", "all"])
@pytest.mark.parametrize(
    "before",
    [
        [(C, b"CONNECT www.example.org:443 HTTP/1.1\r\nHost: www.example.org:443\r\nUser-Agent: Example/1.0\r\n\r\n"),
         (S, b"HTTP/1.1 200 Connection established\r\n\r\n")],
        [(C, ASKS), (S, CHOSEN), (C, CONNECTS), (S, GRANTED)],
        [(C, PROXY)],
        [(C, b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Example/1.0\r\nUpgrade: TLS/1.2\r\n\r\n"),
         (S, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2\r\n\r\n")],
    ],
    ids=["connect", "socks", "proxy", "upgrade"],
)  # fmt: skip
def test_flows_are_the_same_whatever_else_is_wanted(
    before: list[tuple[int, bytes]], tables: list[str], tmp_path: Path
) -> None:
    made = conversation([*before, *handshake(ssl.TLSVersion.TLSv1_3)[0]], stream=True, ports=(40000, 8080))
    with sonde.read(write_pcap(tmp_path / "made.pcap", made), tables=tables, policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
    assert flow["layers"][-1] == "tls"


def test_an_upgrade_leads_to_websocket(tmp_path: Path) -> None:
    asks = b"GET /chat HTTP/1.1\r\nHost: www.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    agrees = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    ping = bytes.fromhex("890548656c6c6f")  # RFC 6455 §5.7
    for messages in ([(C, asks), (S, agrees), (S, ping)], [(C, asks), (S, agrees + ping)]):
        flow, (exchange,) = read(messages, tmp_path)
        assert (flow["layers"][-2:], exchange["status_code"]) == (["http", "websocket"], 101)


# What tells a protocol in one payload, for those in which TLS may begin and that nobody dissects.
DISSECTED = {each.protocol.name for each in all_dissectors()}
OPENING = {
    sample.name: sample
    for sample in SAMPLES
    if sample.transport == TCP and sample.sure in (SURE, PORT)
    for protocol in protocols()
    if protocol.name == sample.name and protocol.starts_tls and protocol.name not in DISSECTED
}


def test_some_protocols_let_tls_begin() -> None:
    assert {"gnutella", "ldap", "nats", "postgresql", "xmpp"} <= OPENING.keys()


@pytest.mark.parametrize("passed_on", [False, True], ids=["alone", "behind a proxy"])
@pytest.mark.parametrize("name", sorted(OPENING))
def test_tls_begins_inside(name: str, passed_on: bool, tmp_path: Path) -> None:
    sample = OPENING[name]
    side = S if sample.side == "resp" else C
    spoken: list[tuple[int, bytes]] = [*handshake(ssl.TLSVersion.TLSv1_2)[0]]
    made = conversation(
        [*([(C, PROXY)] if passed_on else []), (side, sample.octets), *spoken], stream=True, ports=(40000, sample.port)
    )
    with sonde.read(write_pcap(tmp_path / "made.pcap", made), tables=["flows", "tls"], policy="clear") as dataset:
        (flow,), (session,) = dataset.flows.to_pylist(), dataset.tls.to_pylist()
    assert (flow["protocol"], flow["layers"][-1]) == ("proxy-protocol" if passed_on else name, "tls")
    assert (session["server_name"], session["established"]) == (NAME, True)

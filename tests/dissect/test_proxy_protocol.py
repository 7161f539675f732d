"""The PROXY protocol: the lines of its specification's §2.1, headers of §2.2 laid out by hand."""

from typing import Any

import pytest

from sonde.dissect.proxy_protocol import DISSECTOR
from tests.bench import Sample, trial

C, S = 0, 1
LINE = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"  # §2.1
LONGEST = b"PROXY TCP6 ffff:f:f:f:f:f:f:ffff ffff:f:f:f:f:f:f:ffff 65535 65535\r\n"
GET = b"GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n"
MARK = bytes.fromhex("0d0a0d0a000d0a515549540a")
ON_IPV4 = bytes.fromhex("c0000207c6336401e10001bb")
ON_IPV6 = bytes.fromhex("20010db8000000000000000000000007" + "20010db8000000000000000000000001" + "e10001bb")


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def header(command: int, family: int, addresses: bytes, *added: bytes) -> bytes:
    rest = addresses + b"".join(added)
    return MARK + bytes([0x20 | command, family]) + len(rest).to_bytes(2, "big") + rest


ENDED = tlv(0x20, b"\5\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x23, b"TLS_AES_128_GCM_SHA256") + tlv(0x22, b"client 7"))
WHOLE = header(1, 0x21, ON_IPV6, tlv(1, b"h2"), tlv(2, b"www.example.org"), tlv(3, bytes(4)), ENDED)

SAMPLES = {
    "proxy-protocol": [
        Sample([(C, LINE + GET)], stream=True, ports=(40000, 80)),
        Sample([(C, WHOLE)], stream=True, ports=(40000, 80)),
    ]
}


def proxy(*messages: tuple[int, bytes | int], **wishes: Any) -> dict[str, Any]:
    (row,) = trial(DISSECTOR, list(messages), stream=True, ports=(40000, 80), **wishes)["proxy"]
    return row


@pytest.mark.parametrize(
    ("line", "family", "client", "server", "ports"),
    [
        (LINE, "tcp4", "192.168.0.1", "192.168.0.11", (56324, 443)),
        (LONGEST, "tcp6", "ffff:f:f:f:f:f:f:ffff", "ffff:f:f:f:f:f:f:ffff", (65535, 65535)),
        (b"PROXY UNKNOWN\r\n", "unknown", None, None, (None, None)),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "unknown", None, None, (None, None)),
    ],
)
def test_a_line_of_version_1(
    line: bytes, family: str, client: str | None, server: str | None, ports: tuple[int | None, int | None]
) -> None:
    state: dict[str, Any] = {}
    row = proxy((C, line + GET), conn=state)
    assert (row["version"], row["command"], row["family"], row["anomaly"]) == (1, "proxy", family, [])
    assert (row["client_ip"], row["server_ip"], (row["client_port"], row["server_port"])) == (client, server, ports)
    assert (state["switch"], state["confirmed"]) == (1, 1)


def test_a_header_of_version_2_and_what_is_added() -> None:
    row = proxy((C, WHOLE + GET))
    assert (row["version"], row["command"], row["family"]) == (2, "proxy", "tcp6")
    assert (row["client_ip"], row["client_port"]) == ("2001:db8::7", 57600)
    assert (row["server_ip"], row["server_port"]) == ("2001:db8::1", 443)
    assert (row["authority"], row["alpn"]) == ("www.example.org", "h2")
    assert (row["tls_version"], row["tls_cipher"], row["client_name"], row["tls_verified"]) == (
        "TLSv1.3", "TLS_AES_128_GCM_SHA256", "client 7", True,
    )  # fmt: skip
    assert row["anomaly"] == []


@pytest.mark.parametrize(("flags", "verify", "told"), [(1, 0, None), (3, 0, True), (5, 20, False)])
def test_only_a_certificate_that_is_there_is_verified(flags: int, verify: int, told: bool | None) -> None:
    row = proxy((C, header(1, 0x11, ON_IPV4, tlv(0x20, bytes([flags]) + verify.to_bytes(4, "big")))))
    assert (row["client_ip"], row["tls_verified"]) == ("192.0.2.7", told)


def test_of_its_own_connections_a_proxy_tells_no_client() -> None:
    row = proxy((C, header(0, 0x11, ON_IPV4)))
    assert (row["command"], row["client_ip"], row["client_port"], row["anomaly"]) == ("local", None, None, [])
    sockets = proxy((C, header(1, 0x31, b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0"))))
    assert (sockets["family"], sockets["client_ip"], sockets["anomaly"]) == ("unix-stream", None, [])


@pytest.mark.parametrize("octets", [LINE, LONGEST, WHOLE], ids=["line", "longest", "header"])
def test_octets_may_come_one_by_one(octets: bytes) -> None:
    before = proxy((C, octets))
    after = proxy(*((C, octets[place : place + 1]) for place in range(len(octets))))
    assert {name: value for name, value in before.items() if name != "ts"} == {
        name: value for name, value in after.items() if name != "ts"
    }


def test_what_the_server_says_first_waits() -> None:
    state: dict[str, Any] = {}
    row = proxy((S, b"220 mail.example.org ESMTP\r\n"), (C, LINE), conn=state)
    assert (row["client_ip"], row["anomaly"], state["switch"]) == ("192.168.0.1", [], 1)


@pytest.mark.parametrize(
    ("octets", "remark"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n", "a port is too large"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n", "a port is missing"),
        (b"PROXY TCP4 192.0.2.7\r\n", "nearly all is missing"),
        (b"PROXY TCP4 \r\n", "all is missing"),
        (b"PROXY TCP5 a b 1 2\r\n", "no such family"),
        (header(1, 0x11, ON_IPV4[:8]), "addresses are cut"),
        (header(1, 0x41, ON_IPV4), "no such family"),
        (header(1, 0x11, ON_IPV4, b"\1\0\7h2"), "what is added reaches behind the end"),
        (header(1, 0x11, ON_IPV4, b"\1"), "what is added is cut"),
        (header(1, 0x11, ON_IPV4, tlv(4, b"") * 65), "more is added than is read"),
    ],
)
def test_a_header_that_contradicts_itself_is_odd_and_ends_where_it_says(octets: bytes, remark: str) -> None:
    state: dict[str, Any] = {}
    row = proxy((C, octets + GET), suffix=b"7" * 64, conn=state)
    assert (row["anomaly"], state["switch"]) == (["malformed"], 1), remark


@pytest.mark.parametrize(
    "octets", [b"PROXY " + b"x" * 120, b"PROXY TCP4 a b 1 2\n", MARK + b"\x11\x11\0\0", MARK + b"\x22\x11\0\0"]
)
def test_what_is_no_header_is_violated(octets: bytes) -> None:
    state: dict[str, Any] = {}
    assert trial(DISSECTOR, [(C, octets)], stream=True, conn=state)["proxy"] == []
    assert (state["violated"], state["switch"]) == (1, 0)


def test_two_sides_that_begin_otherwise_are_no_proxy() -> None:
    state: dict[str, Any] = {}
    assert trial(DISSECTOR, [(S, b"220 a\r\n"), (C, b"HELO b\r\n")], stream=True, conn=state)["proxy"] == []
    assert state["violated"] == 1


def test_after_a_gap_nothing_is_guessed() -> None:
    state: dict[str, Any] = {}
    assert trial(DISSECTOR, [(C, 20), (C, LINE)], stream=True, conn=state)["proxy"] == []
    assert state["done"].tolist() == [1, 1]

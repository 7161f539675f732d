"""DNS: messages laid out by hand after RFC 1035 §4, records after the examples of their RFCs."""

from typing import Any

import numpy as np
import pytest

from sonde.dissect.dns import DISSECTOR, identify
from sonde.dissect.names.message import MAX_PENDING
from sonde.schema import FROM_RESP, OWN_PORT, STREAM, Verdict
from tests.bench import Sample, trial

NAME = b"\x03WWW\x07example\x03org\x00"
ROOT, IN = b"\x00", b"\x00\x01"
A, NS, CNAME, SOA, WKS, PTR, HINFO, MX, TXT, AAAA, LOC, SRV = 1, 2, 5, 6, 11, 12, 13, 15, 16, 28, 29, 33
BACK = b"\xc0\x0c"  # to the question's name


def head(number: int, flags: int, *counts: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in (number, flags, *counts))


def question(kind: int = A, name: bytes = NAME) -> bytes:
    return name + kind.to_bytes(2, "big") + IN


def record(kind: int, rdata: bytes, name: bytes = BACK, ttl: int = 300) -> bytes:
    return name + kind.to_bytes(2, "big") + IN + ttl.to_bytes(4, "big") + len(rdata).to_bytes(2, "big") + rdata


def query(number: int = 1, kind: int = A, more: bytes = b"", name: bytes = NAME) -> bytes:
    return head(number, 0x0100, 1, 0, 0, 1 if more else 0) + question(kind, name) + more


def response(*records: bytes, number: int = 1, flags: int = 0x8180, kind: int = A) -> bytes:
    return head(number, flags, 1, len(records), 0, 0) + question(kind) + b"".join(records)


ADDRESS = record(A, bytes([192, 0, 2, 1]))


def read(*messages: tuple[int, bytes | int], stream: bool = False, **kwargs: Any) -> list[dict[str, Any]]:
    return trial(DISSECTOR, list(messages), stream=stream, **kwargs)["dns"]


def verdict(octets: bytes, hint: int = 0) -> int:
    return int(identify(np.frombuffer(octets, np.uint8), 0, len(octets), hint))


def test_query_and_response_are_one_row() -> None:
    (row,) = read((0, query()), (1, response(ADDRESS)))
    assert (row["transport"], row["trans_id"], row["rtt"]) == ("udp", 1, 1_000_000)
    assert (row["query"], row["qtype_name"], row["qclass_name"]) == ("www.example.org", "A", "C_INTERNET")
    assert (row["rcode_name"], row["opcode_name"]) == ("NOERROR", "query")
    assert (row["aa"], row["tc"], row["rd"], row["ra"], row["truncated"]) == (False, False, True, True, False)
    assert (row["answers"], row["ttls"], row["answer_types"]) == (["192.0.2.1"], [300], [A])
    assert (row["total_answers"], row["anomaly"], row["status"]) == (1, [], 0)


def u16s(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


RDATA: dict[str, tuple[int, bytes, str]] = {
    "A": (A, bytes([192, 0, 2, 1]), "192.0.2.1"),
    "AAAA": (AAAA, bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
    "CNAME": (CNAME, b"\x01x" + BACK, "x.www.example.org"),
    "SOA": (SOA, BACK + b"\x04root" + BACK + bytes(20), "www.example.org"),
    "MX": (MX, u16s(10) + b"\x04mail" + BACK, "mail.www.example.org"),
    "TXT": (TXT, b"\x03a b\x00\x02\x07c", r"TXT 3 a b TXT 0  TXT 2 \x07c"),
    "SPF": (99, b"\x06v=spf1", "SPF 6 v=spf1"),
    "SRV": (SRV, u16s(0, 5, 5060) + b"\x03sip" + NAME, "sip.www.example.org"),
    "WKS": (WKS, bytes([192, 0, 2, 1, 6]) + bytes(4), ""),
    "HINFO": (HINFO, b"\x03PDP\x04UNIX", "HINFO PDP UNIX"),
    "LOC": (LOC, bytes([0, 0x12, 0x16, 0x13]) + bytes(12), "LOC:  18 22 19"),  # RFC 1876 §2, raw octets
    # RFC 3403 §6.2 in shape
    "NAPTR": (35, u16s(100, 10) + b"\x01u\x07E2U+sip\x0b!^.*$!sip:!\x00", "NAPTR 100 10 u E2U+sip !^.*$!sip:!"),
    "DS": (43, u16s(60485) + bytes([5, 1]) + bytes(20), "DS 5 1"),  # RFC 4034 §5.4
    "SSHFP": (44, bytes([2, 1, 0x12, 0x34, 0xAB]), "SSHFP: 1234ab"),
    "RRSIG": (46, u16s(1) + bytes([5, 3]) + bytes(14) + b"\x07example\x03com\x00" + bytes(64), "RRSIG 1 example.com"),
    "RRSIG of the root": (46, u16s(6) + bytes([8, 0]) + bytes(14) + ROOT + bytes(64), "RRSIG 6 <Root>"),
    "NSEC": (47, b"\x04host\x07example\x03com\x00\x00\x01\x40", "NSEC www.example.org host.example.com"),
    "DNSKEY": (48, u16s(256) + bytes([3, 5]) + bytes(64), "DNSKEY 5"),  # RFC 4034 §2.3
    "NSEC3": (50, bytes([1, 1, 0, 12, 4]) + bytes(30), "NSEC3"),
    "NSEC3PARAM": (51, bytes([1, 0, 0, 12, 4]) + bytes(4), "NSEC3PARAM"),
    "BINDS": (65534, bytes(5), "BIND9 signing signal"),
    "CAA": (257, b"\x00\x05issueca.example.net", "CAA 0 issue ca.example.net"),  # RFC 8659 §4.1
    # RFC 9460 appendix D.2, figures 3 and 9
    "SVCB": (64, u16s(16) + b"\x03foo\x07example\x03com\x00" + u16s(3, 2, 53), "SVCB 16 foo.example.com port=53"),
    "HTTPS": (
        65,
        u16s(16) + ROOT + u16s(1, 6) + b"\x02h2\x02h3" + u16s(4, 4) + bytes([192, 0, 2, 1]) + u16s(667, 1) + b"x",
        "HTTPS 16 <Root> alpn=h2,h3 ipv4hint=192.0.2.1 key667",
    ),
    "an unknown type": (731, b"abc", "<unknown type=731>"),
}


@pytest.mark.parametrize("name", RDATA)
def test_data_of_each_type_reads_as_zeek_prints_it(name: str) -> None:
    kind, rdata, text = RDATA[name]
    (row,) = read((0, query(kind=kind)), (1, response(record(kind, rdata), kind=kind)))
    assert (row["answers"], row["answer_types"], row["status"], row["anomaly"]) == ([text], [kind], 0, [])


@pytest.mark.parametrize("name", RDATA)
def test_no_prefix_reads_what_lies_behind_it(name: str) -> None:
    kind, rdata, _ = RDATA[name]
    whole = response(record(kind, rdata), kind=kind)
    for length in range(len(whole)):
        cut = whole[:length]
        assert read((1, cut), suffix=b"\0" * 70) == read((1, cut), suffix=b"\xff" * 70)
        assert [row["status"] for row in read((1, cut))] == [1]


def test_data_too_short_for_its_type_is_malformed() -> None:
    (row,) = read((0, query()), (1, response(record(A, b"\xc0\x00"), ADDRESS)))
    assert (row["status"], row["answers"]) == (2, ["", "192.0.2.1"])


def test_answers_go_to_the_oldest_query_with_their_number() -> None:
    rows = read(
        (0, query(1)), (0, query(2, AAAA)), (0, query(1)), (1, response(number=2, flags=0x8183, kind=AAAA)),
        (1, response(ADDRESS)),
    )  # fmt: skip
    assert [(row["trans_id"], row["rcode_name"], row["rtt"]) for row in rows] == [
        (2, "NXDOMAIN", 2_000_000), (1, "NOERROR", 4_000_000), (1, None, None),
    ]  # fmt: skip
    assert [row["anomaly"] for row in rows] == [[], [], ["unanswered"]]


def test_a_response_alone_is_unasked() -> None:
    (row,) = read((1, response(ADDRESS)))
    assert (row["anomaly"], row["query"], row["rtt"], row["rd"]) == (["unasked"], "www.example.org", None, None)
    (row,) = read((1, head(0, 0x8400, 0, 1, 0, 0) + record(A, bytes(4), NAME)))  # as mDNS does, without question
    assert (row["query"], row["answers"], row["qtype"]) == ("www.example.org", ["0.0.0.0"], None)


def test_rejection_repeats_the_question_at_most() -> None:
    (row,) = read((0, query()), (1, response(flags=0x8185)))
    assert (row["rcode_name"], row["rejected"]) == ("REFUSED", True)
    (row,) = read((0, query()), (1, head(1, 0x8181, 0, 0, 0, 0)))
    assert row["rejected"] is True


def test_other_sections_and_extensions_are_read() -> None:
    subnet = u16s(8, 7, 1, 0x1800) + bytes([192, 0, 2])
    option = ROOT + u16s(41, 1232) + bytes([0, 0, 0x80, 0]) + u16s(len(subnet)) + subnet
    answer = head(1, 0x8400, 1, 0, 1, 2) + question() + record(NS, b"\x02ns" + BACK) + ADDRESS + option
    (row,) = read((0, query(more=option)), (1, answer))
    assert (row["edns_size"], row["edns_version"], row["dnssec_ok"], row["client_subnet_seen"]) == (1232, 0, True, True)
    assert (row["auth"], row["addl"], row["answers"]) == (["ns.www.example.org"], ["192.0.2.1"], None)
    assert (row["auth_count"], row["addl_count"]) == (1, 2)


@pytest.mark.parametrize(
    ("name", "text", "odd"),
    [
        (ROOT, "", []),
        (b"\x03a.b\x01\x07\x04\xc3\xa4\xc3\xb6\x00", r"a.b.\x07.äö", []),
        (b"\x01x\xc0\x0c", "x.x", ["bad_pointer"]),  # to itself
        (b"\x01x\xc0\xff", "x", ["bad_pointer"]),  # forward
        (b"\x3f" + b"y" * 63 + b"\x00", "y" * 63, []),
    ],
)
def test_odd_names_are_read_and_end(name: bytes, text: str, odd: list[str]) -> None:
    (row,) = read((0, query(name=name)))
    assert (row["query"], row["anomaly"]) == (text, ["unanswered", *odd])


def test_pointers_may_lead_to_pointers() -> None:  # RFC 1035 §4.1.4, the example's shape
    first, second = record(CNAME, b"\x03FOO" + BACK), record(CNAME, b"\xc0\x2d")
    (row,) = read((0, query()), (1, response(first, second)))
    assert row["answers"] == ["foo.www.example.org", "foo.www.example.org"]


def test_what_waits_is_bounded() -> None:
    rows = read(*[(0, query(number)) for number in range(MAX_PENDING + 2)])
    assert [row["trans_id"] for row in rows] == list(range(MAX_PENDING + 2))
    assert sum("too_many_pending" in row["anomaly"] for row in rows) == 2


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


def test_segmentation_changes_no_row() -> None:
    asked, answered = framed(query(1), query(2, AAAA)), framed(response(ADDRESS), response(number=2, kind=AAAA))
    whole = read((0, asked), (1, answered), stream=True)
    cut = [(0, asked[n : n + 1]) for n in range(len(asked))] + [(1, answered[n : n + 1]) for n in range(len(answered))]
    assert len(whole) == 2
    assert [{**row, "ts": 0, "rtt": 0} for row in read(*cut, stream=True)] == [
        {**row, "ts": 0, "rtt": 0} for row in whole
    ]
    assert whole[0]["transport"] == "tcp"


def test_after_a_gap_the_next_message_is_found() -> None:
    rows = read((0, framed(query(1))[:9]), (0, 40), (0, b"rest of it"), (0, framed(query(2))), stream=True)
    assert [row["trans_id"] for row in rows] == [2]


def test_only_the_name_is_kept_where_only_names_are_wanted() -> None:
    state: dict[str, Any] = {}
    (row,) = read((0, query()), (1, response(ADDRESS)), names_only=True, conn=state)
    assert (row["query"], row["answers"], row["anomaly"]) == ("www.example.org", None, [])
    assert state["done"].tolist() == [1, 1]


def test_identification_is_strict_off_the_port() -> None:
    assert verdict(query()) == verdict(response(ADDRESS), FROM_RESP) == Verdict.MAYBE
    assert verdict(query(), OWN_PORT) == verdict(framed(query()), OWN_PORT | STREAM) == Verdict.YES
    assert verdict(query()[:14], OWN_PORT) == verdict(framed(query())[:14], OWN_PORT | STREAM) == Verdict.YES
    assert verdict(query()[:11], OWN_PORT) == verdict(query()[:14]) == Verdict.NO
    assert verdict(query() + b"more") == verdict(query()[:-1]) == Verdict.NO
    assert verdict(query(kind=300)) == verdict(head(1, 0x0100, 0, 0, 0, 0)) == Verdict.NO
    random = np.random.default_rng(7)
    for _ in range(3000):
        assert verdict(random.bytes(40)) == Verdict.NO


SAMPLES = {
    "dns": [
        Sample([(0, query()), (1, response(ADDRESS))], ports=(40000, 53)),
        Sample(
            [
                (0, query(number=7, kind=MX)),
                (1, response(*[record(*RDATA[name][:2]) for name in RDATA], number=7, kind=MX)),
            ]
        ),
        Sample([(0, framed(query())), (1, framed(response(ADDRESS)))], stream=True, ports=(40000, 53)),
    ]
}

"""Every protocol that is only named: one payload from its specification, and what must not pass for it."""

import numpy as np
import pytest

from sonde.identify import told_applications
from sonde.identify.applications import OWN_LIST, read_list
from sonde.identify.catalogue import identified_only
from sonde.identify.match import first_fit
from tests.identify.asking import (
    ONLY_PORT,
    PAIR,
    PORT,
    PORT_PAIR,
    SURE,
    TCP,
    UDP,
    Sample,
    ask,
    h,
    hint_for,
    matcher,
    protocols,
)
from tests.identify.samples import SAMPLES

FREE_PORT = 39999  # registered for nothing
BY_OCTETS = [protocol for protocol in identified_only() if protocol.signatures or protocol.identify is not None]


def ident(sample: Sample) -> str:
    return f"{sample.name}: {sample.remark}"


def test_every_protocol_has_a_sample() -> None:
    assert {protocol.name for protocol in BY_OCTETS} - {sample.name for sample in SAMPLES} == set()


@pytest.mark.parametrize("sample", SAMPLES, ids=ident)
def test_a_payload_is_known_on_its_port(sample: Sample) -> None:
    answer = ask(sample.octets, sample.transport, sample.port, sample.side)
    assert sample.name in answer.candidates
    if sample.sure in (PAIR, PORT_PAIR):
        assert answer.protocol is None
    else:
        assert answer.protocol == sample.name


@pytest.mark.parametrize("sample", SAMPLES, ids=ident)
def test_on_another_port_only_what_is_sure_decides(sample: Sample) -> None:
    answer = ask(sample.octets, sample.transport, FREE_PORT, sample.side)
    assert answer.protocol == (sample.name if sample.sure == SURE else None)
    assert (sample.name in answer.candidates) == (sample.sure not in (ONLY_PORT, PORT_PAIR))


@pytest.mark.parametrize("sample", SAMPLES, ids=ident)
def test_a_first_octet_changed_or_a_half_cut_off_is_not_taken_for_sure(sample: Sample) -> None:
    """Damage may leave a protocol recognisable; it must never make another of it."""
    changed = bytes([sample.octets[0] ^ 0xFF]) + sample.octets[1:]
    for damaged in (changed, sample.octets[: len(sample.octets) // 2] or b"\xff"):
        answer = ask(damaged, sample.transport, FREE_PORT, sample.side)
        assert answer.protocol in (None, sample.name), answer


NOT = [
    ("stun", UDP, 3478, h("0001 0004 2112a442 000102030405060708090a0b"), "the length tells of four octets more"),
    ("snmp", UDP, 161, h("30 26 02 01 02 04 06 7075626c6963"), "there is no version 2 (that is 2c, and is 1)"),
    ("ldap", TCP, 389, h("30 0c 02 01 01 61 07 0a 01 00 04 00 04 00"), "an answer, from the client"),
    ("radius", UDP, 1812, h("01 2a 0021") + bytes(28), "the length is not the payload's"),
    ("kerberos", UDP, 88, h("6a 2c 30 2a a1 03 02 01 04"), "version 4"),
    ("bgp", TCP, 179, b"\xff" * 16 + h("0012 04"), "shorter than its header"),
    ("iec104", TCP, 2404, h("68 04 0f 00 00 00"), "an unnumbered frame that sets and answers at once"),
    ("modbus", TCP, 502, h("0001 0001 0006 01 03 0000 000a"), "another protocol identifier"),
    ("dns", UDP, 53, h("00"), "an octet"),
    ("wireguard", UDP, 51820, h("01000000") + bytes(145), "an octet too long"),
    ("openvpn", UDP, 1194, h("38 0102030405060708 00 00000001"), "a first packet numbered 1"),
    ("ike", UDP, 500, h("0001020304050607 0000000000000000 21 30 22 08 00000000 0000001c"), "version 3"),
    ("tftp", UDP, 69, h("0001") + b"rfc1350.txt\0binary\0", "no mode of TFTP"),
    ("rtcp", UDP, 40001, h("80 c8 0007 deadbeef"), "longer than the datagram"),
    ("syslog", UDP, 514, b"<192>1 - - - - - -", "priorities end with 191"),
    ("mqtt", TCP, 1883, h("10 10 0004") + b"MQTT" + h("09"), "no version of MQTT"),
    ("coap", UDP, 5683, h("40 01 0001 f5") + b"hello", "a reserved difference"),
    ("smb", TCP, 445, h("00000040 ff534d43") + bytes(56), "SMC"),
    ("socks", TCP, 1080, h("05 02 00"), "a method is missing"),
    ("http", UDP, 80, b"GET / HTTP/1.1\r\n\r\n", "not in datagrams"),
]


@pytest.mark.parametrize(("name", "transport", "port", "octets", "remark"), NOT, ids=[f"{n[0]}: {n[4]}" for n in NOT])
def test_what_breaks_a_rule_is_not_the_protocol(
    name: str, transport: str, port: int, octets: bytes, remark: str
) -> None:
    assert ask(octets, transport, port).protocol != name, remark


def test_kinds_of_samples_are_few() -> None:
    assert {sample.sure for sample in SAMPLES} == {SURE, PORT, ONLY_PORT, PAIR, PORT_PAIR}


def test_every_application_that_payloads_tell_is_in_the_list() -> None:
    known = {item.name for item in read_list(OWN_LIST)}
    assert {name for protocol in protocols() for name, _ in protocol.applications} <= known


ICE = h("2112a442 000102030405060708090a0b")
TOLD = [
    ("stun", h("0003 0008") + ICE + h("4000 0004 01020304"), "whatsapp-calls", "its own attribute first"),
    ("stun", h("0003 0010") + ICE + h("0014 000a") + b"signal.org\0\0", "signal-calls", "RFC 8489 §14.9: the realm"),
    ("stun", h("0001 0008") + ICE + h("8054 0004 31000000"), "teams-calls", "MS-ICE2 §2.2.1"),
    ("stun", h("0001 0000") + ICE, None, "nothing"),
    ("http", b'POST /StockQuote HTTP/1.1\r\nHost: x\r\nSOAPAction: "urn:x"\r\n\r\n', "soap", "SOAP 1.1 §6.1.1"),
    ("http", b"PROPFIND /file HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "webdav", "RFC 4918 §9.1.3"),
    ("http", b"POST /printers/1 HTTP/1.1\r\nContent-Type: application/ipp\r\n\r\n", "ipp", "RFC 8010 §4"),
    ("http", b"GET /live/output.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n", "hls", "RFC 8216 §4"),
    ("http", b"GET /a/manifest.mpd?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "mpeg-dash", "ISO/IEC 23009-1"),
    (
        "http",
        b"GET /uri-res/N2R?urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB HTTP/1.1\r\n",
        "gnutella-transfer",
        "HUGE §3",
    ),
    ("http", b"RPC_IN_DATA /rpc/rpcproxy.dll?server:593 HTTP/1.1\r\n\r\n", "rpc-over-http-proxy", "MS-RPCH §2.1.2.1"),
    ("http", b"GET /;stream HTTP/1.1\r\nIcy-MetaData: 1\r\n\r\n", "icecast-http", "SHOUTcast"),
    ("http", b"GET /manual.m3u8x HTTP/1.1\r\nHost: x\r\n\r\n", None, "another ending"),
    (
        "dcerpc",
        h("04 00 2000 000000 00 dea000006c9711d1827100010101014d dea000016c9711d1827100a02442df7d").ljust(80, b"\0"),
        "profinet-io",
        "IEC 61158-6-10: interface of a device",
    ),
    (
        "xmpp",
        b"<stream:stream xmlns='jabber:client' to='im.truphone.com' version='1.0'>",
        "truphone",
        "RFC 6120 §4.7.2: to whom",
    ),
    (
        "netbios-dgm",
        h("11 02 8000 c0000201 008a 00c0 0000 20")
        + b"A" * 32
        + h("00 20")
        + b"A" * 32
        + h("00 ff534d42 25")
        + bytes(40),
        "smb-mailslots",
        "RFC 1002 §4.4.2, MS-BRWS §2.2",
    ),
]


@pytest.mark.parametrize(("protocol", "octets", "name", "remark"), TOLD, ids=[f"{case[0]}: {case[3]}" for case in TOLD])
def test_payloads_of_a_protocol_tell_an_application(
    protocol: str, octets: bytes, name: str | None, remark: str
) -> None:
    names, known = told_applications(protocols()), matcher()
    number = [each.name for each in protocols()].index(protocol)
    hint = hint_for(TCP if protocol in ("http", "xmpp") else UDP, 3478)
    runs, wire = known.telling, np.frombuffer(octets, np.uint8)
    found = int(first_fit(known.lookup, runs[number], runs[number + 1], wire, 0, len(octets), hint))
    assert (names[found - int(known.rules[-1])] if found >= 0 else None) == name, remark

"""Flows that others announce: linked with what announced them, and named where they have no form of their own."""

from pathlib import Path
from typing import Any

import pytest

import sonde
from tests.identify.asking import h
from tests.maker import CLIENT, SERVER, START_NS, Frame, conversation, write_pcap

MINUTE_NS = 60_000_000_000
LISTING = b"drwxr-xr-x 2 ftp ftp 4096 Jan 1 00:00 pub\r\n"
VOICE = [(0, h("8000") + bytes([0, n]) + h("000000a0 12345678") + bytes(160)) for n in range(6)]


def flows_of(tmp_path: Path, frames: list[Frame], lanes: int = 1) -> dict[tuple[int, int], dict[str, Any]]:
    """Read a capture; give its flows by both ports."""
    path = write_pcap(tmp_path / "made.pcap", sorted(frames, key=lambda frame: frame[0]))
    with sonde.read(path, policy="clear", lanes=lanes) as capture:
        return {(flow["orig_port"], flow["resp_port"]): flow for flow in capture.flows.to_pylist()}


def after(minutes: float) -> int:
    return START_NS + int(minutes * MINUTE_NS)


def control(*lines: tuple[int, bytes]) -> list[Frame]:
    greeting = [(1, b"220 FTP server ready\r\n"), (0, b"USER anonymous\r\n"), (1, b"331 Password\r\n")]
    return conversation([*greeting, *lines], stream=True, ports=(40000, 21))


ANNOUNCED = [
    (
        [(0, b"PASV\r\n"), (1, b"227 Entering Passive Mode (198,51,100,2,200,13).\r\n")],
        (40001, 51213),
        "RFC 959 §4.2: 227",
    ),
    ([(0, b"EPSV\r\n"), (1, b"229 Entering Extended Passive Mode (|||6446|)\r\n")], (40001, 6446), "RFC 2428 §3: 229"),
]
CALLED_BACK = [
    (b"PORT 192,0,2,1,156,66\r\n", 40002, "RFC 959 §4.1.2: PORT"),
    (b"EPRT |1|192.0.2.1|40002|\r\n", 40002, "RFC 2428 §2: EPRT"),
]


@pytest.mark.parametrize(("lines", "ports", "remark"), ANNOUNCED, ids=[case[2] for case in ANNOUNCED])
def test_data_of_ftp_are_announced_by_the_server(
    lines: list[tuple[int, bytes]], ports: tuple[int, int], remark: str, tmp_path: Path
) -> None:
    data = conversation([(1, LISTING)], stream=True, ports=ports, start_ns=after(1))
    flows = flows_of(tmp_path, control(*lines) + data)
    found = flows[ports]
    assert (found["protocol"], found["evidence"]) == ("ftp-data", "expected"), remark
    assert found["parent"] == flows[40000, 21]["uid"]


@pytest.mark.parametrize(("line", "port", "remark"), CALLED_BACK, ids=[case[2] for case in CALLED_BACK])
def test_data_of_ftp_are_announced_by_the_client(line: bytes, port: int, remark: str, tmp_path: Path) -> None:
    hosts = (SERVER, CLIENT)
    data = conversation([(0, LISTING)], stream=True, ports=(20, port), hosts=hosts, start_ns=after(1))
    found = flows_of(tmp_path, control((0, line)) + data)[20, port]
    assert (found["protocol"], found["evidence"]) == ("ftp-data", "expected"), remark


def test_what_comes_too_late_or_from_elsewhere_was_not_announced(tmp_path: Path) -> None:
    lines = [(0, b"EPSV\r\n"), (1, b"229 Entering Extended Passive Mode (|||6446|)\r\n")]
    late = conversation([(1, LISTING)], stream=True, ports=(40001, 6446), start_ns=after(6))
    other = conversation(
        [(1, LISTING)], stream=True, ports=(40003, 6446), hosts=("192.0.2.9", SERVER), start_ns=after(1)
    )
    flows = flows_of(tmp_path, control(*lines) + late + other)
    assert [flows[ports]["parent"] for ports in ((40001, 6446), (40003, 6446))] == [None, None]
    assert {flows[ports]["protocol"] for ports in ((40001, 6446), (40003, 6446))} == {None}


def test_numbers_that_are_no_port_announce_nothing(tmp_path: Path) -> None:
    lines = [
        (1, b"227 Entering Passive Mode (1,2,3,4,999,13)\r\n"),
        (1, b"229 (|||99999|)\r\n"),
        (1, b"227 (1,2,3\r\n"),
    ]
    data = conversation([(1, LISTING)], stream=True, ports=(40001, 13), start_ns=after(1))
    assert flows_of(tmp_path, control(*lines) + data)[40001, 13]["parent"] is None


def test_data_of_ftp_under_tls_are_tls_and_linked(tmp_path: Path) -> None:
    lines = [(0, b"EPSV\r\n"), (1, b"229 Entering Extended Passive Mode (|||6446|)\r\n")]
    hello = h("16 0301 0031 01 00002d 0303") + bytes(32) + h("00 0002 1301 01 00 0000")
    data = conversation([(0, hello.ljust(54, b"\0"))], stream=True, ports=(40001, 6446), start_ns=after(1))
    flows = flows_of(tmp_path, control(*lines) + data)
    assert flows[40001, 6446]["protocol"] == "tls"
    assert flows[40001, 6446]["parent"] == flows[40000, 21]["uid"]


def test_a_transfer_of_tftp_belongs_to_its_request(tmp_path: Path) -> None:
    request = conversation([(0, h("0001") + b"rfc1350.txt\0octet\0")], stream=False, ports=(40000, 69))
    hosts = (SERVER, CLIENT)
    blocks = conversation(
        [(0, h("0003 0001") + b"x" * 512)], stream=False, ports=(50000, 40000), hosts=hosts, start_ns=after(1)
    )
    flows = flows_of(tmp_path, request + blocks)
    (found,) = [flow for ports, flow in flows.items() if 50000 in ports]
    assert (found["protocol"], found["evidence"]) == ("tftp", "expected")
    assert found["parent"] == flows[40000, 69]["uid"]


def test_media_follow_from_a_description_in_sip(tmp_path: Path) -> None:
    offer = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n"
    invite = b"INVITE sip:bob@example.org SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n" + offer
    hosts = (SERVER, CLIENT)
    frames = conversation([(0, invite)], stream=False, ports=(5060, 5060))
    frames += conversation(VOICE[:1], stream=False, ports=(30000, 49170), hosts=hosts, start_ns=after(1))
    flows = flows_of(tmp_path, frames)
    (found,) = [flow for ports, flow in flows.items() if 49170 in ports]
    assert (found["protocol"], found["evidence"]) == ("rtp", "expected")
    assert found["parent"] == flows[5060, 5060]["uid"]


def test_one_datagram_that_nobody_announced_is_not_believed_to_be_media(tmp_path: Path) -> None:
    flows = flows_of(tmp_path, conversation(VOICE[:1], stream=False, ports=(30000, 49170)))
    assert flows[30000, 49170]["protocol"] is None


def test_media_follow_from_the_transport_of_rtsp(tmp_path: Path) -> None:
    setup = (
        b"SETUP rtsp://example.org/a RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=4588-4589\r\n\r\n"
    )
    reply = b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257\r\n\r\n"
    frames = conversation([(0, setup), (1, reply)], stream=True, ports=(40000, 554))
    frames += conversation(VOICE[:1], stream=False, ports=(6256, 4588), hosts=(SERVER, CLIENT), start_ns=after(1))
    flows = flows_of(tmp_path, frames)
    (found,) = [flow for ports, flow in flows.items() if 4588 in ports]
    assert (found["protocol"], found["evidence"]) == ("rtp", "expected")
    assert found["parent"] == flows[40000, 554]["uid"]


def test_channels_of_h323_are_linked(tmp_path: Path) -> None:
    """H.225.0 CONNECT: Q.931 with the address of H.245 in it, four octets and a port."""
    answer = h("0300 0020 08 02 8001 07 7e 0012 05 22c006 0008914a00") + h("c6336402 04b7") + bytes(4)
    call = h("0300 000e 08 02 0001 05 04 03 8090a3")
    frames = conversation([(0, call), (1, answer)], stream=True, ports=(40000, 1720))
    capabilities = h("0300 0010 02 70 01 06000881750007 0001")
    frames += conversation([(0, capabilities)], stream=True, ports=(40001, 1207), start_ns=after(1))
    flows = flows_of(tmp_path, frames)
    assert flows[40001, 1207]["protocol"] == "h323"
    assert flows[40001, 1207]["parent"] == flows[40000, 1720]["uid"]


def test_endpoints_of_rpc_are_linked(tmp_path: Path) -> None:
    """C706 appendix L: floors of a tower: TCP port 49664, then the address."""
    bind = h("05 00 0b 03 10000000 4800 0000 01000000 d016 d016 00000000 01000000") + bytes(44)
    tower = h("0100 07 0200 c200 0100 09 0400 c6336402")
    answer = h("05 00 02 03 10000000 3400 0000 02000000 1c000000 0000 00 00") + bytes(15) + tower
    frames = conversation([(0, bind), (1, answer)], stream=True, ports=(40000, 135))
    frames += conversation([(0, bind)], stream=True, ports=(40001, 49664), start_ns=after(1))
    flows = flows_of(tmp_path, frames)
    assert flows[40001, 49664]["protocol"] == "dcerpc"
    assert flows[40001, 49664]["parent"] == flows[40000, 135]["uid"]


def test_how_many_are_waited_for_is_bounded_and_counted(tmp_path: Path) -> None:
    """A session that announces 3,000 ports: the table holds 1,024, and says how many it let go."""
    lines = [(1, b"229 Entering Extended Passive Mode (|||%d|)\r\n" % port) for port in range(2000, 5000)]
    path = write_pcap(tmp_path / "made.pcap", control(*lines))
    with sonde.read(path, policy="clear", lanes=1) as capture:
        assert 1500 < capture.manifest["bounds"]["announcement_displaced"] < 2500


def test_a_rule_and_how_long_it_took_are_told(tmp_path: Path) -> None:
    frames = conversation([(1, b"SSH-2.0-OpenSSH_9.6\r\n")], stream=True, ports=(40000, 22))
    frames += conversation(VOICE, stream=False, ports=(40001, 41000))
    frames += conversation([(0, b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n")], stream=True, ports=(40002, 8123))
    flows = flows_of(tmp_path, frames)
    assert flows[40000, 22]["rule"].startswith("ssh ")
    assert flows[40000, 22]["took"] == 1
    assert (flows[40001, 41000]["protocol"], flows[40001, 41000]["took"]) == ("rtp", 4)
    assert (flows[40002, 8123]["rule"], flows[40002, 8123]["evidence"]) == ("http structure", "structure")

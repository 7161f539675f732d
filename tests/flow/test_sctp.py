"""What SCTP carries is named by the identifiers of its messages (RFC 9260 §3.3.1), wherever in a packet they begin."""

import struct
from pathlib import Path

import pytest

import sonde
from tests.maker import CLIENT, SERVER, ethernet, ip, write_pcap

SETUP = bytes.fromhex("0011001d000003003b40080000f11000001000004000070000004000f11000894001 40".replace(" ", ""))
S1AP, NGAP, BEGINS, ENDS = 18, 60, 2, 1


def chunk(kind: int, flags: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("!BBH", kind, flags, length) + value + bytes(-length % 4)


def data(identifier: int, octets: bytes, flags: int = BEGINS | ENDS) -> bytes:
    return chunk(0, flags, struct.pack("!IHHI", 1, 0, 0, identifier) + octets)


def long_data(identifier: int, octets: bytes) -> bytes:
    """Spell an I-DATA chunk (RFC 8260 §2.1)."""
    return chunk(64, BEGINS | ENDS, struct.pack("!IHHII", 1, 0, 0, 0, identifier) + octets)


INIT = chunk(1, 0, struct.pack("!IIHHI", 7, 65535, 10, 10, 1))
SACK = chunk(3, 0, struct.pack("!IIHH", 1, 65535, 0, 0))


def flows(folder: Path, *packets: bytes, ports: tuple[int, int] = (40000, 50000)) -> list[dict[str, object]]:
    head = struct.pack("!HHII", *ports, 7, 0)
    frames = [
        (number * 1_000_000, ethernet(ip(CLIENT, SERVER, 132, head + packet)))
        for number, packet in enumerate(packets, 1)
    ]
    capture = write_pcap(folder / "sctp.pcap", frames)  # type: ignore[arg-type]
    with sonde.read(capture, tables=["flows"], policy="clear") as dataset:
        return dataset.flows.to_pylist()


@pytest.mark.parametrize(
    ("packets", "name"),
    [
        ((INIT, data(S1AP, SETUP)), "s1ap"),
        ((SACK + data(S1AP, SETUP),), "s1ap"),
        ((long_data(S1AP, SETUP),), "s1ap"),
        ((data(S1AP, SETUP[:20], BEGINS),), "s1ap"),
        ((data(S1AP, SETUP[20:], ENDS), data(S1AP, SETUP)), "s1ap"),
        ((data(46, bytes.fromhex("0100001480000101000000000000000100000001")),), "diameter"),
    ],
    ids=["after INIT", "behind SACK", "I-DATA", "begun", "in the middle first", "Diameter"],
)
def test_a_message_names_its_flow(packets: tuple[bytes, ...], name: str, tmp_path: Path) -> None:
    (flow,) = flows(tmp_path, *packets)
    assert (flow["protocol"], flow["layers"]) == (name, ["ipv4", "sctp", name])
    assert flow["evidence"] == "signature"
    assert flow["transport"] == "sctp"


def test_without_identifier_only_the_port_tells(tmp_path: Path) -> None:
    (flow,) = flows(tmp_path, data(0, SETUP), ports=(40000, 36412))
    assert (flow["protocol"], flow["evidence"]) == ("s1ap", "port_and_signature")
    (flow,) = flows(tmp_path, data(0, SETUP))
    assert (flow["protocol"], flow["evidence"]) == ("sctp", "ip_protocol")


@pytest.mark.parametrize(
    "packet",
    [
        INIT,
        b"",
        b"\0",
        chunk(0, BEGINS, b"")[:4],
        b"\0\3\0\2",  # shorter than its own head
        b"\0\3\0\0" * 100,
        b"\0\3\xff\xff" + bytes(11),  # cut off before the identifier
        data(S1AP, b""),
        data(S1AP, SETUP[:3]),
        data(9999, SETUP),
        chunk(3, 0, b"") * 300,
    ],
)
def test_what_says_nothing_stays_sctp(packet: bytes, tmp_path: Path) -> None:
    (flow,) = flows(tmp_path, packet)
    assert flow["protocol"] == "sctp"


def test_octets_of_sctp_are_no_datagram_of_udp(tmp_path: Path) -> None:
    """A message of DNS in SCTP is not looked for, nor is the identifier read as anything else."""
    query = bytes.fromhex("000101000001000000000000076578616d706c6503636f6d0000010001")
    (flow,) = flows(tmp_path, data(0, query), ports=(40000, 53))
    assert flow["protocol"] == "sctp"

"""mDNS, LLMNR and the NetBIOS name service: what they do otherwise than DNS."""

import numpy as np

from sonde.dissect import llmnr, mdns, nbns
from sonde.schema import OWN_PORT, STREAM, Verdict
from tests.bench import Sample, trial

SERVICE = b"\x04_ipp\x04_tcp\x05local\x00"
# RFC 6762: id 0, two questions, the second wants a unicast answer (top bit of its class)
MDNS_QUERY = bytes.fromhex("0000 0000 0002 0000 0000 0000") + SERVICE + b"\0\x0c\0\1" + SERVICE + b"\0\x21\x80\1"
MDNS_ANSWER = (
    bytes.fromhex("0000 8400 0000 0001 0000 0000")  # no question
    + SERVICE + b"\0\x0c" + b"\x80\1"  # PTR, cache-flush bit (§10.2)
    + bytes.fromhex("00001194 000a") + b"\x07Printer" + b"\xc0\x0c"
)  # fmt: skip
LLMNR_QUERY = bytes.fromhex("4620 0000 0001 0000 0000 0000") + b"\x04host\x00" + b"\0\1\0\1"


def encoded(name: bytes) -> bytes:
    """Spell a NetBIOS name by RFC 1001 §14.1."""
    octets = name.ljust(15) + b"\x00"
    return b"\x20" + b"".join(bytes((65 + (octet >> 4), 65 + (octet & 15))) for octet in octets) + b"\x00"


NB_QUERY = bytes.fromhex("ff6e 0110 0001 0000 0000 0000") + encoded(b"FRED") + b"\0\x20\0\1"
NB_ANSWER = (
    bytes.fromhex("ff6e 8500 0000 0001 0000 0000") + encoded(b"FRED") + b"\0\x20\0\1"
    + bytes.fromhex("00000064 0006 6000 c0000207")  # flags, 192.0.2.7
)  # fmt: skip
NB_STATUS = bytes.fromhex("0001 0000 0001 0000 0000 0000") + encoded(b"*") + b"\0\x21\0\1"


def test_of_several_questions_the_last_is_kept() -> None:
    (row,) = trial(mdns.DISSECTOR, [(0, MDNS_QUERY)], stream=False, ports=(5353, 5353))["dns"]
    assert (row["query"], row["qtype_name"], row["qclass"]) == ("_ipp._tcp.local", "SRV", 0x8001)
    assert row["questions"] == 2


def test_an_announcement_is_known_by_its_first_name() -> None:
    (row,) = trial(mdns.DISSECTOR, [(0, MDNS_ANSWER)], stream=False, ports=(5353, 5353))["dns"]
    assert (row["query"], row["answers"], row["ttls"]) == ("_ipp._tcp.local", ["printer._ipp._tcp.local"], [4500])
    assert (row["aa"], row["qtype"], row["anomaly"]) == (True, None, ["unasked"])


def test_netbios_names_are_decoded() -> None:
    messages = [(0, NB_QUERY), (1, NB_ANSWER)]
    (row,) = trial(nbns.DISSECTOR, messages, stream=False, ports=(137, 137))["dns"]
    assert (row["query"], row["qtype"], row["opcode_name"]) == ("FRED", 32, "netbios-query")
    assert (row["answers"], row["answer_types"]) == (["NB 192.0.2.7"], [32])
    (row,) = trial(nbns.DISSECTOR, [(0, NB_STATUS)], stream=False, ports=(137, 137))["dns"]
    assert (row["query"], row["qtype"], row["qtype_name"]) == ("*", 33, "NBSTAT")


def test_each_is_told_on_its_own_port_only() -> None:
    for module, octets in (
        (mdns, MDNS_QUERY), (mdns, MDNS_ANSWER), (llmnr, LLMNR_QUERY), (nbns, NB_QUERY), (nbns, NB_ANSWER),
    ):  # fmt: skip
        wire = np.frombuffer(octets, np.uint8)
        assert module.identify(wire, 0, len(wire), OWN_PORT) == Verdict.YES
        assert module.identify(wire, 0, len(wire), 0) == Verdict.NO
        for length in range(len(octets)):
            module.identify(wire[:length], 0, length, OWN_PORT)
    framed = np.frombuffer(len(LLMNR_QUERY).to_bytes(2, "big") + LLMNR_QUERY, np.uint8)
    assert llmnr.identify(framed, 0, len(framed), OWN_PORT | STREAM) == Verdict.YES
    plain = np.frombuffer(LLMNR_QUERY, np.uint8)
    assert nbns.identify(plain, 0, len(plain), OWN_PORT) == Verdict.NO


SAMPLES = {
    "mdns": [Sample([(0, MDNS_QUERY), (1, MDNS_ANSWER)], ports=(5353, 5353))],
    "llmnr": [Sample([(0, LLMNR_QUERY)], ports=(40000, 5355))],
    "nbns": [Sample([(0, NB_QUERY), (1, NB_ANSWER), (0, NB_STATUS)], ports=(137, 137))],
}

"""Who fires on whose payloads: all positives of one protocol are negatives for every other."""

from collections.abc import Iterator
from functools import cache

import pytest

from tests.conformance.samples import NAMES, samples_of
from tests.identify.asking import SCTP, TCP, UDP, Sample, ask, protocols
from tests.identify.samples import SAMPLES

FREE_PORT = 39999  # registered for nothing
FIRST_MESSAGES = 2  # of an exchange: what opens it, and what answers

# Who considers payloads of another that are not sure, on a port that says nothing; the other side must agree.
CONSIDERED = {
    ("dict", "ftp"): "220 greets in DICT, FTP, SMTP and VMware's daemon",
    ("dict", "smtp"): "as in DICT",
    ("fins", "rtp"): "0x80 begins both",
    ("ftp", "pop3"): "USER logs in to both",
    ("ftp", "smtp"): "220 greets",
    ("gelf", "ntp"): "flags of NTP may have any of 20 values",
    ("iax", "rtp"): "0x80 begins both",
    ("lifx", "nfs"): "zeros where an accepted reply of RPC has them",
    ("lifx", "portmap"): "as above",
    ("raknet", "bittorrent"): "uTP's header has hardly a fixed bit",
    ("srt", "rtp"): "0x80 begins both",
    ("tftp", "gamespy-query"): "answers of GameSpy begin with a zero",
    ("vmware-auth", "ftp"): "220 greets",
    ("vmware-auth", "smtp"): "220 greets",
}
# Who takes payloads of any other on a port of its own, and why; what is not here must not be.
ON_OWN_PORTS = {
    "dns": "on its port a header with plausible counts is DNS, if a damaged message: what is wrong is then told",
    "llmnr": "as DNS",
    "mdns": "as DNS",
    "finger": "a line of text is a query (RFC 1288 §2.3)",
    "gopher": "a line of text is a selector (RFC 1436 §2)",
    "whois": "a line of text is a query (RFC 3912 §2)",
    "esp": "port 4500 carries IKE and ESP alone, and ESP has nothing but numbers (RFC 3948 §2.2)",
    "ftp": "220 greets in SMTP too (RFC 959 §5.4, RFC 5321 §4.2)",
    "beanstalk": "memcached has some of its commands (stats)",
    "pop3": "FTP has its USER and PASS",
    "capwap": "port 5246: a header of 4.3 whose bits are nearly all free",
    "nat-pmp": "port 5351: two octets of zeros, and the length of a request",
    "dhcpv6": "port 546, 547: a type, then values that end with the datagram",
    "stun": "port 3478: channel data, a number and a length (RFC 8656 §12.4)",
    "ntp": "port 123: flags, and a header's 48 octets",
    "ethercat": "port 34980: a length in eleven bits, a type",
    "unistim": "port 5000: a number, two octets of few values",
    **dict.fromkeys(
        (
            "s1ap",
            "hnbap",
            "sbcap",
            "x2ap",
            "lcsap",
            "m2ap",
            "m3ap",
            "ngap",
            "xnap",
            "f1ap",
            "e1ap",
            "iua",
            "m2ua",
            "m3ua",
            "sua",
        ),
        "a message of SCTP without identifier, on the port of one of these, since all begin alike",
    ),
}


@cache
def positives() -> tuple[Sample, ...]:
    """Give every payload that is some protocol's: those that are named, and the first of those that are dissected."""
    return (*SAMPLES, *dissected())


def dissected() -> Iterator[Sample]:
    for name in NAMES:
        for exchange in samples_of(name)[:3]:
            said = [(side, octets) for side, octets in exchange.messages if isinstance(octets, bytes) and octets]
            for side, octets in said[:FIRST_MESSAGES]:
                transport = TCP if exchange.stream else UDP
                yield Sample(name, transport, exchange.ports[1], octets, "dissected", side="resp" if side else "orig")


def test_on_a_free_port_nobody_takes_what_is_anothers() -> None:
    taken = {
        (sample.name, answer.protocol)
        for sample in positives()
        if (answer := ask(sample.octets, sample.transport, FREE_PORT, sample.side)).protocol not in (None, sample.name)
    }
    assert taken <= SAME_WIRE, taken - SAME_WIRE


# Where two names are one wire form, told apart by port alone.
SAME_WIRE: set[tuple[str, str | None]] = {
    (one, other) for one in ("dns", "mdns", "llmnr", "nbns") for other in ("dns", "mdns", "llmnr", "nbns")
}


def test_who_only_considers_what_is_anothers_is_explained() -> None:
    considered = {
        (sample.name, other)
        for sample in SAMPLES
        for other in ask(sample.octets, sample.transport, FREE_PORT, sample.side).candidates - {sample.name}
    }
    assert considered == set(CONSIDERED)


@pytest.mark.parametrize("transport", [TCP, UDP, SCTP])
def test_on_a_registered_port_others_are_taken_only_where_that_is_explained(transport: str) -> None:
    """Each payload on the first registered port of every protocol."""
    ports = sorted({each[0] for p in protocols() if (each := getattr(p, f"{transport}_ports"))})
    taken: dict[str, set[str]] = {}
    for sample in positives():
        for port in ports if sample.transport == transport else ():
            answer = ask(sample.octets, transport, port, sample.side)
            if answer.protocol not in (None, sample.name) and (sample.name, answer.protocol) not in SAME_WIRE:
                taken.setdefault(str(answer.protocol), set()).add(f"{sample.name} on {port}")
    unexplained = {name: others for name, others in taken.items() if name not in ON_OWN_PORTS}
    assert unexplained == {}

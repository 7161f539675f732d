"""A filter chooses traffic, and never whose: what could name one host is refused."""

from ipaddress import ip_network

import pytest

from sonde.pipeline.filters import check_filter
from sonde.policy import PolicyError
from sonde.policy.terms import Network
from sonde.source import SourceError
from sonde.source.bpf import compile_filter

NETWORKS = [Network(ip_network("10.20.0.0/16"), "clients"), Network(ip_network("192.0.2.0/28"), "servers")]


@pytest.mark.parametrize(
    "text",
    [
        "not port 9000",
        "tcp and (port 80 or port 443) and net 10.20.0.0/16",
        "udp portrange 5000-6000 or icmp6",
        "not host 192.0.2.3",
        "src net 10.20.30.0/24 && !arp",
        "net 2001:db8:1::/48",
        "port domain",
        "greater 1000",
    ],
)
def test_what_chooses_by_protocol_port_and_network_may_be(text: str) -> None:
    assert check_filter(text, NETWORKS) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("host 10.20.0.7", "one host is one person"),
        ("net 10.20.0.0/25", "one host is one person"),
        ("host 2001:db8::1", "one host is one person"),
        ("net 2001:db8::/64", "one host is one person"),
        ("net 192.0.2.0/27 and not net 192.0.2.0/28", "one host is one person"),
        ("host alice.example.org", "no network"),
        ("net 10.20", "no network"),
        ("10.20.0.7", "may not say"),
        ("src 10.20.0.7", "may not say"),
        ("ether host 02:00:00:00:00:01", "may not say 'ether'"),
        ("ip[16:4] = 0x0a140007", "may not say"),
        ("tcp[20:4] = 0x47455420", "may not say"),
        ("vlan 7", "may not say"),
        ("dst host", "ends after 'host'"),
        ("port (80)", "number after 'port'"),
        ("proto 10.20.0.7", "number after"),
        ("x" * 3000, "2000 letters"),
    ],
)
def test_what_could_name_a_host_or_read_content_is_refused(text: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        check_filter(text, NETWORKS)


def libpcap() -> bool:
    try:
        return bool(compile_filter("ip", 1))
    except SourceError as error:
        return "not installed" not in str(error)


@pytest.mark.skipif(not libpcap(), reason="libpcap is not installed")
def test_libpcap_compiles_it() -> None:
    # `tcpdump -dd -y EN10MB ip`: ldh [12]; jeq #0x800; ret #262144; ret #0
    assert compile_filter("ip", 1) == bytes.fromhex(
        "28 00 00 00 0c 00 00 00 15 00 00 01 00 08 00 00 06 00 00 00 00 00 04 00 06 00 00 00 00 00 00 00"
    )
    with pytest.raises(SourceError, match=r"not understood .* see pcap-filter"):
        compile_filter("port and", 1)


def test_without_libpcap_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonde.source.bpf.NAMES", ("libnowhere.so.9",))
    with pytest.raises(SourceError, match="libpcap, which is not installed"):
        compile_filter("ip", 1)

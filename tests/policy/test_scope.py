"""The scope gate: what it lets pass is what `ipaddress` says, frame by frame, and the counts add up."""

import json
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.cli.main import main
from sonde.policy import Network, in_scope, new_scope
from sonde.table.packets import PACKET
from tests.maker import ethernet, ip, udp, write_pcap

NETS = ["10.20.0.0/16", "192.0.2.0/28", "2001:db8:1::/48", "2001:db8:2:100::/56", "10.0.0.0/8", "fd00::/8"]
HOSTS = [
    "10.20.3.4",
    "10.21.0.1",
    "192.0.2.15",
    "192.0.2.16",
    "2001:db8:1::1",
    "2001:db8:2:1ff::1",
    "2001:db8:2:200::1",
]
HOSTS += ["::ffff:10.20.0.1", "::a14:304", "0.0.0.0", "255.255.255.255", "fdff::1", "ff02::1"]


def halves(text: str) -> tuple[int, int]:
    address = ip_address(text)
    value = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return value >> 64, value & (1 << 64) - 1


def twin(pairs: list[tuple[str, str]], networks: list[str]) -> bool:
    """Say with `ipaddress` whether any endpoint is in any network; IPv4 within IPv6 is that IPv4 address."""
    for text in (each for pair in pairs for each in pair):
        address = ip_address(text)
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address.version == net.version and address in net for net in map(ip_network, networks)):
            return True
    return False


@given(
    st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from(HOSTS)), min_size=1, max_size=4),
    st.lists(st.sampled_from(NETS), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=200, deadline=None)
def test_the_kernel_says_what_its_twin_says(pairs: list[tuple[str, str]], networks: list[str]) -> None:
    packets = np.zeros(len(pairs) + 1, PACKET)
    for row, (src, dst) in enumerate(pairs):
        packets[row]["src_high"], packets[row]["src_low"] = halves(src)
        packets[row]["dst_high"], packets[row]["dst_low"] = halves(dst)
    scope = new_scope(Network(ip_network(each), "servers") for each in networks)
    assert bool(in_scope(packets, len(pairs), scope)) == twin(pairs, networks)


POLICY = """\
schema = 1
version = 1
operator = "Test"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = 2999-01-01T00:00:00Z
[[network]]
cidr = "10.20.0.0/16"
role = "clients"
[classes]
ENDPOINT = "keep"
PERSON = "drop"
[signatures]
policy = 0
"""
INSIDE, OUTSIDE, OTHER = "10.20.1.2", "198.51.100.7", "203.0.113.9"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SONDE_KEYS", str(tmp_path / "keys"))
    path = tmp_path / "office.toml"
    path.write_text(POLICY)
    return path


def read(tmp_path: Path, packets: list[bytes], policy: Path) -> tuple[dict, list[dict]]:
    capture = write_pcap(tmp_path / "a.pcap", [(10**18 + n * 10**6, ethernet(each)) for n, each in enumerate(packets)])
    out = tmp_path / "out"
    assert main(["read", str(capture), "-o", str(out), "--policy", str(policy), "--quiet", "--tables", "flows"]) == 0
    packets_told = json.loads((out / "manifest.json").read_text())["packets"]
    return packets_told, pq.read_table(out / "flows").to_pylist()


def test_what_has_no_endpoint_inside_is_counted_and_not_looked_at(tmp_path: Path, policy: Path) -> None:
    packets = [
        udp(b"x", INSIDE, OUTSIDE),
        udp(b"y", OUTSIDE, INSIDE, (53, 40000)),
        udp(b"z", OUTSIDE, OTHER),
        udp(b"z", OTHER, OUTSIDE),
    ]
    told, flows = read(tmp_path, packets, policy)
    assert told == {"in": 4, "recorded": 2, "dropped": {"out_of_scope": 2}}
    assert [(row["orig_ip"], row["orig_packets"] + row["resp_packets"]) for row in flows] == [(INSIDE, 2)]


def test_a_tunnel_is_in_scope_if_either_end_or_what_it_carries_is(tmp_path: Path, policy: Path) -> None:
    def ipip(outer: tuple[str, str], inner: tuple[str, str]) -> bytes:
        return ip(*outer, 4, udp(b"x", *inner))

    told, flows = read(
        tmp_path,
        [
            ipip((INSIDE, OTHER), (OUTSIDE, "203.0.113.77")),  # our router's tunnel
            ipip((OUTSIDE, OTHER), (INSIDE, "203.0.113.78")),  # ours within somebody's tunnel
            ipip((OUTSIDE, OTHER), ("203.0.113.79", "203.0.113.80")),
        ],
        policy,
    )
    assert told == {"in": 3, "recorded": 2, "dropped": {"out_of_scope": 1}}
    assert len(flows) == 4


def test_fragments_are_judged_before_they_are_put_together(tmp_path: Path, policy: Path) -> None:
    def halved(src: str, dst: str) -> list[bytes]:
        whole = udp(b"f" * 40, src, dst)[20:]
        return [ip(src, dst, 17, whole[:24], number=7, place=0x2000), ip(src, dst, 17, whole[24:], number=7, place=3)]

    told, flows = read(tmp_path, halved(OUTSIDE, OTHER) + halved(INSIDE, OTHER), policy)
    assert told == {"in": 4, "recorded": 1, "dropped": {"merged_fragment": 1, "out_of_scope": 2}}
    assert [row["orig_ip"] for row in flows] == [INSIDE]


def test_the_number_of_lanes_changes_no_count(tmp_path: Path, policy: Path) -> None:
    capture = write_pcap(
        tmp_path / "a.pcap",
        [(10**18 + n, ethernet(udp(b"x", f"10.{19 + n % 3}.0.{n % 250}", OTHER))) for n in range(300)],
    )
    told = []
    for lanes in ("1", "3"):
        out = tmp_path / f"out{lanes}"
        args = ["read", str(capture), "-o", str(out), "--policy", str(policy), "--quiet", "--lanes", lanes]
        assert main([*args, "--tables", "flows"]) == 0
        told.append(json.loads((out / "manifest.json").read_text())["packets"])
    assert told[0] == told[1] == {"in": 300, "recorded": 100, "dropped": {"out_of_scope": 200}}

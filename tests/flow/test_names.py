"""Each flow has a name of its own, also those that one frame begins: what tunnels it, and what it carries."""

from pathlib import Path

import pytest

import sonde
from tests.maker import SERVER, START_NS, ethernet, ip, udp, write_pcap

EXAMPLE = Path(__file__).parents[2] / "examples/first-look.pcapng"
IN_IP = 4  # RFC 2003


@pytest.mark.parametrize("tunnels", range(6))
def test_flows_in_each_other_have_different_names(tunnels: int, tmp_path: Path) -> None:
    packet = udp(b"payload")
    for level in range(tunnels):
        packet = ip(f"192.0.2.{level + 10}", SERVER, IN_IP, packet)
    capture = write_pcap(tmp_path / "made.pcap", [(START_NS, ethernet(packet)), (START_NS + 1, ethernet(udp(b"x")))])
    with sonde.read(capture, tables=["flows"], policy="clear") as dataset:
        names = [row["uid"] for row in dataset.flows.to_pylist()]
    assert len(set(names)) == len(names) == 1 + tunnels


def test_names_are_unique_in_the_example() -> None:
    with sonde.read(EXAMPLE, tables=["flows"], policy="clear") as dataset:
        rows = dataset.flows.to_pylist()
    names = [row["uid"] for row in rows if not row["part"]]
    assert len(set(names)) == len(names)
    assert any("vxlan" in row["layers"][:-1] for row in rows)

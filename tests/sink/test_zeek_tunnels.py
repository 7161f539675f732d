"""tunnel.log: tunnels as flows and exchanges tell them."""

from typing import Any

import pyarrow as pa
import pytest

from sonde.sink.zeek_http import http
from sonde.sink.zeek_logs import State, conn

SECOND = 1_000_000_000


def flow(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
    counts = dict.fromkeys(
        f"{side}_{name}" for side in ("orig", "resp") for name in ("stream", "missed", "packets", "octets")
    )
    row = dict.fromkeys(counts, 0) | {
        "start": SECOND, "end": 3 * SECOND, "uid": "C1", "orig_ip": "192.0.2.7", "orig_port": 4000,
        "resp_ip": "192.0.2.1", "resp_port": 4789, "ip_protocol": 17, "carries": None, "protocol": None, "layers": None,
        "confirmed": False, "state": "SF", "history": "Dd", "vlan": None, "inner_vlan": None, "community_id": "1:x",
    }  # fmt: skip
    return list(conn(pa.RecordBatch.from_pylist([row | fields]), State()))


def test_a_tunnel_over_udp_begins_and_ends() -> None:
    rows = flow(carries="vxlan")
    assert [log for log, _ in rows] == ["tunnel", "tunnel", "conn"]
    assert [(row["ts"], row["action"]) for _, row in rows[:2]] == [(1.0, "Tunnel::DISCOVER"), (3.0, "Tunnel::CLOSE")]
    assert rows[0][1]["tunnel_type"] == "Tunnel::VXLAN"


@pytest.mark.parametrize(("carries", "number"), [("gre", 47), ("6in4", 41), ("ipip", 4)])
def test_a_tunnel_of_packets_has_no_end_and_is_no_connection(carries: str, number: int) -> None:
    rows = flow(carries=carries, ip_protocol=number)
    assert [(log, row.get("action")) for log, row in rows] == [("tunnel", "Tunnel::DISCOVER")]


def test_a_proxy_is_a_tunnel_for_anybody() -> None:
    rows = flow(protocol="socks", confirmed=True, ip_protocol=6)
    assert [(log, row["id.orig_p"]) for log, row in rows] == [("tunnel", 0), ("conn", 4000)]
    exchange = {"ts": SECOND, "uid": "C1", "orig_ip": "192.0.2.7", "orig_port": 4000, "resp_ip": "192.0.2.1",
                "resp_port": 8080, "method": "CONNECT", "tunnel": True, "trans_depth": 1}  # fmt: skip
    rows = list(http(pa.RecordBatch.from_pylist([exchange]), State()))
    assert [(log, row["id.orig_p"]) for log, row in rows] == [("http", 4000), ("tunnel", 0)]
    refused = list(http(pa.RecordBatch.from_pylist([{**exchange, "tunnel": None}]), State()))
    assert [log for log, _ in refused] == ["http"]

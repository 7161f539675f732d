"""dhcp.log: exchanges joined as Zeek's reference says."""

from typing import Any

import pyarrow as pa

from sonde.sink.zeek_dhcp import MOST_EXCHANGES, MOST_MESSAGES, dhcp
from sonde.sink.zeek_logs import State

SECOND = 1_000_000_000
CLIENT, SERVER, ALL = "192.0.2.7", "192.0.2.1", "255.255.255.255"
NONE = "0.0.0.0"


def message(seconds: float, kind: str, **fields: Any) -> dict[str, Any]:
    asks = kind in ("DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM")
    found = {
        "ts": int(seconds * SECOND), "uid": "C1", "orig_ip": NONE, "orig_port": 68, "resp_ip": ALL, "resp_port": 67,
        "message": kind, "direction": "request" if asks else "reply", "trans_id": 7, "client_mac": "00:00:5e:00:53:01",
        "host_name": None, "client_fqdn": None, "requested_ip": None, "client_message": None, "domain": None,
        "assigned_ip": None, "lease_time": None, "server_message": None,
    }  # fmt: skip
    return found | fields


def convert(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    state = State()
    rows = [row for _, row in dhcp(pa.RecordBatch.from_pylist(list(messages)), state)]
    return rows + [row for _, row in state.rest()]


DISCOVER = message(10, "DISCOVER", host_name="host7", requested_ip="192.0.2.99")
OFFER = message(10.5, "OFFER", uid="C2", orig_ip=CLIENT, resp_ip=SERVER, assigned_ip=CLIENT)
REQUEST = message(11, "REQUEST", requested_ip=CLIENT)
LEASE = {"lease_time": 900, "domain": "example.org"}
ACK = message(12, "ACK", uid="C2", orig_ip=CLIENT, resp_ip=SERVER, assigned_ip=CLIENT, **LEASE)


def test_an_exchange_is_one_row() -> None:
    (row,) = convert(DISCOVER, OFFER, REQUEST, ACK)
    assert (row["ts"], row["duration"]) == (10.0, 2.0)
    assert row["msg_types"] == ["DISCOVER", "OFFER", "REQUEST", "ACK"]
    assert row["uids"] == ["C1", "C2"]
    assert (row["client_addr"], row["server_addr"], row["assigned_addr"]) == (CLIENT, SERVER, CLIENT)
    assert (row["requested_addr"], row["host_name"], row["domain"]) == (CLIENT, "host7", "example.org")
    assert (row["mac"], row["lease_time"]) == ("00:00:5e:00:53:01", 900.0)


def test_other_transactions_are_other_rows() -> None:
    rows = convert(DISCOVER, message(11, "INFORM", trans_id=8), OFFER)
    assert [row["msg_types"] for row in rows] == [["DISCOVER", "OFFER"], ["INFORM"]]


def test_what_comes_too_late_is_another_row() -> None:
    rows = convert(DISCOVER, message(40.1, "DISCOVER"))
    assert [row["msg_types"] for row in rows] == [["DISCOVER"], ["DISCOVER"]]


def test_a_refusal_says_why() -> None:
    (row,) = convert(REQUEST, message(12, "NAK", server_message="no such address"))
    assert (row["server_message"], row["assigned_addr"], row["server_addr"]) == ("no such address", None, None)


def test_what_waits_is_bounded() -> None:
    rows = convert(*[message(10, "REQUEST") for _ in range(MOST_MESSAGES + 1)])
    assert [len(row["msg_types"]) for row in rows] == [MOST_MESSAGES, 1]
    state = State()
    many = [message(10, "DISCOVER", trans_id=number) for number in range(MOST_EXCHANGES + 5)]
    list(dhcp(pa.RecordBatch.from_pylist(many), state))
    assert len(state.exchanges) <= MOST_EXCHANGES

"""dhcp.log: one row for each exchange, which its transaction id joins."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sonde.sink.zeek_logs import SECOND_NS, Row, State, columns_of, seconds

WATCHED_NS = 30 * SECOND_NS  # what comes later begins another exchange
MOST_EXCHANGES = 1 << 14
MOST_MESSAGES, MOST_UIDS = 50, 10  # of one exchange
NOWHERE = {"0.0.0.0", "255.255.255.255"}  # noqa: S104


def dhcp(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write dhcp.log, each exchange when its time is over."""
    count, c = columns_of(batch)
    for row in range(count):
        number, stamp = c["trans_id"][row], c["ts"][row]
        if number is None or c["message"][row] is None:
            continue
        yield from over(state, stamp)
        begun, exchange = state.exchanges.setdefault(number, (stamp, begin(c, row)))
        add(exchange, c, row)
        exchange["duration"] = seconds(max(stamp - begun, 0))
        if len(exchange["msg_types"]) >= MOST_MESSAGES:
            yield "dhcp", state.exchanges.pop(number)[1]


def over(state: State, now: int) -> Iterator[tuple[str, Row]]:
    """Give the exchanges whose time is over; the oldest stand first."""
    while state.exchanges:
        number, (begun, exchange) = next(iter(state.exchanges.items()))
        if now - begun <= WATCHED_NS and len(state.exchanges) < MOST_EXCHANGES:
            return
        del state.exchanges[number]
        yield "dhcp", exchange


def begin(c: dict[str, list[Any]], row: int) -> Row:
    """Begin an exchange with its first message."""
    names = ("client_addr", "server_addr", "mac", "host_name", "client_fqdn", "domain", "requested_addr",
             "assigned_addr", "lease_time", "client_message", "server_message")  # fmt: skip
    return {"ts": seconds(c["ts"][row]), "uids": [], **dict.fromkeys(names), "msg_types": []}


def add(exchange: Row, c: dict[str, list[Any]], row: int) -> None:
    """Add to an exchange what one more message says."""
    exchange["msg_types"].append(c["message"][row])
    if c["uid"][row] not in exchange["uids"] and len(exchange["uids"]) < MOST_UIDS:
        exchange["uids"].append(c["uid"][row])
    # The client is the originator, for servers sit at a port of theirs.
    if exchange["client_addr"] is None and c["orig_ip"][row] not in NOWHERE:
        exchange["client_addr"] = c["orig_ip"][row]
    told = {"mac": c["client_mac"][row]}
    if c["direction"][row] == "request":
        told |= {
            "host_name": c["host_name"][row],
            "client_fqdn": c["client_fqdn"][row],
            "requested_addr": c["requested_ip"][row],
            "client_message": c["client_message"][row],
        }
    else:
        told |= {
            "domain": c["domain"][row],
            "assigned_addr": c["assigned_ip"][row],
            "lease_time": None if c["lease_time"][row] is None else float(c["lease_time"][row]),
            "server_message": c["server_message"][row],
        }
        if c["assigned_ip"][row] is not None and c["resp_ip"][row] not in NOWHERE:
            told["server_addr"] = c["resp_ip"][row]
    exchange.update({name: value for name, value in told.items() if value is not None})

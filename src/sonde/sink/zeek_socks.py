"""socks.log: one row for each request to a proxy."""

from collections.abc import Iterator

import pyarrow as pa

from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds

STATUSES = {
    "succeeded": "succeeded",
    "general-failure": "general SOCKS server failure",
    "not-allowed": "connection not allowed by ruleset",
    "network-unreachable": "Network unreachable",
    "host-unreachable": "Host unreachable",
    "connection-refused": "Connection refused",
    "ttl-expired": "TTL expired",
    "command-not-supported": "Command not supported",
    "address-type-not-supported": "Address type not supported",
    "granted": "succeeded",
    "rejected": "general SOCKS server failure",
    "no-identd": "request failed because client is not running identd",
    "other-user": "request failed because client's identd could not confirm the user ID string in the request",
}


def socks(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write socks.log."""
    count, c = columns_of(batch)
    for row in range(count):
        if c["command"][row] is None:
            continue
        reply = c["reply"][row]
        yield (
            "socks",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "version": c["version"][row],
                "user": c["user"][row],
                "status": None if reply is None else STATUSES.get(reply, "unknown"),
                "request.host": c["request_host"][row],
                "request.name": c["request_name"][row],
                "request_p": c["request_port"][row],
                "bound.host": c["bound_host"][row],
                "bound.name": c["bound_name"][row],
                "bound_p": c["bound_port"][row],
            },
        )

"""quic.log: one row for each attempt at a connection."""

from collections.abc import Iterator

import pyarrow as pa

from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds


def quic(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write quic.log."""
    count, c = columns_of(batch)
    for row in range(count):
        yield (
            "quic",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "version": c["version"][row],
                "client_initial_dcid": c["client_initial_dcid"][row],
                "client_scid": c["client_scid"][row],
                "server_scid": c["server_scid"][row],
                "server_name": c["server_name"][row],
                "client_protocol": c["client_protocol"][row],
                "history": c["history"][row],
            },
        )

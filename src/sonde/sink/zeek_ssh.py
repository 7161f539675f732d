"""ssh.log: one row for each connection."""

from collections.abc import Iterator

import pyarrow as pa

from sonde.sink.zeek_logs import Row, State, columns_of, ids, is_local, seconds

DIRECTIONS: dict[tuple[bool | None, bool | None], str] = {(True, False): "OUTBOUND", (False, True): "INBOUND"}
FINGERPRINT = len("SHA256:") + 32  # characters that Zeek keeps of a host key's fingerprint


def ssh(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write ssh.log."""
    count, c = columns_of(batch)
    for row in range(count):
        key = c["host_key_fingerprint"][row]
        yield (
            "ssh",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "version": c["version"][row],
                "auth_success": c["auth_success"][row],
                "auth_attempts": c["auth_attempts"][row] or 0,
                "direction": DIRECTIONS.get((is_local(c["orig_ip"][row]), is_local(c["resp_ip"][row]))),
                "client": c["client"][row],
                "server": c["server"][row],
                "cipher_alg": both(c["cipher_alg"][row], c["server_cipher_alg"][row]),
                "mac_alg": both(c["mac_alg"][row], c["server_mac_alg"][row]),
                "compression_alg": both(c["compression_alg"][row], c["server_compression_alg"][row]),
                "kex_alg": c["kex_alg"][row],
                "host_key_alg": c["host_key_alg"][row],
                "host_key_fingerprint": None if key is None else key[:FINGERPRINT],
            },
        )


def both(to_server: str | None, to_client: str | None) -> str | None:
    """Tell one algorithm where both directions use it, else both."""
    if to_server == to_client:
        return to_server
    return f"To server: {to_server or ''}, to client: {to_client or ''}"

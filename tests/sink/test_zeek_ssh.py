"""ssh.log: which way a connection goes, by the addresses that Zeek takes for local."""

from typing import Any

import pyarrow as pa
import pytest

from sonde.sink.zeek_logs import State, is_local
from sonde.sink.zeek_ssh import ssh


@pytest.mark.parametrize(
    ("client", "server", "direction"),
    [
        ("192.168.1.79", "131.159.21.1", "OUTBOUND"), ("66.59.111.190", "172.28.2.3", "INBOUND"),
        ("192.168.2.1", "192.168.2.158", None), ("131.159.21.1", "66.59.111.190", None),
        ("fd00::1", "2606:4700::1", "OUTBOUND"), ("2606:4700::1", "fe80::1", "INBOUND"),
        ("a pseudonym", "131.159.21.1", None), (None, None, None),
    ],
)  # fmt: skip
def test_a_connection_goes_out_or_comes_in(client: str | None, server: str | None, direction: str | None) -> None:
    session: dict[str, Any] = {
        "ts": 1, "uid": "C1", "orig_ip": client, "orig_port": 4000, "resp_ip": server, "resp_port": 22, "version": 2,
    }  # fmt: skip
    ((log, row),) = ssh(pa.RecordBatch.from_pylist([session]), State())
    assert (log, row["direction"]) == ("ssh", direction)


def test_what_is_no_address_is_neither_local_nor_not() -> None:
    assert (is_local("100.64.0.1"), is_local("8.8.8.8"), is_local("a pseudonym"), is_local(None)) == (
        True, False, None, None,
    )  # fmt: skip

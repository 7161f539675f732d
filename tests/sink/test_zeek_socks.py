"""socks.log: what Zeek calls the answers of a proxy."""

from typing import Any

import pyarrow as pa
import pytest

from sonde.dissect.socks import REPLIES
from sonde.sink.zeek_logs import State
from sonde.sink.zeek_socks import STATUSES, socks

ASKED = {
    "ts": 1_500_000_000, "uid": "C1", "orig_ip": "192.0.2.7", "orig_port": 4000, "resp_ip": "192.0.2.1",
    "resp_port": 1080, "version": 5, "user": None, "command": "connect", "request_host": None,
    "request_name": "www.example.org", "request_port": 443, "reply": "host-unreachable", "bound_host": "0.0.0.0",
    "bound_name": None, "bound_port": 0,
}  # fmt: skip


def rows(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
    return list(socks(pa.RecordBatch.from_pylist([ASKED | fields]), State()))


@pytest.mark.parametrize(
    ("reply", "status"), [("host-unreachable", "Host unreachable"), ("unknown-33", "unknown"), (None, None)]
)
def test_a_request_is_one_row(reply: str | None, status: str | None) -> None:
    ((log, row),) = rows(reply=reply)
    assert (log, row["status"], row["request.name"], row["request_p"]) == ("socks", status, "www.example.org", 443)
    assert (row["ts"], row["request.host"], row["bound.host"]) == (1.5, None, "0.0.0.0")


def test_who_asked_nothing_has_no_row() -> None:
    assert rows(command=None) == []


def test_every_answer_that_has_a_name_here_has_one_there() -> None:
    assert set(STATUSES) == set(REPLIES.values())

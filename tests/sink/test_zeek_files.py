"""files.log: bodies as Zeek's reference describes them."""

from typing import Any

import pyarrow as pa

from sonde.sink.zeek_http import http
from sonde.sink.zeek_logs import State

MS = 1_000_000


def convert(**fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    row = {
        "ts": 1_700_000_000 * 1000 * MS, "uid": "C1", "orig_ip": "192.0.2.7", "orig_port": 40000,
        "resp_ip": "192.0.2.1", "resp_port": 80, "trans_depth": 1, "request_body_len": 0, "response_body_len": 51,
        "response_length": 51,
        "request_length": None, "response_decoded_len": None, "response_after": 20 * MS, "request_body_time": None,
        "response_body_time": 3 * MS, "request_encoding": None, "response_encoding": None, "anomalies": None,
        "resp_mime": "text/plain", "orig_mime": None, "orig_filename": None, "resp_filename": "a.txt",
    }  # fmt: skip
    written = list(http(pa.RecordBatch.from_pylist([row | fields]), State()))
    assert written[0][0] == "http"
    assert all(log == "files" for log, _ in written[1:])
    return written[0][1], [found for _, found in written[1:]]


def test_a_body_is_a_file() -> None:
    exchange, (file,) = convert()
    assert (file["source"], file["depth"], file["is_orig"]) == ("HTTP", 0, False)
    assert (file["ts"], file["duration"]) == (1_700_000_000.02, 0.003)
    assert (file["seen_bytes"], file["total_bytes"], file["missing_bytes"]) == (51, 51, 0)
    assert (file["mime_type"], file["filename"]) == ("text/plain", "a.txt")
    assert exchange["resp_fuids"] == [file["fuid"]]
    assert exchange["orig_fuids"] is None


def test_the_name_of_a_file_is_its_own_and_stays() -> None:
    _, (request, response) = convert(request_body_len=7)
    _, (again,) = convert()
    _, (other,) = convert(trans_depth=2)
    assert again["fuid"] == response["fuid"]
    assert len({request["fuid"], response["fuid"], other["fuid"]}) == 3
    assert len(request["fuid"]) == 18


def test_no_body_is_no_file() -> None:
    assert convert(response_body_len=0)[1] == []


def test_a_coded_body_is_the_file_without_its_coding() -> None:
    _, (file,) = convert(response_encoding="gzip", response_decoded_len=400)
    assert (file["seen_bytes"], file["total_bytes"]) == (400, None)


def test_what_a_gap_took_is_missing() -> None:
    _, (file,) = convert(response_body_len=30, anomalies=["gap"])
    assert (file["seen_bytes"], file["missing_bytes"]) == (30, 21)

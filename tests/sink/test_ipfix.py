"""Flows as IPFIX, read back by a collector written from the RFC."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.sink.ipfix import Exporter, Terms
from tests.reference.ipfix import Collector, collected

EXAMPLE = Path(__file__).parents[2] / "examples/first-look.pcapng"
NOW_S = 1_800_000_000.0
# RFC 7011 appendix A.2.1 and A.3.1: a template and three records of it, behind a header as in §3.1.
TEMPLATE = "0002001c 01000005 00080004 000c0004 000f0004 00020004 00010004"
RECORDS = (
    "01000040"
    "c000020c c00002fe c0000201 00001391 00518c81"  # 192.0.2.12, .254, .1, 5009, 5344385
    "c000021b c0000217 c0000202 000002ec 0005ef46"  # 192.0.2.27, .23, .2, 748, 388934
    "c0000238 c0000241 c0000203 00000005 00001986"  # 192.0.2.56, .65, .3, 5, 6534
)


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> pa.RecordBatch:
    folder = tmp_path_factory.mktemp("ipfix") / "example.sonde"
    sonde.read(EXAMPLE, tables=["flows"], output=folder)
    return whole(pq.read_table(folder / "flows"))


def whole(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


def told(batch: pa.RecordBatch, times: str = "ns") -> Iterator[dict[str, Any]]:
    """Say row by row what a record of IPFIX must hold: the slow and obvious twin."""
    unit = 1 if times == "ns" else 1_000_000
    suffix = "Nanoseconds" if times == "ns" else "Milliseconds"
    for row in batch.to_pylist():
        wanted = {
            f"flowStart{suffix}": row["start"].value // unit * unit,
            f"flowEnd{suffix}": row["end"].value // unit * unit,
            "protocolIdentifier": row["ip_protocol"],
            "octetDeltaCount": row["orig_octets"],
            "packetDeltaCount": row["orig_packets"],
            "transportOctetDeltaCount": row["orig_payload"],
            "tcpControlBits": row["orig_tcp_flags"],
            "minimumIpTotalLength": row["orig_smallest"],
            "maximumIpTotalLength": row["orig_largest"],
            "vlanId": row["vlan"],
            "dot1qCustomerVlanId": row["inner_vlan"],
            "applicationName": row["protocol"],
            "biflowDirection": 0 if row["transport"] == "tcp" and row["state"] == "OTH" else 1,
            "flowEndReason": {"idle_timeout": 1, "active_timeout": 2, "end_detected": 3, "forced_end": 4}[
                row["end_reason"]
            ],
        }
        version = "v6" if ":" in row["orig_ip"] else "v4"
        wanted[f"sourceIP{version}Address"] = row["orig_ip"]
        wanted[f"destinationIP{version}Address"] = row["resp_ip"]
        if row["transport"] in {"icmp", "icmp6"}:
            # RFC 792, RFC 4443, RFC 4861: these are asked and answered, and have code 0.
            code = 0 if row["orig_port"] in {0, 8, 128, 129, 133, 134, 135, 136} else row["resp_port"]
            wanted[f"icmpTypeCodeIP{'v4' if row['transport'] == 'icmp' else 'v6'}"] = row["orig_port"] * 256 + code
        else:
            wanted |= {"sourceTransportPort": row["orig_port"], "destinationTransportPort": row["resp_port"]}
        if row["resp_packets"]:
            wanted |= {
                "reverse octetDeltaCount": row["resp_octets"],
                "reverse packetDeltaCount": row["resp_packets"],
                "reverse transportOctetDeltaCount": row["resp_payload"],
                "reverse tcpControlBits": row["resp_tcp_flags"],
                "reverse minimumIpTotalLength": row["resp_smallest"],
                "reverse maximumIpTotalLength": row["resp_largest"],
            }
        yield {name: value for name, value in wanted.items() if value is not None}


def same(found: list[dict[str, Any]], expected: Iterator[dict[str, Any]]) -> None:
    assert sorted(map(sorted_items, found)) == sorted(map(sorted_items, expected))


def sorted_items(record: dict[str, Any]) -> str:
    return repr(sorted(record.items()))


def test_the_collector_reads_the_example_of_the_rfc() -> None:
    body = bytes.fromhex(TEMPLATE + RECORDS)
    collector = Collector()
    collector.take(bytes.fromhex("000a") + (16 + len(body)).to_bytes(2, "big") + bytes(12) + body)
    assert [record["octetDeltaCount"] for record in collector.records] == [5344385, 388934, 6534]
    assert collector.records[1] == {
        "sourceIPv4Address": "192.0.2.27",
        "destinationIPv4Address": "192.0.2.23",
        "ipNextHopIPv4Address": "192.0.2.2",
        "packetDeltaCount": 748,
        "octetDeltaCount": 388934,
    }


@pytest.mark.parametrize("times", ["ms", "ns"])
def test_a_collector_gets_every_flow_as_it_is(flows: pa.RecordBatch, times: str) -> None:
    collector = collected(Exporter(Terms(1420, 7, times)).messages(flows, NOW_S))
    assert len(collector.records) == flows.num_rows > 250
    same(collector.records, told(flows, times))
    assert collector.domains == {7}
    assert collector.export_times == {int(NOW_S)}


@pytest.mark.parametrize("room", [512, 1420, 65535])
def test_no_message_is_longer_than_there_is_room(flows: pa.RecordBatch, room: int) -> None:
    collector = collected(Exporter(Terms(room)).messages(flows, NOW_S))
    assert max(collector.lengths) <= room
    full = sum(collector.lengths) / len(collector.lengths)
    assert full > 0.6 * room or len(collector.lengths) <= 3


def test_batches_go_on_counting_and_tell_each_template_once(flows: pa.RecordBatch) -> None:
    exporter = Exporter(Terms(1420, times="ns"))
    collector = Collector()
    for at in range(0, flows.num_rows, 50):
        for message in exporter.messages(flows.slice(at, 50), NOW_S):
            collector.take(message)
    same(collector.records, told(flows))
    assert collector.template_records == len(collector.templates)


def test_templates_are_told_again_when_it_is_time(flows: pa.RecordBatch) -> None:
    exporter = Exporter(Terms(1420, resend_s=600))
    collector = Collector()
    for now_s in (NOW_S, NOW_S + 599, NOW_S + 601, NOW_S + 1200):
        for message in exporter.messages(flows, now_s):
            collector.take(message)
    assert collector.template_records == 2 * len(collector.templates)


def test_the_sequence_number_goes_around(flows: pa.RecordBatch) -> None:
    exporter = Exporter(Terms(1420))
    exporter.sequence = 0xFFFFFFFF
    messages = list(exporter.messages(flows, NOW_S))
    assert int.from_bytes(messages[-1][8:12], "big") < flows.num_rows


def test_what_the_policy_dropped_is_in_no_template(flows: pa.RecordBatch) -> None:
    left = flows.drop_columns(["orig_ip", "resp_ip", "protocol", "vlan", "orig_octets", "resp_octets"])
    collector = collected(Exporter(Terms(1420)).messages(left, NOW_S))
    names = {name for fields in collector.templates.values() for name, _, _ in fields}
    assert len(collector.records) == flows.num_rows
    assert not names & {"applicationName", "vlanId", "octetDeltaCount", "reverse octetDeltaCount"}
    assert not [name for name in names if "Address" in name]
    assert {"packetDeltaCount", "sourceTransportPort"} <= names


def under(policy: str, folder: Path) -> pa.RecordBatch:
    sonde.read(EXAMPLE, tables=["flows"], policy=policy, output=folder)
    return whole(pq.read_table(folder / "flows"))


def test_pseudonyms_of_addresses_are_not_sent(tmp_path: Path) -> None:
    flows = under("strict", tmp_path / "strict.sonde")
    assert flows["orig_ip"][0].as_py().startswith("p:")
    messages = list(Exporter(Terms(1420)).messages(flows, NOW_S))
    collector = collected(messages)
    assert len(collector.records) == flows.num_rows
    assert not [name for record in collector.records for name in record if "Address" in name]
    assert b"p:" not in b"".join(messages)
    assert all(record["flowStartMilliseconds"] % 10**9 == 0 for record in collector.records)  # whole seconds


def test_a_number_that_became_a_pseudonym_is_not_sent(flows: pa.RecordBatch) -> None:
    place = flows.schema.get_field_index("orig_port")
    texts = pa.array(["p:0011"] * flows.num_rows)
    changed = flows.set_column(place, "orig_port", texts)
    messages = list(Exporter(Terms(1420)).messages(changed, NOW_S))
    names = {name for fields in collected(messages).templates.values() for name, _, _ in fields}
    assert "sourceTransportPort" not in names
    assert "destinationTransportPort" in names
    assert b"p:0011" not in b"".join(messages)


def test_a_text_is_cut_where_one_octet_tells_its_length(flows: pa.RecordBatch) -> None:
    place = flows.schema.get_field_index("protocol")
    changed = flows.slice(0, 2).set_column(place, "protocol", pa.array(["a" * 300, "b"]))
    found = collected(Exporter(Terms(1420)).messages(changed, NOW_S)).records
    assert sorted(record["applicationName"] for record in found) == ["a" * 254, "b"]


def test_no_flow_and_no_column_make_no_message(flows: pa.RecordBatch) -> None:
    assert list(Exporter(Terms(1420)).messages(flows.slice(0, 0), NOW_S)) == []


def test_a_message_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="512 to 65535"):
        Exporter(Terms(511))

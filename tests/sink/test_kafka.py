"""Records to Kafka over its protocol: librdkafka's mock cluster in a process of its own, and a consumer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.cli.main import main
from sonde.pipeline.stored import stored
from sonde.sink.connection import OutletError
from sonde.sink.kafka import KafkaOutlet, read_settings
from sonde.table.permitted import Permitted

EXAMPLE = Path(__file__).parents[2] / "examples/first-look.pcapng"
kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
CLUSTER = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


class Cluster:
    """One broker in a process that can be made to fall silent."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.brokers = self.process.stdout.readline().strip()

    def consume(self, topic: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        consumer = kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": "test", "enable.auto.commit": False})
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([kafka.TopicPartition(topic, number, kafka.OFFSET_BEGINNING) for number in partitions])
        found: list[tuple[str, dict[str, Any]]] = []
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=0.5):
                assert message.error() is None
                found.append((message.key().decode(), json.loads(message.value())))
        consumer.close()
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kafka") / "example.sonde"
    sonde.read(EXAMPLE, tables=["flows", "dns"], output=folder)
    return folder


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_every_row_is_a_message_under_its_flow(dataset: Path, cluster: Cluster, capsys: Any) -> None:
    assert main(["export", str(dataset), "--kafka", cluster.brokers, "--kafka-prefix", "all.", "--json"]) == 0
    flows, dns = pq.read_table(dataset / "flows").to_pylist(), pq.read_table(dataset / "dns").to_pylist()
    said = json.loads(capsys.readouterr().out)["kafka"]
    assert said == {
        "messages": len(flows) + len(dns),
        "delivered": len(flows) + len(dns),
        "undelivered": 0,
        "waiting": 0,
    }
    found = cluster.consume("all.flows", len(flows))
    assert sorted(key for key, _ in found) == sorted(row["uid"] for row in flows)
    assert all(key == value["uid"] for key, value in found)
    asked = cluster.consume("all.dns", len(dns))
    assert sorted(value["query"] for _, value in asked if "query" in value) == sorted(
        row["query"] for row in dns if row["query"] is not None
    )


def test_a_broker_that_fell_silent_costs_counted_messages_and_is_found_again(dataset: Path, cluster: Cluster) -> None:
    outlet = KafkaOutlet(cluster.brokers, prefix="silent.", patience_s=1)
    (permitted,) = stored(dataset, ["flows"])
    rows = permitted.batch.num_rows
    outlet.write(permitted)
    wait_until(lambda: outlet.tally()["delivered"] == rows)
    os.kill(cluster.process.pid, signal.SIGSTOP)
    try:
        outlet.write(permitted)
        wait_until(lambda: outlet.tally()["undelivered"] == rows)
    finally:
        os.kill(cluster.process.pid, signal.SIGCONT)
    outlet.patience_s = 20
    wait_until(lambda: delivers(outlet, permitted))
    tally = outlet.tally()
    assert tally["delivered"] + tally["undelivered"] == tally["messages"]
    with pytest.raises(OutletError, match=rf"did not take {tally['undelivered']} of {tally['messages']} messages"):
        outlet.close()


def delivers(outlet: KafkaOutlet, permitted: Permitted) -> bool:
    """Write once more and say whether all of it arrived."""
    before = outlet.tally()["delivered"]
    outlet.write(permitted)
    wait_until(lambda: outlet.tally()["waiting"] == 0)
    return outlet.tally()["delivered"] == before + permitted.batch.num_rows


def test_a_broker_that_is_away_is_one_sentence(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        brokers = f"127.0.0.1:{probe.getsockname()[1]}"
    assert main(["export", str(dataset), "--kafka", brokers, "--tables", "dns", "--patience", "1"]) == 1
    err = capsys.readouterr().err
    assert f"{brokers} did not take" in err
    assert err.count("\n") == 1


def test_a_full_queue_waits_as_long_as_patience_lasts(dataset: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        brokers = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = {"queue.buffering.max.messages": "100", "message.timeout.ms": "300000"}
    outlet = KafkaOutlet(brokers, patience_s=0.2, settings=settings)
    (permitted,) = stored(dataset, ["flows"])
    with pytest.raises(OutletError, match="the queue of messages stays full"):
        outlet.write(permitted)
    assert outlet.tally()["messages"] == 100
    with pytest.raises(OutletError, match="did not take 100 of 100 messages"):
        outlet.close()


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("# secret\nsecurity.protocol=SASL_SSL\n\nsasl.password = a=b\n")
    assert read_settings(path) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    path.write_text("sasl.password\n")
    with pytest.raises(OutletError, match="line 1: write NAME=VALUE") as raised:
        read_settings(path)
    assert "sasl" not in str(raised.value)
    with pytest.raises(OutletError, match="No such file"):
        read_settings(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("brokers", "options", "sentence"),
    [
        ("broker", {}, "are no brokers; write HOST:PORT"),
        ("a:1, b:2", {}, "are no brokers"),
        ("a:1", {"prefix": "a b"}, "cannot begin the name of a topic"),
        ("a:1", {"settings": {"dance": "yes"}}, 'settings are refused: No such configuration property: "dance"'),
    ],
)
def test_what_cannot_be_is_one_sentence(brokers: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OutletError, match=sentence):
        KafkaOutlet(brokers, **options)


def test_what_did_not_pass_the_gate_is_not_sent() -> None:
    with pytest.raises(TypeError, match="egress gate"):
        KafkaOutlet("127.0.0.1:9").write(pa.record_batch({"a": [1]}))  # type: ignore[arg-type]

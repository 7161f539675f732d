"""Records to Kafka: a topic for each table, an object of JSON a message, the flow's uid as key.

    outlet = KafkaOutlet("192.0.2.1:9092", prefix="sonde.")
    outlet.write(permitted)                  # to the topic sonde.dns

`confluent-kafka` (librdkafka) speaks the protocol, and is only imported here. Its own queue is bounded;
a message that no broker took in time is given up and counted, and what comes later finds the broker again.
Brokers confirm every message (acks=all) and none twice (enable.idempotence). Rows of one flow share a key,
and so a partition, in which they stay in order.
"""

import importlib.util
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.sink.connection import PATIENCE_S, OutletError
from sonde.sink.files import json_lines
from sonde.table.permitted import Permitted

if TYPE_CHECKING:
    from confluent_kafka import Producer

PREFIX = "sonde."
MOST_MESSAGES, MOST_KIB = 100_000, 64 << 10  # that may wait in librdkafka's queue
LINGER_MS = 50  # a moment for messages to share a request
POLL_EVERY = 1 << 10  # messages between two looks at what was delivered
WAIT_S = 0.1
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,150}")  # Kafka's letters; it takes 249 of them, of which the table has some
MOST_CONFIG = 1 << 16  # octets of a file with settings
BROKERS = re.compile(r"[^\s,]+:\d{1,5}(,[^\s,]+:\d{1,5})*")


class KafkaOutlet:
    """A producer for one cluster."""

    def __init__(
        self,
        brokers: str,
        *,
        prefix: str = PREFIX,
        patience_s: float = PATIENCE_S,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Produce to `brokers` (HOST:PORT, with commas between); `settings` are further ones of librdkafka.

        OutletError where the package is missing or a setting is none. Nothing is sent yet.
        """
        check_kafka(brokers, prefix)
        self.brokers, self.prefix, self.patience_s = brokers, prefix, patience_s
        self.produced = self.delivered = self.undelivered = 0
        self._last_error = ""
        self.producer = self._make(settings or {})

    def write(self, permitted: Permitted) -> None:
        """Queue a message for each row; OutletError when the queue stays full as long as patience lasts."""
        if not isinstance(permitted, Permitted):
            raise TypeError("an outlet takes only what passed the egress gate")
        batch = permitted.batch
        topic = f"{self.prefix}{permitted.table}"
        keys = batch["uid"].to_pylist() if "uid" in batch.schema.names else [None] * batch.num_rows
        for line, key in zip(json_lines(batch), keys, strict=True):
            self._produce(topic, line[:-1].encode(), key)
        self.producer.poll(0)

    def close(self) -> None:
        """Wait for what is under way; OutletError if any of all messages was not delivered."""
        self.producer.flush(self.patience_s)
        self.producer.purge()
        self.producer.flush(1)
        if self.undelivered:
            why = f": {self._last_error}" if self._last_error else ""
            told = f"{self.undelivered:,} of {self.produced:,} messages"
            raise OutletError(f"{self.brokers} did not take {told}{why}.")

    def tally(self) -> Mapping[str, int]:
        """Give what was queued, what the brokers confirmed, and what was given up."""
        self.producer.poll(0)
        return {
            "messages": self.produced,
            "delivered": self.delivered,
            "undelivered": self.undelivered,
            "waiting": len(self.producer),
        }

    def _make(self, settings: Mapping[str, str]) -> "Producer":
        from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 - an extra

        timeout_ms = max(int(self.patience_s * 1000), 100)
        ours: dict[str, Any] = {
            "bootstrap.servers": self.brokers,
            "client.id": "sonde",
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "compression.type": "lz4",
            "queue.buffering.max.messages": MOST_MESSAGES,
            "queue.buffering.max.kbytes": MOST_KIB,
            "message.timeout.ms": timeout_ms,
            "socket.timeout.ms": min(timeout_ms, 60_000),
            "log_level": 0,  # its messages would go to standard error on their own
            "error_cb": self._on_error,
        }
        try:
            return Producer({**ours, **settings})
        except KafkaException as error:
            raise OutletError(f"Kafka's settings are refused: {error.args[0].str()}.") from None

    def _produce(self, topic: str, value: bytes, key: str | None) -> None:
        deadline = 0.0
        while True:
            try:
                self.producer.produce(topic, value, key, on_delivery=self._on_delivery)
            except BufferError:  # the queue is full: let deliveries make room
                now = time.monotonic()
                deadline = deadline or now + self.patience_s
                if now >= deadline:
                    raise OutletError(f"{self.brokers}: the queue of messages stays full.") from None
                self.producer.poll(WAIT_S)
                continue
            break
        self.produced += 1
        if not self.produced % POLL_EVERY:
            self.producer.poll(0)

    def _on_delivery(self, error: Any, _message: object) -> None:  # noqa: ANN401 - librdkafka's own type
        """Count what became of a message; called while polling."""
        if error is None:
            self.delivered += 1
        else:
            self.undelivered += 1
            self._last_error = self._last_error or error.str()

    def _on_error(self, error: Any) -> None:  # noqa: ANN401 - librdkafka's own type
        """Keep what went wrong with a broker, in librdkafka's words: they name brokers, never messages."""
        self._last_error = error.str()


def check_kafka(brokers: str, prefix: str) -> None:
    """Raise OutletError where the package is missing, or `brokers` or `prefix` cannot be."""
    if importlib.util.find_spec("confluent_kafka") is None:
        raise OutletError("Kafka needs a package more; install it with `pip install 'sonde[kafka]'`.")
    if not BROKERS.fullmatch(brokers):
        raise OutletError(f"{brokers!r} are no brokers; write HOST:PORT, with commas between several.")
    if not TOPIC.fullmatch(prefix):
        raise OutletError(f"{prefix!r} cannot begin the name of a topic; use letters, digits, dot, - and _.")


def read_settings(path: Path) -> dict[str, str]:
    """Read settings of librdkafka, `name=value` a line, for what must not stand on a command line; OutletError."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_CONFIG + 1).decode()
    except OSError as error:
        raise OutletError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise OutletError(f"{path} is no text.") from None
    if len(text) > MOST_CONFIG:
        raise OutletError(f"{path} is too long to hold settings of Kafka.")
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not name.strip():
            raise OutletError(f"{path}, line {number}: write NAME=VALUE.")  # not the line: it may hold a password
        found[name.strip()] = value.strip()
    return found


__all__ = ["PREFIX", "KafkaOutlet", "check_kafka", "read_settings"]

"""A slow or broken outlet holds nobody up: what finds no room is counted."""

import threading
from collections.abc import Mapping

import pyarrow as pa
import pytest

from sonde.policy import Gate, load_policy
from sonde.schema import PROTOCOL, Field
from sonde.sink.outlet import Bounded
from sonde.table.permitted import Permitted


def batch(rows: int) -> Permitted:
    gate = Gate(load_policy("default"))
    return gate.permit("flows", {"n": pa.array(range(rows), pa.int64())}, {"n": Field("A number", PROTOCOL)})


class Held:
    """Waits until it may go on; fails at batches of one row."""

    def __init__(self) -> None:
        self.may, self.begun, self.rows, self.closed = threading.Event(), threading.Event(), 0, False

    def write(self, permitted: Permitted) -> None:
        self.begun.set()
        self.may.wait(10)
        if permitted.batch.num_rows == 1:
            raise OSError("somebody's password")
        self.rows += permitted.batch.num_rows

    def close(self) -> None:
        self.closed = True

    def tally(self) -> Mapping[str, int]:
        return {"sent": self.rows}


def test_what_finds_no_room_is_dropped_and_counted() -> None:
    held = Held()
    outlet = Bounded(held, "held", most_batches=2)
    outlet.write(batch(10))
    assert held.begun.wait(10)  # the first is out of the queue, and holds its thread
    for _ in range(4):
        outlet.write(batch(10))
    tally = outlet.tally()
    assert (tally["waiting_batches"], tally["dropped"], tally["written"]) == (2, 20, 0)
    held.may.set()
    outlet.close()
    assert held.closed
    assert outlet.tally() | {"waiting_octets": 0} == {
        "sent": 30, "written": 30, "dropped": 20, "failed": 0, "waiting_batches": 0, "waiting_octets": 0,
    }  # fmt: skip
    outlet.write(batch(10))
    assert outlet.tally()["dropped"] == 30


def test_octets_bound_the_queue_too() -> None:
    held = Held()
    outlet = Bounded(held, "held", most_octets=100)
    outlet.write(batch(20))  # 160 octets
    assert outlet.tally()["dropped"] == 20
    held.may.set()
    outlet.close()


def test_a_failure_costs_that_batch() -> None:
    held = Held()
    held.may.set()
    outlet = Bounded(held, "held")
    for rows in (1, 5):
        outlet.write(batch(rows))
    outlet.close()
    assert (outlet.tally()["failed"], outlet.tally()["written"]) == (1, 5)


def test_what_is_never_taken_is_dropped_at_the_end() -> None:
    held = Held()
    outlet = Bounded(held, "held")
    outlet.write(batch(10))
    assert held.begun.wait(10)
    outlet.write(batch(7))
    outlet.close(patience_s=0.05)
    assert outlet.tally()["dropped"] == 7
    held.may.set()


def test_only_what_passed_the_gate_is_taken() -> None:
    outlet = Bounded(Held(), "held")
    with pytest.raises(TypeError, match="egress gate"):
        outlet.write(pa.RecordBatch.from_pydict({}))  # type: ignore[arg-type]
    outlet.close(0.05)

"""A workbench for dissector tests: hand messages to one dissector, read rows as dicts.

    rows = trial(DISSECTOR, [(0, b"GET / ..."), (1, b"HTTP/1.1 200 ...")])
    assert rows["http"][0]["method"] == "GET"

It decodes rows in plain Python, on its own: the twin of what the record stage does in bulk.
"""

from typing import Any, NamedTuple

import numpy as np

from sonde.dissect.api import Dissector, outs
from sonde.dissect.driver import Drivers, make_drivers, new_conns
from sonde.schema import NO_TIME, Record, columns, table_name
from sonde.table.out import COMMON_ANOMALIES, DONE, LENGTH_BITS, LENGTH_MASK, OWN_ANOMALY, Out, new_out
from sonde.table.pool import size_class, take
from sonde.table.streams import DISSECTING, Streams, new_streams, open_stream
from sonde.table.turns import DATA, DATAGRAM, FROM_POOL, LOST, TURN

_DRIVERS: dict[str, Drivers] = {}
START_NS = 1_700_000_000_000_000_000


class Sample(NamedTuple):
    """An exchange for tests/conformance, which runs over every dissector unasked.

    A test module of tests/dissect names its own: SAMPLES = {"ntp": [Sample([(1, SERVER)])]}.
    """

    messages: list[tuple[int, bytes | int]]
    stream: bool = False
    ports: tuple[int, int] = (40000, 0)
    #: Octets of the messages that may leave the parser under no policy.
    secrets: tuple[bytes, ...] = ()


def trial(
    dissector: Dissector,
    messages: list[tuple[int, bytes | int]],
    *,
    stream: bool,
    room: int = 1 << 20,
    names_only: bool = False,
    ports: tuple[int, int] = (40000, 0),
    prefix: bytes = b"",
    suffix: bytes = b"",
    from_pool: bool = False,
    conn: dict[str, Any] | None = None,
    step_ns: int = 1_000_000,
    counts: dict[str, Any] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Show (side, octets) in turn; a number in place of octets is a gap of that length.

    Message n arrives n steps (milliseconds) after START_NS. All messages lie in one wire buffer,
    each between `prefix` and `suffix`; or, `from_pool`, where reassembly puts what came early
    or in fragments. `conn`, if given, receives the final state row; `counts` those of each table.
    """
    name = dissector.protocol.name
    drivers = _DRIVERS.setdefault(name, make_drivers(dissector))
    wire, turns = bytearray(), np.zeros(len(messages), TURN)
    for number, (side, octets) in enumerate(messages):
        turn = turns[number]
        turn["ts"] = START_NS + number * step_ns
        turn["frame"], turn["side"] = number + 1, side
        turn["transport"] = 6 if stream else 17
        turn["orig_port"], turn["resp_port"] = ports
        turn["protocol"] = 0
        if isinstance(octets, int):
            turn["kind"], turn["length"] = LOST, octets
            continue
        wire += prefix
        turn["kind"] = DATA if stream else DATAGRAM
        turn["at"], turn["length"] = len(wire), len(octets)
        wire += octets + suffix
    conns = new_conns(dissector, 4, names_only=names_only)
    streams = new_streams(4, 1 << 20)
    place = open_stream(streams, 0)
    streams.rows[place]["state"] = DISSECTING
    streams.rows[place]["protocol"] = 0
    turns["stream"] = place
    if from_pool:
        _move_to_pool(turns, bytes(wire), streams)
        wire = bytearray()
    tables = {record: new_out(record, 4096, room) for record in dissector.records}
    out = outs(dissector, list(tables.values()))
    order = np.arange(len(messages), dtype=np.int64)
    octets_array = np.frombuffer(bytes(wire) or b"\0", np.uint8)
    drivers.read(octets_array, turns, order, conns, streams, out)
    if conn is not None:
        state = conns.rows[0]  # the only one taken; it stays readable when the flow is done
        conn.update({field: state[field].copy() for field in conns.rows.dtype.names})
    drivers.finish(np.array([place], np.int64), conns, streams, out)
    if counts is not None:
        counts.update({table_name(record): table.count.copy() for record, table in tables.items()})
    return {
        table_name(record): [_decode(dissector, record, table, n) for n in table.done[: table.count[DONE]]]
        for record, table in tables.items()
    }


def _move_to_pool(turns: Any, wire: bytes, streams: Streams) -> None:
    for turn in turns[turns["kind"] != LOST]:
        number = int(turn["frame"]) - 1
        at, length = int(turn["at"]), int(turn["length"])
        chunk = take(streams.pool, size_class(max(length, 1)))
        streams.pool.octets[chunk : chunk + length] = np.frombuffer(wire[at : at + length], np.uint8)
        turns[number]["at"], turns[number]["source"] = chunk, FROM_POOL


def _decode(dissector: Dissector, record: type[Record], out: Out, number: int) -> dict[str, Any]:
    row = out.rows[number]
    bits = int(row["anomaly"])
    names = [*COMMON_ANOMALIES, *[""] * (OWN_ANOMALY - len(COMMON_ANOMALIES)), *dissector.anomalies]
    found: dict[str, Any] = {
        "ts": int(row["ts"]) - START_NS,
        "status": int(row["status"]),
        "anomaly": [name for bit, name in enumerate(names) if bits >> bit & 1],
    }
    for column in columns(record):
        found[column.name] = _value(column.kind, row[column.name], out.text)
    return found


def _value(kind: Any, value: Any, text: Any) -> Any:
    if kind.name == "f64":
        return None if np.isnan(value) else float(value)
    number = int(value)
    if number == kind.null or (kind.name in ("time", "duration") and number == NO_TIME):
        return None
    if kind.name == "bool":
        return bool(number)
    if kind.name == "code":
        return kind.names.get(number, kind.unknown.format(number))
    if kind.name == "ipv4":
        return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    if kind.name == "mac":
        return ":".join(f"{number >> shift & 255:02x}" for shift in (40, 32, 24, 16, 8, 0))
    if kind.name in ("text", "octets", "text_list", "u32_list"):
        start, length = number >> LENGTH_BITS, number & LENGTH_MASK
        raw = text[start : start + length].tobytes()
        if kind.name == "octets":
            return raw
        if kind.name == "text":
            return raw.decode("utf-8", "backslashreplace")
        if kind.name == "u32_list":
            return [int.from_bytes(raw[at : at + 4], "big") for at in range(0, length, 4)]
        items, at = [], 0
        while at < length:
            size = int.from_bytes(raw[at : at + 2], "big")
            items.append(raw[at + 2 : at + 2 + size].decode("utf-8", "backslashreplace"))
            at += 2 + size
        return items
    return number

"""The stage's main function: closed rows become Arrow columns of their declared types.

    columns = build_columns(NtpRecord, rows, text, keys, seed=0)
    columns["reference_id"]            # an Arrow array; null where nothing was read

Nothing here decides what may be seen: the columns go to the policy's gate next, and text
that the policy drops was not even copied out of the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from sonde.record.flow_record import bits_column, halves
from sonde.record.text import (
    address_column,
    ipv4_column,
    mac_column,
    octets_column,
    text_column,
    text_list_column,
    u32_list_column,
    uid_column,
)
from sonde.schema import ENDPOINT, PROTOCOL, Column, Field, Kind, Record, columns
from sonde.table.arrow import encode, named, numbers, times, truths, values_column
from sonde.table.late import pa
from sonde.table.out import COMMON_ANOMALIES, OWN_ANOMALY, STATUS_NAMES
from sonde.wire import Ints, Rows, Wire

#: Columns of every table but flows: when, which flow, between whom.
KEY_FIELDS: dict[str, tuple[Kind, Field]] = {
    "ts": (Kind("time", "i8", 0, "timestamp"), Field("When", PROTOCOL, holds="time")),
    "uid": (Kind("text", "i8", -1, "string"), Field("Flow that it belongs to", PROTOCOL)),
    "orig_ip": (Kind("text", "i8", -1, "string"), Field("Originator", ENDPOINT, holds="address")),
    "orig_port": (Kind("u16", "i4", -1, "uint16"), Field("Its port", PROTOCOL)),
    "resp_ip": (Kind("text", "i8", -1, "string"), Field("Responder", ENDPOINT, holds="address")),
    "resp_port": (Kind("u16", "i4", -1, "uint16"), Field("Its port", PROTOCOL)),
}
TAIL_FIELDS: dict[str, tuple[Kind, Field]] = {
    "status": (Kind("code", "u1", -1, "dictionary"), Field("Could the message be read?", PROTOCOL)),
    "anomalies": (Kind("names", "u8", -1, "list_string"), Field("What was odd, from a closed list", PROTOCOL)),
}


@cache
def arrow_types() -> dict[str, pa.DataType]:
    """Give Arrow's types by the names that kinds have for them."""
    return {
        "uint8": pa.uint8(),
        "uint16": pa.uint16(),
        "uint32": pa.uint32(),
        "uint64": pa.uint64(),
        "int8": pa.int8(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "binary": pa.binary(),
        "timestamp": pa.timestamp("ns", "UTC"),
        "duration": pa.duration("ns"),
        "list_string": pa.list_(pa.string()),
        "list_uint32": pa.list_(pa.uint32()),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
    }


def catalogue(record: type[Record], *, is_flows: bool = False) -> dict[str, tuple[pa.DataType, Field]]:
    """Give the emitted columns of a table in order: Arrow type and declaration of each."""
    types = arrow_types()
    return {name: (types[kind.arrow], field) for name, (kind, field) in _emitted(record, is_flows=is_flows).items()}


def _emitted(record: type[Record], *, is_flows: bool) -> dict[str, tuple[Kind, Field]]:
    """Give kind and declaration of each emitted column in order."""
    own = {each.name: (each.kind, _field(each)) for each in columns(record) if not each.field.internal}
    return own if is_flows else {**KEY_FIELDS, **own, **TAIL_FIELDS}


def _field(column: Column) -> Field:
    """Give a column's declaration; a type that is only ever an address or a time says so for it."""
    holds = {"ipv4": "address", "mac": "mac", "time": "time"}.get(column.kind.name)
    return replace(column.field, holds=holds) if holds else column.field


def declared(record: type[Record], *, is_flows: bool = False) -> dict[str, Field]:
    """Give the declaration of each emitted column, its privacy class included."""
    return {name: field for name, (_, field) in _emitted(record, is_flows=is_flows).items()}


def _column(column: Column, values: np.ndarray, text: Wire) -> pa.Array:
    kind = column.kind
    simple: dict[str, Callable[[Wire, Ints], pa.Array]] = {
        "text": text_column,
        "octets": octets_column,
        "text_list": text_list_column,
        "u32_list": u32_list_column,
    }
    values = np.ascontiguousarray(values)
    if kind.name in simple:
        return simple[kind.name](text, values)
    if kind.name in ("time", "duration"):
        return times(values, arrow_types()[kind.arrow])
    if kind.name == "code":
        return _code_column(kind, values)
    if kind.name == "ipv4":
        return ipv4_column(values)
    if kind.name == "mac":
        return mac_column(values)
    if kind.name == "f64":
        return numbers(values, pa.float64(), np.isnan(values))
    null = values == kind.null
    return truths(values == 1, null) if kind.name == "bool" else numbers(values, arrow_types()[kind.arrow], null)


def _code_column(kind: Kind, values: np.ndarray) -> pa.Array:
    distinct, codes = encode(values)
    names: list[str | None] = [
        None if number == kind.null else kind.names.get(number, kind.unknown.format(number)) for number in distinct
    ]
    return named(codes, names)


def build_columns(
    record: type[Record],
    rows: Rows,
    text: Wire,
    keys: Rows,
    *,
    seed: int,
    anomalies: tuple[str, ...] = (),
    complete: Callable[[Any, Any], Mapping[str, Any]] | None = None,
    names: set[str] | None = None,
) -> dict[str, pa.Array]:
    """Turn closed rows into columns; `keys` are the flow rows they belong to.

    `names` limits the columns; `complete` gives those that a dissector derives in bulk.
    """
    types = arrow_types()
    found: dict[str, pa.Array] = {
        "ts": times(np.ascontiguousarray(rows["ts"]), types["timestamp"]),
        "uid": uid_column(keys["frame"], seed),
        "orig_ip": address_column(*halves(keys, "orig")),
        "orig_port": numbers(keys["orig_port"], pa.uint16()),
        "resp_ip": address_column(*halves(keys, "resp")),
        "resp_port": numbers(keys["resp_port"], pa.uint16()),
    }
    derived = complete(rows, text) if complete is not None else {}
    for column in columns(record):
        if column.field.internal or (names is not None and column.name not in names):
            continue
        if column.name in derived:
            values = derived[column.name]
            found[column.name] = (
                values if isinstance(values, pa.Array) else values_column(values, types[column.kind.arrow])
            )
        else:
            found[column.name] = _column(column, rows[column.name], text)
    spelled: list[str | None] = [STATUS_NAMES.get(number) for number in range(4)]
    found["status"] = named(rows["status"], spelled)
    all_names = (*COMMON_ANOMALIES, *[""] * (OWN_ANOMALY - len(COMMON_ANOMALIES)), *anomalies)
    found["anomalies"] = bits_column(rows["anomaly"], all_names)
    return found

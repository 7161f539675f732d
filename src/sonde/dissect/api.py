"""What a dissector is made of. The only module that dissectors share.

A dissector turns messages into rows of its record tables. It declares

- `RECORDS`: the tables it fills (`Record` classes),
- `STATE`: what it remembers of one flow (`state(...)`: a structured row, zero at first),
- `advance(octets, at, end, conn, turn, out) -> int` for streams: read as many whole
  messages of octets[at:end] as there are, give how many octets were consumed (0: more is
  needed). What is not consumed is shown again, longer, with the next octets.
- `receive(octets, at, end, conn, turn, out)` for datagrams: read one.
- `finish(conn, out)`: the flow ended; close the rows still open.

All are kernels and never raise. `conn` is the flow's state row, `turn` says who sends and
when (sonde.table.turns), `out` is the table to write to: an `Out`, or a named tuple of
them in the order of `records` where there are several.

A stream dissector steers its driver through `conn`:
- `conn["skip"][side] = n`: the next n octets need not be shown (a body nobody may keep),
- `conn["done"][side] = 1`: no more of this side is wanted,
- `conn["lost"][side]`: set by the driver after a gap that no skip covered, before the
  next octets are shown; the dissector finds its way again and clears it, or gives up,
- `conn["missing"][side]`: counts the octets of such gaps; whoever counts on it clears it,
- `conn["confirmed"] = 1`: this is the protocol; `conn["violated"] = 1`: it is not.
- `conn["switch"] = 1`: what follows on both sides is another protocol (CONNECT); it is
  identified anew, and what is not consumed belongs to it,
- `conn["names_only"]`: set by the plan; only what names applications is wanted (SNI, Host,
  User-Agent, QNAME): close the row as soon as it is known and set `done` for both sides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sonde.schema import Protocol, Record, columns, table_name
from sonde.table.out import Out

CONN_FIELDS = (
    ("flow", "i8"),
    ("skip", "i8", (2,)),
    ("missing", "i8", (2,)),
    ("done", "u1", (2,)),
    ("lost", "u1", (2,)),
    ("confirmed", "u1"),
    ("violated", "u1"),
    ("switch", "u1"),
    ("names_only", "u1"),
    ("used", "u1"),
)


def state(*fields: tuple[Any, ...]) -> np.dtype[np.void]:
    """Declare the state row of a dissector: its own fields after the driver's."""
    return np.dtype([*CONN_FIELDS, *fields], align=True)


def places(record: type[Record]) -> Any:  # noqa: ANN401
    """Give a named tuple of the indexes of a record's fields, for `save` and `end_text`."""
    names = [column.name for column in columns(record)]
    made = NamedTuple(f"{record.__name__}Places", [(name, int) for name in names])  # type: ignore[misc]
    return made(*range(len(names)))


def outs(dissector: "Dissector", tables: list[Out]) -> Any:  # noqa: ANN401
    """Give what a dissector's kernels take as `out`: its table, or a named tuple of them."""
    return tables[0] if len(tables) == 1 else _outs_type(dissector.protocol.name, dissector.records)(*tables)


@cache
def _outs_type(name: str, records: tuple[type[Record], ...]) -> Any:  # noqa: ANN401
    """Make the type once: compiled kernels are found again by the identity of types."""
    return NamedTuple(f"{name.title()}Outs", [(table_name(record), Out) for record in records])


#: What the kernels of a dissector with several tables get: a named tuple of them.
Outs: TypeAlias = Any


@dataclass(frozen=True)
class Dissector:
    """One protocol's dissector: who it is, what it fills, and its kernels."""

    protocol: Protocol
    records: tuple[type[Record], ...]
    state: np.dtype[np.void]
    advance: Any = None
    receive: Any = None
    finish: Any = None
    #: Names of anomaly bits from OWN_ANOMALY on.
    anomalies: tuple[str, ...] = ()
    #: By table: Python that derives fields in bulk from the closed rows and their text,
    #: (rows, text) -> {field: list or Arrow array}.
    complete: Mapping[str, Callable[[Any, Any], Mapping[str, Any]]] = field(default_factory=dict, hash=False)
    #: By table: the fields that make a row distinct; a run keeps the first of its like.
    distinct: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    #: Octets that one side may hold back while a message is incomplete.
    max_held: int = 1 << 16


__all__ = ["CONN_FIELDS", "Dissector", "Out", "Outs", "outs", "places", "state"]

"""Batches that passed the egress gate: the only thing that a sink accepts."""

from __future__ import annotations

from sonde.table.late import pa

_seal = object()
_taken: list[bool] = []


class Permitted:
    """A batch that passed the gate. Only who holds the seal makes one."""

    __slots__ = ("batch", "table")

    def __init__(self, table: str, batch: pa.RecordBatch, *, seal: object) -> None:
        """Refuse to be made by anyone who does not hold the gate's seal."""
        if seal is not _seal:
            raise TypeError("records leave only through the egress gate")
        self.table = table
        self.batch = batch


def take_seal() -> object:
    """Give the seal to the first who asks, which is the egress gate, and to nobody after."""
    if _taken:
        raise TypeError("the seal is the egress gate's, which has it already")
    _taken.append(True)
    return _seal

"""The egress gate: the only way from columns to records.

    from sonde.policy import load_policy
    gate = Gate(load_policy("default"))
    batch = gate.permit("http", columns, fields)     # Permitted: what sinks accept

Every column needs a declared field with a privacy class; what has none, or a class that the
policy does not keep, does not pass. The gate fails closed: an unknown technique or class is
an error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sonde.policy.error import PolicyError
from sonde.policy.keys import Keys
from sonde.policy.techniques import Task, applied, transform, type_after
from sonde.policy.terms import DROP, KEEP, TECHNIQUES, Policy
from sonde.schema import CONTENT, Field, Privacy
from sonde.table.arrow import numbers
from sonde.table.late import pa
from sonde.table.permitted import Permitted, take_seal
from sonde.wire import Ints

#: Columns that say when a row was, the first found; its epoch's key is that of this time.
TIMES = ("ts", "start")

_SEAL = take_seal()


class Gate:
    """Applies one policy to columns, under the keys of its epochs."""

    def __init__(self, policy: Policy, keys: Keys | None = None) -> None:
        """Take a policy, and its keys; without them they are kept nowhere."""
        self.policy = policy
        self.keys = Keys(policy.pseudonym) if keys is None else keys
        #: The technique applied to each column so far, by table.
        self.applied: dict[str, dict[str, str]] = {}

    def keeps(self, table: str, column: str, declared: Field) -> bool:
        """Say whether a field leaves the parser in any form."""
        return self.policy.technique(table, column, declared) != DROP

    def schema(self, table: str, declared: Mapping[str, tuple[pa.DataType, Field]]) -> pa.Schema:
        """Give the schema of a table behind the gate."""
        fields = []
        for name, (kind, of) in declared.items():
            technique = applied(self.policy, table, name, of, kind)
            if technique != DROP:
                fields.append(pa.field(name, type_after(technique, kind)))
        return pa.schema(fields)

    def permit(self, table: str, columns: Mapping[str, pa.Array], declared: Mapping[str, Field]) -> Permitted:
        """Apply the policy to columns; PolicyError for one without a declared class."""
        kept: dict[str, pa.Array] = {}
        techniques = self.applied.setdefault(table, {})
        epochs: Ints | None = None
        for name, column in columns.items():
            of = declared.get(name)
            if not isinstance(of, Field) or not isinstance(of.privacy, Privacy):
                raise PolicyError(f"{table}.{name} has no privacy class and cannot be emitted")
            technique = applied(self.policy, table, name, of, column.type)
            techniques[name] = technique
            if technique == KEEP:
                kept[name] = column
            elif technique != DROP:
                epochs = self._epochs(columns) if epochs is None else epochs
                kept[name] = self._transform(technique, Task(f"{table}.{name}", of, self.policy), column, epochs)
        return Permitted(table, pa.RecordBatch.from_pydict(kept), seal=_SEAL)

    def _epochs(self, columns: Mapping[str, pa.Array]) -> Ints:
        """Give the epoch of each row, or one for all of them."""
        length = self.policy.pseudonym.epoch_ns
        name = next((each for each in TIMES if each in columns), None)
        if not length or name is None:
            return np.zeros(1, np.int64)
        column = columns[name]
        stamps = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column)]
        epochs = stamps // length
        return epochs[:1] if len(epochs) and (epochs == epochs[0]).all() else epochs

    def _transform(self, technique: str, task: Task, column: pa.Array, epochs: Ints) -> pa.Array:
        """Treat the rows of each epoch under its key."""
        if len(epochs) <= 1:
            return transform(technique, task, column, self.keys.of(int(epochs[0]) if len(epochs) else 0))
        parts, order = [], []
        for epoch in np.unique(epochs).tolist():
            rows = np.flatnonzero(epochs == epoch)
            part = column.take(numbers(rows, pa.int64()))
            parts.append(transform(technique, task, part, self.keys.of(epoch)))
            order.append(rows)
        back = np.argsort(np.concatenate(order), kind="stable")
        return pa.concat_arrays(parts).take(numbers(back, pa.int64()))


def readmit(
    table: str, batch: pa.RecordBatch, declared: Mapping[str, Field], techniques: Mapping[str, str]
) -> Permitted:
    """Let records of a dataset out again, as they passed the gate when it was made.

    PolicyError for a column that is not declared, or of which `techniques` (of the dataset's manifest)
    does not say that it was let through.
    """
    for name in batch.schema.names:
        of, technique = declared.get(name), techniques.get(name, DROP)
        if not isinstance(of, Field) or of.privacy >= CONTENT:
            raise PolicyError(f"{table}.{name} is declared by no record that may be sent; it is not sent.")
        if technique == DROP or technique not in TECHNIQUES:
            raise PolicyError(f"The manifest does not say what its policy did to {table}.{name}; it is not sent.")
    return Permitted(table, batch, seal=_SEAL)


__all__ = ["Gate", "readmit"]

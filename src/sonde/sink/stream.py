"""JSON Lines to whoever listens at a TCP or Unix socket: an object a line, its table named first.

    outlet = StreamOutlet(endpoint("tcp://127.0.0.1:9000"))
    outlet.write(permitted)                  # {"table":"dns","ts":"2026-...

A batch whose connection broke is sent again as a whole, so that lines may come twice and the last
line of the old connection may be cut; `uid` and `ts` tell what is the same. What the kernel had
taken when the other side went away may be lost, which nobody but a protocol with receipts could know.
"""

from collections.abc import Mapping

from sonde.sink.connection import PATIENCE_S, Connection, Endpoint, OutletError
from sonde.sink.files import json_lines, spell
from sonde.table.permitted import Permitted

ATTEMPTS = 3  # for one batch, where the connection breaks
LINES_A_PART = 1 << 10


class StreamOutlet:
    """A stream of JSON Lines to one endpoint."""

    def __init__(self, to: Endpoint, *, patience_s: float = PATIENCE_S) -> None:
        """Send to `to`; wait for it as long as `patience_s` with each batch."""
        self.connection = Connection(to, patience_s=patience_s)
        self.lines = self.repeated = 0

    def write(self, permitted: Permitted) -> None:
        """Send a line for each row; OutletError if they cannot be sent."""
        if not isinstance(permitted, Permitted):
            raise TypeError("an outlet takes only what passed the egress gate")
        lines = named_lines(permitted)
        parts = ["".join(lines[at : at + LINES_A_PART]).encode() for at in range(0, len(lines), LINES_A_PART)]
        for attempt in range(ATTEMPTS):
            self.connection.ready()
            try:
                self.connection.send(parts)
            except OutletError:
                if attempt == ATTEMPTS - 1:
                    raise
                self.repeated += 1
            else:
                self.lines += len(lines)
                return

    def close(self) -> None:
        """End the stream."""
        self.connection.close()

    def tally(self) -> Mapping[str, int]:
        """Give what was sent."""
        return {
            "lines": self.lines,
            "octets": self.connection.octets,
            "connections": self.connection.opened,
            "lost_connections": self.connection.lost,
            "repeated_batches": self.repeated,
        }


def named_lines(permitted: Permitted) -> list[str]:
    """Spell rows as JSON lines that begin with the name of their table."""
    head = f'{{"table":{spell(permitted.table)}'
    return [f"{head}{',' if len(line) > 3 else ''}{line[1:]}" for line in json_lines(permitted.batch)]  # 3: {}\n


__all__ = ["StreamOutlet", "named_lines"]

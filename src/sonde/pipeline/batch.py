"""What lanes hand over: closed rows of one table, and all that was made of a block."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sonde.dissect import Dissector
from sonde.schema import Record, row_dtype
from sonde.table.fieldwise import Tray, chosen
from sonde.table.flows import FLOW, KEY, RECORDED
from sonde.wire import Ints, Rows, Wire

FLOW_FIELDS, KEY_FIELDS = chosen(FLOW, RECORDED), chosen(FLOW, KEY.names or ())
NO_TEXT: Wire = np.empty(0, np.uint8)


def room_of_own(octets: int) -> Wire:
    """Give memory of this process."""
    return np.empty(octets, np.uint8)


def tray_of(record: type[Record], dissector: Dissector | None, rows: int, give: Callable[[int], Wire]) -> Tray:
    """Make a tray with room for so many rows of a table; of flows where no dissector made them."""
    if dissector is None:
        return Tray(FLOW_FIELDS, (), rows, give)
    return Tray(chosen(row_dtype(record)), KEY_FIELDS, rows, give)


@dataclass(slots=True)
class Batch:
    """Closed rows of one table, the text they point to, and the keys of their flows; flows have neither.

    The arena of text may be shared with batches before and after; its octets up to `end` are
    there to stay, and `added` of them are new with this batch. Of a record that feeds
    others, rows and keys are structured; else they are laid out field by field.
    """

    record: type[Record]
    dissector: Dissector | None
    rows: Rows
    text: Wire
    end: int
    added: int
    keys: Rows
    #: What rows and keys lie in, field by field.
    tray: Tray | None = None

    @property
    def protocol(self) -> str:
        """Name the protocol whose dissector made them."""
        return self.dissector.protocol.name if self.dissector is not None else ""


@dataclass(slots=True)
class Yield:
    """What one lane made of one block."""

    batches: list[Batch]
    drops: Ints
    faults: list[str] = field(default_factory=list)
    #: Frames of the block and, in a prompt lane, their octets on the link and the time of the last: of the whole
    #: block, and not of this lane's share.
    frames: int = 0
    octets: int = 0
    last_ns: int = 0
    lane: int = 0


__all__ = ["NO_TEXT", "Batch", "Yield", "room_of_own", "tray_of"]

"""Short texts that a connection remembers, each behind an octet with its length, until they are written."""

from sonde.dissect.api import Out
from sonde.table.out import begin_item, begin_text, end_item, end_text, put_octet
from sonde.wire import Int, Wire, kernel

MOST_KEPT = 255  # octets of one text


@kernel
def keep_item(kept: Wire, used: Int, wire: Wire, at: Int, end: Int) -> Int:
    """Remember wire[at:end] behind the `used` octets, if there is room; give how many are used then."""
    length = min(end - at, MOST_KEPT)
    if length < 0 or used + 1 + length > len(kept):
        return used
    kept[used] = length
    for offset in range(length):
        kept[used + 1 + offset] = wire[at + offset]
    return used + 1 + length


@kernel
def put_kept(out: Out, kept: Wire, used: Int, field: Int) -> Int:
    """Write what is remembered as a list of texts; give its span."""
    start, at = begin_text(out), 0
    while at < used:
        item = begin_item(out)
        length = int(kept[at])
        for offset in range(length):
            put_octet(out, int(kept[at + 1 + offset]))
        end_item(out, item)
        at += 1 + length
    return end_text(out, field, start)

"""Messages that arrive in pieces, out of order and again: CRYPTO frames, fragments of DTLS.

The pieces of one message at a time lie in the text arena, in the span `held` of the
session's row, so that no flow needs room for it in its state. Behind them stands a bit
for each octet that is there.
"""

import numpy as np

from sonde.schema import NO_TEXT
from sonde.table.out import LENGTH_BITS, LENGTH_MASK, TEXT, Out
from sonde.wire import Int, Row, Wire, kernel, u8


@kernel
def hold_piece(wire: Wire, at: Int, length: Int, offset: Int, mark: Int, room: Int, session: Row, out: Out) -> Int:
    """Put a piece at its place; give where the message begins in out.text, or -1.

    `mark` names the message and `room` is how long it can be; `session["prefix"]` then
    tells how many octets are there without a gap. Another mark lets the former one go.
    """
    row = session["row"]
    if row == 0 or offset < 0 or offset + length > room:
        return -1  # the spill row belongs to nobody
    record = out.rows[row]
    flags_size = (room >> 3) + 1
    # Pieces of one message may disagree on its length: then they belong to two.
    alike = session["held_mark"] == mark and np.int64(record["held"]) & LENGTH_MASK == room + flags_size
    if record["held"] == NO_TEXT or not alike:
        if len(out.text) - out.count[TEXT] < room + flags_size:
            return -1
        begun = out.count[TEXT]
        out.count[TEXT] = begun + room + flags_size
        for place in range(begun + room, begun + room + flags_size):
            out.text[place] = 0
        record["held"] = begun << LENGTH_BITS | room + flags_size
        session["held_mark"], session["prefix"] = mark, 0
    start = np.int64(record["held"]) >> LENGTH_BITS
    flags = start + room
    for place in range(offset, offset + length):
        out.text[start + place] = wire[at + place - offset]
        out.text[flags + (place >> 3)] = u8(out.text, flags + (place >> 3)) | 1 << (place & 7)
    prefix = session["prefix"]
    while prefix < room and u8(out.text, flags + (prefix >> 3)) >> (prefix & 7) & 1:
        prefix += 1
    session["prefix"] = prefix
    return start


@kernel
def release_pieces(session: Row, out: Out) -> None:
    """Let go of what is held."""
    if session["begun"] == 1 and session["closed"] == 0:
        out.rows[session["row"]]["held"] = NO_TEXT
    session["prefix"] = 0

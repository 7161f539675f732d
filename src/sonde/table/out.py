"""Record tables while kernels fill them: rows, a text arena, and the open ones.

Rows are a pool. A row is opened, filled over one or many messages, and closed; the
pipeline takes closed rows after each block of frames. Text goes into one arena; a field
holds a span, `offset << 24 | length`. Row 0 takes what finds no room, so that a
dissector need not ask; what lands there is counted and never emitted.
"""

from typing import NamedTuple

import numpy as np

from sonde.schema import NO_TEXT, Record, columns, null_row, row_dtype
from sonde.wire import Int, Ints, Row, Rows, Wire, copy, kernel, le32

# Places in Out.count. Rows from FRESH on were never used: their memory is untouched.
FREE, DONE, TEXT, NO_ROW, NO_ROOM, CUT_TEXT, FRESH = range(7)
LENGTH_BITS = 24
LENGTH_MASK = (1 << LENGTH_BITS) - 1
SPILL_ROW = 0
MAX_TEXT = 8192  # octets of one field; a longer one is cut and the row says so

# Anomalies that any record can have; a dissector's own begin at bit 8.
CUT = 1  # a field was longer than MAX_TEXT
UNANSWERED = 2  # a request without response
UNASKED = 4  # a response without request
GAP = 8  # octets are missing from the stream
COMMON_ANOMALIES = ("text_cut", "unanswered", "unasked", "gap")
OWN_ANOMALY = 8

# Status of a record: could the message be read? (closed list)
OK, TRUNCATED, MALFORMED, UNSUPPORTED = 0, 1, 2, 3
STATUS_NAMES = {0: "ok", 1: "truncated", 2: "malformed", 3: "unsupported"}


class Out(NamedTuple):
    """One record table that kernels write to."""

    rows: Rows
    null: Rows
    text: Wire
    free: Ints
    done: Ints
    keep: Wire
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted


def new_out(record: type[Record], capacity: int, room: int, keep: Wire | None = None) -> Out:
    """Make a table with `capacity` rows and `room` octets of text."""
    if keep is None:
        keep = np.ones(len(columns(record)), np.uint8)
    out = Out(
        rows=np.zeros(capacity, row_dtype(record)),  # no row is open at first
        null=null_row(record),
        text=np.empty(room, np.uint8),
        free=np.empty(capacity, np.int64),
        done=np.empty(capacity, np.int64),
        keep=keep,
        count=np.zeros(8, np.int64),
    )
    out.rows[0] = out.null[0]
    out.count[FRESH] = 1  # behind the spill row
    return out


def grow_out(out: Out, rows: int, room: int) -> Out:
    """See to it that so many rows and so many octets of text are free; rows keep their numbers."""
    fresh, text = int(out.count[FRESH]), int(out.count[TEXT])
    capacity = len(out.rows)
    if int(out.count[FREE]) + capacity - fresh < rows:
        capacity = max(2 * capacity, fresh + rows)
        larger = np.zeros(capacity, out.rows.dtype)
        larger[:fresh] = out.rows[:fresh]
        free, done = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
        free[: out.count[FREE]] = out.free[: out.count[FREE]]
        done[: out.count[DONE]] = out.done[: out.count[DONE]]
        out = out._replace(rows=larger, free=free, done=done)
    if len(out.text) - text < room:
        arena = np.empty(text + 2 * room, np.uint8)
        arena[:text] = out.text[:text]
        out = out._replace(text=arena)
    return out


@kernel
def open_row(out: Out, turn: Row) -> Int:
    """Take a row, all fields null, for the message of this turn."""
    row = SPILL_ROW
    if out.count[FREE] > 0:
        out.count[FREE] -= 1
        row = out.free[out.count[FREE]]
    elif out.count[FRESH] < len(out.rows):
        row = out.count[FRESH]
        out.count[FRESH] += 1
    else:
        out.count[NO_ROW] += 1
    out.rows[row] = out.null[0]
    record = out.rows[row]
    record["ts"] = turn["ts"]
    record["flow"] = turn["flow"]
    record["order"] = turn["frame"]
    record["open"] = 1
    return row


@kernel
def close_row(out: Out, row: Int) -> None:
    """Hand a filled row over; it may not be touched afterwards."""
    if row > 0 and out.rows[row]["open"] == 1:
        out.rows[row]["open"] = 0
        out.done[out.count[DONE]] = row
        out.count[DONE] += 1


@kernel
def drop_row(out: Out, row: Int) -> None:
    """Give a row back that turned out to be none."""
    if row > 0 and out.rows[row]["open"] == 1:
        out.rows[row]["open"] = 0
        out.free[out.count[FREE]] = row
        out.count[FREE] += 1


@kernel
def save(out: Out, field: Int, octets: Wire, at: Int, end: Int) -> Int:
    """Copy octets[at:end] as the text of a field, if the policy keeps it; give its span.

    `field` is the field's index in its record. Longer text is cut to MAX_TEXT, which
    `count[CUT_TEXT]` tells; a caller that cares compares lengths.
    """
    if out.keep[field] == 0:
        return NO_TEXT
    length = end - at
    if length > MAX_TEXT:
        length = MAX_TEXT
        out.count[CUT_TEXT] += 1
    start = out.count[TEXT]
    if length < 0 or start + length > len(out.text):
        out.count[NO_ROOM] += 1
        return NO_TEXT
    out.count[TEXT] = copy(octets, at, at + length, out.text, start)
    return start << LENGTH_BITS | length


@kernel
def begin_text(out: Out) -> Int:
    """Begin text that is composed octet by octet; see put_octet and end_text."""
    return out.count[TEXT]


@kernel
def put_octet(out: Out, octet: Int) -> None:
    """Append one octet to the text begun last."""
    if out.count[TEXT] < len(out.text):
        out.text[out.count[TEXT]] = octet
        out.count[TEXT] += 1
    else:
        out.count[NO_ROOM] += 1


@kernel
def put_octets(out: Out, octets: Wire, at: Int, end: Int) -> None:
    """Append octets[at:end] to the text begun last."""
    if out.count[TEXT] + max(end - at, 0) > len(out.text):
        out.count[NO_ROOM] += 1
        return
    out.count[TEXT] = copy(octets, at, end, out.text, out.count[TEXT])


@kernel
def put_number(out: Out, number: Int) -> None:
    """Append a whole number in decimal to the text begun last."""
    if number < 0:
        put_octet(out, 45)
        number = -number
    scale = 1
    while number // scale >= 10:
        scale *= 10
    while scale > 0:
        put_octet(out, 48 + number // scale % 10)
        scale //= 10


@kernel
def put_hex(out: Out, number: Int, digits: Int) -> None:
    """Append a number as so many lower-case hexadecimal digits."""
    for digit in range(digits - 1, -1, -1):
        nibble = number >> 4 * digit & 15
        put_octet(out, 48 + nibble if nibble < 10 else 87 + nibble)


@kernel
def end_text(out: Out, field: Int, start: Int) -> Int:
    """Finish composed text; give its span, or nothing where the policy drops the field."""
    if out.keep[field] == 0:
        out.count[TEXT] = start
        return NO_TEXT
    return start << LENGTH_BITS | min(out.count[TEXT] - start, LENGTH_MASK)


@kernel
def begin_item(out: Out) -> Int:
    """Begin one item of a text list (between begin_text and end_text)."""
    put_octet(out, 0)
    put_octet(out, 0)
    return out.count[TEXT]


@kernel
def end_item(out: Out, start: Int) -> None:
    """Finish one item of a text list: write its length in front of it."""
    length = min(out.count[TEXT] - start, 65535)
    out.count[TEXT] = start + length
    if start >= 2 and out.count[TEXT] <= len(out.text):
        out.text[start - 2] = length >> 8
        out.text[start - 1] = length & 255


@kernel
def put_item(out: Out, octets: Wire, at: Int, end: Int) -> None:
    """Append octets[at:end] as one item of a text list."""
    start = begin_item(out)
    put_octets(out, octets, at, min(end, at + MAX_TEXT))
    end_item(out, start)


@kernel
def put_u32(out: Out, number: Int) -> None:
    """Append one number of a U32List."""
    for shift in (24, 16, 8, 0):
        put_octet(out, number >> shift & 255)


@kernel
def put_ipv4(out: Out, octets: Wire, at: Int) -> None:
    """Append an IPv4 address in dotted form."""
    for part in range(4):
        if part:
            put_octet(out, 46)
        put_number(out, np.int64(octets[at + part]))


@kernel
def put_ipv6(out: Out, octets: Wire, at: Int) -> None:
    """Append an IPv6 address as RFC 5952 §4 writes it."""
    best, best_length, run = -1, 1, 0
    for group in range(8):
        if octets[at + 2 * group] == 0 and octets[at + 2 * group + 1] == 0:
            run += 1
            if run > best_length:
                best, best_length = group - run + 1, run
        else:
            run = 0
    group = 0
    while group < 8:
        if group == best:
            put_octet(out, 58)
            if group == 0:
                put_octet(out, 58)
            group += best_length
            continue
        value = np.int64(octets[at + 2 * group]) << 8 | np.int64(octets[at + 2 * group + 1])
        digits = 1
        while value >> 4 * digits:
            digits += 1
        put_hex(out, value, digits)
        group += 1
        if group < 8:
            put_octet(out, 58)


@kernel
def settle(rows: Rows, done: Ints, free: Ints, count: Ints) -> None:
    """Return the closed rows to the pool, after their batch was taken."""
    for place in range(count[DONE]):
        free[count[FREE]] = done[place]
        count[FREE] += 1
    count[DONE] = 0


@kernel
def move_text(raw: Wire, spans: Ints, out: Out, text: Wire) -> Int:
    """Copy the text of open rows into a fresh arena and repoint their spans.

    `raw` is the row pool as octets; `spans` are the octet offsets of span fields in a
    row (multiples of 8). Gives how much of the new arena is used.
    """
    used = 0
    width = len(raw) // len(out.rows)
    for row in range(1, out.count[FRESH]):
        if out.rows[row]["open"] == 0:
            continue
        for offset in spans:
            at = row * width + offset
            span = le32(raw, at) | le32(raw, at + 4) << 32
            if span < 0:
                continue
            start, length = span >> LENGTH_BITS, span & LENGTH_MASK
            copy(out.text, start, start + length, text, used)
            put_span(raw, at, used << LENGTH_BITS | length)
            used += length
    return used


@kernel
def put_span(raw: Wire, at: Int, span: Int) -> None:
    """Write a span into a row that is looked at as octets."""
    for octet in range(8):
        raw[at + octet] = span >> 8 * octet & 255


@kernel
def shift_spans(raw: Wire, width: Int, offsets: Ints, delta: Int) -> None:
    """Move where the spans of rows point to; `raw` is the rows as octets, `width` octets each."""
    for row in range(len(raw) // width):
        for offset in offsets:
            at = row * width + offset
            span = le32(raw, at) | le32(raw, at + 4) << 32
            if span >= 0:
                put_span(raw, at, span + delta)

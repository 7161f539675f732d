"""Record tables while kernels fill them: rows, a text arena, and the open ones.

Rows are a pool. A row is opened, filled over one or many messages, and closed; the
pipeline takes closed rows after each block of frames. Text goes into one arena; a field
holds a span, `offset << 24 | length`. Row 0 takes what finds no room, so that a
dissector need not ask; what lands there is counted and never emitted.
"""

from typing import Any, NamedTuple

import numpy as np

from sonde.schema import HEADER, NO_TEXT, Record, columns, null_row, once, row_dtype
from sonde.table.fieldwise import Views, views
from sonde.wire import Int, Ints, Row, Rows, Wire, copy, kernel

# Places in Out.count. Rows from FRESH on were never used: their memory is untouched.
FREE, DONE, TEXT, NO_ROW, NO_ROOM, CUT_TEXT, FRESH = range(7)
LENGTH_BITS = 24
LENGTH_MASK = (1 << LENGTH_BITS) - 1
SPILL_ROW = 0
SPAN_KINDS = ("text", "octets", "text_list", "u32_list")
MAX_TEXT = 8192  # octets of one field; a longer one is cut and the row says so
AMPLE_ROWS = 1 << 17  # of a table that grows: addresses, not memory, which is taken as rows are first used

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

#: Every row begins alike, in words of eight octets.
WORD = 8
_HEAD: Any = np.dtype(list(HEADER), align=True).fields
FLOW_WORD, OPEN_AT = _HEAD["flow"][1] // WORD, _HEAD["open"][1]


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
        capacity = max(2 * capacity, fresh + rows, AMPLE_ROWS)
        larger = np.zeros(capacity, out.rows.dtype)
        larger.view(np.uint8)[: fresh * larger.itemsize] = out.rows[:fresh].view(np.uint8)  # not field by field
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


class Pool(NamedTuple):
    """A record table as memory, whatever its record: one kernel serves all tables."""

    rows: Views
    text: Wire
    free: Ints
    done: Ints
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted


class Layout(NamedTuple):
    """Where a record's rows hold what: places of 64-bit words in a row."""

    size: Ints  # words of a row
    spans: Ints
    hosts: Ints  # spans of names that tell applications
    certificates: Ints  # spans of a certificate's names
    agents: Ints  # spans of User-Agents


def pool_of(out: Out) -> Pool:
    """Give a table as what kernels take that know nothing of its record."""
    return Pool(views(out.rows.view(np.uint8)), out.text, out.free, out.done, out.count)


@once
def layout_of(record: type[Record]) -> Layout:
    """Give where the rows of a record hold what."""
    dtype = row_dtype(record)
    assert dtype.fields is not None  # noqa: S101
    spans: dict[str, list[int]] = {"spans": [], "hosts": [], "certificates": [], "agents": []}
    for column in columns(record):
        if column.kind.name not in SPAN_KINDS:
            continue
        place = dtype.fields[column.name][1] // WORD
        spans["spans"].append(place)
        if column.field.names_application:
            spans[f"{column.field.names_application}s"].append(place)
    return Layout(
        np.array([dtype.itemsize // WORD]), **{name: np.array(found, np.int64) for name, found in spans.items()}
    )


@kernel
def is_open(pool: Pool, row: Int, width: Int) -> bool:
    """Say whether a row is being filled."""
    return bool(pool.rows.one[WORD * width * row + OPEN_AT] == 1)


@kernel
def save_address(out: Out, field: Int, octets: Wire, at: Int, size: Int) -> Int:
    """Keep an address of 4 or 16 octets as text, if the policy keeps it; give its span."""
    begun = begin_text(out)
    if size == 4:
        put_ipv4(out, octets, at)
    else:
        put_ipv6(out, octets, at)
    return end_text(out, field, begun)


@kernel
def put_back(pool: Pool) -> None:
    """Return the closed rows to the pool, after their batch was taken."""
    for place in range(pool.count[DONE]):
        pool.free[pool.count[FREE]] = pool.done[place]
        pool.count[FREE] += 1
    pool.count[DONE] = 0


@kernel
def move_text(pool: Pool, layout: Layout, fresh: Wire) -> None:
    """Copy the text of open rows into a fresh arena and repoint their spans."""
    used, width = 0, layout.size[0]
    for row in range(1, pool.count[FRESH]):
        if not is_open(pool, row, width):
            continue
        for place in layout.spans:
            span = pool.rows.eight[row * width + place]
            if span < 0:
                continue
            start, length = span >> LENGTH_BITS, span & LENGTH_MASK
            copy(pool.text, start, start + length, fresh, used)
            pool.rows.eight[row * width + place] = used << LENGTH_BITS | length
            used += length
    pool.count[TEXT] = used


@kernel
def shift_spans(words: Ints, layout: Layout, delta: Int) -> None:
    """Move where the spans of rows, given as words, point to."""
    width = layout.size[0]
    for row in range(len(words) // width):
        for place in layout.spans:
            if words[row * width + place] >= 0:
                words[row * width + place] += delta

"""Where a body ends, and what its first and last octets tell (RFC 9112 §6, §7).

Of a body all but the first octets and the last few is skipped: the last, so that its end
is noticed when it comes and not with the next message; four in one coded with gzip, for
they hold its length before coding (RFC 1952 §2.3.1).
"""

import numpy as np

from sonde.dissect.body.kinds import LOOKED_AT, media_type
from sonde.dissect.body.lines import (
    BAD_CHUNK,
    BAD_LENGTH,
    TRANSFER_ENCODING,
    TWO_FRAMINGS,
    chunk_size,
    find_folded,
    read_decimal,
    skip_blanks,
)  # fmt: skip
from sonde.schema import ABSENT, NO_TIME
from sonde.table.out import GAP
from sonde.wire import Int, Row, Wire, kernel, octets

START, HEAD, CHUNK_SIZE, CHUNK_END, TRAILER, BODY, WAIT, DISCARD = range(8)  # conn["phase"][side]
UNKNOWN, ASKS, ANSWERS = range(3)  # conn["role"][side]
ENDLESS = 1 << 60  # a body that ends with the stream
LARGEST = 1 << 50  # a declared length beyond this is no length
GZIP_LEAST = 18  # octets of header and trailer
DENSEST = 1040  # times that deflate can shrink
CHUNKED = octets("chunked")


@kernel
def take_framing(wire: Wire, at: Int, end: Int, conn: Row, side: Int, header: Int) -> None:
    """Learn how the end of the body is told (RFC 9112 §6); chunks win over a length."""
    if header == TRANSFER_ENCODING:
        if find_folded(wire, at, end, CHUNKED) >= 0:
            conn["chunked"][side] = 1
    else:
        length = read_decimal(wire, at, end, LARGEST)
        before = conn["length"][side]
        if length < 0 or (before >= 0 and before != length):
            conn["odd"][side] |= BAD_LENGTH
        if before < 0:
            conn["length"][side] = length
    if conn["chunked"][side] == 1 and conn["length"][side] >= 0:
        conn["odd"][side] |= TWO_FRAMINGS


@kernel
def begin_body(conn: Row, side: Int, length: Int) -> None:
    """Expect so many octets of a body or chunk."""
    conn["phase"][side] = BODY
    conn["left"][side] = length


@kernel
def begin_chunk(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> None:
    """Expect a chunk, the trailer, or, where no size can be read, a body up to the stream's end."""
    size, clean = chunk_size(wire, skip_blanks(wire, at, end), end)
    if not clean:
        conn["odd"][side] |= BAD_CHUNK
    if size == 0 and clean:
        conn["phase"][side] = TRAILER
    else:
        begin_body(conn, side, size if size > 0 else ENDLESS)


@kernel
def leave_chunks(conn: Row, side: Int) -> None:
    """Take a body that is told to be in chunks, and does not begin with one, by its length or to the stream's end.

    Clients do: some where the version is not 1.1 or the header is spelled oddly, and what is said to be in chunks
    to one who looks on is then a plain file to them (RFC 9112 §6.1, §11.2).
    """
    conn["odd"][side] |= BAD_CHUNK
    conn["chunked"][side] = 0
    begin_body(conn, side, conn["length"][side] if conn["length"][side] > 0 else ENDLESS)


@kernel
def take_body(wire: Wire, at: Int, end: Int, conn: Row, side: Int) -> Int:
    """Look at a body's first and last octets and pass over the rest; `left` is 0 at its end."""
    left = np.int64(conn["left"][side])
    looked = np.int64(conn["looked"][side])
    last = 4 if conn["gzip"][side] == 1 else 1
    taken = min(left, end - at)
    if looked < LOOKED_AT:
        taken = min(taken, LOOKED_AT - looked)
        first = conn["first"][side]
        for offset in range(taken):
            first[looked + offset] = wire[at + offset]
        looked += taken
        conn["looked"][side] = looked
    elif left > last:
        taken = 1
    if last > 1:
        for place in range(max(at, at + taken - last), at + taken):
            conn["tail"][side] = (conn["tail"][side] << 8 | np.int64(wire[place])) & 0xFFFFFFFF
    left -= taken
    conn["body"][side] += taken
    if left > last and looked == LOOKED_AT:
        conn["skip"][side] = left - last
        conn["body"][side] += left - last
        left = last
    conn["left"][side] = left
    return taken


@kernel
def settle_message(conn: Row, side: Int, record: Row) -> None:
    """Write down a body's length and kind, and the oddities of its message."""
    odd = np.int64(conn["odd"][side])
    record["anomaly"] |= np.uint64(odd)
    conn["odd"][side] = 0
    if conn["phase"][side] == START or conn["phase"][side] == HEAD:
        return
    length = np.int64(conn["body"][side]) - np.int64(conn["skip"][side])
    declared = ABSENT if conn["chunked"][side] == 1 else np.int64(conn["length"][side])
    whole = conn["left"][side] == 0 and (conn["phase"][side] == BODY or conn["phase"][side] == TRAILER)
    lasted = conn["now"] - conn["begun"][side] if length > 0 and whole else np.int64(NO_TIME)
    kind = ABSENT
    if conn["opaque"][side] == 0 and length > 0:
        kind = media_type(conn["first"][side], 0, np.int64(conn["looked"][side]))
    if conn["role"][side] == ASKS:
        record["request_body_len"] = length
        record["request_length"] = declared
        record["request_body_time"] = lasted
        record["orig_mime"] = kind
        return
    record["response_body_len"] = length
    record["response_length"] = declared
    record["response_body_time"] = lasted
    record["resp_mime"] = kind
    if conn["gzip"][side] == 1 and conn["left"][side] == 0 and odd & GAP == 0:
        record["response_decoded_len"] = decoded_length(np.int64(conn["tail"][side]), length)


@kernel
def decoded_length(tail: Int, length: Int) -> Int:
    """Read the little-endian length that ends a gzip member, if it can be true of so many octets."""
    told = tail >> 24 | tail >> 8 & 0xFF00 | tail << 8 & 0xFF0000 | tail << 24 & 0xFF000000
    likely = length >= GZIP_LEAST and told <= length * DENSEST and told >= length - GZIP_LEAST - length // 1024 - 64
    return told if likely else ABSENT

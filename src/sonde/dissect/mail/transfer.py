"""The message itself: data in lines and chunks, on their way to the content stage."""

import numpy as np

from sonde.dissect.api import Outs
from sonde.dissect.mail.chunk import (
    AFTER_GAP,
    CHUNK,
    CREDENTIALS,
    CUT_SHORT,
    DOTTED,
    FIRST,
    LAST,
    SMUGGLED,
    STRIPPED,
    put_chunk,
)
from sonde.dissect.mail.envelope import BAD_CHUNK_SIZE, BY_BDAT, BY_DATA, END_LOOKALIKE
from sonde.dissect.mail.lines import CR, LF, data_end, read_number, skip_spaces, two_before, word, word_end, word_key
from sonde.dissect.mail.queue import put_paths
from sonde.schema import ABSENT
from sonde.table.out import GAP, close_row, open_row, save
from sonde.wire import Int, Row, Wire, kernel

LINE_START = CR << 8 | LF
MOST_CHUNK = (1 << 63) - 1 >> 8
LAST_WORD = word("last")


@kernel
def begin_data(conn: Row, transfer: Int, out: Outs) -> None:
    """Begin a message, or go on with its next chunk."""
    record = out.smtp.rows[conn["row"]]
    if record["transfer"] < 0:
        record["transfer"] = transfer
        record["size"] = 0
        conn["first"] = 1
        conn["octets"] = 0
        conn["lookalikes"] = 0
        conn["before"] = LINE_START


@kernel
def hand_on(wire: Wire, at: Int, end: Int, conn: Row, marks: Int, out: Outs) -> None:
    """Hand octets of the message on to the content stage."""
    if end == at and marks & LAST == 0:
        return
    if conn["first"] == 1:
        marks |= FIRST
        put_envelope(conn, out)
    conn["first"] = 0
    if out.smtp.rows[conn["row"]]["transfer"] == BY_DATA and conn["dotted"] == 1:
        marks |= DOTTED
    marks |= CREDENTIALS if conn["credentials"] == 1 else 0
    marks |= STRIPPED if conn["stripped"] == 1 else 0
    marks |= SMUGGLED if conn["lookalikes"] > 0 else 0
    conn["octets"] += end - at
    put_chunk(out.mail_chunk, conn, wire, at, end, conn["message"], marks)


@kernel
def put_envelope(conn: Row, out: Outs) -> None:
    """Tell of a message whose octets follow from whom to whom its envelope says it goes."""
    table = out.mail_chunk
    if table.keep[CHUNK.octets] == 0:
        return
    row = open_row(table, conn)
    record = table.rows[row]
    record["message"] = conn["message"]
    record["marks"] = 0
    record["sender"] = save(table, CHUNK.sender, conn["sender"], 0, np.int64(conn["sender_length"]))
    if conn["listed"] > 0:
        record["recipients"] = put_paths(conn, table, CHUNK.recipients)
    close_row(table, row)


@kernel
def take_data(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> Int:
    """Take data in lines as far as it goes; give the new place. conn["ended"] is 1 at its end."""
    stop = data_end(wire, at, end, np.int64(conn["before"]), conn)
    if conn["lookalikes"] > 0:
        out.smtp.rows[conn["row"]]["anomaly"] |= np.uint64(END_LOOKALIKE)
    hand_on(wire, at, stop, conn, LAST if conn["ended"] == 1 else 0, out)
    conn["before"] = two_before(wire, stop, at, np.int64(conn["before"]))
    return stop + 3 if conn["ended"] == 1 else stop


@kernel
def take_chunk(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> Int:
    """Take octets of a chunk (RFC 3030 §2); give the new place. conn["ended"] is 1 with the last of the message."""
    stop = at + min(end - at, np.int64(conn["left"]))
    conn["left"] -= stop - at
    conn["ended"] = conn["left"] == 0 and conn["last_chunk"] == 1
    hand_on(wire, at, stop, conn, LAST if conn["ended"] == 1 else 0, out)
    return stop


@kernel
def begin_chunk(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> bool:
    """Read the size that BDAT announces, and whether it is the last; False where it says none."""
    record = out.smtp.rows[conn["row"]]
    stop = word_end(wire, at, end)
    size = read_number(wire, at, stop, MOST_CHUNK)
    rest = skip_spaces(wire, stop, end)
    is_last = word_key(wire, rest, end) == LAST_WORD
    if size < 0 or (rest < end and not is_last):
        record["anomaly"] |= np.uint64(BAD_CHUNK_SIZE)
        return False
    begin_data(conn, BY_BDAT, out)
    record["chunks"] += 2 if record["chunks"] == ABSENT else 1
    conn["left"] = size
    conn["last_chunk"] = is_last
    return True


@kernel
def lose_octets(conn: Row, missing: Int, in_chunk: bool, out: Outs) -> None:
    """Note that octets of the message are missing."""
    record = out.smtp.rows[conn["row"]]
    record["anomaly"] |= np.uint64(GAP)
    conn["before"] = 0
    if in_chunk:
        conn["left"] = max(np.int64(conn["left"]) - missing, 0)
    nothing = out.mail_chunk.text
    marks = AFTER_GAP | (FIRST if conn["first"] == 1 else 0)
    conn["first"] = 0
    put_chunk(out.mail_chunk, conn, nothing, 0, 0, conn["message"], marks)


@kernel
def settle_size(conn: Row, out: Outs) -> None:
    """Write how many octets of the message came."""
    row = np.int64(conn["row"])
    if row > 0 and out.smtp.rows[row]["transfer"] >= 0:
        out.smtp.rows[row]["size"] = conn["octets"]


@kernel
def cut_short(conn: Row, out: Outs) -> None:
    """End a message that is not whole."""
    settle_size(conn, out)
    if conn["first"] == 0 or conn["octets"] > 0:
        put_chunk(out.mail_chunk, conn, out.mail_chunk.text, 0, 0, conn["message"], LAST | CUT_SHORT)

"""Which reply answers which command: the queue of a connection, and when a transaction's row is closed."""

import numpy as np

from sonde.dissect.api import Out, Outs
from sonde.dissect.mail.envelope import (
    ENVELOPE,
    INCOMPLETE,
    RECIPIENTS_CUT,
    REJECTED,
    TOO_MANY_PENDING,
)
from sonde.schema import ABSENT
from sonde.table.out import (
    UNANSWERED,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_octet,
    put_u32,
)
from sonde.wire import Int, Row, Wire, kernel

COMMAND, ASKED, DATA, CHUNK, EXCHANGE = range(5)  # phases of the client
(GREETING, HELLO, MAIL, RCPT, START, MESSAGE, PIECE, RESETS, TLS, AUTH, OTHER) = range(11)  # what a reply answers
MAX_PENDING = 64  # commands without a reply, in one connection
MOST_LISTED = 128  # recipients of one transaction whose paths and replies are listed
LISTED_OCTETS = 4096  # of their paths
HELO_OCTETS, SENDER_OCTETS = 255, 320

FIELDS = (
    ("session", "i8"),  # row of the session
    ("row", "i8"),  # row of the transaction; 0 none
    ("ts", "i8"),  # of the octets shown last; with `flow` and `frame` a connection can open rows as a turn does
    ("frame", "i8"),
    ("left", "i8"),  # octets left of a chunk
    ("octets", "i8"),  # of the message so far
    ("message", "i8"),  # its number
    ("queue_row", "i8", (MAX_PENDING,)),
    ("began", "i8"),  # when MAIL came
    ("oldest", "i4"),
    ("pending", "i4"),
    ("before", "i4"),  # the last two octets of the data
    ("lookalikes", "i4"),
    ("accepted", "i4"),  # recipients, of whom LMTP replies to each
    ("refused_words", "i4"),
    ("listed", "i4"),
    ("listed_octets", "i4"),
    ("replied", "i4"),
    ("helo_length", "i4"),
    ("scanned", "i4", (2,)),
    ("capability_octets", "i4"),
    ("queue_kind", "u1", (MAX_PENDING,)),
    ("queue_closes", "u1", (MAX_PENDING,)),  # the reply closes the row
    ("phase", "u1"),  # of the client
    ("server", "u1"),  # 1 + the side that serves; 0 not known
    ("ended", "u1"),
    ("dotted", "u1"),  # a line of the octets at hand begins with a dot
    ("first", "u1"),  # no octet of the message was handed on yet
    ("last_chunk", "u1"),
    ("lmtp", "u1"),
    ("discard", "u1", (2,)),  # up to the next line
    ("capability_line", "u1"),
    ("credentials", "u1"),
    ("stripped", "u1"),
    ("codes", "u2", (MOST_LISTED,)),
    ("paths", "u1", (LISTED_OCTETS,)),
    ("path_lengths", "u2", (MOST_LISTED,)),
    ("helo", "u1", (HELO_OCTETS,)),
    ("sender", "u1", (SENDER_OCTETS,)),  # the reverse path, for the content stage
    ("sender_length", "i4"),
    ("capabilities", "u1", (2048,)),
)


@kernel
def push(conn: Row, kind: Int, row: Int, out: Outs) -> None:
    """Queue a command; where too many wait, the oldest is given up."""
    if conn["pending"] == MAX_PENDING:
        out.smtp_session.rows[conn["session"]]["anomaly"] |= np.uint64(TOO_MANY_PENDING)
        pop(conn)
        close_answered(conn, out, UNANSWERED)
    place = (np.int64(conn["oldest"]) + np.int64(conn["pending"])) % MAX_PENDING
    conn["queue_kind"][place] = kind
    conn["queue_row"][place] = row
    conn["queue_closes"][place] = 0
    conn["pending"] += 1


@kernel
def pop(conn: Row) -> None:
    """Take the oldest command out; it stays readable at the place before `oldest`."""
    conn["oldest"] = (np.int64(conn["oldest"]) + 1) % MAX_PENDING
    conn["pending"] -= 1


@kernel
def close_answered(conn: Row, out: Outs, odd: Int) -> None:
    """Close the row of the command taken out last, if nothing else will be said of it."""
    place = (np.int64(conn["oldest"]) + MAX_PENDING - 1) % MAX_PENDING
    row = np.int64(conn["queue_row"][place])
    if row > 0:
        out.smtp.rows[row]["anomaly"] |= np.uint64(odd)
        if conn["queue_closes"][place] == 1:
            close_transaction(out, row)


@kernel
def open_transaction(conn: Row, out: Outs) -> Int:
    """Open the row of a new transaction."""
    row = open_row(out.smtp, conn)
    record = out.smtp.rows[row]
    conn["message"] += 1
    record["message"] = conn["message"]
    record["recipients"] = 0
    record["recipients_accepted"] = 0
    record["helo"] = put_text(out.smtp, conn["helo"], np.int64(conn["helo_length"]), ENVELOPE.helo)
    out.smtp_session.rows[conn["session"]]["transactions"] = conn["message"]
    conn["row"] = row
    conn["accepted"] = 0
    conn["listed"] = 0
    conn["listed_octets"] = 0
    conn["replied"] = 0
    conn["octets"] = 0
    return row


@kernel
def put_text(out: Out, kept: Wire, length: Int, field: Int) -> Int:
    """Write octets that a connection remembers as the text of a field; give its span."""
    start = begin_text(out)
    for place in range(length):
        put_octet(out, np.int64(kept[place]))
    return end_text(out, field, start)


@kernel
def list_recipient(conn: Row, wire: Wire, at: Int, end: Int, record: Row) -> None:
    """Remember a forward path, if there is room."""
    record["recipients"] += 1
    used, length = np.int64(conn["listed_octets"]), end - at
    if conn["listed"] == MOST_LISTED or used + length > LISTED_OCTETS:
        record["anomaly"] |= np.uint64(RECIPIENTS_CUT)
        return
    for offset in range(length):
        conn["paths"][used + offset] = wire[at + offset]
    conn["path_lengths"][conn["listed"]] = length
    conn["codes"][conn["listed"]] = 0
    conn["listed"] += 1
    conn["listed_octets"] += length


@kernel
def list_reply(conn: Row, row: Int, code: Int, out: Outs) -> None:
    """Note the reply to a recipient, in the order of the commands."""
    record = out.smtp.rows[row]
    good = 200 <= code < 300
    record["recipients_accepted"] += good
    if row == conn["row"]:
        conn["accepted"] += good
        if conn["replied"] < conn["listed"]:
            conn["codes"][conn["replied"]] = code
        conn["replied"] += 1


@kernel
def put_paths(conn: Row, table: Out, field: Int) -> Int:
    """Write the forward paths that are remembered as a list of texts; give the span."""
    start, at = begin_text(table), 0
    for place in range(np.int64(conn["listed"])):
        item = begin_item(table)
        for _ in range(np.int64(conn["path_lengths"][place])):
            put_octet(table, np.int64(conn["paths"][at]))
            at += 1
        end_item(table, item)
    return end_text(table, field, start)


@kernel
def write_recipients(conn: Row, out: Outs) -> None:
    """Write the list of recipients and of the replies to them into the open row."""
    row = np.int64(conn["row"])
    if row <= 0 or conn["listed"] == 0:
        return
    table = out.smtp
    table.rows[row]["rcpt_to"] = put_paths(conn, table, ENVELOPE.rcpt_to)
    start = begin_text(table)
    for place in range(min(np.int64(conn["listed"]), np.int64(conn["replied"]))):
        put_u32(table, np.int64(conn["codes"][place]))
    table.rows[row]["rcpt_codes"] = end_text(table, ENVELOPE.rcpt_codes, start)


@kernel
def leave_transaction(conn: Row, outcome: Int, out: Outs) -> None:
    """Nothing more is commanded in the open transaction; its row is closed with its last reply."""
    row = np.int64(conn["row"])
    if row <= 0:
        return
    write_recipients(conn, out)
    record = out.smtp.rows[row]
    if outcome != ABSENT:
        record["outcome"] = outcome
    conn["row"] = 0
    for back in range(np.int64(conn["pending"]) - 1, -1, -1):
        place = (np.int64(conn["oldest"]) + back) % MAX_PENDING
        if conn["queue_row"][place] == row:
            conn["queue_closes"][place] = 1
            return
    close_transaction(out, row)


@kernel
def close_transaction(out: Outs, row: Int) -> None:
    """Close a row; refusals say more than how the client left."""
    record = out.smtp.rows[row]
    refused = record["mail_code"] >= 400 or record["data_code"] >= 400
    if record["outcome"] != 0 and (refused or (record["recipients"] > 0 and record["last_code"] >= 500)):
        record["outcome"] = REJECTED
    if record["outcome"] == ABSENT:
        record["outcome"] = INCOMPLETE
    close_row(out.smtp, row)


@kernel
def forget_queue(conn: Row, out: Outs, odd: Int) -> None:
    """Give up all that waits for replies: octets are missing, or the connection is over."""
    while conn["pending"] > 0:
        pop(conn)
        close_answered(conn, out, odd)

"""Replies of an SMTP server, and what each means for the command that waits longest (RFC 5321 §4.2)."""

import numpy as np

from sonde.dissect.api import Outs
from sonde.dissect.mail.envelope import (
    ACCEPTED,
    BAD_REPLY,
    BY_DATA,
    DATA_REFUSED,
    ENDED_BY_REPLY,
    ENVELOPE,
    REJECTED,
    SESSION,
    TLS_ABSENT,
    TLS_OFFERED,
    TLS_REFUSED,
    TLS_STRIPPED,
    TLS_USED,
    save_status,
)
from sonde.dissect.mail.kept import keep_item, put_kept
from sonde.dissect.mail.lines import DASH, drop_spaces, reply_code, word_end
from sonde.dissect.mail.queue import (
    ASKED,
    AUTH,
    COMMAND,
    DATA,
    GREETING,
    HELLO,
    MAIL,
    MAX_PENDING,
    MESSAGE,
    OTHER,
    RCPT,
    START,
    TLS,
    close_answered,
    leave_transaction,
    list_reply,
    pop,
)
from sonde.dissect.mail.transfer import begin_data, cut_short
from sonde.schema import ABSENT
from sonde.table.out import UNASKED, save
from sonde.wire import Int, Row, Wire, kernel, octets, starts_folded

STARTTLS, XS = octets("starttls"), octets("xxxx")


@kernel
def read_reply(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read one line of the server (RFC 5321 §4.2); the last of a reply counts."""
    session = out.smtp_session.rows[conn["session"]]
    code = reply_code(wire, at, end)
    if code < 0:
        session["anomaly"] |= np.uint64(BAD_REPLY)
        return
    kind = np.int64(conn["queue_kind"][conn["oldest"]]) if conn["pending"] > 0 else OTHER
    if kind == GREETING and session["greeting_code"] < 0:
        session["greeting_code"] = code
        session["greeting"] = save(out.smtp_session, SESSION.greeting, wire, min(at + 4, end), end)
    if kind == HELLO and code == 250:
        take_capability(wire, min(at + 4, end), end, conn, out)
    if end - at > 3 and wire[at + 3] == DASH:
        return
    session["last_code"] = code
    conn["capability_line"] = 0
    if kind == AUTH and code == 334:
        return
    if conn["pending"] == 0:
        take_unasked(wire, at, end, conn, code, out)
        return
    pop(conn)
    place = (np.int64(conn["oldest"]) + MAX_PENDING - 1) % MAX_PENDING
    row = np.int64(conn["queue_row"][place])
    if row > 0:
        note_reply(wire, at, end, conn, row, code, out)
    answer(conn, kind, row, code, out)
    close_answered(conn, out, 0)


@kernel
def note_reply(wire: Wire, at: Int, end: Int, conn: Row, row: Int, code: Int, out: Outs) -> None:
    """Keep a reply as the last one of a transaction."""
    record = out.smtp.rows[row]
    record["last_code"] = code
    record["last_reply"] = save(out.smtp, ENVELOPE.last_reply, wire, at, end)
    record["duration"] = conn["ts"] - record["ts"]
    save_status(wire, min(at + 4, end), end, record, out.smtp)


@kernel
def answer(conn: Row, kind: Int, row: Int, code: Int, out: Outs) -> None:
    """Let a reply mean what its command asked."""
    session = out.smtp_session.rows[conn["session"]]
    good = 200 <= code < 300
    if kind == HELLO and good:
        used = np.int64(conn["capability_octets"])
        session["capabilities"] = put_kept(out.smtp_session, conn["capabilities"], used, SESSION.capabilities)
    elif kind == MAIL:
        out.smtp.rows[row]["mail_code"] = code
    elif kind == RCPT:
        list_reply(conn, row, code, out)
    elif kind == START:
        out.smtp.rows[row]["data_code"] = code
        if row == conn["row"]:
            answer_data(conn, code, out)
    elif kind == MESSAGE:
        record = out.smtp.rows[row]
        record["outcome"] = ACCEPTED if good or record["outcome"] == ACCEPTED else REJECTED
    elif kind == TLS:
        if code == 220:
            session["starttls"] = TLS_USED
            conn["switch"] = 1
        elif session["starttls"] != TLS_STRIPPED:
            session["starttls"] = TLS_REFUSED
    elif kind == AUTH:
        session["auth_success"] = 1 if good or session["auth_success"] == 1 else 0
        conn["phase"] = COMMAND


@kernel
def answer_data(conn: Row, code: Int, out: Outs) -> None:
    """Let the reply to DATA say what follows."""
    if code == 354 and conn["phase"] == ASKED:
        begin_data(conn, BY_DATA, out)
        conn["phase"] = DATA
    elif code >= 400:
        if conn["phase"] == DATA:
            out.smtp.rows[conn["row"]]["anomaly"] |= np.uint64(DATA_REFUSED)
            cut_short(conn, out)
        conn["phase"] = COMMAND


@kernel
def take_unasked(wire: Wire, at: Int, end: Int, conn: Row, code: Int, out: Outs) -> None:
    """Take a reply that no command waits for: in the middle of data, the server saw an end where none was."""
    session = out.smtp_session.rows[conn["session"]]
    row = np.int64(conn["row"])
    if conn["phase"] == DATA and row > 0:
        note_reply(wire, at, end, conn, row, code, out)
        if 200 <= code < 300:
            record = out.smtp.rows[row]
            record["anomaly"] |= np.uint64(ENDED_BY_REPLY)
            record["outcome"] = ACCEPTED
            cut_short(conn, out)
            leave_transaction(conn, ABSENT, out)
            conn["phase"] = COMMAND
    elif code != 421:
        session["anomaly"] |= np.uint64(UNASKED)


@kernel
def take_capability(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read a line of the answer to EHLO: the server's name first, then what it offers."""
    session = out.smtp_session.rows[conn["session"]]
    end = drop_spaces(wire, at, end)
    if conn["capability_line"] == 0:
        conn["capability_line"] = 1
        conn["capability_octets"] = 0
        session["server_name"] = save(out.smtp_session, SESSION.server_name, wire, at, word_end(wire, at, end))
        return
    if end - at == len(STARTTLS) and starts_folded(wire, at, end, STARTTLS) and session["starttls"] == TLS_ABSENT:
        session["starttls"] = TLS_OFFERED
    elif end - at >= len(STARTTLS) - 1 and starts_folded(wire, at, end, XS) and starts_folded(wire, at + 3, end, XS):
        session["starttls"] = TLS_STRIPPED
        conn["stripped"] = 1
    conn["capability_octets"] = keep_item(conn["capabilities"], np.int64(conn["capability_octets"]), wire, at, end)

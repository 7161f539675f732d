"""SMTP, submission and LMTP (RFC 5321, RFC 6409, RFC 2033) in clear, up to STARTTLS.

A record for each connection, and one for each transaction. Octets of messages go on, as chunks,
to the content stage. Not read: what AUTH exchanges, the text of VRFY and EXPN, BURL.

Theory of operation: the client is a machine of six phases; commands are lines, data in lines
ends at CR LF dot CR LF, chunks are counted. Each command queues what its reply will mean and
for which transaction, so that pipelined commands find theirs (RFC 2920). A transaction is
closed with the last reply it waits for. Whether what follows DATA is a message is told by the
server's reply or, where that is not there, by the octets themselves.
"""

import numpy as np

from sonde.dissect.api import Dissector, Outs, state
from sonde.dissect.mail.chunk import MailChunkRecord
from sonde.dissect.mail.envelope import (
    ABANDONED,
    ANOMALIES,
    BY_DATA,
    INCOMPLETE,
    NESTED_MAIL,
    NO_MAIL,
    RESET,
    SESSION,
    TALKS_EARLY,
    TLS_ABSENT,
    TLS_ASKED,
    TLS_STRIPPED,
    TLS_USED,
    SmtpRecord,
    SmtpSessionRecord,
    asks_for_report,
    complete,
    take_body_kind,
    take_parameters,
    take_path,
)
from sonde.dissect.mail.lines import (
    COLON,
    LESS,
    WAIT,
    drop_spaces,
    find_line,
    mailbox_start,
    path_end,
    reply_code,
    skip_spaces,
    text_end,
    word,
    word_end,
    word_key,
)
from sonde.dissect.mail.mechanism import mechanism_end
from sonde.dissect.mail.queue import (
    ASKED,
    AUTH,
    CHUNK,
    COMMAND,
    DATA,
    EXCHANGE,
    FIELDS,
    GREETING,
    HELLO,
    HELO_OCTETS,
    MAIL,
    MESSAGE,
    OTHER,
    PIECE,
    RCPT,
    RESETS,
    SENDER_OCTETS,
    START,
    TLS,
    forget_queue,
    leave_transaction,
    list_recipient,
    open_transaction,
    push,
)
from sonde.dissect.mail.replies import read_reply
from sonde.dissect.mail.transfer import (
    begin_chunk,
    begin_data,
    cut_short,
    lose_octets,
    settle_size,
    take_chunk,
    take_data,
)
from sonde.schema import ABSENT, MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins
from sonde.table.out import (
    GAP,
    UNANSWERED,
    close_row,
    open_row,
    save,
)
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

CODE_AND_MARK = 4  # octets of a reply that tell it is one
MAX_LINE = 4096  # RFC 5321 §4.5.3.1 asks for 512 and, for replies, the same; extensions add to it
(
    EHLO_WORD, HELO_WORD, LHLO_WORD, MAIL_WORD, RCPT_WORD, DATA_WORD, BDAT_WORD, RSET_WORD, QUIT_WORD, AUTH_WORD,
    TLS_WORD,
) = map(
    word, ("ehlo", "helo", "lhlo", "mail", "rcpt", "data", "bdat", "rset", "quit", "auth", "starttls")
)  # fmt: skip
OTHER_WORDS = np.array(
    [word(each) for each in "noop vrfy expn help etrn turn send soml saml xclient xforward burl onex verb".split()],
    np.int64,
)
PLAIN, LOGIN, XOAUTH2 = map(word, ("plain", "login", "xoauth2"))
XS = octets("xxxx")
HANDSHAKE = 0x16  # content type of a TLS record that holds a handshake message
MOST_REFUSED = 3  # unknown first words of a client that nothing else says to speak SMTP

STATE = state(*FIELDS)


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Take lines and data of one side as far as they go."""
    side, start = np.int64(turn["side"]), at
    conn["ts"], conn["frame"] = turn["ts"], turn["frame"]
    if conn["session"] == 0:
        if end - at < CODE_AND_MARK:
            return 0
        begin_session(wire, at, end, conn, side, out)
    if conn["lost"][side] == 1:
        find_again(conn, side, out)
    while at < end and conn["done"][side] == 0 and conn["switch"] == 0:
        before = np.int64(conn["phase"])
        phase = COMMAND if side + 1 == conn["server"] else before
        if phase == DATA:
            used = take_data(wire, at, end, conn, out)
            if conn["ended"] == 1:
                end_message(conn, out)
            at, waits = used, used == at
        elif phase == CHUNK:
            at, waits = take_chunk(wire, at, end, conn, out), False
            if conn["left"] == 0:
                end_chunk(conn, out)
        else:
            used = read_line(wire, at, end, conn, side, out)
            at, waits = at + used, used == 0 and conn["phase"] == before
        if waits:
            break
    return at - start


@kernel
def begin_session(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> None:
    """Open the session's row, and tell from the first octets who serves."""
    conn["session"] = open_row(out.smtp_session, conn)
    record = out.smtp_session.rows[conn["session"]]
    record["starttls"] = TLS_ABSENT
    record["auth_attempts"] = 0
    record["commands"] = 0
    record["transactions"] = 0
    record["cleartext_credentials"] = 0
    record["pipelined"] = 0
    record["quit"] = 0
    serves = reply_code(wire, at, at + CODE_AND_MARK) > 0
    conn["server"] = 1 + (side if serves else 1 - side)
    if serves:
        push(conn, GREETING, 0, out)


@kernel
def read_line(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> Int:
    """Take a line that is whole; give how many octets were used."""
    if side + 1 != conn["server"] and looks_encrypted(wire, at, end, conn, out):
        return 0
    record = out.smtp_session.rows[conn["session"]]
    stop = find_line(wire, at, end, conn, side, record, MAX_LINE)
    if stop < 0:
        return 0 if stop == WAIT else end - at
    if conn["discard"][side] == 1:
        conn["discard"][side] = 0
        return stop + 1 - at
    last = text_end(wire, at, stop, record)
    if side + 1 == conn["server"]:
        read_reply(wire, at, last, conn, out)
    elif not begins_message(wire, at, last, conn, out):
        read_command(wire, at, last, conn, out)
    else:
        return 0
    return stop + 1 - at


@kernel
def looks_encrypted(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> bool:
    """Say whether TLS begins though no reply to STARTTLS was seen; what follows is then another protocol's."""
    record = out.smtp_session.rows[conn["session"]]
    if wire[at] != HANDSHAKE or record["starttls"] != TLS_ASKED:
        return False
    record["starttls"] = TLS_USED
    conn["switch"] = 1
    return True


@kernel
def begins_message(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> bool:
    """Say whether a line after DATA, whose reply is not there, is the message's first."""
    if conn["phase"] != ASKED:
        return False
    if is_known(word_key(wire, at, word_end(wire, at, end))):
        conn["phase"] = COMMAND
        return False
    out.smtp_session.rows[conn["session"]]["anomaly"] |= np.uint64(TALKS_EARLY)
    begin_data(conn, BY_DATA, out)
    conn["phase"] = DATA
    return True


@kernel
def is_known(key: Int) -> bool:
    """Say whether a word is one of SMTP's commands."""
    if key == EHLO_WORD or key == HELO_WORD or key == LHLO_WORD or key == MAIL_WORD or key == RCPT_WORD:
        return True
    if key == DATA_WORD or key == BDAT_WORD or key == RSET_WORD or key == QUIT_WORD or key == AUTH_WORD:
        return True
    if key == TLS_WORD:
        return True
    for each in OTHER_WORDS:
        if key == each:
            return True
    return False


@kernel
def read_command(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read one line of the client (RFC 5321 §4.1)."""
    stop = word_end(wire, at, end)
    key = word_key(wire, at, stop)
    if conn["phase"] == EXCHANGE:
        if not is_known(key) or (stop == end and key != QUIT_WORD and key != RSET_WORD):
            return  # credentials, of which nothing is kept
        conn["phase"] = COMMAND
    record = out.smtp_session.rows[conn["session"]]
    record["commands"] += 1
    if conn["pending"] > 0 and conn["queue_kind"][conn["oldest"]] != GREETING:
        record["pipelined"] = 1
    rest, end = skip_spaces(wire, stop, end), drop_spaces(wire, stop, end)
    rest = min(rest, end)
    if key == EHLO_WORD or key == HELO_WORD or key == LHLO_WORD:
        greet(wire, rest, end, conn, key, out)
    elif key == MAIL_WORD:
        begin_mail(wire, rest, end, conn, out)
    elif key == RCPT_WORD:
        add_recipient(wire, rest, end, conn, out)
    elif key == DATA_WORD or key == BDAT_WORD:
        ask_for_data(wire, rest, end, conn, key, out)
    elif key == AUTH_WORD:
        ask_for_auth(wire, rest, end, conn, out)
    elif key == RSET_WORD:
        conn["confirmed"] = 1
        push(conn, RESETS, np.int64(conn["row"]), out)
        leave_transaction(conn, RESET, out)
    elif key == TLS_WORD:
        conn["confirmed"] = 1
        push(conn, TLS, 0, out)
        record["starttls"] = TLS_ASKED
    else:
        read_other(wire, at, end, conn, key, out)


@kernel
def read_other(wire: Wire, at: Int, end: Int, conn: Row, key: Int, out: Outs) -> None:
    """Read a command that changes little, or none."""
    record = out.smtp_session.rows[conn["session"]]
    if key == QUIT_WORD:
        record["quit"] = 1
        push(conn, OTHER, np.int64(conn["row"]), out)
        leave_transaction(conn, ABANDONED, out)
        return
    push(conn, OTHER, np.int64(conn["row"]), out)
    if starts_folded(wire, at, end, XS):
        record["starttls"] = TLS_STRIPPED
        conn["stripped"] = 1
    elif not is_known(key) and conn["confirmed"] == 0:
        conn["refused_words"] += 1
        if conn["refused_words"] == MOST_REFUSED:
            conn["violated"] = 1
            conn["done"][0] = 1
            conn["done"][1] = 1


@kernel
def greet(wire: Wire, at: Int, end: Int, conn: Row, key: Int, out: Outs) -> None:
    """Read the name that a client gives itself (RFC 5321 §4.1.1.1); it also resets."""
    conn["confirmed"] = 1
    record = out.smtp_session.rows[conn["session"]]
    record["extended"] = key != HELO_WORD
    record["lmtp"] = key == LHLO_WORD
    conn["lmtp"] = key == LHLO_WORD
    end = min(end, at + HELO_OCTETS)
    for place in range(at, end):
        conn["helo"][place - at] = wire[place]
    conn["helo_length"] = end - at
    record["helo"] = save(out.smtp_session, SESSION.helo, wire, at, end)
    push(conn, HELLO, np.int64(conn["row"]), out)
    leave_transaction(conn, RESET, out)


@kernel
def after_colon(wire: Wire, at: Int, end: Int) -> Int:
    """Give where the path of MAIL FROM: or RCPT TO: begins."""
    stop = path_end(wire, at, end)
    for place in range(at, stop):
        if wire[place] == COLON:
            return skip_spaces(wire, place + 1, end)
    colon = find(wire, at, end, COLON)
    return skip_spaces(wire, colon + 1, end) if colon >= 0 else at


@kernel
def begin_mail(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Begin a transaction (RFC 5321 §4.1.1.2); one within another is refused by servers."""
    conn["confirmed"] = 1
    row = np.int64(conn["row"])
    if row > 0:
        record = out.smtp.rows[row]
        if 200 <= record["mail_code"] < 300 and record["data_code"] < 400:
            record["anomaly"] |= np.uint64(NESTED_MAIL)
            push(conn, OTHER, row, out)
            return
        leave_transaction(conn, RESET, out)
    row = open_transaction(conn, out)
    push(conn, MAIL, row, out)
    record = out.smtp.rows[row]
    first = after_colon(wire, at, end)
    rest = take_path(wire, first, end, record, out.smtp)
    remember_sender(wire, first + (first < end and wire[first] == LESS), path_end(wire, first, end), conn)
    if rest < end:
        take_parameters(wire, rest, end, record, out.smtp)
        take_body_kind(wire, rest, end, record, out.smtp)


@kernel
def remember_sender(wire: Wire, at: Int, end: Int, conn: Row) -> None:
    """Keep the reverse path until the message comes."""
    length = min(max(end - at, 0), SENDER_OCTETS)
    for offset in range(length):
        conn["sender"][offset] = wire[at + offset]
    conn["sender_length"] = length


@kernel
def transaction(conn: Row, out: Outs) -> Int:
    """Give the open transaction; one that no MAIL began is opened all the same."""
    if conn["row"] == 0:
        out.smtp.rows[open_transaction(conn, out)]["anomaly"] |= np.uint64(NO_MAIL)
    return np.int64(conn["row"])


@kernel
def add_recipient(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read a forward path (RFC 5321 §4.1.1.3)."""
    row = transaction(conn, out)
    record = out.smtp.rows[row]
    push(conn, RCPT, row, out)
    first = after_colon(wire, at, end)
    stop = path_end(wire, first, end)
    if asks_for_report(wire, min(stop + 1, end), end):
        record["dsn"] = 1
    if first < end and wire[first] == LESS:
        first += 1
    list_recipient(conn, wire, mailbox_start(wire, first, stop), stop, record)


@kernel
def ask_for_data(wire: Wire, at: Int, end: Int, conn: Row, key: Int, out: Outs) -> None:
    """Read DATA or BDAT (RFC 5321 §4.1.1.4, RFC 3030 §2)."""
    row = transaction(conn, out)
    if key == DATA_WORD:
        push(conn, START, row, out)
        conn["phase"] = ASKED
        return
    if not begin_chunk(wire, at, end, conn, out):
        push(conn, PIECE, row, out)
        return
    conn["phase"] = CHUNK
    if conn["left"] == 0:
        conn["ended"] = conn["last_chunk"]
        if conn["ended"] == 1:
            take_chunk(wire, at, at, conn, out)
        end_chunk(conn, out)


@kernel
def ask_for_auth(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read the mechanism of AUTH (RFC 4954 §4), and nothing else."""
    conn["confirmed"] = 1
    record = out.smtp_session.rows[conn["session"]]
    stop = word_end(wire, at, end)
    key = word_key(wire, at, stop)
    known = mechanism_end(wire, at, stop)
    if known > at:
        record["auth_mechanism"] = save(out.smtp_session, SESSION.auth_mechanism, wire, at, known)
    record["auth_attempts"] += 1
    record["auth_success"] = max(np.int64(record["auth_success"]), 0)
    if key == PLAIN or key == LOGIN or key == XOAUTH2:
        record["cleartext_credentials"] = 1
        conn["credentials"] = 1
    push(conn, AUTH, 0, out)
    conn["phase"] = EXCHANGE


@kernel
def end_chunk(conn: Row, out: Outs) -> None:
    """Go on after the last octet of a chunk."""
    if conn["last_chunk"] == 1:
        end_message(conn, out)
    else:
        conn["phase"] = COMMAND
        push(conn, PIECE, np.int64(conn["row"]), out)


@kernel
def end_message(conn: Row, out: Outs) -> None:
    """Wait for the reply to a whole message; LMTP gives one for each recipient (RFC 2033 §4.2)."""
    settle_size(conn, out)
    row = np.int64(conn["row"])
    push(conn, MESSAGE, row, out)
    if conn["lmtp"] == 1:
        for _ in range(1, np.int64(conn["accepted"])):
            push(conn, MESSAGE, row, out)
    leave_transaction(conn, ABSENT, out)
    conn["phase"] = COMMAND


@kernel
def find_again(conn: Row, side: Int, out: Outs) -> None:
    """After a gap: go on in the message, or with the next line."""
    missing = np.int64(conn["missing"][side])
    conn["lost"][side] = 0
    conn["missing"][side] = 0
    conn["scanned"][side] = 0
    session = out.smtp_session.rows[conn["session"]]
    session["anomaly"] |= np.uint64(GAP)
    is_client = side + 1 != conn["server"]
    if is_client and (conn["phase"] == DATA or conn["phase"] == CHUNK):
        lose_octets(conn, missing, conn["phase"] == CHUNK, out)
        if conn["phase"] == CHUNK and conn["left"] == 0:
            end_chunk(conn, out)
        return
    conn["discard"][side] = 1
    forget_queue(conn, out, GAP)


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: a message cut short, commands without a reply, the session."""
    if conn["session"] == 0:
        return
    if conn["phase"] == DATA or conn["phase"] == CHUNK:
        cut_short(conn, out)
    settle_size(conn, out)
    leave_transaction(conn, INCOMPLETE, out)
    forget_queue(conn, out, UNANSWERED)
    close_row(out.smtp_session, np.int64(conn["session"]))
    conn["session"] = 0


SMTP = Protocol(
    "smtp",
    "Simple Mail Transfer Protocol",
    "RFC 5321",
    tcp_ports=(25, 587, 2525),
    signatures=(
        *begins(
            "220 ",
            "220-",
            "554 ",
            verdict=YES,
            side="resp",
            transport="tcp",
            parts=(Has(b"smtp", 4, 512),),
            folded=True,
        ),
        *begins(
            "220 ",
            "220-",
            "421 ",
            "554 ",
            "554-",
            verdict=MAYBE,
            side="resp",
            transport="tcp",
            parts=(Only(4, 40, UTF8_TEXT),),
            min_length=6,
        ),
        *begins("250-", verdict=MAYBE, side="resp", transport="tcp", parts=(Only(4, 40, UTF8_TEXT),), min_length=8),
        # RFC 5321 §4.1.1.1
        *begins(
            "EHLO ", "LHLO ", verdict=YES, side="orig", transport="tcp", folded=True, parts=(Only(5, 64, UTF8_TEXT),)
        ),
        *begins("HELO ", verdict=YES, side="orig", transport="tcp", folded=True, parts=(Only(5, 64, UTF8_TEXT),)),
        *begins("MAIL FROM:<", "RCPT TO:<", "STARTTLS\r\n", verdict=MAYBE, side="orig", transport="tcp", folded=True),
    ),
    starts_tls=True,
    aliases={"ndpi": ("SMTP",), "zeek": ("smtp",), "wireshark": ("smtp",)},
)

DISSECTOR = Dissector(
    SMTP,
    (SmtpSessionRecord, SmtpRecord, MailChunkRecord),
    STATE,
    advance=advance,
    finish=finish,
    anomalies=ANOMALIES,
    complete={"smtp": complete},
)

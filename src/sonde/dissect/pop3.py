"""POP3 in clear, up to STLS (RFC 1939; RFC 2449 for CAPA, RFC 2595 for STLS, RFC 5034 for AUTH).

One record for each connection. Messages that the client fetches go on, as chunks, to the content
stage. Not read: passwords, what AUTH and APOP exchange, unique identifiers.

Theory of operation: the server is a machine of three phases. Each command queues what its reply
will be: one line, or data in lines that ends with a dot. Commands may be pipelined.
"""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Dissector, Outs, places, state
from sonde.dissect.mail.chunk import (
    AFTER_GAP,
    CREDENTIALS,
    CUT_SHORT,
    DOTTED,
    FETCHED,
    FIRST,
    LAST,
    PARTIAL,
    MailChunkRecord,
    put_chunk,
)
from sonde.dissect.mail.envelope import TLS_ABSENT, TLS_ASKED, TLS_OFFERED, TLS_REFUSED, TLS_USED, StartTls
from sonde.dissect.mail.kept import keep_item, put_kept
from sonde.dissect.mail.lines import (
    CR,
    DOT,
    LF,
    LINE_ANOMALIES,
    LONG_LINE,
    SP,
    WAIT,
    data_end,
    drop_spaces,
    find_line,
    read_number,
    skip_spaces,
    text_end,
    two_before,
    word,
    word_end,
    word_key,
)
from sonde.dissect.mail.mechanism import mechanism_end
from sonde.schema import (
    ENDPOINT,
    MAYBE,
    PERSON,
    PROTOCOL,
    U32,
    U64,
    UTF8_TEXT,
    YES,
    Bool,
    Field,
    Has,
    Only,
    Protocol,
    Record,
    Text,
    TextList,
    begins,
)
from sonde.table.out import (
    GAP,
    OWN_ANOMALY,
    UNANSWERED,
    UNASKED,
    close_row,
    open_row,
    save,
)
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

MAX_LINE = 2048  # RFC 2449 §4 has 512 for replies; AUTH may need more
MAX_PENDING = 64  # commands without a reply
CAPABILITY_OCTETS = 1024
LINE_START = CR << 8 | LF
MOST_NUMBER = 1 << 40
HANDSHAKE = 0x16  # content type of a TLS record that holds a handshake message
LINES, DATA = range(2)  # phases of the server
NOTHING, CAPABILITIES, MESSAGE, TOP_OF_MESSAGE = range(4)  # what data in lines is
(GREETING, USER, LOGIN, EXCHANGE, STATUS, MANY, LIST, CAPA, FETCH, TOP, DELETE, RESET, TLS, QUIT, OTHER) = range(15)
WORDS = {
    "user": USER, "pass": LOGIN, "apop": LOGIN, "auth": EXCHANGE, "stat": STATUS, "list": LIST, "uidl": LIST,
    "capa": CAPA, "retr": FETCH, "top": TOP, "dele": DELETE, "rset": RESET, "stls": TLS, "quit": QUIT,
    "noop": OTHER, "last": OTHER, "xtnd": OTHER, "utf8": OTHER, "lang": OTHER,
}  # fmt: skip
KEYS = np.array([word(each) for each in WORDS], np.int64)
KINDS = np.array(list(WORDS.values()), np.int64)
PASS_WORD, APOP_WORD = word("pass"), word("apop")
PLAIN_WORD, LOGIN_WORD = word("plain"), word("login")
GOOD, BAD, STLS_NAME, IMPLEMENTATION = octets("+ok"), octets("-err"), octets("stls"), octets("implementation ")

ANOMALIES = (*LINE_ANOMALIES, "bad_reply", "too_many_pending", "bad_command")
BAD_REPLY, TOO_MANY_PENDING, BAD_COMMAND = (1 << (OWN_ANOMALY + bit) for bit in range(2, len(ANOMALIES)))


class Pop3Record(Record):
    """One POP3 connection."""

    greeting: Annotated[Text, Field("What the server says of itself", ENDPOINT, ref="RFC 1939 §4")]
    user: Annotated[Text, Field("Mailbox that USER or APOP names", PERSON, ref="RFC 1939 §7")]
    auth_mechanism: Annotated[Text, Field("USER, APOP, or AUTH's mechanism", PROTOCOL, ref="RFC 5034 §4")]
    login_attempts: Annotated[U32, Field("Attempts to log in", PROTOCOL)]
    login_success: Annotated[Bool, Field("One of them succeeded", PROTOCOL)]
    cleartext_credentials: Annotated[Bool, Field("A password went in clear", PROTOCOL)]
    capabilities: Annotated[TextList, Field("What the server offers", PROTOCOL, ref="RFC 2449 §5")]
    starttls: Annotated[StartTls, Field("STLS: offered, used or refused", PROTOCOL, ref="RFC 2595 §4")]
    mailbox_messages: Annotated[U32, Field("Messages in the mailbox, as STAT says", PROTOCOL, ref="RFC 1939 §5")]
    mailbox_octets: Annotated[U64, Field("Their octets", PROTOCOL, unit="octets")]
    commands: Annotated[U32, Field("Commands of the client", PROTOCOL)]
    retrieved: Annotated[U32, Field("Messages fetched whole", PROTOCOL)]
    retrieved_octets: Annotated[U64, Field("Octets of messages, as they came", PROTOCOL, unit="octets")]
    tops: Annotated[U32, Field("Messages of which the beginning was fetched", PROTOCOL)]
    deleted: Annotated[U32, Field("Messages marked as deleted", PROTOCOL)]
    refused: Annotated[U32, Field("Commands that the server refused", PROTOCOL)]
    quit: Annotated[Bool, Field("The client said goodbye", PROTOCOL)]


AT = places(Pop3Record)
STATE = state(
    ("row", "i8"),
    ("ts", "i8"),  # of the octets shown last; with `flow` and `frame` a connection can open rows as a turn does
    ("frame", "i8"),
    ("message", "i8"),
    ("oldest", "i4"),
    ("pending", "i4"),
    ("before", "i4"),
    ("lookalikes", "i4"),
    ("scanned", "i4", (2,)),
    ("capability_octets", "i4"),
    ("unknown", "i4"),
    ("kinds", "u1", (MAX_PENDING,)),
    ("phase", "u1"),
    ("data", "u1"),  # what data in lines is
    ("first", "u1"),
    ("ended", "u1"),
    ("dotted", "u1"),  # a line of the octets at hand begins with a dot
    ("server", "u1"),  # 1 + the side that serves
    ("discard", "u1", (2,)),
    ("exchanging", "u1"),  # lines of the client are AUTH's
    ("user_in_clear", "u1"),
    ("credentials", "u1"),
    ("capabilities", "u1", (CAPABILITY_OCTETS,)),
)


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Take lines and data of one side as far as they go."""
    side, start = np.int64(turn["side"]), at
    conn["ts"], conn["frame"] = turn["ts"], turn["frame"]
    if conn["row"] == 0:
        if end - at < len(BAD):
            return 0
        begin_session(wire, at, end, conn, side, out)
    if conn["lost"][side] == 1:
        find_again(conn, side, out)
    while at < end and conn["done"][side] == 0 and conn["switch"] == 0:
        before = at
        if side + 1 == conn["server"] and conn["phase"] == DATA:
            at = take_data(wire, at, end, conn, out)
            if at == before and conn["phase"] == DATA:
                break
        else:
            at += read_line(wire, at, end, conn, side, out)
            if at == before:
                break
    return at - start


@kernel
def begin_session(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> None:
    """Open the row, and tell from the first octets who serves."""
    conn["row"] = open_row(out.pop3, conn)
    record = out.pop3.rows[conn["row"]]
    record["starttls"] = TLS_ABSENT
    record["login_attempts"] = 0
    record["commands"] = 0
    record["retrieved"] = 0
    record["retrieved_octets"] = 0
    record["tops"] = 0
    record["deleted"] = 0
    record["refused"] = 0
    record["quit"] = 0
    record["cleartext_credentials"] = 0
    serves = starts_folded(wire, at, end, GOOD) or starts_folded(wire, at, end, BAD)
    conn["server"] = 1 + (side if serves else 1 - side)
    if serves:
        push(conn, GREETING, out)


@kernel
def push(conn: Row, kind: Int, out: Outs) -> None:
    """Queue a command; where too many wait, the oldest is given up."""
    if conn["pending"] == MAX_PENDING:
        out.pop3.rows[conn["row"]]["anomaly"] |= np.uint64(TOO_MANY_PENDING)
        conn["oldest"] = (np.int64(conn["oldest"]) + 1) % MAX_PENDING
        conn["pending"] -= 1
    conn["kinds"][(np.int64(conn["oldest"]) + np.int64(conn["pending"])) % MAX_PENDING] = kind
    conn["pending"] += 1


@kernel
def read_line(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> Int:
    """Take a line that is whole; give how many octets were used."""
    record = out.pop3.rows[conn["row"]]
    if side + 1 != conn["server"] and wire[at] == HANDSHAKE and record["starttls"] == TLS_ASKED:
        record["starttls"] = TLS_USED
        conn["switch"] = 1
        return 0
    stop = find_line(wire, at, end, conn, side, record, MAX_LINE)
    if stop < 0:
        return 0 if stop == WAIT else end - at
    if conn["discard"][side] == 1:
        conn["discard"][side] = 0
        return stop + 1 - at
    last = text_end(wire, at, stop, record)
    if side + 1 == conn["server"]:
        read_reply(wire, at, last, conn, out)
    else:
        read_command(wire, at, last, conn, out)
    return stop + 1 - at


@kernel
def kind_of(key: Int) -> Int:
    """Give what a command's reply will mean; -1 for a word that is none."""
    for place in range(len(KEYS)):
        if KEYS[place] == key:
            return KINDS[place]
    return -1


@kernel
def read_command(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read one line of the client (RFC 1939 §3)."""
    record = out.pop3.rows[conn["row"]]
    stop = word_end(wire, at, end)
    key = word_key(wire, at, stop)
    kind = kind_of(key)
    if conn["exchanging"] == 1 and kind < 0:
        return  # credentials, of which nothing is kept
    conn["exchanging"] = 0
    record["commands"] += 1
    if kind < 0:
        record["anomaly"] |= np.uint64(BAD_COMMAND)
        conn["unknown"] += 1
        if conn["unknown"] >= 3 and conn["confirmed"] == 0:
            conn["violated"] = 1
            conn["done"][0] = 1
            conn["done"][1] = 1
            return
        push(conn, OTHER, out)
        return
    conn["confirmed"] = 1
    rest, end = skip_spaces(wire, stop, end), drop_spaces(wire, stop, end)
    rest = min(rest, end)
    if kind == USER:
        record["user"] = save(out.pop3, AT.user, wire, rest, end)
    elif kind == LOGIN:
        begin_login(wire, at, stop, rest, end, conn, out)
    elif kind == EXCHANGE and rest < end:
        begin_exchange(wire, rest, end, conn, out)
    elif kind == EXCHANGE:
        kind = MANY  # AUTH alone lists mechanisms
    elif kind == TLS:
        record["starttls"] = TLS_ASKED
    elif kind == QUIT:
        record["quit"] = 1
    elif kind == LIST:
        kind = OTHER if rest < end else MANY
    push(conn, kind, out)


@kernel
def begin_login(wire: Wire, at: Int, stop: Int, rest: Int, end: Int, conn: Row, out: Outs) -> None:
    """Note an attempt by PASS or APOP; the user's name is kept where the policy lets it, the rest never."""
    record = out.pop3.rows[conn["row"]]
    record["login_attempts"] += 1
    record["login_success"] = 1 if record["login_success"] == 1 else 0
    if word_key(wire, at, stop) == PASS_WORD:
        record["cleartext_credentials"] = 1
        conn["credentials"] = 1
    else:
        record["user"] = save(out.pop3, AT.user, wire, rest, word_end(wire, rest, end))
    record["auth_mechanism"] = save(out.pop3, AT.auth_mechanism, wire, at, stop)


@kernel
def begin_exchange(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read the mechanism of AUTH, and nothing else."""
    record = out.pop3.rows[conn["row"]]
    record["login_attempts"] += 1
    record["login_success"] = 1 if record["login_success"] == 1 else 0
    stop = word_end(wire, at, end)
    key = word_key(wire, at, stop)
    known = mechanism_end(wire, at, stop)
    if known > at:
        record["auth_mechanism"] = save(out.pop3, AT.auth_mechanism, wire, at, known)
    if key == PLAIN_WORD or key == LOGIN_WORD:
        record["cleartext_credentials"] = 1
        conn["credentials"] = 1
    conn["exchanging"] = 1


@kernel
def read_reply(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read the first line of a reply (RFC 1939 §3)."""
    record = out.pop3.rows[conn["row"]]
    if at < end and wire[at] == 43 and (end - at == 1 or wire[at + 1] == SP):  # "+ ": AUTH goes on
        return
    good = starts_folded(wire, at, end, GOOD)
    if not good and not starts_folded(wire, at, end, BAD):
        record["anomaly"] |= np.uint64(BAD_REPLY)
        return
    if conn["pending"] == 0:
        record["anomaly"] |= np.uint64(UNASKED)
        return
    kind = np.int64(conn["kinds"][conn["oldest"]])
    conn["oldest"] = (np.int64(conn["oldest"]) + 1) % MAX_PENDING
    conn["pending"] -= 1
    text = skip_spaces(wire, min(at + len(GOOD), end), end)
    if kind == EXCHANGE or kind == LOGIN:
        conn["exchanging"] = 0
        record["login_success"] = 1 if good or record["login_success"] == 1 else 0
    if kind == TLS:
        record["starttls"] = TLS_USED if good else TLS_REFUSED
        conn["switch"] = good
    elif not good:
        record["refused"] += 1
    elif kind == GREETING:
        record["greeting"] = save(out.pop3, AT.greeting, wire, text, end)
    elif kind == STATUS:
        stop = word_end(wire, text, end)
        record["mailbox_messages"] = read_number(wire, text, stop, 1 << 32)
        last = skip_spaces(wire, stop, end)
        record["mailbox_octets"] = read_number(wire, last, word_end(wire, last, end), MOST_NUMBER)
    elif kind == DELETE:
        record["deleted"] += 1
    elif kind == RESET:
        record["deleted"] = 0
    elif kind == MANY or kind == CAPA or kind == FETCH or kind == TOP:
        begin_data(conn, kind, record)


@kernel
def begin_data(conn: Row, kind: Int, record: Row) -> None:
    """Expect data in lines."""
    conn["phase"] = DATA
    conn["before"] = LINE_START
    conn["lookalikes"] = 0
    conn["first"] = 1
    conn["data"] = NOTHING
    if kind == CAPA:
        conn["data"] = CAPABILITIES
        conn["capability_octets"] = 0
    elif kind == FETCH or kind == TOP:
        conn["data"] = MESSAGE if kind == FETCH else TOP_OF_MESSAGE
        conn["message"] += 1
        record["retrieved"] += kind == FETCH
        record["tops"] += kind == TOP


@kernel
def take_data(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> Int:
    """Take data in lines as far as it goes; give the new place."""
    if conn["data"] == CAPABILITIES:
        return take_capability(wire, at, end, conn, out)
    stop = data_end(wire, at, end, np.int64(conn["before"]), conn)
    conn["before"] = two_before(wire, stop, at, np.int64(conn["before"]))
    if conn["data"] != NOTHING:
        hand_on(wire, at, stop, conn, LAST if conn["ended"] == 1 else 0, out)
    if conn["ended"] == 1:
        conn["phase"] = LINES
        return stop + 3
    return stop


@kernel
def hand_on(wire: Wire, at: Int, end: Int, conn: Row, marks: Int, out: Outs) -> None:
    """Hand octets of a message on to the content stage."""
    if at == end and marks == 0:
        return
    out.pop3.rows[conn["row"]]["retrieved_octets"] += end - at
    marks |= FETCHED
    marks |= DOTTED if conn["dotted"] == 1 else 0
    marks |= FIRST if conn["first"] == 1 else 0
    marks |= PARTIAL if conn["data"] == TOP_OF_MESSAGE else 0
    marks |= CREDENTIALS if conn["credentials"] == 1 else 0
    conn["first"] = 0
    put_chunk(out.mail_chunk, conn, wire, at, end, conn["message"], marks)


@kernel
def take_capability(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> Int:
    """Take a line of what the server offers (RFC 2449 §5), or the dot behind the last; give the new place."""
    record = out.pop3.rows[conn["row"]]
    stop = find(wire, at, end, LF)
    if stop < 0 and end - at < MAX_LINE:
        return at
    if stop < 0:
        record["anomaly"] |= np.uint64(LONG_LINE)
        conn["phase"] = LINES
        conn["discard"][np.int64(conn["server"]) - 1] = 1
        return end
    last = stop - 1 if stop > at and wire[stop - 1] == CR else stop
    if last - at == 1 and wire[at] == DOT:
        used = np.int64(conn["capability_octets"])
        record["capabilities"] = put_kept(out.pop3, conn["capabilities"], used, AT.capabilities)
        conn["phase"] = LINES
        return stop + 1
    if last - at == len(STLS_NAME) and starts_folded(wire, at, last, STLS_NAME) and record["starttls"] == TLS_ABSENT:
        record["starttls"] = TLS_OFFERED
    conn["capability_octets"] = keep_item(conn["capabilities"], np.int64(conn["capability_octets"]), wire, at, last)
    return stop + 1


@kernel
def find_again(conn: Row, side: Int, out: Outs) -> None:
    """After a gap: go on in the data, or with the next line."""
    conn["lost"][side] = 0
    conn["missing"][side] = 0
    conn["scanned"][side] = 0
    out.pop3.rows[conn["row"]]["anomaly"] |= np.uint64(GAP)
    if side + 1 == conn["server"] and conn["phase"] == DATA:
        conn["before"] = 0
        if conn["data"] == MESSAGE or conn["data"] == TOP_OF_MESSAGE:
            hand_on(out.mail_chunk.text, 0, 0, conn, AFTER_GAP, out)
        return
    conn["discard"][side] = 1
    conn["pending"] = 0


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: a message cut short, the session."""
    if conn["row"] == 0:
        return
    record = out.pop3.rows[conn["row"]]
    if conn["phase"] == DATA and (conn["data"] == MESSAGE or conn["data"] == TOP_OF_MESSAGE):
        hand_on(out.mail_chunk.text, 0, 0, conn, LAST | CUT_SHORT, out)
    if conn["pending"] > 0:
        record["anomaly"] |= np.uint64(UNANSWERED)
    close_row(out.pop3, np.int64(conn["row"]))
    conn["row"] = 0


POP3 = Protocol(
    "pop3",
    "Post Office Protocol version 3",
    "RFC 1939",
    tcp_ports=(110,),
    signatures=(
        *begins("+OK", verdict=YES, side="resp", transport="tcp", parts=(Has(b"pop", 3, 128),), folded=True),
        *begins("+OK ", "+OK\r\n", "-ERR ", verdict=MAYBE, side="resp", transport="tcp"),
        *begins(
            "USER ",
            "PASS ",
            "APOP ",
            "AUTH ",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            folded=True,
            parts=(Only(5, 64, UTF8_TEXT),),
        ),
        *begins(
            "CAPA\r\n", "AUTH\r\n", "STLS\r\n", "QUIT\r\n", verdict=MAYBE, side="orig", transport="tcp", folded=True
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("POP3",), "zeek": ("pop3",), "wireshark": ("pop",)},
)

DISSECTOR = Dissector(POP3, (Pop3Record, MailChunkRecord), STATE, advance=advance, finish=finish, anomalies=ANOMALIES)

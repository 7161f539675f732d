"""IMAP in clear, up to STARTTLS or COMPRESS (RFC 9051, RFC 3501; RFC 7888 literals, RFC 2177 IDLE).

One record for each connection. Messages that are fetched or appended whole go on, as chunks, to
the content stage; so do the parts in which some clients fetch them, and their headers alone. Not
read: passwords, what AUTHENTICATE exchanges, single sections, envelopes, searches.

Theory of operation: both sides speak in lines, and a line that ends with a number in braces is
followed by so many octets (a literal, §4.3). Literals that nobody needs are passed over unseen.
Tagged replies are matched to commands by a hash of the tag.
"""

import numpy as np

from sonde.dissect.api import Dissector, Out, Outs, state
from sonde.dissect.mail.access import (
    ANOMALIES,
    AT,
    BAD_COMMAND,
    TOO_MANY_PENDING,
    ImapRecord,
)
from sonde.dissect.mail.chunk import (
    AFTER_GAP,
    CUT_SHORT,
    FIRST,
    LAST,
    MailChunkRecord,
    put_chunk,
)
from sonde.dissect.mail.envelope import TLS_ABSENT, TLS_ASKED, TLS_OFFERED, TLS_REFUSED, TLS_USED
from sonde.dissect.mail.kept import keep_item, put_kept
from sonde.dissect.mail.lines import (
    BACKSLASH,
    QUOTE,
    STAR,
    WAIT,
    find_line,
    read_number,
    skip_spaces,
    text_end,
    word,
    word_end,
    word_key,
)
from sonde.dissect.mail.literals import BRACE, BRACKET_END, OPEN, PLUS, end_pieces, follow_literal, take_literal
from sonde.dissect.mail.mechanism import mechanism_end
from sonde.schema import (
    DIGITS,
    LETTERS,
    MAYBE,
    NO_TEXT,
    YES,
    Has,
    Only,
    Protocol,
    Signature,
    begins,
)
from sonde.table.out import (
    GAP,
    UNANSWERED,
    begin_text,
    close_row,
    end_text,
    open_row,
    put_item,
    save,
)
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded, u8

MAX_LINE = 1 << 15  # structures of large messages make long lines; RFC 7162 §4 has 8192 for commands
MAX_PENDING = 32  # tagged commands without a reply
MAILBOX_OCTETS = 1024  # of the names of mailboxes that are listed
HASH_BITS = (1 << 48) - 1
HANDSHAKE = 0x16  # content type of a TLS record that holds a handshake message
(NONE, LOGIN, AUTHENTICATE, TLS, SELECT, APPEND, STORE, ID, IDLE, LOGOUT, COMPRESS, UID, OTHER) = range(13)
WORDS = {
    "login": LOGIN, "authenti": AUTHENTICATE, "starttls": TLS, "select": SELECT, "examine": SELECT, "append": APPEND,
    "store": STORE, "id": ID, "idle": IDLE, "logout": LOGOUT, "compress": COMPRESS, "uid": UID, "noop": OTHER,
    "fetch": OTHER, "search": OTHER, "list": OTHER, "lsub": OTHER, "status": OTHER, "create": OTHER, "delete": OTHER,
    "rename": OTHER, "copy": OTHER, "move": OTHER, "close": OTHER, "expunge": OTHER, "check": OTHER, "capabili": OTHER,
    "subscrib": OTHER, "unsubscr": OTHER, "namespac": OTHER, "getquota": OTHER, "enable": OTHER, "unselect": OTHER,
    "sort": OTHER, "thread": OTHER, "getacl": OTHER, "myrights": OTHER, "notify": OTHER,
}  # fmt: skip
KEYS = np.array([word(each) for each in WORDS], np.int64)
KINDS = np.array(list(WORDS.values()), np.int64)
OK_WORD, FETCH_WORD, EXPUNGE_WORD, PREAUTH_WORD, BYE_WORD, PLAIN_WORD, LOGIN_WORD = map(
    word, ("ok", "fetch", "expunge", "preauth", "bye", "plain", "login")
)
CAPABILITY, STARTTLS, DELETED = octets("capability "), octets("starttls"), octets("\\deleted")
LOGIN_NAME = octets("LOGIN")

STATE = state(
    ("row", "i8"),
    ("ts", "i8"),  # of the octets shown last; with `flow` and `frame` a connection can open rows as a turn does
    ("frame", "i8"),
    ("message", "i8"),
    ("left", "i8", (2,)),  # octets left of a literal that goes on
    ("piece_of", "i8"),  # number of the message that is fetched in parts, plus 1
    ("piece_next", "i8"),  # octets of it so far
    ("piece_at", "i8"),  # where the part at hand begins
    ("number", "i8", (2,)),  # of the message that each side sends
    ("sequence", "i8"),  # number in the mailbox of the message that the server's line tells of
    ("tags", "i8", (MAX_PENDING,)),
    ("kinds", "u1", (MAX_PENDING,)),
    ("pending", "i4"),
    ("unknown", "i4"),
    ("mailbox_octets", "i4"),
    ("scanned", "i4", (2,)),
    ("literal", "u1", (2,)),  # what the literal is
    ("within", "u1", (2,)),  # the line goes on behind a literal
    ("first", "u1", (2,)),
    ("discard", "u1", (2,)),
    ("server", "u1"),  # 1 + the side that serves
    ("command", "u1"),  # the client's, which its line goes on with
    ("appends", "u1"),  # that command is APPEND
    ("fetches", "u1"),  # the server's line tells of messages
    ("exchanging", "u1"),
    ("idling", "u1"),
    ("credentials", "u1"),
    ("mailboxes", "u1", (MAILBOX_OCTETS,)),
)


@kernel
def advance(wire: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Outs) -> Int:
    """Take lines and literals of one side as far as they go."""
    side, start = np.int64(turn["side"]), at
    conn["ts"], conn["frame"] = turn["ts"], turn["frame"]
    if conn["row"] == 0:
        begin_session(wire, at, conn, side, out)
    if conn["lost"][side] == 1:
        find_again(conn, side, out)
    while at < end and conn["done"][side] == 0 and conn["switch"] == 0 and conn["skip"][side] == 0:
        if conn["left"][side] > 0:
            at = take_literal(wire, at, end, conn, side, out)
            continue
        used = read_line(wire, at, end, conn, side, out)
        if used == 0:
            break
        at += used
    return at - start


@kernel
def begin_session(wire: Wire, at: Int, conn: Row, side: Int, out: Outs) -> None:
    """Open the row, and tell from the first octet who serves."""
    conn["row"] = open_row(out.imap, conn)
    record = out.imap.rows[conn["row"]]
    record["starttls"] = TLS_ABSENT
    record["login_attempts"] = 0
    record["cleartext_credentials"] = 0
    record["compressed"] = 0
    record["commands"] = 0
    record["fetched"] = 0
    record["fetched_headers"] = 0
    record["fetched_octets"] = 0
    record["appended"] = 0
    record["deletions"] = 0
    record["expunged"] = 0
    record["idled"] = 0
    record["refused"] = 0
    record["logout"] = 0
    serves = wire[at] == STAR or wire[at] == PLUS
    conn["server"] = 1 + (side if serves else 1 - side)


@kernel
def read_line(wire: Wire, at: Int, end: Int, conn: Row, side: Int, out: Outs) -> Int:
    """Take a line that is whole; give how many octets were used."""
    record = out.imap.rows[conn["row"]]
    serves = side + 1 == conn["server"]
    if not serves and wire[at] == HANDSHAKE and record["starttls"] == TLS_ASKED:
        record["starttls"] = TLS_USED
        conn["switch"] = 1
        return 0
    stop = find_line(wire, at, end, conn, side, record, MAX_LINE)
    if stop < 0:
        return 0 if stop == WAIT else end - at
    last = text_end(wire, at, stop, record)
    if conn["discard"][side] == 1:
        conn["discard"][side] = 0
        conn["within"][side] = 0
        return stop + 1 - at
    if serves:
        read_response(wire, at, last, conn, out)
    else:
        read_request(wire, at, last, conn, out)
    if conn["switch"] == 0 and conn["done"][side] == 0:
        follow_literal(wire, at, last, conn, side, record, out)
    return stop + 1 - at


@kernel
def kind_of(key: Int) -> Int:
    """Give what a command is; NONE for a word that is none."""
    for place in range(len(KEYS)):
        if KEYS[place] == key:
            return KINDS[place]
    return NONE


@kernel
def first_letters(wire: Wire, at: Int, end: Int) -> Int:
    """Give the key of a word by its first eight letters."""
    return word_key(wire, at, min(word_end(wire, at, end), at + 8))


@kernel
def tag_hash(wire: Wire, at: Int, end: Int) -> Int:
    """Give a number that stands for a tag."""
    value = np.int64(1)
    for place in range(at, end):
        value = (value * 131 + u8(wire, place)) & HASH_BITS
    return value


@kernel
def read_request(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read one line of the client (RFC 9051 §2.2.1)."""
    record = out.imap.rows[conn["row"]]
    side = 2 - np.int64(conn["server"])
    if conn["within"][side] == 1:
        note_deletion(wire, at, end, conn, record)
        return
    stop = word_end(wire, at, end)
    kind = kind_of(first_letters(wire, min(stop + 1, end), end))
    if conn["exchanging"] == 1 and kind == NONE:
        return  # credentials, of which nothing is kept
    conn["exchanging"] = 0
    if conn["idling"] == 1 and kind == NONE:
        conn["idling"] = 0  # the line is DONE, or should be
        return
    record["commands"] += 1
    rest = skip_spaces(wire, word_end(wire, min(stop + 1, end), end), end)
    if kind == UID:
        kind = kind_of(first_letters(wire, rest, end))
        rest = skip_spaces(wire, word_end(wire, rest, end), end)
    conn["command"] = kind
    conn["appends"] = kind == APPEND
    if kind == NONE or stop == at:
        record["anomaly"] |= np.uint64(BAD_COMMAND)
        conn["unknown"] += 1
        if conn["unknown"] >= 3 and conn["confirmed"] == 0:
            conn["violated"] = 1
            conn["done"][0] = 1
            conn["done"][1] = 1
        return
    conn["confirmed"] = 1
    remember(conn, tag_hash(wire, at, stop), kind, record)
    do_command(wire, rest, end, conn, kind, out)


@kernel
def remember(conn: Row, tag: Int, kind: Int, record: Row) -> None:
    """Note a command that waits for its reply; where too many do, the oldest is given up."""
    if conn["pending"] == MAX_PENDING:
        record["anomaly"] |= np.uint64(TOO_MANY_PENDING)
        forget(conn, 0)
    conn["tags"][conn["pending"]] = tag
    conn["kinds"][conn["pending"]] = kind
    conn["pending"] += 1


@kernel
def forget(conn: Row, place: Int) -> None:
    """Take a command out of those that wait."""
    for later in range(place + 1, np.int64(conn["pending"])):
        conn["tags"][later - 1] = conn["tags"][later]
        conn["kinds"][later - 1] = conn["kinds"][later]
    conn["pending"] -= 1


@kernel
def do_command(wire: Wire, at: Int, end: Int, conn: Row, kind: Int, out: Outs) -> None:
    """Note what a command says."""
    record = out.imap.rows[conn["row"]]
    stop = word_end(wire, at, end)
    if kind == LOGIN or kind == AUTHENTICATE:
        begin_login(wire, at, end, conn, kind, out)
    elif kind == TLS:
        record["starttls"] = TLS_ASKED
    elif kind == SELECT:
        list_mailbox(wire, at, end, conn, out)
    elif kind == STORE:
        note_deletion(wire, at, end, conn, record)
    elif kind == ID and stop > at and wire[at] == OPEN:
        record["client"] = save(out.imap, AT.client, wire, at, end)
    elif kind == IDLE:
        record["idled"] += 1
        conn["idling"] = 1
    elif kind == LOGOUT:
        record["logout"] = 1


@kernel
def note_deletion(wire: Wire, at: Int, end: Int, conn: Row, record: Row) -> None:
    """Count a STORE that marks messages as deleted."""
    if conn["command"] != STORE:
        return
    for place in range(at, end - len(DELETED) + 1):
        if starts_folded(wire, place, end, DELETED):
            record["deletions"] += 1
            return


@kernel
def string_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a quoted string or an atom ends (RFC 9051 §4.3, §4.1)."""
    if at >= end or wire[at] != QUOTE:
        return word_end(wire, at, end)
    place = at + 1
    while place < end and wire[place] != QUOTE:
        place += 2 if wire[place] == BACKSLASH else 1
    return min(place + 1, end)


@kernel
def begin_login(wire: Wire, at: Int, end: Int, conn: Row, kind: Int, out: Outs) -> None:
    """Note an attempt to log in; the user's name is kept where the policy lets it, the rest never."""
    record = out.imap.rows[conn["row"]]
    record["login_attempts"] += 1
    record["login_success"] = 1 if record["login_success"] == 1 else 0
    stop = word_end(wire, at, end)
    in_clear = kind == LOGIN
    if kind == LOGIN:
        last = string_end(wire, at, end)
        quoted = at < end and wire[at] == QUOTE
        if at < last and wire[at] != BRACE:
            record["user"] = save(out.imap, AT.user, wire, at + quoted, max(last - quoted, at + quoted))
        record["auth_mechanism"] = put_word(out.imap, AT.auth_mechanism, LOGIN_NAME)
    else:
        key = word_key(wire, at, stop)
        in_clear = key == PLAIN_WORD or key == LOGIN_WORD
        known = mechanism_end(wire, at, stop)
        if known > at:
            record["auth_mechanism"] = save(out.imap, AT.auth_mechanism, wire, at, known)
        conn["exchanging"] = 1
    if in_clear:
        record["cleartext_credentials"] = 1
        conn["credentials"] = 1


@kernel
def put_word(out: Out, field: Int, text: Wire) -> Int:
    """Write a word of our own as the text of a field; give its span."""
    return save(out, field, text, 0, len(text))


@kernel
def list_mailbox(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Add a mailbox to those that were selected, if there is room."""
    stop = string_end(wire, at, end)
    quoted = at < stop and wire[at] == QUOTE
    first, last = at + quoted, stop - quoted
    if last > first and wire[at] != BRACE:
        used = np.int64(conn["mailbox_octets"])
        conn["mailbox_octets"] = keep_item(conn["mailboxes"], used, wire, first, last)


@kernel
def read_response(wire: Wire, at: Int, end: Int, conn: Row, out: Outs) -> None:
    """Read one line of the server (RFC 9051 §2.2.2)."""
    side = np.int64(conn["server"]) - 1
    if conn["within"][side] == 1:
        return
    record = out.imap.rows[conn["row"]]
    conn["fetches"] = 0
    stop = word_end(wire, at, end)
    if stop - at == 1 and wire[at] == STAR:
        read_untagged(wire, min(stop + 1, end), end, conn, record, out)
        return
    if stop - at == 1 and wire[at] == PLUS:
        return
    tag = tag_hash(wire, at, stop)
    for place in range(np.int64(conn["pending"])):
        if conn["tags"][place] == tag:
            kind = np.int64(conn["kinds"][place])
            forget(conn, place)
            first = min(stop + 1, end)
            read_outcome(wire, first, end, conn, kind, out)
            return


@kernel
def read_outcome(wire: Wire, at: Int, end: Int, conn: Row, kind: Int, out: Outs) -> None:
    """Let a tagged reply mean what its command asked (RFC 9051 §7.1)."""
    record = out.imap.rows[conn["row"]]
    stop = word_end(wire, at, end)
    good = word_key(wire, at, stop) == OK_WORD
    conn["idling"] = 0 if kind == IDLE else conn["idling"]
    read_capabilities(wire, min(stop + 2, end), end, record, out)
    if kind == LOGIN or kind == AUTHENTICATE:
        record["login_success"] = 1 if good or record["login_success"] == 1 else 0
        conn["exchanging"] = 0
    if kind == TLS:
        record["starttls"] = TLS_USED if good else TLS_REFUSED
        conn["switch"] = good
    elif not good:
        record["refused"] += 1
    elif kind == COMPRESS:
        record["compressed"] = 1
        conn["done"][0] = 1
        conn["done"][1] = 1


@kernel
def read_untagged(wire: Wire, at: Int, end: Int, conn: Row, record: Row, out: Outs) -> None:
    """Read an untagged response: the greeting, what the server offers, and what becomes of messages."""
    stop = word_end(wire, at, end)
    key = word_key(wire, at, stop)
    if key == OK_WORD or key == PREAUTH_WORD or key == BYE_WORD:
        first = min(stop + 1, end)
        if record["greeting"] == NO_TEXT and record["commands"] == 0:
            record["greeting"] = save(out.imap, AT.greeting, wire, first, end)
        read_capabilities(wire, min(first + 1, end), end, record, out)
        return
    read_capabilities(wire, at, end, record, out)
    number = read_number(wire, at, stop, 1 << 33)
    if number < 0:
        return
    word_at = skip_spaces(wire, stop, end)
    said = word_key(wire, word_at, word_end(wire, word_at, end))
    if said == FETCH_WORD:
        conn["fetches"] = 1
        conn["sequence"] = number
    elif said == EXPUNGE_WORD:
        record["expunged"] += 1


@kernel
def read_capabilities(wire: Wire, at: Int, end: Int, record: Row, out: Outs) -> None:
    """Read what the server offers (RFC 9051 §7.2.2), up to the bracket if it stands in one."""
    if not starts_folded(wire, at, end, CAPABILITY):
        return
    at += len(CAPABILITY)
    bracket = find(wire, at, end, BRACKET_END)
    end = bracket if bracket >= 0 else end
    start = begin_text(out.imap)
    while at < end:
        at = skip_spaces(wire, at, end)
        stop = word_end(wire, at, end)
        if at == stop:
            break
        if stop - at == len(STARTTLS) and starts_folded(wire, at, stop, STARTTLS) and record["starttls"] == TLS_ABSENT:
            record["starttls"] = TLS_OFFERED
        put_item(out.imap, wire, at, stop)
        at = stop
    record["capabilities"] = end_text(out.imap, AT.capabilities, start)


@kernel
def find_again(conn: Row, side: Int, out: Outs) -> None:
    """After a gap: go on in the literal, or with the next line."""
    missing = np.int64(conn["missing"][side])
    conn["lost"][side] = 0
    conn["missing"][side] = 0
    conn["scanned"][side] = 0
    out.imap.rows[conn["row"]]["anomaly"] |= np.uint64(GAP)
    left = np.int64(conn["left"][side])
    if left > 0:
        marks = AFTER_GAP | (FIRST if conn["first"][side] == 1 else 0)
        conn["first"][side] = 0
        if missing >= left:
            marks |= LAST | CUT_SHORT
        put_chunk(out.mail_chunk, conn, out.mail_chunk.text, 0, 0, conn["number"][side], marks)
        conn["left"][side] = left - missing if missing < left else 0
        conn["piece_next"] += min(missing, left)
        if missing <= left:
            return
    conn["discard"][side] = 1
    conn["pending"] = 0


@kernel
def finish(conn: Row, out: Outs) -> None:
    """Close what is open: messages cut short, the session."""
    if conn["row"] == 0:
        return
    for side in range(2):
        if conn["left"][side] > 0:
            marks = LAST | CUT_SHORT | (FIRST if conn["first"][side] == 1 else 0)
            put_chunk(out.mail_chunk, conn, out.mail_chunk.text, 0, 0, conn["number"][side], marks)
            if side + 1 == conn["server"]:
                conn["piece_of"] = 0
    end_pieces(conn, np.int64(conn["server"]) - 1, out)
    used = np.int64(conn["mailbox_octets"])
    if used > 0:
        out.imap.rows[conn["row"]]["mailboxes"] = put_kept(out.imap, conn["mailboxes"], used, AT.mailboxes)
    if conn["pending"] > 0:
        out.imap.rows[conn["row"]]["anomaly"] |= np.uint64(UNANSWERED)
    close_row(out.imap, np.int64(conn["row"]))
    conn["row"] = 0


COMMANDS = (b" CAPABILITY\r\n", b" LOGIN ", b" AUTHENTICATE ", b" STARTTLS\r\n", b" NOOP\r\n", b" ID (", b" LOGOUT\r\n")
TAG = LETTERS + DIGITS + b".-_$# "

IMAP = Protocol(
    "imap",
    "Internet Message Access Protocol",
    "RFC 9051",
    tcp_ports=(143,),
    signatures=(
        *begins(
            "* OK",
            "* PREAUTH",
            "* BYE",
            verdict=YES,
            side="resp",
            transport="tcp",
            parts=(Has(b"imap", 4, 256),),
            folded=True,
        ),
        *begins(
            "* OK ", "* PREAUTH ", "* BYE ", "* CAPABILITY ", verdict=MAYBE, side="resp", transport="tcp", folded=True
        ),
        # RFC 9051 §2.2.1: a tag is a short word.
        *(
            Signature((Only(0, 3, TAG), Has(command, 1, 32)), MAYBE, "orig", "tcp", folded=True, own_port=True)
            for command in COMMANDS
        ),
    ),
    starts_tls=True,
    aliases={"ndpi": ("IMAP",), "zeek": ("imap",), "wireshark": ("imap",)},
)

DISSECTOR = Dissector(IMAP, (ImapRecord, MailChunkRecord), STATE, advance=advance, finish=finish, anomalies=ANOMALIES)

"""Octets of mail messages on their way from a dissector to the content stage.

A chunk is a row of a table that is never emitted: it carries what one turn brought of one
message. The content stage puts the chunks of a message back together and reads it.
"""

from typing import Annotated, ClassVar

from sonde.dissect.api import Out, places
from sonde.schema import CONTENT, PERSON, PROTOCOL, U32, Field, Octets, Record, Text, TextList
from sonde.table.out import MAX_TEXT, close_row, open_row, save
from sonde.wire import Int, Row, Wire, kernel

# What a chunk says of itself and of its connection: the first or last of its message; some lines are stuffed
# with a dot; octets are missing before it; the message is not whole; only a part of one was asked for;
# credentials went in clear; STARTTLS was stripped; what looks like the end of data was none; the
# client fetches it.
FIRST, LAST, DOTTED, AFTER_GAP, CUT_SHORT, PARTIAL, CREDENTIALS, STRIPPED, SMUGGLED, FETCHED = (
    1 << bit for bit in range(10)
)


class MailChunkRecord(Record):
    """Some octets of one message."""

    table: ClassVar[str] = "mail_chunk"
    feeds: ClassVar[tuple[str, ...]] = ("mail", "mail_part")

    message: Annotated[U32, Field("Number of the message in its connection", PROTOCOL, internal=True)]
    marks: Annotated[U32, Field("First, last, dotted, and so on", PROTOCOL, internal=True)]
    octets: Annotated[Octets, Field("As they came", CONTENT, internal=True)]
    sender: Annotated[Text, Field("Reverse path of its envelope", PERSON, internal=True)]
    recipients: Annotated[TextList, Field("Forward paths of its envelope", PERSON, internal=True)]


CHUNK = places(MailChunkRecord)


@kernel
def put_chunk(out: Out, turn: Row, wire: Wire, at: Int, end: Int, message: Int, marks: Int) -> None:
    """Hand octets[at:end] of a message on, in rows of at most MAX_TEXT octets."""
    if out.keep[CHUNK.octets] == 0:
        return
    place = at
    while True:
        stop = min(end, place + MAX_TEXT)
        row = open_row(out, turn)
        record = out.rows[row]
        record["message"] = message
        head = FIRST if place == at else 0
        tail = LAST if stop == end else 0
        record["marks"] = marks & ~(FIRST | LAST) | marks & head | marks & tail
        record["octets"] = save(out, CHUNK.octets, wire, place, stop)
        close_row(out, row)
        place = stop
        if place >= end:
            break

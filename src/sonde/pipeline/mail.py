"""Chunks of messages -> readers of the content stage -> rows of `mail` and `mail_part`.

A message is read as its octets come, and its rows are made when it is over. What is open at a
time is bounded: beyond that the message that has waited longest is ended as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from sonde.content import Connection, MailPartRecord, MailRecord, Message, MessageReader, Taker
from sonde.content.body import new_desk, scan
from sonde.dissect.mail.chunk import (
    AFTER_GAP,
    CREDENTIALS,
    CUT_SHORT,
    DOTTED,
    FETCHED,
    FIRST,
    LAST,
    PARTIAL,
    SMUGGLED,
    STRIPPED,
)
from sonde.pipeline.batch import Batch
from sonde.pipeline.losses import Losses
from sonde.record.text import text_column, text_list_column
from sonde.schema import Record, columns, null_row
from sonde.table.flows import KEY
from sonde.table.out import LENGTH_BITS, LENGTH_MASK
from sonde.wire import Meanwhile, Rows, Wire, interpreting

if TYPE_CHECKING:
    from sonde.pipeline.keeping import Keeper

SCANNED = (np.empty(0, np.uint8), 0, 0, new_desk())  # what `scan` takes, for its types
LOW_WORD = (1 << 64) - 1
MOST_OPEN = 4096  # messages at a time
LEARNT = CREDENTIALS | STRIPPED | SMUGGLED | PARTIAL | FETCHED | DOTTED | CUT_SHORT  # marks that say more


@dataclass(slots=True)
class Open:
    """A message on its way, and its first octets: when they came, in which order, and of which flow."""

    reader: MessageReader
    known: Connection
    first: tuple[int, int, bytes]
    is_complete: bool = True
    is_lost: bool = False  # to a defect of ours: it is read no further, and has no rows


@dataclass(frozen=True)
class Met:
    """Where and when a message was met that comes by no capture; its number tells it from others."""

    number: int
    stamp_ns: int
    client: IPv4Address | IPv6Address | None = None
    port: int = 0
    server: IPv4Address | IPv6Address | None = None


class Made:
    """Rows of one table that wait to be written: their values in the order of its columns, and whose they are."""

    def __init__(self, record: type[Record]) -> None:
        """Begin with none."""
        self.names = [column.name for column in columns(record)]
        self.in_order = itemgetter(*self.names)
        self.values: list[tuple[Any, ...]] = []
        self.firsts: list[tuple[int, int, bytes]] = []

    def add(self, values: dict[str, Any], first: tuple[int, int, bytes]) -> None:
        """Add a row; its values go on without their names, which are a multiple of their size."""
        self.values.append(self.in_order(values))
        self.firsts.append(first)


class MailDesk:
    """Reads the messages of a run."""

    def __init__(self, own_domains: Sequence[str], losses: Losses, keeper: "Keeper | None" = None) -> None:
        """Judge by these domains of the operator's own; content is kept only by a keeper."""
        self.own_domains, self.losses, self.keeper = own_domains, losses, keeper
        self.open: dict[tuple[int, int], Open] = {}
        self.made: dict[type[Record], Made] = {record: Made(record) for record in (MailRecord, MailPartRecord)}
        self.given_up = 0
        self.meanwhile = Meanwhile()

    def take(self, batch: Batch) -> None:
        """Take the chunks of a block; those of one message follow each other by their order."""
        spans = batch.rows["octets"]
        octets = int((spans[spans >= 0] & LENGTH_MASK).sum())
        with interpreting(self.meanwhile.allows(scan, SCANNED, octets, len(batch.rows))):
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        """Sort chunks by message, and tell of each message what its chunks say together, in bulk."""
        rows, frames = batch.rows, batch.keys["frame"]
        order = np.lexsort((np.arange(len(rows)), rows["order"], rows["message"], frames))
        messages, flows, marks = rows["message"][order], frames[order], rows["marks"][order]
        starts = np.flatnonzero(np.append(True, (np.diff(messages) != 0) | (np.diff(flows) != 0)))
        told = np.bitwise_or.reduceat(marks, starts)
        spans = rows["octets"][order]
        is_joined = np.logical_and.reduceat(_follows(spans, starts), starts) & (told & AFTER_GAP == 0)
        ends = np.append(starts[1:], len(order))
        firsts = order[starts]
        met = zip(
            rows["ts"][firsts].tolist(), rows["order"][firsts].tolist(),
            batch.keys.view(f"V{KEY.itemsize}")[firsts].tolist(), strict=True,
        )  # fmt: skip
        # Where octets stand that lie one behind the other; before them may stand the envelope's row, which has none.
        begins = np.where(spans[starts] >= 0, spans[starts], spans[np.minimum(starts + 1, ends - 1)]) >> LENGTH_BITS
        stops = (spans[ends - 1] >> LENGTH_BITS) + (spans[ends - 1] & LENGTH_MASK)
        shown = zip(
            starts.tolist(), ends.tolist(), zip(flows[starts].tolist(), messages[starts].tolist(), strict=True),
            told.tolist(), is_joined.tolist(), begins.tolist(), stops.tolist(), rows["sender"][firsts].tolist(),
            firsts.tolist(), met, strict=True,
        )  # fmt: skip
        for start, end, name, marked, joined, begin, stop, sender, row, first in shown:
            opened = self.open.get(name)
            if opened is None:
                if not marked & FIRST:
                    continue  # of a message that was given up
                opened = self._begin(batch, row, first, name, marked)
            if marked & LEARNT or sender >= 0:
                self._learn(opened, batch.text, sender, marked)
            if not joined:
                self.show(opened, feed, opened.reader, batch.text, spans[start:end], marks[start:end])
            elif begin >= 0:
                self.show(opened, opened.reader.feed, batch.text[begin:stop])
            if marked & LAST:
                self._end(name)

    def _begin(self, batch: Batch, row: int, first: tuple[int, int, bytes], name: tuple[int, int], told: int) -> Open:
        """Begin a message, whose first chunk is a row of the batch."""
        if len(self.open) >= MOST_OPEN:
            oldest = next(iter(self.open))
            self.open[oldest].is_complete = False
            self.given_up += 1
            self._end(oldest)
        known = Connection(batch.protocol, own_domains=self.own_domains)
        taker = self._taker(batch, row) if self.keeper is not None else None
        reader = MessageReader(name[1], dotted=bool(told & DOTTED), taker=taker)
        opened = self.open[name] = Open(reader, known, first)
        return opened

    def _taker(self, batch: Batch, first: int) -> Taker | None:
        """Give what keeps a message's content, as far as it is authorised."""
        if self.keeper is None:
            return None
        row, key = batch.rows[first], batch.keys[first]
        envelope: list[str] | None = None
        if batch.protocol == "smtp":
            sender = text_column(batch.text, row["sender"].reshape(1)).to_pylist()[0]
            recipients = text_list_column(batch.text, row["recipients"].reshape(1)).to_pylist()[0]
            envelope = [each for each in (sender, *(recipients or ())) if each]
        server = server_of(int(key["resp_high"]), int(key["resp_low"]))
        return self.keeper.taker(batch.protocol, server, envelope)

    def _learn(self, opened: Open, text: Wire, sender: int, told: int) -> None:
        known = opened.known
        if told & (CREDENTIALS | STRIPPED | SMUGGLED | PARTIAL | FETCHED):
            known.has_credentials = known.has_credentials or bool(told & CREDENTIALS)
            known.is_stripped = known.is_stripped or bool(told & STRIPPED)
            known.is_smuggled = known.is_smuggled or bool(told & SMUGGLED)
            known.is_partial = known.is_partial or bool(told & PARTIAL)
            if told & FETCHED:
                known.direction = "fetched"
        if told & DOTTED:
            opened.reader.dotted = True
        if told & CUT_SHORT:
            opened.is_complete = False
        if sender >= 0:
            start = sender >> LENGTH_BITS
            known.return_path = text[start : start + (sender & LENGTH_MASK)].tobytes().decode("utf-8", "replace")

    def begin(self, known: Connection, place: "Met", taker: Taker | None = None) -> Open:
        """Begin a message that comes by no capture; its octets go to `reader`, and `end` makes its rows."""
        known.own_domains = self.own_domains
        key = np.zeros(1, KEY)
        key["frame"] = place.number
        for side, address, port in (("orig", place.client, place.port), ("resp", place.server, 0)):
            if address is not None:
                words = int(address) if isinstance(address, IPv6Address) else 0xFFFF << 32 | int(address)
                key[f"{side}_high"], key[f"{side}_low"], key[f"{side}_port"] = words >> 64, words & LOW_WORD, port
        reader = MessageReader(place.number & 0xFFFFFFFF, taker=taker)
        return Open(reader, known, (place.stamp_ns, place.number, key.tobytes()))

    def show(self, opened: Open, read: Callable[..., object], *octets: Any) -> None:  # noqa: ANN401
        """Have octets of a message read; one in which that fails is lost, and no other."""
        if opened.is_lost:
            return
        try:
            read(*octets)
        except Exception as error:  # noqa: BLE001 - sorted out by `suffer`
            self.losses.suffer("messages", error)
            opened.is_lost = True

    def end(self, opened: Open) -> None:
        """Make the rows of a message that is over."""
        if opened.is_lost:
            return
        try:
            message: Message = opened.reader.finish(opened.known, is_complete=opened.is_complete)
        except Exception as error:  # noqa: BLE001 - sorted out by `suffer`
            self.losses.suffer("messages", error)
            return
        self.made[MailRecord].add(message.fields, opened.first)
        for part in message.parts:
            self.made[MailPartRecord].add(part, opened.first)

    def _end(self, name: tuple[int, int]) -> None:
        self.end(self.open.pop(name))

    def finish(self) -> None:
        """End what is still open: the input is over."""
        with interpreting(self.meanwhile.allows(scan, SCANNED, 0, len(self.open))):
            for name in list(self.open):
                self.open[name].is_complete = False
                self._end(name)

    def drain(self, record: type[Record]) -> tuple[Rows, Rows, dict[str, Sequence[Any]]]:
        """Give the rows made of one table, their flows, and their columns, in the order of their first octets."""
        made, self.made[record] = self.made[record], Made(record)
        if not made.values:
            return null_rows(record, 0), np.empty(0, KEY), {}
        stamps, orders, keys = zip(*made.firsts, strict=True)
        order = np.argsort(np.array(orders, np.int64), kind="stable")
        rows = null_rows(record, len(order))
        rows["ts"] = np.array(stamps, np.int64)[order]
        rows["order"] = np.array(orders, np.int64)[order]
        values = zip(*[made.values[place] for place in order.tolist()], strict=True)
        return rows, np.frombuffer(b"".join(keys), KEY)[order], dict(zip(made.names, values, strict=True))


def null_rows(record: type[Record], count: int) -> Rows:
    """Make rows of which nothing is known."""
    return np.repeat(null_row(record), count)


def server_of(high: int, low: int) -> IPv4Address | IPv6Address:
    """Give the address of two words, as flows hold it: IPv4 addresses as IPv6 has them (RFC 4291 §2.5.5.2)."""
    found = IPv6Address(high << 64 | low)
    return found.ipv4_mapped or found


def _follows(spans: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Say of each span whether it lies right behind the one before it, or is the first with octets of its message."""
    has_octets = spans >= 0
    begins, lengths = spans >> LENGTH_BITS, np.where(has_octets, spans & LENGTH_MASK, 0)
    joins = np.ones(len(spans), bool)
    joins[1:] = begins[:-1] + lengths[:-1] == begins[1:]
    is_first = np.zeros(len(spans), bool)
    is_first[starts] = True
    after_none = np.append(False, ~has_octets[:-1] & is_first[:-1])  # the envelope's row stands before the octets
    return np.where(has_octets, joins | is_first | after_none, is_first)


#: Messages that need every kernel of content: a stuffed dot, base 64, quoted-printable, parts; and none of these.
REHEARSED = (
    b"Subject: plain\r\n\r\ntext\r\n",
    (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
        b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n..=3D\r\n--b\r\n\r\ntext\r\n--b--\r\n"
    ),
)


def rehearse_mail() -> None:
    """Read messages of our own making, and forget them, so that the kernels for it are compiled."""
    for message in REHEARSED:
        reader = MessageReader(0, dotted=True)
        reader.feed(np.frombuffer(message, np.uint8))
        reader.finish(Connection())


def feed(reader: MessageReader, text: Wire, spans: np.ndarray, marks: np.ndarray) -> None:
    """Show the octets of some chunks to a reader, and where some are missing between them."""
    at = 0
    for gap in [*np.flatnonzero(marks & AFTER_GAP).tolist(), len(spans)]:
        pieces = [
            text[span >> LENGTH_BITS : (span >> LENGTH_BITS) + (span & LENGTH_MASK)]
            for span in spans[at:gap].tolist()
            if span >= 0
        ]
        if pieces:
            reader.feed(np.concatenate(pieces) if len(pieces) > 1 else pieces[0])
        if gap < len(spans):
            reader.lose()
        at = gap


__all__ = ["MailDesk", "Met", "Open"]

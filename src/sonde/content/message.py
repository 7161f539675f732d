r"""A message from its octets, as they come: MIME tree, heads, digests, verdicts; memory does not grow with its size.

    reader = MessageReader(1, dotted=False)
    reader.feed(np.frombuffer(b"Subject: hello\r\n\r\nworld\r\n", np.uint8))
    message = reader.finish()
    message.fields["subject"], message.parts[0]["sha256"]

Theory of operation: `scan` (body.py) stops at the ends of heads and at boundaries, and this class
keeps the tree: a stack of open multipart bodies and the part at hand. A boundary of an outer body
ends whatever is open inside it, closed or not.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sonde.content.body import (
    AT_ONCE,
    AT_START,
    BAD,
    BARE_CR,
    BARE_LF,
    BASE64,
    BEFORE,
    BOUNDARY,
    BREAK,
    CLOSES,
    DEPTH,
    EVENT,
    EXPECT,
    FILLED,
    GROUP,
    HEAD,
    HEAD_END,
    LAST_CR,
    LINES,
    LONGEST,
    MOST_BOUNDARY,
    MOST_DEPTH,
    OVER,
    PADDED,
    PHASE,
    PLAIN,
    QUOTED,
    SKIPPED,
    UNPARTED,
    WHICH,
    WRITTEN,
    Desk,
    end_base64,
    end_lines,
    fresh_state,
    is_stuffed,
    new_desk,
    scan,
    unstuff,
)
from sonde.content.heads import Head
from sonde.content.part import Part, described, part_of
from sonde.content.summary import Connection, summarised
from sonde.wire import Wire

MOST_HEAD = 256 << 10  # octets of one head that are kept
MOST_PARTS = 1000  # of a message that are described
MOST_COUNTED = 20_000  # of a message that are looked for
LONGEST_LINE = 998  # RFC 5322 §2.1.1
MOST_DESKS = 16  # kept for the next messages: their arrays need not be looked at anew
FRESH = memoryview(fresh_state().data)
NOTHING: Wire = np.empty(0, np.uint8)
NESTED = {"message/rfc822", "message/global"}


class Table:
    """A desk with what makes its use quick."""

    def __init__(self, desk: Desk) -> None:
        """Look at its arrays as memory, which is read and written quicker, and bind the kernel that fills them."""
        self.desk = desk
        self.state = memoryview(desk.state.data)
        self.made = memoryview(desk.out.data)
        self.scan, self.end_lines, self.end_base64 = scan.bind(desk), end_lines.bind(desk), end_base64.bind(desk)


_tables: list[Table] = []


class Taker(Protocol):
    """Who may keep content under an authorisation; without one nothing is kept."""

    def raw(self, octets: memoryview) -> None:
        """Take octets of the whole message, before they are read."""

    def know(self, head: Head, size: int) -> None:
        """Know the message's head, which is the first `size` of its octets."""

    def begin_part(self, *, is_attachment: bool) -> None:
        """Know that a part begins."""

    def part(self, octets: memoryview) -> None:
        """Take decoded octets of that part."""

    def end_part(self) -> str | None:
        """Know that it is over; give the name under which it is kept, if it is."""

    def finish(self) -> list[str]:
        """Know that the message is over; give the names under which it is kept."""


@dataclass(slots=True)
class Message:
    """What a message was: columns of `mail`, and rows of `mail_part`."""

    fields: dict[str, Any]
    parts: list[dict[str, Any]]


@dataclass(slots=True)
class Body:
    """An open multipart body: its boundary's number, the place of its part, and how many parts it had."""

    place: str
    children: int = 0
    is_digest: bool = False


@dataclass(slots=True)
class Tree:
    """Where in the MIME tree the reader is."""

    bodies: list[Body] = field(default_factory=list)
    part: Part | None = None
    place: str = "1"
    default: str = "text/plain"
    levels: int = 1
    count: int = 0


class MessageReader:
    """Reads one message; call `feed` for octets as they come, `lose` for a gap, `finish` once."""

    def __init__(self, number: int, *, dotted: bool = False, taker: Taker | None = None) -> None:
        """Begin a message; `dotted` says that lines which begin with a dot have one more."""
        self.number, self.dotted, self.taker = number, dotted, taker
        self.table = _tables.pop() if _tables else Table(new_desk())
        self.desk = self.table.desk
        self.state = self.table.state
        self.state[:] = FRESH
        self.made = self.table.made
        self.tree = Tree()
        self.rest = NOTHING
        self.head = bytearray()
        self.top: Head | None = None
        self.header_size = 0
        self.size = 0
        self.digest = hashlib.sha256()
        self.line_starts = 1
        self.odd: set[str] = set()
        self.parts: list[dict[str, Any]] = []
        self.attachments = 0
        self.mismatches: list[tuple[str, str]] = []
        self.is_whole = True

    def feed(self, octets: Wire) -> None:
        """Take the next octets of the message."""
        if not len(octets):
            return
        plain = octets
        if self.dotted and is_stuffed(octets, 0, len(octets), self.line_starts):
            plain = np.empty(len(octets), np.uint8)
            plain = plain[: unstuff(octets, 0, len(octets), self.line_starts, plain)]
        self.line_starts = 1 if octets.data[-1] == 10 else 0
        view = plain.data
        self.size += len(view)
        self.digest.update(view)
        if self.taker is not None:
            self.taker.raw(view)
        self._scan(plain)

    def lose(self, octets: int = 0) -> None:  # noqa: ARG002 - how many is not always known, and changes nothing
        """Know that octets are missing here."""
        self.is_whole = False
        self.odd.add("gap")
        if self.tree.part is not None:
            self.tree.part.is_complete = False
        self.line_starts = 0

    def _scan(self, octets: Wire) -> None:
        wire = np.concatenate([self.rest, octets]) if len(self.rest) else octets
        at, end, state, scan_some = 0, len(wire), self.state, self.table.scan
        while at < end or state[OVER]:
            before = at
            at = scan_some(wire, at, min(end, at + AT_ONCE))
            self._take(self.made[: state[WRITTEN]], at - before)
            event = state[EVENT]
            if event == HEAD_END:
                self._end_head()
            elif event == BOUNDARY:
                self._meet_boundary()
            elif at == end or at == before:
                break
        self.rest = wire[at:].copy() if at < end else NOTHING
        scan_some.forget()

    def _take(self, made: memoryview, used: int) -> None:
        if self.state[PHASE] == HEAD:
            room = MOST_HEAD - len(self.head)
            self.head += made[:room]
            if len(made) > room:
                self.odd.add("head_cut")
            if self.top is None:
                self.header_size += used
        elif self.tree.part is not None and self.tree.part.is_leaf:
            self.tree.part.encoded_size += used
            if len(made):
                self.tree.part.take(made)
                if self.taker is not None:
                    self.taker.part(made)

    def _end_head(self) -> None:
        """Know the part from its head, and how to read what follows."""
        head = Head(self.head)
        self.head.clear()
        tree, state = self.tree, self.state
        if self.top is None:
            self.top = head
            if self.taker is not None:
                self.taker.know(head, self.header_size)
        tree.count += 1
        part = part_of(tree.place, head, tree.default)
        tree.part = part
        if state[UNPARTED]:
            part.odd.add("no_separator")
            state[UNPARTED] = 0
        state[AT_START], state[LAST_CR] = 1, 0
        state[PHASE] = part.phase
        if part.content_type.startswith("multipart/"):
            self._open_body(part)
        elif part.content_type in NESTED and part.phase != BASE64:
            part.is_leaf = False
            self._close_part()
            if tree.levels >= MOST_DEPTH:
                self.odd.add("too_deep")
                state[PHASE] = SKIPPED
                return
            tree.levels += 1
            tree.place += ".1" if tree.place.count(".") < MOST_DEPTH else ""
            tree.default = "text/plain"
            state[PHASE] = HEAD
        if self.taker is not None and part.is_leaf and not part.is_awaited:
            self.taker.begin_part(is_attachment=part.is_attachment)

    def _open_body(self, part: Part) -> None:
        """Expect the boundaries of a multipart body (RFC 2046 §5.1)."""
        tree, state = self.tree, self.state
        boundary = part.parameters.get("boundary", "").encode("utf-8", "replace").rstrip()
        if not boundary or len(boundary) > MOST_BOUNDARY:
            part.odd.add("no_boundary")
            return
        if state[DEPTH] >= MOST_DEPTH or tree.levels >= MOST_DEPTH:
            self.odd.add("too_deep")
            part.is_leaf = False
            state[PHASE] = SKIPPED
            return
        which = state[DEPTH]
        base = which * MOST_BOUNDARY
        self.desk.boundaries[base : base + len(boundary)] = np.frombuffer(boundary, np.uint8)
        self.desk.lengths[which] = len(boundary)
        state[DEPTH] += 1
        tree.levels += 1
        if tree.count == 1:
            part.place = "0"  # its parts are 1, 2 and so on, as IMAP numbers them
        tree.bodies.append(
            Body("" if tree.count == 1 else tree.place, is_digest=part.content_type == "multipart/digest")
        )
        part.is_awaited = True  # what stands before its first boundary is its content, should none come

    def _meet_boundary(self) -> None:
        """End what is open inside the body whose boundary was met, and begin its next part, if it has one."""
        tree, state = self.tree, self.state
        if state[PHASE] == HEAD:
            self._end_head_early()
        which = state[WHICH]
        part = tree.part
        if part is not None and part.is_awaited:
            if which == len(tree.bodies) - 1 and not state[CLOSES]:
                part.is_leaf = False
            elif state[PHASE] in (PLAIN, QUOTED) and state[BEFORE]:
                part.take(memoryview(b"\r\n" if state[BEFORE] == 2 else b"\n"))  # it is no delimiter of this body
        self._end_leaf()
        if len(tree.bodies) - 1 > which:
            self.odd.add("boundary_not_closed")
        del tree.bodies[which + 1 :]
        body = tree.bodies[which]
        state[DEPTH] = which + 1
        state[AT_START] = 1
        if state[CLOSES]:
            tree.bodies.pop()
            state[DEPTH] = which
            state[PHASE] = SKIPPED
            return
        if tree.count >= MOST_COUNTED:
            self.odd.add("parts_not_counted")
            state[DEPTH], state[PHASE] = 0, SKIPPED  # no boundary is looked for any more
            tree.bodies.clear()
            return
        body.children += 1
        tree.place = f"{body.place}.{body.children}" if body.place else str(body.children)
        tree.default = "message/rfc822" if body.is_digest else "text/plain"
        tree.levels = max(tree.levels, which + 2)
        state[PHASE] = HEAD

    def _end_head_early(self) -> None:
        """Take a head that a boundary ends, before its empty line."""
        if self.head.strip():
            self._end_head()
            if self.tree.part is not None:
                self.tree.part.odd.add("no_body")

    def _end_leaf(self) -> None:
        """Take what the encoding still holds, and describe the part."""
        part = self.tree.part
        if part is None:
            return
        if self.state[PHASE] == BASE64 and self.state[FILLED] and part.is_leaf:
            self.table.end_base64()
            self._take(self.made[: self.state[WRITTEN]], 0)
        state = self.state
        if state[BAD] and part.is_leaf:
            part.odd.add("bad_encoding")
        state[EXPECT] = state[PADDED] = state[FILLED] = state[GROUP] = state[BAD] = 0
        self._close_part()

    def _close_part(self) -> None:
        part = self.tree.part
        self.tree.part = None
        if part is None:
            return
        kept = self.taker.end_part() if self.taker is not None and part.is_leaf else None
        if len(self.parts) < MOST_PARTS:
            row, links = described(part, self.number)
            if kept is not None:
                row["vault_object"] = kept
            self.parts.append(row)
            if links is not None:
                self.mismatches += links.mismatches[: max(0, 20 - len(self.mismatches))]
        else:
            self.odd.add("parts_cut")
        self.attachments += part.is_attachment

    def finish(self, known: Connection | None = None, *, is_complete: bool = True) -> Message:
        """End the message; give what it was."""
        known = known or Connection()
        self.state[OVER] = 1
        if len(self.rest):
            self._scan(self.rest[:0])
        if self.state[PHASE] == HEAD:
            self._end_lines()
            self._end_head()
            if not known.is_partial:
                self.odd.add("no_body")
        elif not self.tree.bodies or (self.tree.part is not None and self.tree.part.is_awaited):
            # In a body that was begun and not closed it belongs to the boundary that is missing.
            self._end_lines()
        if not (is_complete and self.is_whole):
            self.is_whole = False
            if self.tree.part is not None:
                self.tree.part.is_complete = False
        self._end_leaf()
        if self.tree.bodies and not known.is_partial:
            self.odd.add("boundary_not_closed")
        self._note_lines(known)
        kept = self.taker.finish() if self.taker is not None else None
        for row in self.parts:
            row["source"] = known.source or None
        message = Message(self._fields(known), self.parts)
        message.fields["vault_objects"] = kept or None
        if len(_tables) < MOST_DESKS:
            _tables.append(self.table)
        return message

    def _end_lines(self) -> None:
        """Take what the last line still holds back."""
        if self.state[BREAK] or self.state[LAST_CR]:
            self.table.end_lines()
            self._take(self.made[: self.state[WRITTEN]], 0)

    def _note_lines(self, known: Connection) -> None:
        state = self.state
        if state[BARE_CR]:
            self.odd.add("bare_cr")
        if state[BARE_LF] and not (known.is_stored and state[BARE_LF] == state[LINES]):
            self.odd.add("bare_lf")
        if state[LONGEST] > LONGEST_LINE:
            self.odd.add("long_line")

    def _fields(self, known: Connection) -> dict[str, Any]:
        """Give the columns of the message."""
        head = self.top if self.top is not None else Head(b"")
        fields = summarised(head, known, self.parts, self.mismatches, self.odd)
        fields["message"] = self.number
        fields["content_type"] = self.parts[0]["content_type"] if self.parts else None
        fields["parts"], fields["attachments"], fields["depth"] = self.tree.count, self.attachments, self.tree.levels
        fields["size"], fields["header_size"], fields["header_fields"] = self.size, self.header_size, head.count
        fields["sha256"] = self.digest.hexdigest()
        fields["complete"], fields["partial"] = self.is_whole, known.is_partial
        fields["oddities"] = sorted(self.odd) or None
        return fields


__all__ = ["Connection", "Message", "MessageReader", "Taker"]

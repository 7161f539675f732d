"""What a mail server tells a mail filter: the milter protocol, version 6, as Sendmail and Postfix speak it.

    session = MilterSession(begin=..., octets=..., end=..., drop=...)
    answers = session.receive(packet_octets)        # raises MilterError where this is no milter's client

Each packet is a length of four octets, a letter, and data (Sendmail's `mfdef.h`; Postfix, MILTER_README). Sonde only
listens: it asks for no right to change anything, and every answer is "go on". What it makes of a message never comes
back to the server.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

VERSION = 6
MOST_PACKET = (1 << 20) + 64  # octets; servers send 64 KiB, and at most 1 MiB (SMFIP_MDS_1M)
MOST_RECIPIENTS = 1000  # of a message whose mailboxes are kept
MOST_TEXT = 1024  # octets of a mailbox
# Steps that the server need not wait for an answer to (SMFIP_NR_*), and that values of fields come with the blank
# before them (SMFIP_HDR_LEADSPC).
HEADERS, CONNECT, HELO, MAIL, RCPT, DATA, UNKNOWN, END_OF_HEAD, BODY, BLANKS = (
    0x80, 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000,
)  # fmt: skip
WANTED = HEADERS | CONNECT | HELO | MAIL | RCPT | DATA | UNKNOWN | END_OF_HEAD | BODY | BLANKS
UNANSWERED = {
    b"L": HEADERS, b"C": CONNECT, b"H": HELO, b"M": MAIL, b"R": RCPT, b"T": DATA, b"U": UNKNOWN, b"N": END_OF_HEAD,
    b"B": BODY,
}  # fmt: skip
GO_ON = struct.pack(">I", 1) + b"c"


class MilterError(ValueError):
    """Octets that are no milter's client's."""


@dataclass
class Peer:
    """Who handed the message to the server, as the server says: an IP address and a port, or nothing."""

    address: str = ""
    port: int = 0


@dataclass
class Envelope:
    """From whom to whom a message goes, and by whom it came."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    peer: Peer = field(default_factory=Peer)


class MilterSession:
    """One connection of a mail server; messages one after the other."""

    def __init__(
        self,
        begin: Callable[[Envelope], None],
        octets: Callable[[bytes], None],
        end: Callable[[], None],
        drop: Callable[[], None],
    ) -> None:
        """Tell of messages: one begins, octets of it, it is over, it will not be whole."""
        self.begin, self.octets, self.end, self.drop = begin, octets, end, drop
        self.held = bytearray()
        self.steps = 0  # for which no answer is expected
        self.blanks = False
        self.envelope = Envelope()
        self.is_open = False
        self.is_over = False

    def receive(self, octets: bytes) -> bytes:
        """Take octets of the connection as they come; give those to answer with."""
        self.held += octets
        answers = bytearray()
        at = 0
        while len(self.held) - at >= 5 and not self.is_over:
            length = int.from_bytes(self.held[at : at + 4], "big")
            if not 1 <= length <= MOST_PACKET:
                raise MilterError("a packet's length is none")
            if len(self.held) - at < 4 + length:
                break
            packet = bytes(self.held[at + 4 : at + 4 + length])
            at += 4 + length
            answers += self._take(packet[:1], packet[1:])
        del self.held[:at]
        return bytes(answers)

    def close(self) -> None:
        """Know that the connection is gone."""
        self._drop()
        self.is_over = True

    def _take(self, letter: bytes, data: bytes) -> bytes:
        if letter == b"O":
            return self._negotiate(data)
        if letter == b"D":  # macros
            return b""
        if letter in (b"A", b"K"):  # this message, or this client, is over; the connection goes on
            self._drop()
            if letter == b"K":
                self.envelope = Envelope()
            return b""
        if letter == b"Q":
            self.close()
            return b""
        step = self.STEPS.get(letter)
        if step is None and letter not in b"HTU":
            raise MilterError("a packet is of no known kind")
        if step is not None:
            step(self, data)
        return b"" if self.steps & UNANSWERED.get(letter, 0) else GO_ON

    def _negotiate(self, data: bytes) -> bytes:
        if len(data) < 12:
            raise MilterError("the server does not say what it can do")
        version, _, steps = struct.unpack_from(">III", data)
        self.steps = steps & WANTED
        self.blanks = bool(self.steps & BLANKS)
        answer = struct.pack(">III", min(version, VERSION), 0, self.steps)
        return struct.pack(">I", 1 + len(answer)) + b"O" + answer

    def _connect(self, data: bytes) -> None:
        _, _, rest = data.partition(b"\0")
        peer = Peer()
        if rest[:1] in (b"4", b"6") and len(rest) >= 3:
            text = rest[3:].partition(b"\0")[0].decode("ascii", "replace")
            peer = Peer(text.removeprefix("IPv6:"), int.from_bytes(rest[1:3], "big"))
        self.envelope = Envelope(peer=peer)

    def _mail(self, data: bytes) -> None:
        self._drop()
        self.envelope = Envelope(_mailbox(data), [], self.envelope.peer)

    def _rcpt(self, data: bytes) -> None:
        if len(self.envelope.recipients) < MOST_RECIPIENTS:
            self.envelope.recipients.append(_mailbox(data))

    def _header(self, data: bytes) -> None:
        self._open()
        name, _, value = data.partition(b"\0")
        value = value.removesuffix(b"\0").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.octets(name + (b":" if self.blanks else b": ") + value + b"\r\n")

    def _end_of_head(self, data: bytes) -> None:  # noqa: ARG002 - there is none
        self._open()
        self.octets(b"\r\n")

    def _body(self, data: bytes) -> None:
        self._open()
        self.octets(data)

    def _end_of_message(self, data: bytes) -> None:
        self._open()
        if data:
            self.octets(data)
        self.is_open = False
        self.end()

    def _open(self) -> None:
        if not self.is_open:
            self.is_open = True
            self.begin(self.envelope)

    def _drop(self) -> None:
        if self.is_open:
            self.is_open = False
            self.drop()

    STEPS: ClassVar[dict[bytes, Callable[["MilterSession", bytes], None]]] = {
        b"C": _connect, b"M": _mail, b"R": _rcpt, b"L": _header, b"N": _end_of_head, b"B": _body,
        b"E": _end_of_message,
    }  # fmt: skip


def _mailbox(data: bytes) -> str:
    """Give the mailbox of a command's first argument."""
    return data.partition(b"\0")[0].strip(b"<> ")[:MOST_TEXT].decode("utf-8", "replace")


__all__ = ["Envelope", "MilterError", "MilterSession", "Peer"]

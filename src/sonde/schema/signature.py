r"""The language of signatures: what must be true of the first octets of a payload.

    Signature((At(0, b"\x30"), Length(1, 1, add=2)), MAYBE)   # an ASN.1 sequence that fills it
    begins("EHLO ", "HELO ", verdict=YES, side="orig", folded=True)

Signatures are data; `identify` compiles all of them into arrays for one matcher.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias


class Verdict(IntEnum):
    """What first octets say of a protocol; MAYBE needs a registered port, or the other side to agree."""

    NO = 0
    MAYBE = 1
    YES = 2


NO, MAYBE, YES = Verdict.NO, Verdict.MAYBE, Verdict.YES
#: In place of a signature's verdict: what the protocol's kernel says of payloads that match.
ASK = 3

# Bits of `hint`; the ports of the packet stand above them.
FROM_RESP = 1  # sent by the responder
OWN_PORT = 2  # one of the two ports is registered for the protocol asked about
STREAM = 4  # TCP; otherwise a datagram
MIDSTREAM = 8  # the beginning of the stream was not seen
CUT = 16  # the capture holds less than the sender sent
MESSAGE = 32  # of SCTP, behind the four octets that say whose it is (RFC 9260 §3.3.1)
INSIDE = 64  # another protocol said that one begins here (CONNECT, an upgrade, STARTTLS)
SRC_PORT_SHIFT, DST_PORT_SHIFT = 16, 32


class At(NamedTuple):
    """These octets stand at an offset (a negative one counts from the end), where the mask has ones."""

    at: int
    octets: bytes
    mask: bytes = b""


class Number(NamedTuple):
    """The number of `size` octets at an offset lies between two bounds, both allowed."""

    at: int
    size: int
    low: int
    high: int
    little: bool = False


class Length(NamedTuple):
    """The number at an offset, times `unit`, plus `add`, tells the payload's length.

    `fit` is "whole" (exactly that), "within" (the payload holds that much or more) or
    "begun" (the payload holds no more than that).
    """

    at: int
    size: int
    add: int = 0
    little: bool = False
    unit: int = 1
    fit: str = "whole"


class Has(NamedTuple):
    """These octets stand somewhere from `start` on, wholly before `stop`."""

    octets: bytes
    start: int = 0
    stop: int = 256


class Same(NamedTuple):
    """The `size` octets at two offsets are the same."""

    at: int
    other: int
    size: int


class Only(NamedTuple):
    """All octets from `at` to `stop` are of a set; what lies past the end is not asked.

    A `stop` of 0 is the end; a negative one counts from there.
    """

    at: int
    stop: int
    among: bytes


Part: TypeAlias = "At | Number | Length | Has | Same | Only | tuple[int, bytes]"

# Sets for `Only`.
DIGITS = b"0123456789"
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEX_DIGITS = DIGITS + b"abcdefABCDEF"
PRINTABLE = bytes(range(32, 127))
ASCII_TEXT = PRINTABLE + b"\t\r\n"  # ASCII with line ends
UTF8_TEXT = ASCII_TEXT + bytes(range(128, 256))


@dataclass(frozen=True, slots=True)
class Signature:
    """What must be true of a payload; all parts must match. (offset, octets) is short for At."""

    parts: tuple[Part, ...]
    verdict: int
    #: "both", "orig" (only in what the originator sends) or "resp".
    side: str = "both"
    #: "tcp", "udp", "both" of these, or "sctp", where the identifier of a message's protocol stands before its octets.
    transport: str = "both"
    min_length: int = 0
    max_length: int = 1 << 16
    #: The payload is longer than `min_length` by a multiple of this.
    step: int = 1
    #: Letters match whatever their case.
    folded: bool = False
    #: Believe it only on a registered port.
    own_port: bool = False
    #: The other side must agree, on registered ports too.
    pair: bool = False


def begins(
    *words: str | bytes,
    verdict: int,
    side: str = "both",
    transport: str = "both",
    folded: bool = False,
    own_port: bool = False,
    parts: tuple[Part, ...] = (),
    min_length: int = 0,
    max_length: int = 1 << 16,
) -> tuple[Signature, ...]:
    """Declare a signature for each of some words that a payload may begin with."""
    return tuple(
        Signature(
            (At(0, word.encode("latin-1") if isinstance(word, str) else word), *parts),
            verdict,
            side,
            transport,
            min_length,
            max_length,
            1,
            folded,
            own_port,
        )
        for word in words
    )

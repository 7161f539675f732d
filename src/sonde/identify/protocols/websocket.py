"""WebSocket (RFC 6455): frames behind an upgrade of HTTP, and short texts from both sides where that was not seen.

What the frames behind an upgrade carry is looked at as a stream of its own: tunnels go through WebSocket. What an
extension has packed (RFC 7692) is not.
"""

import numpy as np

from sonde.schema import (
    FROM_RESP,
    INSIDE,
    MAYBE,
    STREAM,
    UTF8_TEXT,
    At,
    Length,
    Number,
    Only,
    Protocol,
    Signature,
    Verdict,
)
from sonde.wire import Int, Row, Wire, kernel, u8, u16, u64

MASKED = 0x80  # §5.2: the highest bit of the length; four octets of mask follow
LAST, DEFLATED, RESERVED = 0x80, 0x40, 0x30  # FIN; RSV1, which RFC 7692 uses; RSV2 and RSV3
CONTINUED, BINARY, CLOSE, PONG = 0, 2, 8, 10
SHORT, IN_TWO, IN_EIGHT = 125, 126, 127  # lengths, and where those that are longer stand
MOST_FRAMES, LARGEST = 8, 1 << 24


@kernel
def frame_end(octets: Wire, at: Int, end: Int, is_masked: bool) -> Int:
    """Give where a frame ends (§5.2), perhaps behind `end`; 0 where its head is cut, -1 where it is none."""
    if end - at < 2:
        return np.int64(0)
    first, size, place = u8(octets, at), u8(octets, at + 1) & IN_EIGHT, at + 2
    kind = first & 15
    if first & RESERVED or (u8(octets, at + 1) & MASKED != 0) != is_masked:
        return np.int64(-1)
    if kind >= CLOSE:  # §5.5: whole and short
        if kind > PONG or size > SHORT or first & (LAST | DEFLATED) != LAST:
            return np.int64(-1)
    elif kind > BINARY:
        return np.int64(-1)
    if size == IN_TWO:
        if end - place < 2:
            return np.int64(0)
        size, place = u16(octets, place), place + 2
        if size <= SHORT:
            return np.int64(-1)
    elif size == IN_EIGHT:
        if end - place < 8:
            return np.int64(0)
        size, place = np.int64(u64(octets, place)), place + 8
        if not 1 << 16 <= size < LARGEST:
            return np.int64(-1)
    return place + size + (4 if is_masked else 0)


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept frames that end with the payload, or of which one is whole; others only if both sides send such."""
    if hint & INSIDE == 0 or hint & STREAM == 0 or u8(octets, at) & 15 == CONTINUED:
        return Verdict.NO
    is_masked, whole = hint & FROM_RESP == 0, 0
    for _ in range(MOST_FRAMES):
        stop = frame_end(octets, at, end, is_masked)
        if stop < 0:
            return Verdict.NO
        if stop == 0 or stop > end:
            break
        at, whole = stop, whole + 1
        if at == end:
            break
    return Verdict.YES if whole > 0 else Verdict.MAYBE


@kernel
def head_octet(wrap: Row, side: Int, place: Int) -> Int:
    """Read an octet of a frame's head."""
    return np.int64(wrap["head"][side][place])


@kernel
def head_length(wrap: Row, side: Int) -> Int:
    """Give how long the head of a frame is, as far as its first octets tell."""
    if wrap["headed"][side] < 2:
        return np.int64(2)
    second = head_octet(wrap, side, 1)
    size = second & IN_EIGHT
    return 2 + (8 if size == IN_EIGHT else 2 if size == IN_TWO else 0) + (4 if second & MASKED else 0)


@kernel
def begin_frame(wrap: Row, side: Int) -> bool:
    """Read a head that is whole; False where it is none, or announces what cannot be read."""
    first, second = head_octet(wrap, side, 0), head_octet(wrap, side, 1)
    kind, size, place = first & 15, second & IN_EIGHT, np.int64(2)
    if first & (RESERVED | DEFLATED) or BINARY < kind < CLOSE or kind > PONG:
        return False
    if kind >= CLOSE and size > SHORT:
        return False
    if size > SHORT:
        stop, size = place + (2 if size == IN_TWO else 8), np.int64(0)
        if stop > 4 and head_octet(wrap, side, place) & MASKED:  # §5.2: the highest bit is not set
            return False
        while place < stop:
            size = size << 8 | head_octet(wrap, side, place)
            place += 1
    for octet in range(4):
        # §5.1 has clients mask and servers not; tunnels do as they like, and their other end follows each head.
        wrap["mask"][side][octet] = wrap["head"][side][place + octet] if second & MASKED else 0
    wrap["turned"][side] = 0
    wrap["left"][side] = size
    wrap["passed"][side] = 1 if kind >= CLOSE else 0
    return True


@kernel
def unwrap(octets: Wire, at: Int, end: Int, wrap: Row, side: Int) -> Int:
    """Leave of octets[at:end], in place, what data frames carry; give where that ends, -1 where frames are none."""
    put = at
    while at < end:
        if wrap["left"][side] == 0:
            wrap["head"][side][np.int64(wrap["headed"][side])] = octets[at]
            wrap["headed"][side] += 1
            at += 1
            if wrap["headed"][side] == head_length(wrap, side):
                wrap["headed"][side] = 0
                if not begin_frame(wrap, side):
                    return np.int64(-1)
            continue
        some = min(wrap["left"][side], end - at)
        turned = np.int64(wrap["turned"][side])
        if wrap["passed"][side] == 0:
            for offset in range(some):
                octets[put + offset] = octets[at + offset] ^ wrap["mask"][side][(turned + offset) & 3]
            put += some
        wrap["turned"][side] = (turned + some) & 3
        wrap["left"][side] -= some
        at += some
    return put


PROTOCOL = Protocol(
    "websocket",
    "WebSocket",
    "RFC 6455",
    signatures=(
        # The last frame of a text, its length up to 125; from the client it is masked.
        Signature(
            (At(0, b"\x81"), Number(1, 1, 1, 125), Length(1, 1, add=2), Only(2, 0, UTF8_TEXT)), MAYBE, transport="tcp"
        ),
        Signature(
            (At(0, b"\x81"), Number(1, 1, MASKED + 1, MASKED + 125), Length(1, 1, add=6 - MASKED)),
            MAYBE,
            transport="tcp",
        ),
    ),
    identify=identify,
    unwrap=unwrap,
    first_octets=bytes(
        fin | rsv | kind for fin in (0, LAST) for rsv in (0, DEFLATED) for kind in (1, BINARY, CLOSE, 9, PONG)
    ),
    transports=("tcp",),
    aliases={"ndpi": ("WebSocket",), "zeek": ("websocket",), "wireshark": ("websocket",)},
)

"""Lines of a message in one pass: heads, boundaries, and transfer encodings undone (RFC 5322, RFC 2045, RFC 2046).

Theory of operation. `scan` reads octets line by line and stops at events: the end of a head, a
boundary. Between events it writes what the head says or what the body holds, decoded, to `out`. A
line that may be a boundary is looked at whole; everything else goes on as it comes, however long
its line. The line break before a boundary belongs to the boundary (RFC 2046 §5.1.1), so that
each is held back until the next line is known.
"""

from typing import NamedTuple

import numpy as np

from sonde.wire import Int, Ints, Wire, copy, find_octet, kernel, octets, put64, starts_folded, u16, u64

CR, LF, DASH, DOT, EQUALS, SP, TAB, COLON = 13, 10, 45, 46, 61, 32, 9, 58
MOST_BOUNDARY = 200  # octets; RFC 2046 §5.1.1 has 70
MOST_LINE = 1024  # of a line that may be a boundary; RFC 5322 §2.1.1 has 998
MOST_DEPTH = 100  # open multipart bodies
AT_ONCE = 1 << 16  # octets of the wire that are shown to `scan` at a time

# What happened.
MORE, HEAD_END, BOUNDARY = range(3)
# What a line of a head may be.
FIELD, TEXT, UNDECIDED = range(3)
FROM = octets("from ")

# What is read.
HEAD, SKIPPED, PLAIN, BASE64, QUOTED = range(5)

# Places in the state, an int64 array.
(
    PHASE,
    EVENT,
    AT_START,  # of a line
    BREAK,  # a line break held back: 0 none, 1 LF, 2 CR LF
    DEPTH,  # boundaries there are
    WHICH,  # of them was met
    CLOSES,  # it is the last of its body
    WRITTEN,  # octets in out
    GROUP,  # base 64: bits so far
    FILLED,  # of how many letters
    PADDED,  # an equals sign was seen
    BAD,  # octets that the encoding does not have
    BARE_CR,
    BARE_LF,
    NULS,
    LINES,
    LONGEST,
    LENGTH,  # of the line at hand
    EXPECT,  # quoted-printable: the last octets were = or =X
    DIGIT,
    LAST_CR,  # the last octet was CR
    OVER,  # nothing comes after
    UNPARTED,  # no empty line stood between head and body
    BEFORE,  # the line break that belongs to the boundary, as in BREAK
) = range(24)
STATE_SIZE = 24

LETTERS = np.full(256, 255, np.uint8)
LETTERS[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)] = np.arange(64)
#: Two letters at once, by their octets as a big-endian number: 12 bits, or 65535 where one is none.
PAIRS = np.full(1 << 16, 65535, np.uint16)
for _first in range(256):
    if LETTERS[_first] < 64:
        _good = LETTERS < 64
        PAIRS[_first << 8 : (_first + 1) << 8][_good] = int(LETTERS[_first]) << 6 | LETTERS[_good].astype(np.uint16)
PAIR = np.uint64(0xFFFF)
FIRST_PAIR, SECOND_PAIR, THIRD_PAIR = np.uint64(48), np.uint64(32), np.uint64(16)  # where they stand in a word
FORTY_BITS = np.uint64(40)


class Desk(NamedTuple):
    """What one message is read with: state, boundaries of open bodies, and where decoded octets go."""

    state: Ints
    boundaries: Wire
    lengths: Ints
    out: Wire


def new_desk() -> Desk:
    """Make the desk of one message; reset it for the next."""
    return Desk(
        np.zeros(STATE_SIZE, np.int64),
        np.zeros(MOST_DEPTH * MOST_BOUNDARY, np.uint8),
        np.zeros(MOST_DEPTH, np.int64),
        np.empty(AT_ONCE + 64, np.uint8),
    )


def fresh_state() -> Ints:
    """Give the state in which a message begins, whose head comes first."""
    state = np.zeros(STATE_SIZE, np.int64)
    state[AT_START], state[PHASE] = 1, HEAD
    return state


@kernel
def find_feed(wire: Wire, at: Int, end: Int) -> Int:
    """Give where a line feed first stands in wire[at:end], or `end`."""
    return min(find_octet(wire, at, end, LF), end)


@kernel
def count_returns(wire: Wire, at: Int, end: Int) -> Int:
    """Count the carriage returns in wire[at:end]."""
    count = np.int64(0)
    while True:
        at = find_octet(wire, at, end, CR) + 1
        if at > end:
            return count
        count += 1


@kernel
def unstuff(wire: Wire, at: Int, end: Int, at_start: Int, out: Wire) -> Int:
    """Copy lines without the dot that stuffs those which begin with one (RFC 5321 §4.5.2); give how much there is."""
    used = 0
    starts = at_start == 1
    while at < end:
        if starts and wire[at] == DOT:
            at += 1
        stop = min(find_feed(wire, at, end) + 1, end)
        used = copy(wire, at, stop, out, used)
        starts = stop > at and wire[stop - 1] == LF
        at = stop
    return used


@kernel
def is_stuffed(wire: Wire, at: Int, end: Int, at_start: Int) -> bool:
    """Say whether any line begins with a dot."""
    if at < end and at_start == 1 and wire[at] == DOT:
        return True
    while True:
        at = find_octet(wire, at, end, DOT) + 1
        if at > end:
            return False
        if at >= 2 and wire[at - 2] == LF:
            return True


@kernel
def matched(wire: Wire, at: Int, end: Int, desk: Desk) -> bool:
    """Say whether a line is a boundary, of the innermost body that has it; it stands in state[WHICH]."""
    state, boundaries, lengths = desk.state, desk.boundaries, desk.lengths
    while end > at and (wire[end - 1] == SP or wire[end - 1] == TAB or wire[end - 1] == CR):
        end -= 1
    for which in range(state[DEPTH] - 1, -1, -1):
        length, base = lengths[which], which * MOST_BOUNDARY
        rest = end - at - 2 - length
        if rest != 0 and (rest != 2 or wire[end - 1] != DASH or wire[end - 2] != DASH):
            continue
        place = 0
        while place < length and wire[at + 2 + place] == boundaries[base + place]:
            place += 1
        if place == length:
            state[WHICH] = which
            state[CLOSES] = rest == 2
            return True
    return False


@kernel
def scan(wire: Wire, at: Int, end: Int, desk: Desk) -> Int:
    """Read wire[at:end], AT_ONCE octets at most, up to the next event; give where to go on.

    state[WRITTEN] is how many octets of desk.out are used.
    """
    state, out = desk.state, desk.out
    state[EVENT] = MORE
    state[WRITTEN] = 0
    while at < end:
        if state[AT_START] == 1 and state[PHASE] == BASE64:
            at = decode_lines(wire, at, end, state, out)
            if at == end:
                break
        if state[AT_START] == 1:
            if wire[at] == DASH and state[DEPTH] > 0:
                stop = find_feed(wire, at, min(end, at + MOST_LINE))
                if stop == end and end - at < MOST_LINE and state[OVER] == 0:
                    return at
                if matched(wire, at, stop, desk):
                    state[EVENT] = BOUNDARY
                    state[BEFORE] = state[BREAK]
                    state[BREAK] = 0
                    if stop < end:
                        state[LINES] += 1
                        state[BARE_LF] += wire[stop - 1] != CR
                    return min(stop + 1, end)
            if state[PHASE] == HEAD and (wire[at] == LF or wire[at] == CR):
                if wire[at] == CR and at + 1 == end and state[OVER] == 0:
                    return at
                if wire[at] == LF or (at + 1 < end and wire[at + 1] == LF):
                    state[EVENT] = HEAD_END
                    state[BREAK] = 0
                    state[LINES] += 1
                    state[BARE_LF] += wire[at] == LF
                    return at + 1 if wire[at] == LF else at + 2
            if state[PHASE] == HEAD:
                kind = kind_of_line(wire, at, end)
                if kind == UNDECIDED and state[OVER] == 0:
                    return at
                if kind != FIELD:  # the body begins without an empty line before it
                    state[EVENT] = HEAD_END
                    state[BREAK] = 0
                    state[UNPARTED] = 1
                    return at
            put_break(state, out)
            state[AT_START] = 0
            state[LENGTH] = 0
        at = scan_line(wire, at, end, state, out)
    return at


@kernel
def end_lines(desk: Desk) -> None:
    """Write the line break that was held back: the message is over, and no boundary has it."""
    state = desk.state
    state[WRITTEN] = 0
    if state[LAST_CR] == 1:
        state[BARE_CR] += 1
        put_octet(state, desk.out, CR)
        state[LAST_CR] = 0
    put_break(state, desk.out)


@kernel
def kind_of_line(wire: Wire, at: Int, end: Int) -> Int:
    """Say whether a line of a head is a field or goes on with one (RFC 5322 §2.2), as far as its octets tell."""
    if wire[at] == SP or wire[at] == TAB or starts_folded(wire, at, end, FROM):
        return FIELD
    for place in range(at, min(end, at + MOST_LINE)):
        octet = wire[place]
        if octet == COLON:
            return FIELD
        if (octet == SP or octet == TAB) and place > at:
            rest = place
            while rest < end and (wire[rest] == SP or wire[rest] == TAB):
                rest += 1
            if rest == end:
                return UNDECIDED
            is_from = place - at == 4 and starts_folded(wire, at, end, FROM)
            return FIELD if wire[rest] == COLON or is_from else TEXT
        if octet <= SP or octet > 126:
            return TEXT
    return UNDECIDED if end - at < MOST_LINE else TEXT


@kernel
def put_break(state: Ints, out: Wire) -> None:
    """Write the line break that was held back; encodings have none of their own."""
    if state[BREAK] > 0 and (state[PHASE] == PLAIN or state[PHASE] == QUOTED or state[PHASE] == HEAD):
        if state[BREAK] == 2:
            out[state[WRITTEN]] = CR
            state[WRITTEN] += 1
        out[state[WRITTEN]] = LF
        state[WRITTEN] += 1
    state[BREAK] = 0


@kernel
def scan_line(wire: Wire, at: Int, end: Int, state: Ints, out: Wire) -> Int:
    """Read the rest of a line, or as much of it as there is; give the new place."""
    stop = find_feed(wire, at, end)
    has_end = stop < end
    last = stop
    if state[LAST_CR] == 1 and at == stop and has_end:
        state[LAST_CR] = 2  # its LF came with the next octets
    elif state[LAST_CR] == 1:
        state[LAST_CR] = 0
        if state[PHASE] == BASE64:  # as decode_base64 counts those that it sees
            state[BAD] += state[PADDED] == 0
        else:
            state[BARE_CR] += 1
        put_octet(state, out, CR)
    if has_end and stop > at and wire[stop - 1] == CR:
        last = stop - 1
    elif not has_end and wire[end - 1] == CR and state[OVER] == 0:
        last = end - 1
    phase = state[PHASE]
    if phase != BASE64:  # there they are letters that are none
        state[BARE_CR] += count_returns(wire, at, last)
    if phase == BASE64:
        decode_base64(wire, at, last, state, out)
    elif phase == QUOTED:
        decode_quoted(wire, at, last, state, out)
    elif phase != SKIPPED:
        state[WRITTEN] = copy(wire, at, last, out, state[WRITTEN])
    state[LENGTH] += last - at
    if not has_end:
        state[LAST_CR] = last < end
        return end
    with_cr = last < stop or state[LAST_CR] == 2
    state[LAST_CR] = 0
    state[BARE_LF] += not with_cr
    state[LONGEST] = max(state[LONGEST], state[LENGTH])
    state[LINES] += 1
    state[AT_START] = 1
    state[BREAK] = 2 if with_cr else 1
    if phase == QUOTED and state[EXPECT] == 1:  # a soft line break (RFC 2045 §6.7)
        state[BREAK] = 0
    elif phase == QUOTED and state[EXPECT] == 2:
        state[BAD] += 1
        put_octet(state, out, EQUALS)
        put_octet(state, out, state[DIGIT])
    state[EXPECT] = 0
    return stop + 1


@kernel
def put_octet(state: Ints, out: Wire, octet: Int) -> None:
    """Write one octet, where the phase writes any."""
    if state[PHASE] != SKIPPED and state[PHASE] != BASE64:
        out[state[WRITTEN]] = octet
        state[WRITTEN] += 1


@kernel
def put_eight(wire: Wire, at: Int, out: Wire, put: Int) -> bool:
    """Write the six octets that eight letters spell, and two more that do not count; False where one is no letter."""
    word = u64(wire, at)
    first, second = np.int64(PAIRS[word >> FIRST_PAIR]), np.int64(PAIRS[word >> SECOND_PAIR & PAIR])
    third, fourth = np.int64(PAIRS[word >> THIRD_PAIR & PAIR]), np.int64(PAIRS[word & PAIR])
    if first | second | third | fourth > 4095:
        return False
    bits = (first << 12 | second) << 24 | third << 12 | fourth
    put64(out, put, np.uint64(bits) << THIRD_PAIR)
    return True


@kernel
def decode_lines(wire: Wire, at: Int, end: Int, state: Ints, out: Wire) -> Int:
    """Undo base 64 in whole lines as long as the last one, as most are; give the first that is not so."""
    width, used = state[LENGTH], state[WRITTEN]
    if width == 0 or width & 3 != 0 or state[FILLED] != 0 or state[PADDED] != 0:
        return at
    while at + width + 2 <= end and wire[at + width] == CR and wire[at + width + 1] == LF:
        place, stop, put = at, at + width, used
        while place + 8 <= stop and put_eight(wire, place, out, put):
            put += 6
            place += 8
        if place + 4 == stop:
            first, second = np.int64(PAIRS[u16(wire, place)]), np.int64(PAIRS[u16(wire, place + 2)])
            if first | second <= 4095:
                put64(out, put, np.uint64(first << 12 | second) << FORTY_BITS)
                put += 3
                place += 4
        if place != stop:
            break
        at, used = stop + 2, put
        state[LINES] += 1
        state[BREAK] = 2
    state[WRITTEN] = used
    return at


@kernel
def decode_base64(wire: Wire, at: Int, end: Int, state: Ints, out: Wire) -> None:
    """Undo base 64 (RFC 2045 §6.8); other octets are passed over and counted."""
    used = state[WRITTEN]
    while at < end and state[PADDED] == 0:
        if state[FILLED] == 0:
            while at + 8 <= end and put_eight(wire, at, out, used):
                used += 6
                at += 8
            while at + 4 <= end:
                first, second = np.int64(PAIRS[u16(wire, at)]), np.int64(PAIRS[u16(wire, at + 2)])
                if first | second > 4095:
                    break
                bits = first << 12 | second
                out[used] = bits >> 16
                out[used + 1] = bits >> 8 & 255
                out[used + 2] = bits & 255
                used += 3
                at += 4
            if at == end:
                break
        octet = np.int64(wire[at])
        letter = np.int64(LETTERS[octet])
        at += 1
        if letter < 64:
            state[GROUP] = state[GROUP] << 6 | letter
            state[FILLED] += 1
            if state[FILLED] == 4:
                used = put_group(state, out, used, 3)
        elif octet == EQUALS and state[FILLED] >= 2:
            state[PADDED] = 1
            used = put_group(state, out, used, state[FILLED] - 1)
        elif octet == EQUALS:
            state[BAD] += 1
        elif octet != SP and octet != TAB:
            state[BAD] += 1
    while at < end:  # after its padding it is over; what follows is no part of it
        state[BAD] += LETTERS[wire[at]] < 64
        at += 1
    state[WRITTEN] = used


@kernel
def put_group(state: Ints, out: Wire, used: Int, octets: Int) -> Int:
    """Write the octets of a group of letters, and begin the next; give the new place."""
    bits = state[GROUP] << 6 * (4 - state[FILLED])
    for place in range(octets):
        out[used + place] = bits >> 16 - 8 * place & 255
    state[GROUP] = 0
    state[FILLED] = 0
    return used + octets


@kernel
def end_base64(desk: Desk) -> None:
    """Write what a group without its padding still says."""
    state, out = desk.state, desk.out
    state[WRITTEN] = 0
    if state[FILLED] == 1:
        state[BAD] += 1
    elif state[FILLED] > 1:
        state[BAD] += 1
        state[WRITTEN] = put_group(state, out, 0, state[FILLED] - 1)
    state[FILLED] = 0
    state[GROUP] = 0


@kernel
def digit_of(octet: Int) -> Int:
    """Give the value of a hexadecimal digit, or -1."""
    if 48 <= octet <= 57:
        return octet - 48
    folded = octet | 32
    return folded - 87 if 97 <= folded <= 102 else -1


@kernel
def decode_quoted(wire: Wire, at: Int, end: Int, state: Ints, out: Wire) -> None:
    """Undo quoted-printable (RFC 2045 §6.7); what is no escape stays as it is, and is counted."""
    used = state[WRITTEN]
    while at < end:
        octet = np.int64(wire[at])
        at += 1
        if state[EXPECT] == 0:
            if octet == EQUALS:
                state[EXPECT] = 1
            else:
                out[used] = octet
                used += 1
            continue
        digit = digit_of(octet)
        if digit >= 0 and state[EXPECT] == 1:
            state[EXPECT] = 2
            state[DIGIT] = octet
        elif digit >= 0:
            out[used] = digit_of(state[DIGIT]) << 4 | digit
            used += 1
            state[EXPECT] = 0
        elif state[EXPECT] == 1 and (octet == SP or octet == TAB):
            continue  # blanks at the end of a line, added on the way
        else:
            state[BAD] += 1
            out[used] = EQUALS
            used += 1
            if state[EXPECT] == 2:
                out[used] = state[DIGIT]
                used += 1
            state[EXPECT] = 0
            out[used] = octet
            used += 1
    state[WRITTEN] = used

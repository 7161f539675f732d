"""Kernels that find frames in pcap and pcapng octets.

pcap: draft-ietf-opsawg-pcap. pcapng: draft-ietf-opsawg-pcapng, sections cited below.
"""

import numpy as np

from sonde.wire import WARM_OCTETS, Int, Ints, Rows, Wire, kernel, le16, le32, u8, u16, u32, warm

# Places in the scanner's state (an int64 array).
(
    SWAPPED,  # 1: numbers are big-endian
    UNIT,  # pcap: ns of one unit of the fraction
    LINK,  # pcap: link type
    RECORD,  # pcap: octets of a record header (24 in Kuznetsov's variant)
    MOST,  # longest frame believed
    INTERFACES,  # pcapng: how many are described in this section
    REASON,  # why scanning stopped
    NEXT,  # where it stopped
    COMMENTS,
    SKIPPED,  # pcapng: packets of interfaces never described
    SECTIONS,
    TOUCHED,  # of no meaning; see `warm`
    ENOUGH,  # octets after which a block of frames ends, however few they are
) = range(13)
STATE_SIZE = 13

# Why scanning stopped.
MORE, FULL, LYING_LENGTH, BAD_BLOCK, BAD_SECTION = range(5)
REASONS = {
    LYING_LENGTH: "a record says it is {length} octets long, which no frame is",
    BAD_BLOCK: "a block's length does not hold together",
    BAD_SECTION: "a section header that is none",
}

#: Places of one interface: link type, kind of resolution (0 decimal, 1 binary), exponent,
#: offset in seconds, octets of frame check sequence.
INTERFACE_LINK, INTERFACE_BINARY, INTERFACE_EXPONENT, INTERFACE_OFFSET, INTERFACE_SNAP = range(5)
MOST_INTERFACES = 1024
LATEST_NS = 9_000_000_000_000_000_000  # in 2255; a later time stamp counts as this one
LARGEST_FRAME = 1 << 18  # libpcap's MAXIMUM_SNAPLEN
LARGEST_BLOCK = 1 << 24
BLOCK_SECTION, BLOCK_INTERFACE, BLOCK_PACKET, BLOCK_SIMPLE, BLOCK_ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6


@kernel
def word32(wire: Wire, at: Int, swapped: Int) -> Int:
    """Read 32 bits in the section's octet order."""
    return u32(wire, at) if swapped else le32(wire, at)


@kernel
def word16(wire: Wire, at: Int, swapped: Int) -> Int:
    """Read 16 bits in the section's octet order."""
    return u16(wire, at) if swapped else le16(wire, at)


@kernel
def scan_pcap(wire: Wire, at: Int, end: Int, state: Ints, frames: Rows) -> Int:
    """Find frames in wire[at:end]; give their number; state[NEXT] is where to go on."""
    count = 0
    swapped, head, most = state[SWAPPED], state[RECORD], state[MOST]
    link, unit = state[LINK], state[UNIT]
    state[REASON] = MORE
    warmed, enough = at, at + state[ENOUGH]
    while end - at >= head:
        if at >= warmed:
            state[TOUCHED] += warm(wire, at, at + WARM_OCTETS)
            warmed = at + WARM_OCTETS
        length = word32(wire, at + 8, swapped)
        if length > most:
            state[REASON] = LYING_LENGTH
            break
        if length > end - at - head:
            break
        if count == len(frames) or at >= enough:
            state[REASON] = FULL
            break
        frame = frames[count]
        seconds = word32(wire, at, swapped)
        frame["ts"] = seconds * 1_000_000_000 + word32(wire, at + 4, swapped) * unit
        frame["at"] = at + head
        frame["length"] = length
        frame["original"] = min(word32(wire, at + 12, swapped), 0x7FFFFFFF)
        frame["link"] = link
        count += 1
        at += head + length
    state[NEXT] = at
    return count


@kernel
def scan_pcapng(wire: Wire, at: Int, end: Int, state: Ints, interfaces: Rows, frames: Rows) -> Int:
    """Find frames in whole blocks of wire[at:end]; give their number."""
    count = 0
    state[REASON] = MORE
    warmed, enough = at, at + state[ENOUGH]
    while end - at >= 12:
        if at >= warmed:
            state[TOUCHED] += warm(wire, at, at + WARM_OCTETS)
            warmed = at + WARM_OCTETS
        kind = word32(wire, at, state[SWAPPED])
        if u32(wire, at) == BLOCK_SECTION and not begin_section(wire, at, state):
            state[REASON] = BAD_SECTION
            break
        size = word32(wire, at + 4, state[SWAPPED])
        if size < 12 or size % 4 or size > LARGEST_BLOCK:
            state[REASON] = BAD_BLOCK
            break
        if size > end - at:
            break
        if word32(wire, at + size - 4, state[SWAPPED]) != size:
            state[REASON] = BAD_BLOCK
            break
        if count == len(frames) or at >= enough:
            state[REASON] = FULL
            break
        if kind == BLOCK_INTERFACE and size >= 20:
            add_interface(wire, at, size, state, interfaces)
        elif kind in (BLOCK_ENHANCED, BLOCK_PACKET, BLOCK_SIMPLE):
            count += read_packet_block(wire, (at, size, kind), state, interfaces, frames, count)
        at += size
    state[NEXT] = at
    return count


@kernel
def begin_section(wire: Wire, at: Int, state: Ints) -> bool:
    """Learn the octet order of a section (§4.1); its interfaces begin anew."""
    if u32(wire, at + 8) == 0x1A2B3C4D:
        state[SWAPPED] = 1
    elif le32(wire, at + 8) == 0x1A2B3C4D:
        state[SWAPPED] = 0
    else:
        return False
    state[INTERFACES] = 0
    state[SECTIONS] += 1
    return True


@kernel
def add_interface(wire: Wire, at: Int, size: Int, state: Ints, interfaces: Rows) -> None:
    """Read an interface description (§4.2): link type, snap length, if_tsresol, if_tsoffset."""
    swapped = state[SWAPPED]
    if state[INTERFACES] >= MOST_INTERFACES:
        return
    row = interfaces[state[INTERFACES]]
    state[INTERFACES] += 1
    row[INTERFACE_LINK] = word16(wire, at + 8, swapped)
    row[INTERFACE_SNAP] = word32(wire, at + 12, swapped)
    row[INTERFACE_BINARY] = 0
    row[INTERFACE_EXPONENT] = 6
    row[INTERFACE_OFFSET] = 0
    place, end = at + 16, at + size - 4
    while end - place >= 4:
        code, length = word16(wire, place, swapped), word16(wire, place + 2, swapped)
        if code == 0 or length > end - place - 4:
            break
        if code == 9 and length == 1:
            row[INTERFACE_BINARY] = u8(wire, place + 4) >> 7
            row[INTERFACE_EXPONENT] = u8(wire, place + 4) & 0x7F
        elif code == 14 and length == 8:
            low, high = word32(wire, place + 4, swapped), word32(wire, place + 8, swapped)
            row[INTERFACE_OFFSET] = low << 32 | high if swapped else high << 32 | low
        elif code == 1:
            state[COMMENTS] += 1
        place += 4 + (length + 3 & ~3)


@kernel
def read_packet_block(
    wire: Wire, block: tuple[Int, Int, Int], state: Ints, interfaces: Rows, frames: Rows, count: Int
) -> Int:
    """Read an enhanced, simple or obsolete packet block (§4.3, §4.4, A); 1 if it gave a frame."""
    at, size, kind = block
    swapped = state[SWAPPED]
    head = 12 if kind == BLOCK_SIMPLE else 28
    if size < head + 4:
        state[SKIPPED] += 1
        return 0
    interface = np.int64(0)
    if kind == BLOCK_ENHANCED:
        interface = word32(wire, at + 8, swapped)
    elif kind == BLOCK_PACKET:
        interface = word16(wire, at + 8, swapped)
    if interface >= state[INTERFACES]:
        state[SKIPPED] += 1
        return 0
    described = interfaces[interface]
    frame = frames[count]
    if kind == BLOCK_SIMPLE:
        original = word32(wire, at + 8, swapped)
        length = min(original, size - head - 4)
        if described[INTERFACE_SNAP] > 0:
            length = min(length, described[INTERFACE_SNAP])
        frame["ts"] = 0
    else:
        length = word32(wire, at + 20, swapped)
        original = word32(wire, at + 24, swapped)
        stamp = word32(wire, at + 12, swapped) << 32 | word32(wire, at + 16, swapped)
        ts = to_ns(stamp, described[INTERFACE_BINARY], described[INTERFACE_EXPONENT])
        frame["ts"] = moved(ts, described[INTERFACE_OFFSET])
    if length > size - head - 4:
        state[SKIPPED] += 1
        return 0
    frame["at"] = at + head
    frame["length"] = length
    frame["original"] = min(original, 0x7FFFFFFF)
    frame["link"] = described[INTERFACE_LINK]
    return 1


@kernel
def moved(ts: Int, offset_s: Int) -> Int:
    """Add an interface's offset in seconds (if_tsoffset)."""
    most_s = LATEST_NS // 1_000_000_000
    offset_ns = min(max(offset_s, -most_s), most_s) * 1_000_000_000
    return LATEST_NS if offset_ns > 0 and ts > LATEST_NS - offset_ns else ts + offset_ns


@kernel
def to_ns(stamp: Int, binary: Int, exponent: Int) -> Int:
    """Convert a time stamp of a resolution of 10^-n or 2^-n seconds to ns; `stamp` is unsigned."""
    if binary:
        if exponent > 62:
            return 0
        whole = stamp >> exponent
        if stamp < 0 or whole >= LATEST_NS // 1_000_000_000:
            return LATEST_NS
        rest = stamp & ((np.int64(1) << exponent) - 1)
        if exponent > 33:  # what is finer than 2^-33 s would not fit the product
            rest, exponent = rest >> (exponent - 33), 33
        return whole * 1_000_000_000 + (rest * 1_000_000_000 >> exponent)
    scale = 1
    for _ in range(min(9 - exponent if exponent <= 9 else exponent - 9, 18)):
        scale *= 10
    if exponent > 9:  # half of it by half of the scale, which is even: then no number is taken for a negative one
        return (stamp >> 1 & 0x7FFFFFFFFFFFFFFF) // (scale // 2)
    return stamp * scale if 0 <= stamp <= LATEST_NS // scale else LATEST_NS

"""JA3, JA3S and JA4: fingerprints of hello messages.

JA3 is the MD5 of what a hello says in decimal; JA4 (FoxIO, the BSD-licensed TLS client
part) has a readable front and two cut SHA-256 of sorted lists. Values of GREASE
(RFC 8701) are left out of all. The text that is hashed is composed at the end of the
text arena and taken back, so that no flow needs room for it.
"""

import numpy as np

from sonde.dissect.handshake.names import DTLS10, DTLS12, DTLS13, SSL2, SSL3, TLS10, TLS12, TLS13
from sonde.dissect.handshake.record import AT, MARK, OVER_DTLS, OVER_QUIC
from sonde.schema import NO_TEXT
from sonde.table.out import TEXT, Out, begin_text, end_text, put_hex, put_octet
from sonde.wire import Int, Row, Wire, kernel, octets, u8, u16
from sonde.wire.digest import md5, sha256

MAX_LISTED = 256  # entries of one list; a hello with more has no JA4
# As np.int64, because Numba makes a version of its own for each plain constant that is passed on.
COMMA, DASH, UNDERSCORE, ZERO = (np.int64(ord(letter)) for letter in ",-_0")
NONE = 1 << 16  # above every 16-bit number
SHORTS, OCTETS, HEADERS, PLAIN_HEADERS = np.arange(4)  # how a list is laid out; PLAIN: without SNI and ALPN
WORD, SHORT, NIBBLE = np.int64(8), np.int64(4), np.int64(1)  # digits
SNI, ALPN = 0, 16
VERSION_CODES = {
    TLS13: "13", TLS12: "12", TLS10 + 1: "11", TLS10: "10", SSL3: "s3", SSL2: "s2",
    DTLS10: "d1", DTLS12: "d2", DTLS13: "d3",
}  # fmt: skip
CODED = np.array(list(VERSION_CODES), np.int64)
CODES = octets("".join(VERSION_CODES.values()))


@kernel
def is_grease(value: Int) -> bool:
    """Say whether a number is one of those that mean nothing (RFC 8701 §2)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@kernel
def put_decimal(out: Out, value: Int) -> None:
    """Append a number below 65536; constant divisors are cheap, a variable one is not."""
    if value >= 10000:
        put_octet(out, ZERO + value // 10000)
    if value >= 1000:
        put_octet(out, ZERO + value // 1000 % 10)
    if value >= 100:
        put_octet(out, ZERO + value // 100 % 10)
    if value >= 10:
        put_octet(out, ZERO + value // 10 % 10)
    put_octet(out, ZERO + value % 10)


@kernel
def list_step(wire: Wire, at: Int, layout: Int) -> Int:
    """Give where the next entry of a list begins."""
    if layout == OCTETS:
        return at + 1
    return at + 2 if layout == SHORTS else at + 4 + u16(wire, at + 2)


@kernel
def put_list(wire: Wire, at: Int, end: Int, layout: Int, out: Out) -> None:
    """Append a comma and the entries of a list in decimal, with dashes between."""
    put_octet(out, COMMA)
    first = True
    width = 1 if layout == OCTETS else 2
    while at + width <= end:
        value = u8(wire, at) if layout == OCTETS else u16(wire, at)
        at = list_step(wire, at, layout)
        if layout != OCTETS and is_grease(value):
            continue
        if not first:
            put_octet(out, DASH)
        first = False
        put_decimal(out, value)


@kernel
def put_words(out: Out, session: Row, count: Int) -> None:
    """Append the first words of a digest."""
    for word in range(count):
        put_hex(out, session["digest"][word], WORD)


@kernel
def save_md5(begun: Int, field: Int, session: Row, out: Out) -> Int:
    """Replace the text begun by its MD5."""
    md5(out.text, begun, out.count[TEXT], session["digest"], session["words"])
    out.count[TEXT] = begun
    put_words(out, session, 4)
    return end_text(out, field, begun)


@kernel
def has_room(out: Out, wanted: Int) -> bool:
    """Say whether so many octets can be composed; half a text would give a wrong digest."""
    return bool(len(out.text) - out.count[TEXT] > wanted)


@kernel
def hello_size(session: Row) -> Int:
    """Give an upper bound of the text that the lists of a hello can become."""
    marks = session["marks"]
    lists = marks[MARK.ciphers + 1] - marks[MARK.ciphers] + marks[MARK.extensions + 1] - marks[MARK.extensions]
    return 1024 + 6 * lists


@kernel
def save_ja3(wire: Wire, version: Int, session: Row, record: Row, out: Out) -> None:
    """Make the JA3 of a ClientHello."""
    if out.keep[AT.ja3] == 0 or not has_room(out, hello_size(session)):
        return
    marks = session["marks"]
    begun = begin_text(out)
    put_decimal(out, version)
    for part in range(4):
        layout = HEADERS if part == 1 else OCTETS if part == 3 else SHORTS
        put_list(wire, marks[2 * part], marks[2 * part + 1], layout, out)
    record["ja3"] = save_md5(begun, AT.ja3, session, out)


@kernel
def save_ja3s(wire: Wire, version: Int, cipher: Int, session: Row, record: Row, out: Out) -> None:
    """Make the JA3S of a ServerHello."""
    if out.keep[AT.ja3s] == 0 or not has_room(out, hello_size(session)):
        return
    begun = begin_text(out)
    put_decimal(out, version)
    put_octet(out, COMMA)
    put_decimal(out, cipher)
    put_list(wire, session["marks"][MARK.extensions], session["marks"][MARK.extensions + 1], HEADERS, out)
    record["ja3s"] = save_md5(begun, AT.ja3s, session, out)


@kernel
def is_listed(value: Int, layout: Int) -> bool:
    """Say whether an entry counts in a sorted list of JA4."""
    return not (is_grease(value) or (layout == PLAIN_HEADERS and (value == SNI or value == ALPN)))


@kernel
def count_list(wire: Wire, at: Int, end: Int, layout: Int) -> Int:
    """Count the entries of a list that are not GREASE."""
    count = 0
    while at + 2 <= end:
        count += is_listed(u16(wire, at), layout)
        at = list_step(wire, at, layout)
    return count


@kernel
def next_listed(wire: Wire, at: Int, end: Int, layout: Int, above: Int) -> Int:
    """Give the smallest entry above another as value << 16 | how often, or -1."""
    found, times = NONE, 0
    while at + 2 <= end:
        value = u16(wire, at)
        at = list_step(wire, at, layout)
        if value <= above or value > found or not is_listed(value, layout):
            continue
        times = times + 1 if value == found else 1
        found = value
    return found << 16 | times if found < NONE else -1


@kernel
def put_sorted(wire: Wire, at: Int, end: Int, layout: Int, out: Out) -> None:
    """Append the entries of a list in hexadecimal, in rising order, with commas between."""
    value = np.int64(-1)
    begun = out.count[TEXT]
    while True:
        following = next_listed(wire, at, end, layout, value)
        if following < 0:
            return
        value = following >> 16
        for _ in range(following & 0xFFFF):
            if out.count[TEXT] > begun:
                put_octet(out, COMMA)
            put_hex(out, value, SHORT)


@kernel
def cut_sha256(begun: Int, session: Row, out: Out) -> None:
    """Replace the text begun by twelve digits of its SHA-256; nothing gives zeros."""
    end = out.count[TEXT]
    if end == begun:
        for _ in range(12):
            put_octet(out, ZERO)
        return
    sha256(out.text, begun, end, session["digest"], session["words"])
    out.count[TEXT] = begun
    put_hex(out, session["digest"][0], WORD)
    put_hex(out, session["digest"][1] >> 16, SHORT)


@kernel
def put_version_code(wire: Wire, version: Int, session: Row, out: Out) -> None:
    """Append the highest version that the client supports."""
    at, end = session["marks"][MARK.versions], session["marks"][MARK.versions + 1]
    best = version
    if end > at:
        best = 0
        for place in range(at, end - 1, 2):
            offered = u16(wire, place)
            # The numbers of DTLS count down.
            lower = offered < best if offered >= DTLS13 and best >= DTLS13 else offered > best
            if lower and not is_grease(offered):
                best = offered
    first, second = ZERO, ZERO
    for place in range(len(CODED)):
        if CODED[place] == best:
            first, second = np.int64(CODES[2 * place]), np.int64(CODES[2 * place + 1])
    put_octet(out, first)
    put_octet(out, second)


@kernel
def is_alphanumeric(octet: Int) -> bool:
    """Say whether an octet is an ASCII letter or digit."""
    return bool(48 <= octet <= 57 or 65 <= octet <= 90 or 97 <= octet <= 122)


@kernel
def put_alpn_code(wire: Wire, session: Row, out: Out) -> None:
    """Append the first and last letter of the first protocol offered; 00 where there is none."""
    at, end = session["marks"][MARK.alpn], session["marks"][MARK.alpn + 1]
    if end - at < 2 or wire[at] == 0 or at + 1 + u8(wire, at) > end:
        put_octet(out, ZERO)
        put_octet(out, ZERO)
        return
    first, last = u8(wire, at + 1), u8(wire, at + u8(wire, at))
    if is_alphanumeric(first) and is_alphanumeric(last):
        put_octet(out, first)
        put_octet(out, last)
    else:
        put_hex(out, first >> 4, NIBBLE)
        put_hex(out, last & 15, NIBBLE)


@kernel
def put_count(out: Out, count: Int) -> None:
    """Append a count of two digits, at most 99."""
    count = min(count, 99)
    put_octet(out, ZERO + count // 10)
    put_octet(out, ZERO + count % 10)


@kernel
def save_ja4(wire: Wire, version: Int, session: Row, record: Row, out: Out) -> None:
    """Make the JA4 of a ClientHello."""
    marks = session["marks"]
    if out.keep[AT.ja4] == 0 or not has_room(out, hello_size(session)):
        return
    ciphers, ciphers_end = marks[MARK.ciphers], marks[MARK.ciphers + 1]
    listed, listed_end = marks[MARK.extensions], marks[MARK.extensions + 1]
    cipher_count = count_list(wire, ciphers, ciphers_end, SHORTS)
    extension_count = count_list(wire, listed, listed_end, HEADERS)
    if cipher_count > MAX_LISTED or extension_count > MAX_LISTED:
        record["ja4"] = NO_TEXT
        return
    begun = begin_text(out)
    over = np.int64(session["datagrams"])
    put_octet(out, 113 if over == OVER_QUIC else 100 if over == OVER_DTLS else 116)  # q, d, t
    put_version_code(wire, version, session, out)
    named = has_entry(wire, listed, listed_end, SNI)
    put_octet(out, 100 if named else 105)  # d, i
    put_count(out, cipher_count)
    put_count(out, extension_count)
    put_alpn_code(wire, session, out)
    put_octet(out, UNDERSCORE)
    for part in range(2):
        hashed = out.count[TEXT]
        if part == 0:
            put_sorted(wire, ciphers, ciphers_end, SHORTS, out)
        else:
            put_octet(out, UNDERSCORE)
            hashed += 1
            put_sorted(wire, listed, listed_end, PLAIN_HEADERS, out)
            put_signatures(wire, session, out)
        cut_sha256(hashed, session, out)
    record["ja4"] = end_text(out, AT.ja4, begun)


@kernel
def has_entry(wire: Wire, at: Int, end: Int, wanted: Int) -> bool:
    """Say whether an extension is there."""
    while at + 2 <= end:
        if u16(wire, at) == wanted:
            return True
        at = list_step(wire, at, HEADERS)
    return False


@kernel
def put_signatures(wire: Wire, session: Row, out: Out) -> None:
    """Append the signature algorithms as they stand, if there are any."""
    mark = UNDERSCORE
    for place in range(session["marks"][MARK.signatures], session["marks"][MARK.signatures + 1] - 1, 2):
        value = u16(wire, place)
        if is_grease(value):
            continue
        put_octet(out, mark)
        put_hex(out, value, SHORT)
        mark = COMMA

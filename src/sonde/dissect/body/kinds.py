"""Media types told by the first octets of a body.

Three steps: octets that must stand at the start (`MAGIC`), tags of markup wherever they
open the text, and last whether the octets are printable. The answer is a code of
`MEDIA_TYPES`, 0 where the octets say nothing. Declared types are not consulted.
"""

import numpy as np

from sonde.schema import ABSENT, code
from sonde.wire import Int, Wire, kernel, octets, starts_folded

LOOKED_AT = 96  # octets of a body that are enough for every rule below
PLAIN_LEAST = 10  # printable octets that make a text

PLAIN, HTML, JSON, XML, JAVASCRIPT, SVG = 1, 2, 3, 4, 5, 6
MEDIA_TYPES = {
    PLAIN: "text/plain",
    HTML: "text/html",
    JSON: "text/json",
    XML: "application/xml",
    JAVASCRIPT: "application/javascript",
    SVG: "image/svg+xml",
    10: "image/png",
    11: "image/gif",
    12: "image/jpeg",
    13: "image/webp",
    15: "image/tiff",
    16: "image/x-icon",
    20: "application/zip",
    21: "application/pdf",
    22: "application/x-gzip",
    23: "application/x-bzip2",
    24: "application/x-xz",
    25: "application/x-7z-compressed",
    26: "application/x-rar",
    27: "application/vnd.ms-cab-compressed",
    28: "application/zstd",
    30: "application/x-dosexec",
    31: "application/x-executable",
    32: "application/x-mach-o-executable",
    33: "application/java-archive",
    34: "application/x-java-applet",
    35: "application/msword",
    36: "application/x-shockwave-flash",
    37: "application/postscript",
    38: "text/rtf",
    39: "application/vnd.tcpdump.pcap",
    40: "application/wasm",
    41: "application/vnd.sqlite3",
    50: "audio/mpeg",
    51: "audio/x-wav",
    52: "audio/ogg",
    53: "audio/x-flac",
    60: "video/mp4",
    61: "video/webm",
    62: "video/x-flv",
    63: "video/x-msvideo",
    64: "video/mpeg",
    70: "application/font-woff",
    71: "font/woff2",
    72: "application/x-font-ttf",
}
MediaType = code(MEDIA_TYPES)

# (octets at the start, octets at offset 8 or nothing, code)
_STARTS: list[tuple[bytes, bytes, int]] = [
    (b"\x89PNG\r\n\x1a\n", b"", 10),
    (b"GIF87a", b"", 11),
    (b"GIF89a", b"", 11),
    (b"\xff\xd8\xff", b"", 12),
    (b"RIFF", b"WEBP", 13),
    (b"RIFF", b"WAVE", 51),
    (b"RIFF", b"AVI ", 63),
    (b"II*\0", b"", 15),
    (b"MM\0*", b"", 15),
    (b"\0\0\1\0", b"", 16),
    (b"PK\3\4", b"", 20),
    (b"PK\5\6", b"", 20),
    (b"%PDF-", b"", 21),
    (b"\x1f\x8b", b"", 22),
    (b"BZh", b"", 23),
    (b"\xfd7zXZ\0", b"", 24),
    (b"7z\xbc\xaf\x27\x1c", b"", 25),
    (b"Rar!\x1a\7", b"", 26),
    (b"MSCF\0\0\0\0", b"", 27),
    (b"\x28\xb5\x2f\xfd", b"", 28),
    (b"\x7fELF", b"", 31),
    (b"\xcf\xfa\xed\xfe", b"", 32),
    (b"\xce\xfa\xed\xfe", b"", 32),
    (b"\xca\xfe\xba\xbe", b"", 34),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 35),
    (b"CWS", b"", 36),
    (b"FWS", b"", 36),
    (b"ZWS", b"", 36),
    (b"%!PS", b"", 37),
    (b"{\\rtf", b"", 38),
    (b"\xd4\xc3\xb2\xa1", b"", 39),
    (b"\xa1\xb2\xc3\xd4", b"", 39),
    (b"\0asm\1\0\0\0", b"", 40),
    (b"SQLite format 3\0", b"", 41),
    (b"ID3", b"", 50),
    (b"OggS", b"", 52),
    (b"fLaC", b"", 53),
    (b"\x1aE\xdf\xa3", b"", 61),
    (b"FLV\1", b"", 62),
    (b"\0\0\1\xba", b"", 64),
    (b"wOFF", b"", 70),
    (b"wOF2", b"", 71),
    (b"\0\1\0\0\0", b"", 72),
    (b"MZ", b"", 30),
]
# One after another: length, code, length of what stands at 8, then both.
MAGIC = octets(b"".join(bytes((len(head), kind, len(later))) + head + later for head, later, kind in _STARTS))

# Markup that opens a document, in lower case: length, code, octets.
_TAGS: list[tuple[bytes, int]] = [
    (b"<!doctype html", HTML),
    (b"<html", HTML),
    (b"<head", HTML),
    (b"<title", HTML),
    (b"<body", HTML),
    (b"<script", HTML),
    (b"<svg", SVG),
    (b"<?xml", XML),
    (b"function ", JAVASCRIPT),
    (b"var ", JAVASCRIPT),
]
TAGS = octets(b"".join(bytes((len(tag), kind)) + tag for tag, kind in _TAGS))


@kernel
def media_type(wire: Wire, at: Int, end: Int) -> Int:
    """Name what a body that begins with wire[at:end] is; ABSENT where the octets do not tell."""
    kind = by_magic(wire, at, end)
    if kind == 0:
        kind = by_text(wire, at, end)
    return kind if kind else ABSENT


@kernel
def by_magic(wire: Wire, at: Int, end: Int) -> Int:
    """Look for octets that must stand at the start."""
    if end - at >= 8 and wire[at + 4] == 102 and wire[at + 5] == 116 and wire[at + 6] == 121 and wire[at + 7] == 112:
        return 60  # "ftyp", ISO/IEC 14496-12 §4.3
    entry = 0
    while entry < len(MAGIC):
        length, later = np.int64(MAGIC[entry]), np.int64(MAGIC[entry + 2])
        head = entry + 3
        if end - at >= length and (later == 0 or end - at >= 8 + later) and wire[at] == MAGIC[head]:
            same = True
            for offset in range(length):
                same = same and wire[at + offset] == MAGIC[head + offset]
            for offset in range(later):
                same = same and wire[at + 8 + offset] == MAGIC[head + length + offset]
            if same:
                return np.int64(MAGIC[entry + 1])
        entry = head + length + later
    return 0


@kernel
def by_text(wire: Wire, at: Int, end: Int) -> Int:
    """Tell markup and JSON from other printable text."""
    if end - at >= 3 and wire[at] == 0xEF and wire[at + 1] == 0xBB and wire[at + 2] == 0xBF:
        at += 3
    first = at
    while first < end and (wire[first] == 32 or 9 <= wire[first] <= 13):
        first += 1
    entry = 0
    while entry < len(TAGS):
        length = np.int64(TAGS[entry])
        if starts_folded(wire, first, end, TAGS[entry + 2 : entry + 2 + length]):
            return np.int64(TAGS[entry + 1])
        entry += 2 + length
    if opens_json(wire, first, end):
        return JSON
    if end - at < PLAIN_LEAST:
        return 0
    for place in range(at, at + PLAIN_LEAST):
        if not (32 <= wire[place] <= 126 or 9 <= wire[place] <= 13):
            return 0
    return PLAIN


@kernel
def opens_json(wire: Wire, at: Int, end: Int) -> bool:
    """Say whether text begins with an object or an array of objects (RFC 8259 §2)."""
    if at >= end or (wire[at] != 123 and wire[at] != 91):
        return False
    opened = at
    place = at + 1
    while place < end and (wire[place] == 32 or 9 <= wire[place] <= 13):
        place += 1
    if place >= end:
        return False
    if wire[opened] == 123:
        return bool(wire[place] == 34 or wire[place] == 125)
    return bool(wire[place] == 123 or wire[place] == 34 or wire[place] == 91 or wire[place] == 93)

"""What a part is by its first octets, by its name, and by what an archive lists. Nothing is unpacked."""

import re
import struct
from typing import NamedTuple

LOOKED_AT = 4096  # octets of a part's beginning
TAIL = (64 << 10) + 22  # octets of its end: an archive's end record with the longest comment
MOST_MEMBERS = 200  # of an archive that are listed
MOST_NAME = 512  # octets of a member's name

#: What begins how, the more telling first.
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xca\xfe\xba\xbe", "application/x-java-class"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "text/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"Rar!\x1a\x07", "application/x-rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"\x60\xea", "application/x-arj"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
    (b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (b"-----BEGIN PGP SIGNATURE", "application/pgp-signature"),
    (b"#!", "text/x-script"),
    (b"<?xml", "text/xml"),
)
BY_FIRST = {begins[:1]: [each for each in MAGIC if each[0][:1] == begins[:1]] for begins, _ in MAGIC}
NOT_TEXT = bytes(octet for octet in range(27) if octet < 9 or octet > 13)
_HTML = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|script|table|a |meta|iframe)", re.IGNORECASE | re.DOTALL
)
OFFICE = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "pptx"}

EXECUTABLE_TYPES = frozenset(
    "application/x-dosexec application/x-elf application/x-java-class application/x-mach-binary "
    "application/x-ms-shortcut application/vnd.ms-htmlhelp text/x-script".split()
)
EXECUTABLE = frozenset(
    "exe com scr pif bat cmd vbs vbe js jse wsf wsh hta ps1 psm1 msi msp cpl jar lnk reg dll sys chm inf scf "
    "application gadget elf sh py pl rb app dmg apk iso img vhd vhdx one xll appx msix".split()
)
MACRO = frozenset("docm dotm xlsm xltm xlam xlsb pptm potm ppam ppsm sldm".split())
DOCUMENTS = frozenset("pdf doc docx xls xlsx ppt pptx txt rtf jpg jpeg png gif htm html csv mp3 mp4 zip odt".split())
#: What content may be under which declared type or extension; what is not listed is not judged.
EXPECTED = {
    "pdf": {"application/pdf"}, "png": {"image/png"}, "gif": {"image/gif"}, "jpg": {"image/jpeg"},
    "jpeg": {"image/jpeg"}, "zip": {"application/zip"}, "rtf": {"text/rtf"}, "gz": {"application/gzip"},
    "rar": {"application/x-rar"}, "7z": {"application/x-7z-compressed"}, "bmp": {"image/bmp"},
    "docx": {"application/zip", "application/x-ole-storage"}, "xlsx": {"application/zip", "application/x-ole-storage"},
    "pptx": {"application/zip", "application/x-ole-storage"},
    "doc": {"application/x-ole-storage", "text/rtf", "application/zip", "text/xml"},
    "xls": {"application/x-ole-storage", "application/zip", "text/xml"},
    "ppt": {"application/x-ole-storage", "application/zip"},
}  # fmt: skip
BY_TYPE = {
    "application/pdf": "pdf", "image/png": "png", "image/gif": "gif", "image/jpeg": "jpg", "image/jpg": "jpg",
    "application/zip": "zip", "application/rtf": "rtf", "application/gzip": "gz", "image/bmp": "bmp",
}  # fmt: skip


class Archive(NamedTuple):
    """What an archive lists of itself."""

    members: list[str]
    listed: int
    is_encrypted: bool
    is_cut: bool


def kind_of(first: bytes) -> str | None:
    """Tell a media type from the first octets; None where they say nothing."""
    for begins, kind in BY_FIRST.get(first[:1], ()):
        if first.startswith(begins):
            return kind
    if first.startswith(b"RIFF") and len(first) >= 12:
        return {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}.get(first[8:12])
    if first[4:8] == b"ftyp":
        return "video/mp4"
    if first[257:262] == b"ustar":
        return "application/x-tar"
    if first.startswith(b"\xef\xbb\xbf"):
        first = first[3:]
    if _HTML.match(first):
        return "text/html"
    if first and b"\0" not in first and len((begin := first[:1024]).translate(None, NOT_TEXT)) == len(begin):
        return "text/plain"
    return None


def extensions_of(name: str) -> list[str]:
    """Give the extensions of a file name in lower case, the last first; blanks and dots at the end do not hide it."""
    parts = name.lower().rstrip(" .\u00a0").replace("\u202e", "").split(".")
    return [part.strip() for part in reversed(parts[1:]) if 0 < len(part.strip()) <= 12][:3]


def is_double(extensions: list[str]) -> bool:
    """Say whether a harmless extension stands before one that can do harm (invoice.pdf.exe)."""
    return len(extensions) > 1 and extensions[0] in EXECUTABLE | MACRO and extensions[1] in DOCUMENTS


def zip_listing(first: bytes, tail: bytes, size: int) -> Archive | None:
    """Read the central directory of a ZIP file, as far as its last octets hold it (PKWARE APPNOTE 4.3.12, 4.3.16)."""
    end = tail.rfind(b"PK\x05\x06")
    base = size - len(tail)  # where the tail begins in the file
    if end < 0 or end + 22 > len(tail):
        return _local_listing(first)
    count, length, offset = struct.unpack_from("<HII", tail, end + 10)
    at = end - length if length <= end else -1
    if offset - base >= 0 and tail[offset - base : offset - base + 4] == b"PK\x01\x02":
        at = offset - base
    if at < 0 or tail[at : at + 4] != b"PK\x01\x02":
        return _local_listing(first)._replace(listed=count, is_cut=True)
    names: list[str] = []
    is_encrypted = False
    while tail[at : at + 4] == b"PK\x01\x02" and at + 46 <= len(tail) and len(names) < MOST_MEMBERS:
        flags = struct.unpack_from("<H", tail, at + 8)[0]
        sizes = struct.unpack_from("<HHH", tail, at + 28)
        names.append(_member_name(tail[at + 46 : at + 46 + sizes[0]], flags))
        is_encrypted = is_encrypted or bool(flags & 1)
        at += 46 + sum(sizes)
    return Archive(names, count, is_encrypted, len(names) < count)


def _local_listing(first: bytes) -> Archive:
    """Read what local headers at the beginning tell (APPNOTE 4.3.7)."""
    names: list[str] = []
    at, is_encrypted = 0, False
    while first[at : at + 4] == b"PK\x03\x04" and at + 30 <= len(first) and len(names) < MOST_MEMBERS:
        flags = struct.unpack_from("<H", first, at + 6)[0]
        packed, _, name_length, extra = struct.unpack_from("<IIHH", first, at + 18)
        names.append(_member_name(first[at + 30 : at + 30 + name_length], flags))
        is_encrypted = is_encrypted or bool(flags & 1)
        if flags & 8:
            break  # the size comes behind the data
        at += 30 + name_length + extra + packed
    return Archive(names, len(names), is_encrypted, True)


def _member_name(octets: bytes, flags: int) -> str:
    octets = octets[:MOST_NAME]
    return octets.decode("utf-8" if flags & 0x800 else "cp437", "replace")


__all__ = ["Archive", "extensions_of", "is_double", "kind_of", "zip_listing"]

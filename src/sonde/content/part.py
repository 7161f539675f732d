"""One part of a message while its octets come: sizes, digest, type, archive, links; bounded whatever its size."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.content.archives import DECIDED, WALKS, Found, Watched, watch
from sonde.content.body import BASE64, PLAIN, QUOTED
from sonde.content.heads import Head, in_charset
from sonde.content.kinds import (
    DOCUMENTS,
    EXECUTABLE,
    EXPECTED,
    LOOKED_AT,
    MACRO,
    OFFICE,
    TAIL,
    extensions_of,
    is_double,
    kind_of,
    zip_listing,
)
from sonde.content.links import MOST_TEXT, Links, links_of
from sonde.content.records import MailPartRecord
from sonde.schema import columns

#: Of words that a sender is free to choose only those that are known come out: they are PROTOCOL, and a person's
#: name is none of it. The rest is told as an oddity, or by the file's name, which is PERSON.
DISPOSITIONS = ("inline", "attachment", "form-data")
KNOWN_EXTENSIONS = EXECUTABLE | MACRO | DOCUMENTS | frozenset(EXPECTED) | frozenset(
    "7z ace arj asc bz2 cab cer crt eml gz ics json log m4a md mbox mov msg odp ods one ogg p7m p7s p7c pages pem "
    "numbers pgp rar svg tar tgz tif tiff ttf url vcf wav webm webp wmv xhtml xml xz yaml zst".split()
)  # fmt: skip
_CHARSET = re.compile(r"[a-z0-9._:+-]{1,40}")
ENCODINGS = {"base64": BASE64, "quoted-printable": QUOTED, "7bit": PLAIN, "8bit": PLAIN, "binary": PLAIN, "": PLAIN}
#: A part of which nothing is known; most columns stay so.
UNKNOWN: dict[str, Any] = dict.fromkeys(column.name for column in columns(MailPartRecord))
OF_NOTHING = hashlib.sha256().hexdigest()
ZIP = "application/zip"
VBA = ("_VBA_PROJECT".encode("utf-16-le"), b"VBA/", b"vbaProject.bin")
SIGNED = {
    "multipart/signed",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pgp-signature",
}
ENCRYPTED = {"multipart/encrypted", "application/pgp-encrypted"}
SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}
TOLD = SIGNED | ENCRYPTED | SMIME | TNEF
#: Charsets in which a link has these octets; in others they may be spelled otherwise.
LIKE_ASCII = frozenset(("utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "latin-1"))
LINK = b"://"
MAY_LINK = ("text/plain", "text/html", "")


@dataclass(slots=True)
class Part:
    """What is known of a part so far."""

    place: str
    head: Head
    content_type: str
    parameters: Mapping[str, str]
    encoding: str
    disposition: str
    file_name: str | None
    size: int = 0
    encoded_size: int = 0
    first: bytes = b""
    tail: bytes = b""
    text: bytearray = field(default_factory=bytearray)
    has_vba: bool = False
    watched: Watched | None = None
    is_decided: bool = False  # whether it is watched
    is_complete: bool = True
    is_leaf: bool = True
    is_awaited: bool = False  # a multipart body, whose first boundary was not met yet
    odd: set[str] = field(default_factory=set)
    digest: Any = None
    is_text: bool = False  # links may be in it

    @property
    def phase(self) -> int:
        """Give how its body is decoded; an unknown encoding as it is (RFC 2045 §6.4)."""
        return ENCODINGS.get(self.encoding, PLAIN)

    @property
    def is_attachment(self) -> bool:
        """Say whether it is one, by its disposition or by having a file name (RFC 2183 §2)."""
        return self.is_leaf and (self.disposition == "attachment" or self.file_name is not None)

    def take(self, octets: memoryview) -> None:
        """Take decoded octets."""
        if self.digest is None:
            self.digest = hashlib.sha256(octets)
        else:
            self.digest.update(octets)
        length = len(octets)
        self.size += length
        if (seen := len(self.first)) < LOOKED_AT:
            self.first += octets[: LOOKED_AT - seen]
        if self.is_text:
            if len(self.text) < MOST_TEXT:
                self.text += octets[: MOST_TEXT - len(self.text)]
            return
        self._watch(octets)
        self.tail = bytes(octets[-TAIL:]) if length >= TAIL else (self.tail + bytes(octets))[-TAIL:]
        if not self.has_vba and self.first.startswith((b"\xd0\xcf\x11\xe0", b"PK")):
            whole = self.tail if length < TAIL else bytes(octets)
            self.has_vba = any(mark in whole for mark in VBA[: 2 if self.first.startswith(b"\xd0") else 3])

    def _watch(self, octets: memoryview) -> None:
        """Let archives tell their members as they come by, once it is known whether it is one."""
        if self.watched is not None:
            self.watched.feed(octets)
        elif not self.is_decided and len(self.first) >= DECIDED:
            self.is_decided = True
            self.watched = watch(kind_of(self.first))
            if self.watched is not None:
                self.watched.feed(self.first[: self.size - len(octets)])
                self.watched.feed(octets)

    def members(self) -> Found | None:
        """Give what an archive listed of itself, if it is one of those that are watched."""
        if not self.is_decided and not self.is_text:
            self.watched = watch(kind_of(self.first))
            if self.watched is not None:
                self.watched.feed(self.first)
        return self.watched.found if self.watched is not None else None


def part_of(place: str, head: Head, default_type: str) -> Part:
    """Begin a part with what its head says (RFC 2045, RFC 2183)."""
    content_type, parameters = head.parameters("content-type")
    odd: set[str] = set()
    if "/" not in content_type:
        if head.first("content-type"):
            odd.add("bad_content_type")
        content_type = default_type
    if "content-type" in head.repeated:
        odd.add("content_type_twice")
    encoding = head.first("content-transfer-encoding") or ""
    if encoding not in ENCODINGS:
        encoding = encoding.lower().partition(";")[0].strip()[:64]
        if encoding not in ENCODINGS:
            odd.add("unknown_encoding")
    disposition, more = head.parameters("content-disposition")
    name = more.get("filename") or parameters.get("name")
    is_text = content_type in MAY_LINK
    return Part(place, head, content_type, parameters, encoding, disposition, name, odd=odd, is_text=is_text)


def links_in(part: Part, found_type: str | None) -> Links | None:
    """Find the links of a text part."""
    is_html = "text/html" in (part.content_type, found_type)
    charset = part.parameters.get("charset") or "utf-8"
    if not is_html and LINK not in part.text and charset.lower() in LIKE_ASCII:
        return None
    text, _ = in_charset(bytes(part.text), charset)
    return links_of(text, is_html=is_html)


def described(part: Part, number: int) -> tuple[dict[str, Any], Links | None]:
    """Give the columns of a part that is over, and its links."""
    content_type, odd = part.content_type, part.odd
    found_type: str | None = None
    extension: str | None = None
    links: Links | None = None
    row = UNKNOWN.copy()
    row["message"], row["part"], row["content_type"] = number, part.place, content_type
    row["complete"] = part.is_complete
    row["is_attachment"] = part.is_attachment
    if part.is_leaf:
        if part.size:
            found_type = row["found_type"] = kind_of(part.first)
        if part.text:
            links = links_in(part, found_type)
        row["size"], row["encoded_size"] = part.size, part.encoded_size
        row["sha256"] = part.digest.hexdigest() if part.digest is not None else OF_NOTHING
    if "charset" in part.parameters:
        charset = part.parameters["charset"].lower()
        row["charset"] = charset if _CHARSET.fullmatch(charset) else None
    if part.encoding in ENCODINGS:  # another is told as an oddity
        row["encoding"] = part.encoding or None
    if part.disposition in DISPOSITIONS:
        row["disposition"] = part.disposition
    if part.file_name is not None:
        row["file_name"] = part.file_name
        if part.file_name:
            extensions = extensions_of(part.file_name)
            extension = extensions[0] if extensions else None
            row["extension"] = extension if extension in KNOWN_EXTENSIONS else None
            row["double_extension"] = is_double(extensions)
    describe_content(part, row, content_type, found_type)
    if part.has_vba or extension in MACRO:
        row["macros"] = True
    if links is not None and links.total:
        row["links"], row["link_domains"] = links.total, links.domains
        row["link_mismatches"] = len(links.mismatches)
        if links.is_cut:
            odd.add("links_cut")
    if len(part.text) >= MOST_TEXT:
        odd.add("text_not_searched_whole")
    odd |= part.head.odd
    if odd:
        row["oddities"] = sorted(odd)
    return row, links


def describe_content(part: Part, row: dict[str, Any], content_type: str, found_type: str | None) -> None:
    """Add what a type says of what is inside: signatures, encryption, an archive's members."""
    if content_type in TOLD:
        row["tnef"] = True if content_type in TNEF else None
        row["signed"] = True if content_type in SIGNED else None
        row["encrypted"] = True if content_type in ENCRYPTED else None
        if content_type in SMIME:
            kind = part.parameters.get("smime-type", "enveloped-data").lower()
            row["signed" if kind == "signed-data" else "encrypted"] = True
    if found_type in TNEF:
        row["tnef"] = True
    elif found_type == ZIP:
        describe_archive(part, row)
    elif found_type in WALKS and (found := part.members()) is not None:
        row["members"], row["member_count"] = found.names or None, found.count or None
        row["encrypted"] = True if found.is_encrypted else row["encrypted"]
        part.odd |= found.odd


def describe_archive(part: Part, row: dict[str, Any]) -> None:
    """Add what a ZIP file lists; office documents are such files too."""
    listing = zip_listing(part.first, part.tail, part.size)
    if listing is None:
        return
    inner = {kind for kind in OFFICE for member in listing.members if member.encode().startswith(kind)}
    if any(member.lower().endswith("vbaproject.bin") for member in listing.members):
        row["macros"] = True
    if listing.is_encrypted:
        row["encrypted"] = True
    if inner:
        return  # its members are a document's, not an archive's
    row["members"], row["member_count"] = listing.members, listing.listed
    if listing.is_cut:
        part.odd.add("members_cut")


__all__ = ["Part", "described", "part_of"]

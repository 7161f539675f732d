r"""Heads of messages and parts: fields, encoded words, parameters, addresses, dates.

RFC 5322 with what is obsolete in it, RFC 2047 and RFC 2231 for other charsets, RFC 6532 for
UTF-8 as it is. Nothing here raises: what cannot be read stays as it came, and is told.

    head = Head(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n")
    head.text("subject")      # "Grüße"
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import numpy as np

from sonde.content.index import ASK, FIELD_ROW, HOP_ROW, MOST_FIELDS, MOST_INDEXED, NAMES, index_head, new_slate

MOST_TEXT = 8192  # characters of one field's text
MOST_ADDRESSES = 200  # of one field
MOST_WORDS = 200  # encoded words of one field
MOST_PARAMETERS = 64
MOST_NESTED = 16  # comments inside comments
MOST_REMEMBERED = 256  # characters of a value that is remembered
MOST_SECONDS = 9e9  # from 1970, which is in 2255
NO_PARAMETERS: Mapping[str, str] = {}

#: A field with the lines that go on with it; else whatever stands in its place.
_FIELD = r"([!-9;-~]{1,128})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)|([^\n]+(?:\n[ \t][^\n]*)*)"
_RAW_FIELDS = re.compile(_FIELD.encode())
KNOWN = frozenset(NAMES)
_WORD = re.compile(r"=\?[^?\s]{1,64}\?[bBqQ]\?[^?]*\?=")
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,64})\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_CONTINUED = re.compile(r"(.+?)\*(\d{1,3})(\*)?")
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")  # none inside another
_TYPE = re.compile(r"[a-z0-9!#$%&'*+._`|~^-]{1,127}(?:/[a-z0-9!#$%&'*+._`|~^-]{1,127})?")  # RFC 2045 §5.1
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

#: A mailbox as nearly all stand there, and the comma behind it; the library reads what is written otherwise.
_ATOM = r"!#-'*+\-/-9=?A-Z^-~"  # RFC 5322 §3.2.3
_SPEC = rf"([{_ATOM}.]+@[A-Za-z0-9.-]+)"
_COMMENTED = r"(?:[ \t]*\(([^()\\\r\n]*)\))?"
_NAME = rf'(?:"([^"\\\r\n]*)"|([{_ATOM}][{_ATOM}.]*(?: [{_ATOM}][{_ATOM}.]*)*))?'
_MAILBOX = re.compile(rf"[ \t]*(?:{_SPEC}{_COMMENTED}|{_NAME}[ \t]*<{_SPEC}>{_COMMENTED})[ \t]*(?:,|\Z)")

MOST_INDEXERS = 4  # kept for the next heads


class Address(NamedTuple):
    """A mailbox as a field spells it: display name and address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Give what stands behind the last at sign, in lower case."""
        return self.address.rpartition("@")[2].lower().rstrip(".>") if "@" in self.address else ""


class Indexer:
    """A slate with what makes its use quick."""

    def __init__(self) -> None:
        """Look at its arrays as memory, and bind the kernel that fills them."""
        slate = new_slate()
        self.head = np.empty(MOST_INDEXED, np.uint8)
        self.view, self.text = memoryview(self.head.data), memoryview(slate.text.data)
        self.fields, self.hops, self.told = (memoryview(each.data) for each in (slate.fields, slate.hops, slate.told))
        self.index = index_head.bind(slate)


_indexers: list[Indexer] = []


#: What a Received field says: its text, seconds since 1970, and the address of who handed the message on; or ASK.
Hop = tuple[str, int, str | int]


class Head:
    """The fields of one head, in order: names in lower case, values unfolded.

    Only fields that something is told of are kept (`index.NAMES`); all are counted.
    """

    def __init__(self, octets: bytes | bytearray) -> None:
        """Split a head into fields; lines that belong to none are told."""
        self.values: dict[str, list[str]] = {}
        self.odd: set[str] = set()
        self.repeated: set[str] = set()
        self.hops: list[Hop] = []
        self.seconds = ASK  # of the first Date
        self.count = 0
        if not self._index(octets):
            self._split(octets)

    def _index(self, octets: bytes | bytearray) -> bool:
        """Have the kernel split it; False where it is not all ASCII."""
        size = len(octets)
        if size > MOST_INDEXED or not octets.isascii():
            return False
        indexer = _indexers.pop() if _indexers else Indexer()
        indexer.view[:size] = octets
        found = indexer.index(indexer.head, size)
        self.count, used, hops, _, self.seconds, bad_lines, too_many = indexer.told.tolist()
        text = str(indexer.text[:used], "ascii")
        rows = iter(indexer.fields[: found * FIELD_ROW].tolist())
        values = self.values
        for code, start, end in zip(rows, rows, rows, strict=True):
            name = NAMES[code]
            if name in values:
                values[name].append(text[start:end])
                self.repeated.add(name)
            else:
                values[name] = [text[start:end]]
        if hops:
            rows = iter(indexer.hops[: hops * HOP_ROW].tolist())
            self.hops = [
                (text[spelled:spelled_end], seconds, text[address:address_end] if address >= 0 else address)
                for seconds, address, address_end, spelled, spelled_end in zip(*[rows] * HOP_ROW, strict=True)
            ]
        if bad_lines:
            self.odd.add("bad_header")
        if too_many:
            self.odd.add("headers_cut")
        if len(_indexers) < MOST_INDEXERS:
            _indexers.append(indexer)
        return True

    def _split(self, octets: bytes | bytearray) -> None:
        """Split it in Python; the other way's obvious twin."""
        values = self.values
        for name, folded, other in self._decoded_fields(bytes(octets)):
            if not name:
                if other.strip():
                    self.odd.add("bad_header")
                continue
            if self.count >= MOST_FIELDS:
                self.odd.add("headers_cut")
                continue
            self.count += 1
            key = name.lower()
            if key not in KNOWN:
                continue
            value = folded.replace("\r\n", "").replace("\n", "").strip()  # what stands before a blank (RFC 5322 §2.2.3)
            if key in values:
                values[key].append(value)
                self.repeated.add(key)
            else:
                values[key] = [value]
            if key == "received":
                self.hops.append((" ".join(value.split()), ASK, ASK))

    def _decoded_fields(self, octets: bytes) -> Iterator[tuple[str, str, str]]:
        """Give name and value of each field, and what stands in the place of one; UTF-8 is allowed (RFC 6532 §3.2)."""
        for name, raw, other in _RAW_FIELDS.findall(octets):
            try:
                value = raw.decode("utf-8")
            except UnicodeDecodeError:
                value = raw.decode("latin-1")
                self.odd.add("raw_octets")
            yield name.decode("ascii"), value, other.decode("latin-1")

    def all(self, name: str) -> Sequence[str]:
        """Give the values of all fields of a name."""
        return self.values.get(name, ())

    def first(self, name: str) -> str | None:
        """Give the first of them, if any."""
        found = self.values.get(name)
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        """Give the first value with its encoded words decoded, at most MOST_TEXT characters."""
        value = self.first(name)
        return None if value is None else self.decoded(value)

    def decoded(self, value: str) -> str:
        """Decode the encoded words of a value (RFC 2047 §6)."""
        return decoded_value(value, self.odd)

    def addresses(self, name: str) -> list[Address]:
        """Give the mailboxes of all fields of a name, groups opened (RFC 5322 §3.4)."""
        found: list[Address] = []
        for value in self.values.get(name, ()):
            if len(found) >= MOST_ADDRESSES:
                self.odd.add("addresses_cut")
                break
            found += self._mailboxes(value[: MOST_TEXT * 4])
        return found[:MOST_ADDRESSES] if len(found) > MOST_ADDRESSES else found

    def _mailboxes(self, value: str) -> list[Address]:
        found: list[Address] = []
        at, end = 0, len(value)
        while at < end:
            mailbox = _MAILBOX.match(value, at)
            if mailbox is None:
                return self._odd_mailboxes(value)
            bare, comment, quoted, words, address, _ = mailbox.groups()
            name = (comment if bare else quoted or words) or ""
            if "=?" in name or len(name) > MOST_TEXT:
                name = self.decoded(name)
            found.append(Address(name, bare or address))
            at = mailbox.end()
        return found

    def _odd_mailboxes(self, value: str) -> list[Address]:
        """Have the library read what is not written as nearly all is."""
        pairs = address_pairs(value)
        if pairs is None:
            self.odd.add("bad_address")
            return []
        found = [Address(self.decoded(name), address.strip()) for name, address in pairs if address or name]
        if not found and value.strip() and value.strip() != ";" and "undisclosed" not in value.lower():
            self.odd.add("bad_address")
        return found

    def date(self) -> int | None:
        """Give the time that Date tells, in ns since 1970; None where it tells none (RFC 5322 §3.3)."""
        value = self.first("date")
        found = None if value is None else date_ns(value, self.seconds)
        if value is not None and found is None:
            self.odd.add("bad_date")
        return found

    def parameters(self, name: str) -> tuple[str, Mapping[str, str]]:
        """Give a value's first word in lower case, and its parameters decoded (RFC 2045 §5.1, RFC 2231).

        The word is a token, or two with a stroke between; comments, and what follows it, are no part of it.
        """
        if name not in self.values:
            return "", NO_PARAMETERS
        value = self.values[name][0]
        found = parameters_of(value) if len(value) > MOST_REMEMBERED else remembered_parameters(value)
        if found.odd:
            self.odd |= found.odd
        return found.word, found.parameters


def _takes_strict() -> bool:
    import inspect  # noqa: PLC0415 - once

    return "strict" in inspect.signature(getaddresses).parameters


_HAS_STRICT = _takes_strict()


class Parameters(NamedTuple):
    """What a value says: its first word, its parameters, and what is odd about them."""

    word: str
    parameters: Mapping[str, str]
    odd: frozenset[str]


def parameters_of(value: str) -> Parameters:
    """Read a value with parameters; see `Head.parameters`."""
    main = _TYPE.match(without_comments(value[:MOST_TEXT]).lstrip().lower())
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    odd: set[str] = set()
    for count, found in enumerate(_PARAMETER.finditer(value[: MOST_TEXT * 2]) if ";" in value else ()):
        if count >= MOST_PARAMETERS:
            odd.add("parameters_cut")
            break
        key, text = found[1].lower(), unquoted(found[2].strip())
        part = _CONTINUED.fullmatch(key) if "*" in key else None
        if part is not None:
            pieces.setdefault(part[1], {})[int(part[2])] = (part[3] is not None, text)
        elif key.endswith("*"):
            plain[key[:-1]] = extended_value(text)
        elif key not in plain:
            plain[key] = decoded_value(text, odd)
        elif plain[key] != text:
            odd.add("parameter_twice")
    for key, parts in pieces.items():
        plain[key] = joined_value(parts)
    return Parameters(main[0] if main else "", plain, frozenset(odd))


@lru_cache(1024)
def remembered_parameters(value: str) -> Parameters:
    """Do so once for each of the last values: the same types come again and again."""
    return parameters_of(value)


def decoded_value(value: str, odd: set[str]) -> str:
    """Decode the encoded words of a value (RFC 2047 §6), at most MOST_TEXT characters; add what is odd."""
    if len(value) > MOST_TEXT:
        odd.add("header_cut")
        value = value[:MOST_TEXT]
    if "=?" not in value:
        return value
    if len(_WORD.findall(value)) > MOST_WORDS:
        odd.add("header_cut")
        return value
    text, is_good = decoded_words(value)
    if not is_good:
        odd.add("bad_encoded_word")
    return text[:MOST_TEXT]


def address_pairs(value: str) -> list[tuple[str, str]] | None:
    """Give (name, address) pairs of a value; None where the library trips over it."""
    try:
        return getaddresses([value], strict=False) if _HAS_STRICT else getaddresses([value])
    except Exception:  # noqa: BLE001 - the library raises what it likes on hostile input
        return None


def unquoted(text: str) -> str:
    """Take the quotes from a quoted string (RFC 5322 §3.2.4)."""
    if text.startswith('"'):
        text = text[1:].removesuffix('"')
        return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text
    return text.split(" ", maxsplit=1)[0] if "(" in text else text


@lru_cache(4096)
def decoded_words(value: str) -> tuple[str, bool]:
    """Decode encoded words; False beside it where one of them could not be (RFC 2047)."""
    try:
        parts = decode_header(value)
    except Exception:  # noqa: BLE001 - the library raises what it likes on hostile input
        return value, False
    text, is_good = "", True
    for octets, charset in parts:
        if isinstance(octets, str):
            text += octets
            continue
        found, good = in_charset(octets, charset or "latin-1")
        text, is_good = text + found, is_good and good
    return text, is_good


def without_comments(text: str) -> str:
    """Take comments out, those inside others first (RFC 5322 §3.2.2)."""
    if "(" not in text:
        return text
    for _ in range(MOST_NESTED):
        text, found = _COMMENT.subn(" ", text)
        if not found:
            break
    return text


def in_charset(octets: bytes, charset: str) -> tuple[str, bool]:
    """Decode octets; in Latin-1, and False beside it, where the charset is unknown or wrong.

    Some charsets (UTF-7) can spell half a character, which is no text and cannot be written: it counts as wrong.
    """
    try:
        text = octets.decode(charset.partition("*")[0])
        if not text.isascii():
            text.encode()
    except (LookupError, UnicodeError, ValueError):
        return octets.decode("latin-1"), False
    return text, True


def extended_value(text: str) -> str:
    """Decode charset'language'value (RFC 2231 §4)."""
    charset, _, rest = text.partition("'")
    _, quote, value = rest.partition("'")
    return in_charset(unquote_to_bytes(value), charset or "utf-8")[0] if quote else text


def joined_value(parts: dict[int, tuple[bool, str]]) -> str:
    """Join the parts of a parameter (RFC 2231 §3)."""
    octets, charset = b"", "utf-8"
    for place, number in enumerate(sorted(parts)):
        is_extended, text = parts[number]
        if is_extended and place == 0 and text.count("'") >= 2:
            charset, _, rest = text.partition("'")
            text = rest.partition("'")[2]
        octets += unquote_to_bytes(text) if is_extended else text.encode("utf-8", "replace")
    return in_charset(octets, charset or "utf-8")[0]


def date_ns(value: str, known: int = ASK) -> int | None:
    """Give the time that a date tells, in ns since 1970; without a zone it counts as UTC. `known` has it in seconds."""
    seconds = known if known != ASK else seconds_by_library(value[:256])
    return seconds * 1_000_000_000 if seconds is not None and abs(seconds) < MOST_SECONDS else None


@lru_cache(1024)
def seconds_by_library(value: str) -> int | None:
    """Give the seconds since 1970 of a date, as Python's library reads it."""
    try:
        found = parsedate_to_datetime(value)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return int((found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    except Exception:  # noqa: BLE001 - the library raises what it likes on hostile input
        return None


__all__ = ["Address", "Head", "date_ns", "decoded_words"]

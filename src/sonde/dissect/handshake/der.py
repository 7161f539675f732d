"""What a certificate says (RFC 5280), read field by field from its DER, in plain Python.

A general library refuses a certificate with one odd part as a whole; a probe must tell
what the rest says. Names are spelt as RFC 4514 has it, in OpenSSL's short words. Nothing
is verified: neither signature nor validity nor chain.
"""

import re
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from sonde.dissect.handshake.oids import ALGORITHMS, CURVES, NAME_PARTS

MAX_ELEMENTS = 4096  # of one sequence
BOOLEAN, INTEGER, BIT_STRING, OID, SEQUENCE = 0x01, 0x02, 0x03, 0x06, 0x30
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
#: How the string types are encoded (X.690 §8.23); T61 is read as Latin-1, as everybody does.
STRINGS = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii",
           0x1C: "utf-32-be", 0x1E: "utf-16-be"}  # fmt: skip
SPECIAL = frozenset(',+"\\<>;')
TO_ESCAPE = re.compile(r'[,+"\\<>;\x00-\x1f\x7f]|\A[# ]| \Z')
LONGEST_OID, MOST_OIDS = 64, 1024  # octets of one, and how many are kept spelt
EMAIL, DNS, URI, IP = 1, 2, 6, 7  # GeneralName (RFC 5280 §4.2.1.6)
ALTERNATIVE_NAMES, BASIC_CONSTRAINTS = "2.5.29.17", "2.5.29.19"
SECOND_NS = 1_000_000_000
LARGEST_NS = (1 << 63) - 1
BITS = {"ED25519": 253, "X25519": 253, "ED448": 456, "X448": 448}  # as OpenSSL counts them


class DerError(ValueError):
    """An element whose length does not fit, or a value that its type does not allow."""


@dataclass
class Certificate:
    """What was read; None is what was absent or unreadable."""

    whole: bool = True  # False: something mandatory could not be read
    date_out_of_range: bool = False
    version: int | None = None
    serial: str | None = None
    subject: str | None = None
    issuer: str | None = None
    not_valid_before: int | None = None
    not_valid_after: int | None = None
    key_alg: str | None = None
    sig_alg: str | None = None
    key_type: str | None = None
    key_length: int | None = None
    exponent: str | None = None
    curve: str | None = None
    san_dns: list[str] | None = None
    san_uri: list[str] | None = None
    san_email: list[str] | None = None
    san_ip: list[str] | None = None
    basic_constraints_ca: bool | None = None
    basic_constraints_path_len: int | None = None


@dataclass
class AlternativeNames:
    """Names of a subjectAltName by kind, in order."""

    dns: list[str] = field(default_factory=list)
    uri: list[str] = field(default_factory=list)
    email: list[str] = field(default_factory=list)
    ip: list[str] = field(default_factory=list)


def element(raw: bytes, at: int) -> tuple[int, bytes, int]:
    """Give tag, content and end of the element at a place."""
    try:
        tag, length = raw[at], raw[at + 1]
    except IndexError:
        raise DerError("cut off") from None
    at += 2
    if length >= 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4:
            raise DerError("length of a length")
        length = int.from_bytes(raw[at : at + size], "big")
        at += size
    if at + length > len(raw):
        raise DerError("longer than what holds it")
    return tag, raw[at : at + length], at + length


def elements(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the elements that lie one behind the other."""
    at = 0
    for _ in range(MAX_ELEMENTS):
        if at >= len(raw):
            return
        tag, content, at = element(raw, at)
        yield tag, content


def spell_oid(raw: bytes) -> str:
    """Spell an object identifier in dotted form (X.690 §8.19)."""
    return _spell_oid(raw[:LONGEST_OID])


@lru_cache(maxsize=MOST_OIDS)
def _spell_oid(raw: bytes) -> str:
    parts, value = [], 0
    for octet in raw:
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            parts.append(value)
            value = 0
    if not parts:
        return ""
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, [first, parts[0] - 40 * first, *parts[1:]]))


def escape(text: str) -> str:
    """Escape what has a meaning in a name (RFC 4514 §2.4), and controls."""
    if not TO_ESCAPE.search(text):
        return text
    out = []
    for place, letter in enumerate(text):
        edge = (place == 0 and letter in "# ") or (place == len(text) - 1 and letter == " ")
        if letter in SPECIAL or edge:
            out.append("\\" + letter)
        elif ord(letter) < 0x20 or ord(letter) == 0x7F:
            out.append(f"\\{ord(letter):02X}")
        else:
            out.append(letter)
    return "".join(out)


def spell_value(tag: int, content: bytes) -> str:
    """Spell the value of one part of a name; what is no string is dumped."""
    encoding = STRINGS.get(tag)
    if encoding is None:
        return f"#{tag:02X}{len(content):02X}{content.hex().upper()}"
    return escape(content.decode(encoding, "backslashreplace"))


def spell_name(raw: bytes) -> str:
    """Spell a name, last part first (RFC 4514 §2.1); `raw` is what its SEQUENCE holds."""
    spelt = []
    for _, relative in elements(raw):
        pairs = []
        for _, pair in elements(relative):
            (_, kind), (tag, content) = list(elements(pair))[:2]
            oid = spell_oid(kind)
            short = NAME_PARTS.get(oid)
            if short is None:
                whole = pair[element(pair, 0)[2] :]
                pairs.append(f"{oid}=#{whole.hex().upper()}")
            else:
                pairs.append(f"{short}={spell_value(tag, content)}")
        spelt.append("+".join(reversed(pairs)))
    return ",".join(reversed(spelt))


def common_names(raw: bytes) -> list[str]:
    """Give the common names in a name, unescaped."""
    found = []
    for _, relative in elements(raw):
        for _, pair in elements(relative):
            (_, kind), (tag, content) = list(elements(pair))[:2]
            if kind == b"\x55\x04\x03":
                found.append(content.decode(STRINGS.get(tag, "latin-1"), "backslashreplace"))
    return found


def read_time(tag: int, raw: bytes) -> int:
    """Give a time in seconds since 1970 (RFC 5280 §4.1.2.5)."""
    text = raw.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != GENERALIZED_TIME:
        raise DerError("no time")
    digits = text[:14].rstrip("Z+-")
    rest = text[len(digits) :]
    if not digits.isdigit() or len(digits) not in (12, 14):
        raise DerError("time")
    digits = digits.ljust(14, "0")
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    if not (1 <= month <= 12 and 1 <= day <= 31 and year):
        raise DerError("date")
    moment = timegm((year, month, day, int(digits[8:10]), int(digits[10:12]), int(digits[12:14])))
    if len(rest) == 5 and rest[0] in "+-" and rest[1:].isdigit():
        shift = int(rest[1:3]) * 3600 + int(rest[3:5]) * 60
        moment -= shift if rest[0] == "+" else -shift
    return moment


def read_alternative_names(raw: bytes) -> AlternativeNames:
    """Read names by kind; `raw` is what the GeneralNames SEQUENCE holds. A cut end is let go."""
    names = AlternativeNames()
    try:
        for tag, content in elements(raw):
            kind = tag & 0x1F
            if tag & 0xC0 != 0x80:
                continue
            if kind in (EMAIL, DNS, URI):
                {EMAIL: names.email, DNS: names.dns, URI: names.uri}[kind].append(
                    content.decode("utf-8", "backslashreplace")
                )
            elif kind == IP and len(content) in (4, 16):
                names.ip.append(str(ip_address(content)))
    except DerError:
        pass
    return names


def read_key(raw: bytes, found: Certificate) -> None:
    """Read a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7)."""
    (_, algorithm), (_, bits) = list(elements(raw))[:2]
    parts = list(elements(algorithm))
    oid = spell_oid(parts[0][1])
    name = ALGORITHMS.get(oid, oid)
    found.key_alg = found.key_type = name
    key = bits[1:]
    if name in ("rsaEncryption", "rsassaPss", "rsaesOaep"):
        found.key_type = "rsa"
        (_, modulus), (_, exponent) = list(elements(element(key, 0)[1]))[:2]
        found.key_length = int.from_bytes(modulus, "big").bit_length()
        found.exponent = str(int.from_bytes(exponent, "big")) if len(exponent) <= 256 else None
    elif name == "dsaEncryption":
        found.key_type = "dsa"
        if len(parts) > 1:
            found.key_length = int.from_bytes(element(parts[1][1], 0)[1], "big").bit_length()
    elif name == "id-ecPublicKey":
        found.key_type = "ecdsa"
        if len(parts) > 1 and parts[1][0] == OID:
            curve = spell_oid(parts[1][1])
            found.curve, found.key_length = CURVES.get(curve, (curve, None))
    else:
        found.key_length = BITS.get(name, 8 * len(key))


def read_extensions(raw: bytes, found: Certificate) -> None:
    """Read the extensions that the record tells."""
    for _, extension in elements(element(raw, 0)[1]):
        parts = list(elements(extension))
        oid, value = spell_oid(parts[0][1]), parts[-1][1]
        if oid == ALTERNATIVE_NAMES:
            names = read_alternative_names(element(value, 0)[1])
            found.san_dns, found.san_uri = names.dns or None, names.uri or None
            found.san_email, found.san_ip = names.email or None, names.ip or None
        elif oid == BASIC_CONSTRAINTS:
            found.basic_constraints_ca = False  # the default (RFC 5280 §4.2.1.9)
            for tag, content in elements(element(value, 0)[1]):
                if tag == BOOLEAN:
                    found.basic_constraints_ca = content != b"\0"
                elif tag == INTEGER:
                    length = int.from_bytes(content, "big", signed=True)
                    found.basic_constraints_path_len = length if 0 <= length < 1 << 32 else None


def spell_serial(raw: bytes) -> str:
    """Spell a serial number in hexadecimal, as many digits as octets."""
    number = int.from_bytes(raw, "big", signed=True)
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + digits.rjust(len(digits) + len(digits) % 2, "0")


def to_ns(moment: int, found: Certificate) -> int | None:
    """Give a time in ns, or None and a note where 64 bits do not hold it."""
    if -LARGEST_NS <= moment * SECOND_NS <= LARGEST_NS:
        return moment * SECOND_NS
    found.date_out_of_range = True
    return None


def read_validity(raw: bytes, found: Certificate) -> None:
    """Read from when and until when (RFC 5280 §4.1.2.5)."""
    (first, before), (last, after) = list(elements(raw))[:2]
    found.not_valid_before = to_ns(read_time(first, before), found)
    found.not_valid_after = to_ns(read_time(last, after), found)


def read_certificate(raw: bytes) -> Certificate:
    """Read what a certificate says, as far as it can be read."""
    found = Certificate()
    try:
        parts = list(elements(element(raw, 0)[1]))
        body = list(elements(parts[0][1]))
    except (DerError, IndexError):
        found.whole = False
        return found
    if len(parts) > 1:
        _attempt(found, lambda: _read_signature(parts[1][1], found))
    explicit = bool(body) and body[0][0] == 0xA0
    if explicit:
        _attempt(found, lambda: setattr(found, "version", 1 + int.from_bytes(element(body[0][1], 0)[1], "big")))
        body = body[1:]
    else:
        found.version = 1
    if found.version is not None and not 1 <= found.version <= 255:
        found.version, found.whole = None, False
    if len(body) < 6:
        found.whole = False
        return found
    _attempt(found, lambda: setattr(found, "serial", spell_serial(body[0][1])))
    _attempt(found, lambda: setattr(found, "issuer", spell_name(body[2][1])))
    _attempt(found, lambda: read_validity(body[3][1], found))
    _attempt(found, lambda: setattr(found, "subject", spell_name(body[4][1])))
    _attempt(found, lambda: read_key(body[5][1], found))
    for tag, content in body[6:]:
        if tag == 0xA3:
            _attempt(found, lambda content=content: read_extensions(content, found))
    return found


def _read_signature(raw: bytes, found: Certificate) -> None:
    oid = spell_oid(element(raw, 0)[1])
    found.sig_alg = ALGORITHMS.get(oid, oid)


def _attempt(found: Certificate, act) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Do one field; where it cannot be read, the others still are."""
    try:
        act()
    except (DerError, IndexError, ValueError, OverflowError):
        found.whole = False

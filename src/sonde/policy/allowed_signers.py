"""Who may sign: OpenSSH's `allowed_signers` (ssh-keygen(1), section ALLOWED SIGNERS).

    signers = load_allowed_signers(Path("allowed_signers"))
    for entry in signers.of_key(public_key): ...

One line is one key: principals, options, key type, key, comment. What cannot be read is an
error with its line, never a line passed over: a signer that is silently missing or silently
without its expiry would decide what may be known. Certificates are refused plainly.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sonde.policy.error import SignatureError
from sonde.policy.ssh_keys import read_public_key

MOST_OCTETS = 1 << 20  # of an allowed_signers file
MOST_SIGNERS = 10_000  # lines with a key
TIME_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?')


@dataclass(frozen=True)
class AllowedSigner:
    """One line of allowed_signers: a key, and for what and when it counts."""

    line: int
    principals: tuple[str, ...]
    key: bytes
    namespaces: tuple[str, ...] | None = None
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    @property
    def name(self) -> str:
        """The principals as they are written."""
        return ",".join(self.principals)

    def speaks_for(self, principal: str) -> bool:
        """Say whether the principals' patterns match a name."""
        return matches(principal, self.principals)

    def why_not(self, namespace: str, when: datetime) -> str | None:
        """Say why this line does not count for a namespace at a time, or None if it does."""
        if self.namespaces is not None and not matches(namespace, self.namespaces):
            return f"its line {self.line} allows the namespaces {','.join(self.namespaces)} and not {namespace}"
        if self.valid_after is not None and when < self.valid_after:
            return f"its line {self.line} counts only from {self.valid_after.isoformat()}"
        # sshsig_check_allowed_keys: a key is still good in its last second.
        if self.valid_before is not None and when > self.valid_before:
            return f"its line {self.line} expired at {self.valid_before.isoformat()}"
        return None


@dataclass(frozen=True)
class AllowedSigners:
    """The lines of one allowed_signers file."""

    place: str
    entries: tuple[AllowedSigner, ...]

    def of_key(self, key: bytes) -> Iterator[AllowedSigner]:
        """Give the lines of a public key, in order."""
        return (entry for entry in self.entries if entry.key == key)


def load_allowed_signers(path: Path) -> AllowedSigners:
    """Read an allowed_signers file; SignatureError with its line for what cannot be read."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise SignatureError(
            f"{path}: the list of who may sign cannot be read ({error.strerror}); name the allowed_signers file."
        ) from None
    return parse_allowed_signers(octets, str(path))


def parse_allowed_signers(octets: bytes, place: str = "allowed_signers") -> AllowedSigners:
    """Read the octets of an allowed_signers file."""
    if len(octets) > MOST_OCTETS:
        raise SignatureError(f"{place}: more than {MOST_OCTETS:,} octets are no list of signers.")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureError(f"{place}: this is no text in UTF-8; write one line for each signer.") from None
    entries = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            try:
                entries.append(_parse_line(stripped, number))
            except SignatureError as error:
                raise SignatureError(f"{place}, line {number}: {error}") from None
    if not entries:
        raise SignatureError(f"{place}: nobody may sign; write a line `NAME KEYTYPE KEY` for each signer.")
    if len(entries) > MOST_SIGNERS:
        raise SignatureError(f"{place}: more than {MOST_SIGNERS:,} signers are not read.")
    return AllowedSigners(place, tuple(entries))


def _parse_line(line: str, number: int) -> AllowedSigner:
    principals, rest = _take_principals(line)
    first, _, after = rest.partition(" ")
    options = ""
    if first not in KEY_TYPES:
        options, rest = _take_options(rest)
        first, _, after = rest.partition(" ")
    if first not in KEY_TYPES:
        raise SignatureError(_why_no_key_type(first))
    key = parse_key(first, after.strip().partition(" ")[0])
    namespaces, valid_after, valid_before = _parse_options(options)
    return AllowedSigner(number, principals, key, namespaces, valid_after, valid_before)


def _why_no_key_type(name: str) -> str:
    if name.endswith("-cert-v01@openssh.com"):
        return "certificates are not supported; write the signer's own public key."
    if name == "ssh-dss":
        return "DSA is too weak to sign; make an Ed25519 key with `ssh-keygen -t ed25519`."
    if not name:
        return "a line has principals, a key type and a key; copy the key from the signer's .pub file."
    return f"{name[:40]!r} is no key type of these: {', '.join(KEY_TYPES)}."


def _take_principals(line: str) -> tuple[tuple[str, ...], str]:
    """Cut off the principals, which may stand in quotes."""
    if line.startswith('"'):
        text, quote, rest = line[1:].partition('"')
        if not quote:
            raise SignatureError("the quotes around the principals are not closed.")
        if rest and rest[0] not in " \t":
            raise SignatureError("a space belongs behind the quoted principals.")
    else:
        text, _, rest = line.replace("\t", " ").partition(" ")
    principals = tuple(text.split(","))
    if not text.isprintable():
        raise SignatureError("the principals have characters that cannot be shown; write names.")
    if not all(principals) or all(each.startswith("!") for each in principals):
        raise SignatureError("the principals name nobody; write who signs, such as alice@example.org.")
    return principals, rest.replace("\t", " ").strip()


def _take_options(rest: str) -> tuple[str, str]:
    """Cut off the options, which end at the first space outside quotes."""
    quoted = False
    for at, letter in enumerate(rest):
        if letter == '"' and (at == 0 or rest[at - 1] != "\\"):
            quoted = not quoted
        elif letter == " " and not quoted:
            return rest[:at], rest[at:].strip()
    if quoted:
        raise SignatureError("the quotes of an option are not closed.")
    return rest, ""


def _parse_options(text: str) -> tuple[tuple[str, ...] | None, datetime | None, datetime | None]:
    """Read cert-authority, namespaces, valid-after and valid-before."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None or (option.end() < len(text) and text[option.end()] != ","):
            raise SignatureError(f'the options {text[:60]!r} cannot be read; write option="value", with commas.')
        name, value = option[1].lower(), option[2]
        if name == "cert-authority":
            raise SignatureError("cert-authority is not supported; write each signer's own public key.")
        if name not in {"namespaces", "valid-after", "valid-before"} or value is None:
            raise SignatureError(f'{name!r} is no option; there are namespaces="", valid-after="" and valid-before="".')
        if name in found:
            raise SignatureError(f"{name} is given twice; write it once.")
        found[name] = value.replace('\\"', '"')
        at = option.end() + 1
        if at == len(text):
            raise SignatureError("an option is missing behind the last comma.")
    namespaces = tuple(found["namespaces"].split(",")) if "namespaces" in found else None
    if namespaces is not None and not all(namespaces):
        raise SignatureError('namespaces="" names none; leave the option away or name one.')
    after = _parse_time("valid-after", found["valid-after"]) if "valid-after" in found else None
    before = _parse_time("valid-before", found["valid-before"]) if "valid-before" in found else None
    if after is not None and before is not None and after >= before:
        raise SignatureError("valid-before is not after valid-after.")
    return namespaces, after, before


def _parse_time(name: str, text: str) -> datetime:
    """Read YYYYMMDD[HHMM[SS]][Z]; without Z it is local time, as ssh-keygen reads it."""
    digits = text.removesuffix("Z")
    form = TIME_FORMS.get(len(digits))
    if form is not None and digits.isascii() and digits.isdecimal():
        try:
            if text.endswith("Z"):
                return datetime.strptime(digits, form).replace(tzinfo=UTC)
            return datetime.strptime(digits, form).astimezone()
        except (ValueError, OverflowError):
            pass
    raise SignatureError(f"{name} {text[:40]!r} is no time; write YYYYMMDDZ or YYYYMMDDHHMMSSZ.")


def parse_key(kind: str, text: str) -> bytes:
    """Read a public key's base64 and hold it to its type; give its octets (RFC 4253 §6.6)."""
    key = decode_base64(text)
    name = kind.encode()
    if key is None or key[: 4 + len(name)] != len(name).to_bytes(4) + name:
        raise SignatureError(f"this is no key of type {kind}; copy the whole line of the signer's .pub file.")
    read_public_key(key)
    return key


def decode_base64(text: str) -> bytes | None:
    """Decode base64 in the one spelling that its octets have, else None."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if text and base64.b64encode(octets) == text.encode() else None


def fingerprint(key: bytes) -> str:
    """Give a key's fingerprint as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def matches(text: str, patterns: tuple[str, ...]) -> bool:
    """Match a pattern list as ssh_config(5) PATTERNS says: * and ?, and ! which excludes."""
    if any(_matches_one(text, each[1:]) for each in patterns if each.startswith("!")):
        return False
    return any(_matches_one(text, each) for each in patterns if not each.startswith("!"))


def _matches_one(text: str, pattern: str) -> bool:
    """Match * and ? in steps bounded by the product of both lengths."""
    possible = {0}
    for letter in pattern:
        if letter == "*":
            possible = set(range(min(possible), len(text) + 1)) if possible else set()
        else:
            possible = {at + 1 for at in possible if at < len(text) and letter in ("?", text[at])}
    return len(text) in possible

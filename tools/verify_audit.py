"""Verify an audit log of Sonde without Sonde.

    python verify_audit.py audit/ --key 'NAME+ID+BASE64' --since kept.checkpoint --outputs datasets/ --json

For an auditor who trusts nobody: one file, to be read from top to bottom, that needs Python 3.11
and the package `cryptography`, and imports nothing of Sonde. Exit status: 0 sound, 1 violated,
2 incomplete (something could not be checked, and nothing that could be is wrong).

What it holds a log to: C2SP signed-note, tlog-checkpoint, tlog-tiles and tlog-cosignature, RFC 6962
§2.1, and the rules of docs/audit.md, whose names it uses. `--json` of both verifiers is the same.
"""

import argparse
import base64
import collections
import hashlib
import itertools
import json
import pathlib
import re
import sys
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# ---------------------------------------------------------------------------------------------
# What entries look like. A letter says what a key of `data` holds: s text, i whole number from 0,
# l list of texts; in brackets: may lack.

ACCOUNT = "authorisation:s reason:s messages:i octets:i refused:l"
TYPES = {
    "log.genesis": "origin:s key:s",
    "boot": "version:s previous:s discarded:i heartbeat_s:i",
    "shutdown": "reason:s",
    "policy.load": "digest:s name:s version:i needed:i signers:l authorisation:i",
    "policy.refuse": "reason:s [digest:s]",
    "authorisation.activate": (
        "authorisation:s digest:s nonce:s policy:s purpose:s networks:l mail_domains:l captures:l protocols:l "
        "artefacts:l not_before:s not_after:s max_messages:i max_octets:i recipients:l signers:l"
    ),
    "authorisation.refuse": "reason:s [authorisation:s] [digest:s]",
    "authorisation.revoke": ACCOUNT,
    "authorisation.expire": ACCOUNT,
    "authorisation.close": ACCOUNT,
    "content.store": "object:s authorisation:s protocol:s artefact:s octets:i sealed:i sha256:s stored:s scope:l",
    "output.commit": "name:s digest:s files:i octets:i rows:i",
    "tally": "frames:i recorded:i out_of_scope:i dropped:l bounds:l faults:i",
    "key.rotate": "key:s epoch_start_ns:i",
    "key.destroy": "key:s epoch_start_ns:i",
    "retention.delete": "dataset:s octets:i since_ns:i",
    "heartbeat": "",
    "clock.jump": "[authorisation:s] [back_ms:i]",
    "selftest": "policies:l canaries:i outputs:i milliseconds:i failures:l",
    "degraded": "what:s reason:s",
}
GREATEST = 2**63 - 1
ENTRY_OCTETS = 8192
PER_TILE = 256
TOLD = 1000  # faults of entries that are listed

PATTERNS = {
    "v": lambda value: type(value) is int and value == 1,
    "t": lambda value: type(value) is str and parse_time(value) is not None,
    "type": lambda value: type(value) is str,
    "probe": lambda value: matches("[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value),
    "boot": lambda value: matches("[0-9a-f]{32}", value),
    "n": lambda value: type(value) is int and 0 <= value <= GREATEST,
    "code": lambda value: matches("[0-9a-f]{64}", value),
    "policy": lambda value: matches("([0-9a-f]{64})?", value),
    "actor": lambda value: type(value) is list and all(type(each) is str for each in value),
    "data": lambda value: type(value) is dict,
}
HOLDS = {
    "s": lambda value: type(value) is str,
    "i": lambda value: type(value) is int and 0 <= value <= GREATEST,
    "l": lambda value: type(value) is list and all(type(each) is str for each in value),
}


def declared(spec):
    """Turn a line of TYPES into (what must be there, what may be)."""
    must, may = {}, {}
    for word in spec.split():
        name, _, letter = word.strip("[]").partition(":")
        (may if word.startswith("[") else must)[name] = letter
    return must, may


DECLARED = {kind: declared(spec) for kind, spec in TYPES.items()}


def matches(pattern, value):
    return type(value) is str and re.fullmatch(pattern, value) is not None


def parse_time(text):
    """Read the time of an entry: 2026-06-01T12:00:00.000Z and no other spelling."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_zoned(text):
    """Read a time of an authorisation, which must have a zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


# ---------------------------------------------------------------------------------------------
# Notes and keys


class Refused(Exception):
    """A note or key that is not as it must be."""

    def __init__(self, what, text):
        super().__init__(text)
        self.what = what


def from_base64(text):
    try:
        octets = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None
    return octets if base64.b64encode(octets).decode() == text else None


class Key:
    """A key as NAME+ID+BASE64 (signed-note, "Verifier keys")."""

    def __init__(self, text):
        self.text = text.strip()
        parts = self.text.split("+", 2)
        raw = from_base64(parts[2]) if len(parts) == 3 else None
        if raw is None or len(raw) != 33 or raw[0] not in (1, 4) or not re.fullmatch(r"\S+", parts[0]):
            raise Refused("usage", f"{self.text[:100]!r} is no key of the form NAME+ID+BASE64")
        self.name, self.kind, self.public = parts[0], raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if self.id.hex() != parts[1]:
            raise Refused("usage", f"the key {self.name} and its id disagree")

    def signed(self, text, lines):
        """Say whether the key signed a text; Refused where a line claims so and does not hold."""
        seen = False
        for name, octets in lines:
            if (name, octets[:4]) != (self.name, self.id):
                continue
            message, signature = text.encode(), octets[4:]
            if self.kind == 4:  # tlog-cosignature, "Ed25519 signed message"
                moment, signature = int.from_bytes(signature[:8], "big"), signature[8:]
                message = b"cosignature/v1\ntime %d\n" % moment + message
            try:
                self.public.verify(signature, message)
            except InvalidSignature:
                raise Refused("signature", f"the signature of {name} does not hold") from None
            seen = True
        return seen


def take_note_apart(octets):
    """Give a note's text and its (name, signature) lines (signed-note, "Format")."""
    bad = Refused("malformed", "the checkpoint is no signed note")
    if len(octets) > 65536:
        raise bad
    try:
        note = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise bad from None
    if any(ord(letter) < 32 and letter != "\n" for letter in note) or "\n\n" not in note or note[-1] != "\n":
        raise bad
    cut = note.rindex("\n\n")
    lines = []
    for line in note[cut + 2 : -1].split("\n"):
        form = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)", line)
        signature = from_base64(form[2]) if form else None
        if signature is None or len(signature) < 5:
            raise bad
        lines.append((form[1], signature))
    if len(lines) > 64:
        raise bad
    return note[: cut + 1], lines


def take_checkpoint_apart(text):
    """Give origin, size and root (tlog-checkpoint, "Note text")."""
    lines = text.split("\n")
    root = from_base64(lines[2]) if len(lines) >= 4 else None
    if root is None or len(root) != 32 or lines.pop() or "" in lines or not matches("0|[1-9][0-9]{0,14}", lines[1]):
        raise Refused("malformed", "the checkpoint has not the lines that it must have")
    return lines[0], int(lines[1]), root


# ---------------------------------------------------------------------------------------------
# The tree (RFC 6962 §2.1): a stack of perfect subtrees, as one adds with carry in binary.


class Tree:
    def __init__(self):
        self.size, self.stack = 0, []

    def add(self, leaf):
        self.size += 1
        height = 0
        while self.size >> height & 1 == 0:
            leaf = hashlib.sha256(b"\x01" + self.stack.pop() + leaf).digest()
            height += 1
        self.stack.append(leaf)

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        right = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            right = hashlib.sha256(b"\x01" + left + right).digest()
        return right


def merkle(hashes):
    tree = Tree()
    for each in hashes:
        tree.add(each)
    return tree.root()


# ---------------------------------------------------------------------------------------------
# The folder (tlog-tiles)


class Missing(Exception):
    pass


class Log:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def read(self, name):
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Missing(f"{self.folder / name} is not there") from None

    @staticmethod
    def path(level, index):
        last = f"{index % 1000:03d}"
        while index := index // 1000:
            last = f"x{index % 1000:03d}/{last}"
        return f"tile/{level}/{last}"

    def tile(self, level, index, width):
        """Read a tile or bundle. A partial one may have given way to the full one."""
        full = self.path(level, index)
        if width == PER_TILE:
            return self.read(full)
        try:
            return self.read(f"{full}.p/{width}")
        except Missing as missing:
            try:
                return self.read(full)
            except Missing:
                raise missing from None

    def left_over(self, size):
        """Count entries whose files are there and which no checkpoint covers."""
        end, index = size, size // PER_TILE
        while True:
            full = self.folder / self.path("entries", index)
            widths = [PER_TILE] if full.is_file() else []
            partial = full.with_name(full.name + ".p")
            if partial.is_dir():
                widths += [int(each.name) for each in partial.iterdir() if re.fullmatch("[0-9]+", each.name)]
            if not widths:
                return end - size
            end = max([end, *(index * PER_TILE + width for width in widths)])
            index += 1


def cut_bundle(octets):
    """Give the entries of a bundle, or None where the lengths do not add up."""
    entries, rest = [], memoryview(octets)
    while rest:
        length = int.from_bytes(rest[:2], "big")
        if len(rest) < 2 + length:
            return None
        entries.append(bytes(rest[2 : 2 + length]))
        rest = rest[2 + length :]
    return entries


class Audit:
    """Everything found so far."""

    def __init__(self):
        self.faults, self.lacks = [], 0
        self.origin, self.size, self.root = "", 0, b""
        self.types, self.first, self.last = collections.Counter(), "", ""
        self.unclean, self.outputs, self.left_over = 0, 0, 0
        self.commits, self.deleted = [], set()
        self.of_entries = 0

    def fault(self, name, entry, text, *, lacks=False):
        self.faults.append((name, entry, text))
        self.lacks += lacks

    def status(self):
        if not self.faults:
            return "sound"
        return "incomplete" if self.lacks == len(self.faults) else "violated"

    def as_dict(self):
        return {
            "status": self.status(),
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "faults": [{"fault": name, "entry": entry} for name, entry, _ in self.faults],
            "types": dict(sorted(self.types.items())),
            "first": self.first,
            "last": self.last,
            "unclean_ends": self.unclean,
            "outputs": self.outputs,
            "beyond": self.left_over,
        }


def read_everything(log, audit, size, older):
    """Read all entries in order, hold every tile to them; give entries, root, and roots at older sizes."""
    entries, tree, roots = [], Tree(), {}
    levels = [[]]  # for each level of tiles, all of its hashes
    for index in range(-(-size // PER_TILE)):
        start = index * PER_TILE
        width = min(PER_TILE, size - start)
        try:
            bundle = cut_bundle(log.tile("entries", index, width))
        except Missing as missing:
            audit.fault("entries-missing", start, str(missing), lacks=True)
            return None
        if bundle is None:
            audit.fault("entries-malformed", start, "a bundle ends in the middle of an entry")
            return None
        if len(bundle) not in (width, PER_TILE):
            audit.fault("entries-count", start, f"there are {len(bundle)} entries where {width} are needed")
            return None
        for entry in bundle[:width]:
            if tree.size in older:
                roots[tree.size] = tree.root()
            leaf = hashlib.sha256(b"\x00" + entry).digest()
            tree.add(leaf)
            levels[0].append(leaf)
            entries.append(entry)
        if width == PER_TILE:
            climb(log, audit, levels, size)
    roots[tree.size] = tree.root()
    for level, hashes in enumerate(levels):
        if len(hashes) % PER_TILE:
            whole = len(hashes) // PER_TILE
            hold_tile(log, audit, level, whole, hashes[whole * PER_TILE :])
    return entries, tree.root(), roots


def climb(log, audit, levels, size):
    """Where a tile is full, hold it to its hashes, and let its own hash stand in the level above."""
    level = 0
    while levels[level] and len(levels[level]) % PER_TILE == 0:
        hashes = levels[level][-PER_TILE:]
        hold_tile(log, audit, level, len(levels[level]) // PER_TILE - 1, hashes)
        level += 1
        if level == len(levels):
            levels.append([])
        levels[level].append(merkle(hashes))


def hold_tile(log, audit, level, index, hashes):
    entry = index * PER_TILE ** (level + 1)
    try:
        tile = log.tile(level, index, len(hashes))
    except Missing as missing:
        audit.fault("tile-missing", entry, str(missing), lacks=True)
        return
    if len(tile) not in (32 * len(hashes), 32 * PER_TILE):
        audit.fault("tile-malformed", entry, f"tile {level}/{index} has {len(tile)} octets")
    elif tile[: 32 * len(hashes)] != b"".join(hashes):
        audit.fault("tile-differs", entry, f"tile {level}/{index} is not what its entries make of it")


# ---------------------------------------------------------------------------------------------
# The rules


class Rules:
    """Holds each entry to what came before. Kept are only facts that later entries are held to."""

    def __init__(self, audit, key):
        self.audit, self.key = audit, key
        self.before = None
        self.boots = set()
        self.version, self.version_digest = 0, ""
        self.used = set()
        self.heartbeat = None
        self.policy, self.in_force, self.grants = None, "", {}

    def fault(self, name, number, text):
        self.audit.of_entries += 1
        if self.audit.of_entries <= TOLD:
            self.audit.fault(name, number, text)

    def read(self, number, octets):
        """Give the entry, or None after telling what it breaks."""
        if len(octets) > ENTRY_OCTETS:
            return self.fault("entry-size", number, f"{len(octets)} octets")
        try:
            text = octets.decode("utf-8")
            entry, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return self.fault("entry-json", number, "is no JSON")
        if type(entry) is not dict:
            return self.fault("entry-json", number, "is no object")
        try:
            spelled = json.dumps(entry, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        except (ValueError, RecursionError):
            spelled = None
        if spelled != text:
            return self.fault("entry-canonical", number, "is not spelled canonically")
        if set(entry) != set(PATTERNS) or not all(PATTERNS[name](value) for name, value in entry.items()):
            return self.fault("entry-fields", number, "has a key too few, too many, or with another value")
        if entry["type"] not in DECLARED:
            return self.fault("type-unknown", number, "has a type that is not known")
        must, may = DECLARED[entry["type"]]
        known = must | may
        data = entry["data"]
        if not must.keys() <= data.keys() <= known.keys() or not all(HOLDS[known[k]](v) for k, v in data.items()):
            return self.fault("entry-data", number, f"data is not that of {entry['type']}")
        return entry

    def take(self, number, octets):
        entry = self.read(number, octets)
        if entry is None:
            self.before = None
            return
        audit = self.audit
        audit.types[entry["type"]] += 1
        audit.first = audit.first or entry["t"]
        audit.last = max(audit.last, entry["t"])
        self.order(number, entry)
        self.time(number, entry)
        kind, data = entry["type"], entry["data"]
        if kind == "boot":
            self.in_force, self.policy, self.grants = "", None, {}
        if kind == "policy.load":
            self.in_force = data["digest"]
        if entry["policy"] != self.in_force:
            self.fault("policy-other", number, "names another policy than the one in force")
        act = getattr(self, "on_" + kind.replace(".", "_"), None)
        if act:
            act(number, entry, data)
        self.before = entry

    def order(self, number, entry):
        if (entry["type"] == "log.genesis") != (number == 0):
            self.fault("genesis", number, "log.genesis is the first entry and no other")
        if number == 0 and entry["n"] != 0:
            self.fault("n-gap", number, "n does not begin with 0")
        before = self.before
        if before is None:
            self.boots.add(entry["boot"])
            return
        if before["probe"] != entry["probe"]:
            self.fault("probe", number, "the probe's name changed")
        if before["boot"] != entry["boot"]:
            if entry["boot"] in self.boots:
                self.fault("boot-again", number, "a boot that had ended goes on")
            if entry["n"] != 0:
                self.fault("n-gap", number, "n does not begin with 0")
            if entry["type"] != "boot":
                self.fault("boot-order", number, "a boot begins with another entry")
            self.boots.add(entry["boot"])
            return
        if entry["n"] - before["n"] != 1:
            self.fault("n-gap", number, f"n goes from {before['n']} to {entry['n']}")
        if entry["code"] != before["code"]:
            self.fault("code-changed", number, "another program goes on")
        if before["type"] == "shutdown":
            self.fault("after-shutdown", number, "an entry after the shutdown")
        if (before["type"] == "log.genesis") != (entry["type"] == "boot"):
            self.fault("boot-order", number, "boot is in another place than the first")

    def time(self, number, entry):
        if self.before is None:
            return
        then, now = parse_time(self.before["t"]), parse_time(entry["t"])
        if now < then and entry["type"] != "clock.jump":
            self.fault("time-backwards", number, f"{entry['t']} after {self.before['t']}")
        if now > then and self.heartbeat and entry["boot"] == self.before["boot"]:
            if now - then > 2 * self.heartbeat:
                self.fault("heartbeat-missing", number, f"silence of {now - then}")

    def on_log_genesis(self, number, entry, data):
        if (data["origin"], data["key"]) != (self.audit.origin, self.key.text):
            self.fault("genesis", number, "the log began with another origin or key")

    def on_boot(self, number, entry, data):
        self.heartbeat = None
        if data["heartbeat_s"] > 86400:
            self.fault("entry-data", number, "heartbeats less than once a day")
        else:
            self.heartbeat = timedelta(seconds=data["heartbeat_s"])
        if self.before is None:
            return
        ended = {"log.genesis": "first", "shutdown": "clean"}.get(self.before["type"], "unclean")
        if ended != data["previous"]:
            self.fault("boot-claim", number, f"the boot before ended {ended}")
        if ended == "unclean":
            self.audit.unclean += 1

    def on_shutdown(self, number, entry, data):
        if data["reason"] not in ("done", "failed", "interrupted"):
            self.fault("entry-data", number, "an unknown reason")

    def on_policy_load(self, number, entry, data):
        if data["version"] > 0:
            if data["version"] < self.version:
                self.fault("policy-lowered", number, f"from version {self.version} to {data['version']}")
            elif data["version"] == self.version and data["digest"] != self.version_digest:
                self.fault("policy-changed", number, "one version, two texts")
            else:
                self.version, self.version_digest = data["version"], data["digest"]
        if len(set(data["signers"])) < data["needed"]:
            self.fault("policy-unsigned", number, "too few keys signed the policy")
        self.policy = data

    def on_authorisation_activate(self, number, entry, data):
        marks = {("nonce", data["nonce"]), ("id", data["authorisation"])}
        if marks & self.used:
            self.fault("nonce-replayed", number, "was activated before")
        self.used |= marks
        if self.policy is None or self.policy["digest"] != data["policy"]:
            self.fault("authorisation-policy", number, "is for another policy")
        asked = self.policy["authorisation"] if self.policy else 0
        if len(set(data["signers"])) < max(asked, 1 if data["captures"] else 2):
            self.fault("authorisation-signers", number, "too few keys signed the authorisation")
        if not data["networks"] + data["mail_domains"] + data["captures"]:
            self.fault("authorisation-scope", number, "is for everything")
        begin, end = parse_zoned(data["not_before"]), parse_zoned(data["not_after"])
        if not begin or not end or end <= begin or end - begin > timedelta(days=14):
            self.fault("authorisation-time", number, "has no time, or a longer one than 14 days")
            return
        if not begin <= parse_time(entry["t"]) < end:
            self.fault("authorisation-expired", number, "was not in force then")
        self.grants[data["authorisation"]] = {"terms": data, "begin": begin, "end": end, "octets": 0}

    def on_content_store(self, number, entry, data):
        grant = self.grants.get(data["authorisation"])
        if grant is None:
            self.fault("store-unauthorised", number, "nothing authorised this object")
            return
        terms = grant["terms"]
        if not grant["begin"] <= parse_time(entry["t"]) < grant["end"]:
            self.fault("store-expired", number, "the authorisation was over")
        kinds = [terms[kind] for kind in ("networks", "mail_domains", "captures") if terms[kind]]
        fits = all(any(value in kind for value in data["scope"]) for kind in kinds)
        if not fits or any(value not in itertools.chain(*kinds) for value in data["scope"]):
            self.fault("store-scope", number, "the object lies outside of the scope")
        if data["protocol"] not in terms["protocols"] or data["artefact"] not in terms["artefacts"]:
            self.fault("store-scope", number, "the kind of object was not authorised")
        grant["octets"] += data["octets"]
        if grant["octets"] > terms["max_octets"]:
            self.fault("store-caps", number, "more than was authorised")

    def on_authorisation_close(self, number, entry, data):
        grant = self.grants.pop(data["authorisation"], None)
        if grant is None:
            self.fault("authorisation-unknown", number, "was not in force")
        elif not grant["octets"] <= data["octets"] <= grant["terms"]["max_octets"]:
            self.fault("authorisation-account", number, "octets do not add up")
        elif data["messages"] > grant["terms"]["max_messages"]:
            self.fault("authorisation-account", number, "more messages than authorised")

    on_authorisation_revoke = on_authorisation_expire = on_authorisation_close

    def on_output_commit(self, number, entry, data):
        if self.policy is None:
            self.fault("output-unruled", number, "no policy was in force")
        if not matches("[0-9a-f]{64}", data["digest"]):
            self.fault("entry-data", number, "the digest is none")
        self.audit.commits.append((number, data))

    def on_retention_delete(self, number, entry, data):
        self.audit.deleted.add(data["dataset"])


# ---------------------------------------------------------------------------------------------
# Outputs


def digest_of(folder):
    """Do what `find . -type f -not -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum` does."""
    listing = []
    for path in pathlib.Path(folder).rglob("*"):
        if "__pycache__" in path.relative_to(folder).parts or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise OSError(0, "is no plain file", str(path))
        name = b"./" + str(path.relative_to(folder)).encode("utf-8", "surrogateescape")
        listing.append((name, hashlib.sha256(path.read_bytes()).hexdigest().encode()))
    return hashlib.sha256(b"".join(digest + b"  " + name + b"\n" for name, digest in sorted(listing))).hexdigest()


def hold_outputs(place, audit):
    place = pathlib.Path(place)
    if not place.is_dir():
        raise OSError(0, "is no folder", str(place))
    whole = (
        [place] if (place / "manifest.json").is_file() else sorted(each for each in place.iterdir() if each.is_dir())
    )
    named = {data["digest"]: data["name"] for _, data in audit.commits}
    met = set()
    for folder in whole:
        if not (folder / "manifest.json").is_file():
            continue
        audit.outputs += 1
        name = named.get(digest_of(folder))
        met.add(name or folder.name)
        if name is None and folder.name in named.values():
            audit.fault("output-altered", None, f"{folder} is not what was written")
        elif name is None:
            audit.fault("output-unknown", None, f"{folder} is in no entry")
    latest = {data["digest"]: (number, data) for number, data in audit.commits}
    for number, data in sorted(latest.values(), key=lambda each: each[0]):
        if data["name"] not in met | audit.deleted:
            audit.fault("output-missing", number, f"{data['name']!r} is not in {place}", lacks=True)


# ---------------------------------------------------------------------------------------------


def open_checkpoint(octets, key, what, audit):
    try:
        text, lines = take_note_apart(octets)
        signed = key.signed(text, lines)
        origin, size, root = take_checkpoint_apart(text)
    except Refused as refused:
        audit.fault(f"{what}-{refused.what}", None, str(refused))
        return None
    if origin != key.name:
        audit.fault(f"{what}-origin", None, f"the checkpoint is of {origin[:100]!r}")
    elif not signed:
        audit.fault(f"{what}-signature", None, "the checkpoint is not signed by this key")
    else:
        return origin, size, root
    return None


def hold_witnesses(notes, witnesses, audit):
    opened = []
    for note in notes:
        try:
            opened.append(take_note_apart(note))
        except Refused:
            pass  # told where it was opened
    for witness in witnesses:
        try:
            if not sum(witness.signed(*each) for each in opened):
                audit.fault("cosignature-missing", None, f"{witness.name} cosigned nothing", lacks=True)
        except Refused as refused:
            audit.fault("cosignature", None, str(refused))


def run(folder, key, since=(), witnesses=(), outputs=None):
    """Check everything; give an Audit."""
    audit, log = Audit(), Log(folder)
    try:
        note = log.read("checkpoint")
    except Missing as missing:
        audit.fault("checkpoint-missing", None, str(missing), lacks=True)
        return audit
    present = open_checkpoint(note, key, "checkpoint", audit)
    if present is None:
        return audit
    audit.origin, audit.size, audit.root = present
    older = [opened for each in since if (opened := open_checkpoint(each, key, "since", audit))]
    hold_witnesses([note, *since], witnesses, audit)
    found = read_everything(log, audit, audit.size, {size for _, size, _ in older})
    roots = found[2] if found else {}
    if found and found[1] != audit.root:
        audit.fault("root-differs", None, "the entries are not those that were signed")
    for _, size, root in older:
        if size > audit.size:
            audit.fault("rolled-back", None, f"the log had {size} entries and has {audit.size}")
        elif roots.get(size, root) != root:
            audit.fault("forked", None, f"the first {size} entries are not those of then")
    if audit.faults:
        return audit
    audit.left_over = log.left_over(audit.size)
    rules = Rules(audit, key)
    for number, octets in enumerate(found[0]):
        rules.take(number, octets)
    if not found[0]:
        audit.fault("genesis", 0, "the log is empty")
    if outputs:
        hold_outputs(outputs, audit)
    return audit


def key_from(text):
    if "+" not in text or pathlib.Path(text).is_file():
        text = pathlib.Path(text).read_text(encoding="utf-8", errors="replace")
    return Key(text)


def main():
    parser = argparse.ArgumentParser(description="Verify an audit log of Sonde without Sonde.")
    parser.add_argument("log", help="the folder of the log")
    parser.add_argument("--key", required=True, help="its public key, NAME+ID+BASE64, or a file that has it")
    parser.add_argument("--since", action="append", default=[], help="a checkpoint that you kept")
    parser.add_argument("--witness", action="append", default=[], help="the key of a witness that must have cosigned")
    parser.add_argument("--outputs", help="a dataset, or a folder of datasets")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    args = parser.parse_args()
    try:
        since = [pathlib.Path(each).read_bytes() for each in args.since]
        audit = run(args.log, key_from(args.key), since, [key_from(each) for each in args.witness], args.outputs)
    except (Refused, OSError) as error:
        said = f"{error.filename} {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"verify_audit: {said}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(audit.as_dict(), indent=1))
    else:
        print(audit.status())
        for name, entry, text in audit.faults[:20]:
            shown = "".join(letter if letter.isprintable() else "?" for letter in text)
            print(f"  {name}{'' if entry is None else f', entry {entry}'}: {shown}")
        if not args.since:
            print("  no older checkpoint was given: a log that was rebuilt and signed again would not show")
    return {"sound": 0, "violated": 1, "incomplete": 2}[audit.status()]


if __name__ == "__main__":
    sys.exit(main())

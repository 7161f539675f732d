"""A good log, and what can be wrong with it: each damage by its name, with the fault it must be told as."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

from tests.audit.forge import KEY, ORIGIN, OTHER, note, root_of, spelled, vkey, write_log

Entries = list[dict]

DIGEST, LATER = "a" * 64, "b" * 64
SIGNERS = ["SHA256:" + "A" * 43, "SHA256:" + "B" * 43]
BOOT_1, BOOT_2 = "1" * 32, "2" * 32
GRANT = {
    "authorisation": "a-0000000000000001", "digest": "c" * 64, "nonce": "d" * 32, "policy": DIGEST,
    "purpose": "mail-abuse", "networks": ["192.0.2.0/28"], "mail_domains": ["example.org"], "captures": [],
    "protocols": ["smtp"], "artefacts": ["headers", "attachments"], "not_before": "2026-06-01T11:00:00+00:00",
    "not_after": "2026-06-03T11:00:00+00:00", "max_messages": 2, "max_octets": 5000, "recipients": ["age1x"],
    "signers": SIGNERS,
}  # fmt: skip
STORED = {
    "object": "e" * 32, "authorisation": "a-0000000000000001", "protocol": "smtp", "artefact": "attachments",
    "octets": 2000, "sealed": 2200, "sha256": "f" * 64, "stored": "2026-06-01T12:04:00+00:00",
    "scope": ["192.0.2.0/28", "example.org"],
}  # fmt: skip
POLICY = {"digest": DIGEST, "name": "office", "version": 3, "needed": 1, "signers": SIGNERS[:1], "authorisation": 2}
CLOSED = {"authorisation": "a-0000000000000001", "reason": "closed", "messages": 1, "octets": 2000, "refused": []}
TALLY = {"frames": 9, "recorded": 7, "out_of_scope": 1, "dropped": ["short: 1"], "bounds": [], "faults": 0}
OUTPUT = {"name": "office.sonde", "digest": "9" * 64, "files": 3, "octets": 100, "rows": 7}
BOOT = {"version": "0.1.0", "previous": "first", "discarded": 0, "heartbeat_s": 600}
#: Places in the good log.
GENESIS, FIRST_BOOT, LOAD, ACTIVATE, STORE, TALLIED, COMMIT, CLOSE, BEAT, SHUTDOWN, SECOND_BOOT, LOAD_4 = range(12)
TOLD = [
    (BOOT_1, "", "log.genesis", {"origin": ORIGIN, "key": vkey()}),
    (BOOT_1, "", "boot", BOOT),
    (BOOT_1, DIGEST, "policy.load", POLICY),
    (BOOT_1, DIGEST, "authorisation.activate", GRANT),
    (BOOT_1, DIGEST, "content.store", STORED),
    (BOOT_1, DIGEST, "tally", TALLY),
    (BOOT_1, DIGEST, "output.commit", OUTPUT),
    (BOOT_1, DIGEST, "authorisation.close", CLOSED),
    (BOOT_1, DIGEST, "heartbeat", {}),
    (BOOT_1, DIGEST, "shutdown", {"reason": "done"}),
    (BOOT_2, "", "boot", BOOT | {"previous": "clean"}),
    (BOOT_2, LATER, "policy.load", POLICY | {"digest": LATER, "version": 4}),
    (BOOT_2, LATER, "retention.delete", {"dataset": "old.sonde", "octets": 1, "since_ns": 1_780_000_000_000_000_000}),
    (BOOT_2, LATER, "shutdown", {"reason": "done"}),
]


def minutes(count: int, seconds: int = 0) -> str:
    return f"2026-06-01T{12 + count // 60:02d}:{count % 60:02d}:{seconds:02d}.000Z"


def entry(boot: str, n: int, t: str, policy: str, kind: str, data: dict) -> dict:
    return {
        "v": 1, "t": t, "type": kind, "probe": "north", "boot": boot, "n": n, "code": "0" * 64, "policy": policy,
        "actor": [], "data": data,
    }  # fmt: skip


def good() -> Entries:
    counts = {BOOT_1: 0, BOOT_2: 0}
    found = []
    for place, (boot, policy, kind, data) in enumerate(TOLD):
        found.append(entry(boot, counts[boot], minutes(place), policy, kind, copy.deepcopy(data)))
        counts[boot] += 1
    return found


def long(count: int = 600) -> list[bytes]:
    """A log of several tiles."""
    entries = good()[:3]
    entries += [entry(BOOT_1, n, minutes(n), DIGEST, "heartbeat", {}) for n in range(3, count)]
    return [spelled(each) for each in entries]


def setting(place: int, name: str, value: object) -> Callable[[Entries], None]:
    """Set a key of an entry, or of its data."""

    def damage(entries: Entries) -> None:
        target = entries[place] if name in entries[place] else entries[place]["data"]
        assert name in target
        target[name] = value

    return damage


def renumber(entries: Entries) -> None:
    counts: dict[str, int] = {}
    for each in entries:
        each["n"] = counts.get(each["boot"], 0)
        counts[each["boot"]] = each["n"] + 1


def deleted_and_renumbered(place: int) -> Callable[[Entries], None]:
    def damage(entries: Entries) -> None:
        del entries[place]
        renumber(entries)

    return damage


def inserted(before: int, kind: str, data: dict) -> Callable[[Entries], None]:
    def damage(entries: Entries) -> None:
        near = entries[before - 1]
        entries.insert(before, entry(near["boot"], 0, near["t"], near["policy"], kind, copy.deepcopy(data)))
        renumber(entries)

    return damage


def reordered(entries: Entries) -> None:
    entries[TALLIED], entries[COMMIT] = entries[COMMIT], entries[TALLIED]


def boots_interleaved(entries: Entries) -> None:
    entries[SHUTDOWN]["boot"], entries[SECOND_BOOT]["boot"] = BOOT_2, BOOT_1


def version_changed_in_silence(entries: Entries) -> None:
    entries[LOAD_4]["data"]["version"] = 3


#: What somebody with the key writes who does not keep the rules: the signature holds, the story does not.
STORIES: dict[str, tuple[Callable[[Entries], object], str]] = {
    "entry-deleted": (lambda entries: entries.pop(TALLIED), "n-gap"),
    "entry-doubled": (lambda entries: entries.insert(TALLIED, entries[TALLIED]), "n-gap"),
    "gap-in-n": (setting(TALLIED, "n", 50), "n-gap"),
    "n-begins-late": (setting(GENESIS, "n", 1), "n-gap"),
    "second-boot-begins-late": (setting(SECOND_BOOT, "n", 1), "n-gap"),
    "reordered": (reordered, "n-gap"),
    "boots-interleaved": (boots_interleaved, "boot-again"),
    "genesis-missing": (deleted_and_renumbered(GENESIS), "genesis"),
    "genesis-twice": (inserted(STORE, "log.genesis", {"origin": ORIGIN, "key": vkey()}), "genesis"),
    "genesis-of-another-key": (setting(GENESIS, "key", vkey(OTHER)), "genesis"),
    "genesis-of-another-origin": (setting(GENESIS, "origin", "south/0123456789abcdef"), "genesis"),
    "boot-missing": (deleted_and_renumbered(SECOND_BOOT), "boot-order"),
    "boot-missing-after-genesis": (deleted_and_renumbered(FIRST_BOOT), "boot-order"),
    "boot-in-the-middle": (inserted(TALLIED, "boot", BOOT), "boot-order"),
    "shutdown-hidden": (deleted_and_renumbered(SHUTDOWN), "boot-claim"),
    "kill-hidden": (setting(SECOND_BOOT, "previous", "unclean"), "boot-claim"),
    "entry-after-shutdown": (inserted(SHUTDOWN + 1, "heartbeat", {}), "after-shutdown"),
    "shutdown-for-no-known-reason": (setting(SHUTDOWN, "reason", "tired"), "entry-data"),
    "another-probe": (setting(TALLIED, "probe", "south"), "probe"),
    "code-changed-while-running": (setting(TALLIED, "code", "1" * 64), "code-changed"),
    "heartbeat-missing": (lambda entries: [each.update(t=minutes(60 + n)) for n, each in enumerate(entries) if n >= BEAT], "heartbeat-missing"),
    "heartbeats-promised-once-a-year": (setting(FIRST_BOOT, "heartbeat_s", 31_536_000), "entry-data"),
    "time-backwards-without-clock-jump": (setting(TALLIED, "t", minutes(1)), "time-backwards"),
    "policy-version-lowered": (setting(LOAD_4, "version", 2), "policy-lowered"),
    "policy-changed-under-its-version": (version_changed_in_silence, "policy-changed"),
    "policy-unsigned": (setting(LOAD, "signers", []), "policy-unsigned"),
    "policy-signed-twice-by-one-key": (lambda entries: entries[LOAD]["data"].update(needed=2, signers=SIGNERS[:1] * 2), "policy-unsigned"),
    "policy-never-loaded": (deleted_and_renumbered(LOAD), "policy-other"),
    "policy-of-entry-is-another": (setting(TALLIED, "policy", LATER), "policy-other"),
    "policy-outlives-its-boot": (setting(SECOND_BOOT, "policy", DIGEST), "policy-other"),
    "authorisation-expired": (setting(ACTIVATE, "not_after", "2026-06-01T12:00:00+00:00"), "authorisation-expired"),
    "authorisation-not-yet-valid": (setting(ACTIVATE, "not_before", "2026-06-02T12:00:00+00:00"), "authorisation-expired"),
    "authorisation-for-a-month": (setting(ACTIVATE, "not_after", "2026-07-01T12:00:00+00:00"), "authorisation-time"),
    "authorisation-without-end": (setting(ACTIVATE, "not_after", ""), "authorisation-time"),
    "authorisation-without-zone": (setting(ACTIVATE, "not_after", "2026-06-02T12:00:00"), "authorisation-time"),
    "authorisation-at-the-end-of-time": (setting(ACTIVATE, "not_before", "9999-12-31T23:00:00+00:00"), "authorisation-time"),
    "one-signer": (setting(ACTIVATE, "signers", SIGNERS[:1]), "authorisation-signers"),
    "one-signer-twice": (setting(ACTIVATE, "signers", SIGNERS[:1] * 2), "authorisation-signers"),
    "one-signer-where-the-policy-asks-one": (lambda entries: (entries[LOAD]["data"].update(authorisation=1), entries[ACTIVATE]["data"].update(signers=SIGNERS[:1])), "authorisation-signers"),
    "authorisation-without-scope": (lambda entries: entries[ACTIVATE]["data"].update(networks=[], mail_domains=[]), "authorisation-scope"),
    "authorisation-of-another-policy": (lambda entries: entries[ACTIVATE]["data"].update(policy=LATER), "authorisation-policy"),
    "nonce-replayed": (inserted(COMMIT, "authorisation.activate", GRANT | {"authorisation": "a-0000000000000002"}), "nonce-replayed"),
    "authorisation-activated-again": (inserted(BEAT, "authorisation.activate", GRANT | {"nonce": "0" * 32}), "nonce-replayed"),
    "object-without-authorisation": (deleted_and_renumbered(ACTIVATE), "store-unauthorised"),
    "object-after-the-authorisation-closed": (inserted(BEAT, "content.store", STORED), "store-unauthorised"),
    "object-in-another-boot": (inserted(LOAD_4 + 1, "content.store", STORED), "store-unauthorised"),
    "object-after-expiry": (setting(ACTIVATE, "not_after", "2026-06-01T12:03:30+00:00"), "store-expired"),
    "object-outside-scope": (setting(STORE, "scope", ["198.51.100.0/28", "example.org"]), "store-scope"),
    "object-in-half-of-the-scope": (setting(STORE, "scope", ["192.0.2.0/28"]), "store-scope"),
    "object-of-another-protocol": (setting(STORE, "protocol", "imap"), "store-scope"),
    "object-of-another-kind": (setting(STORE, "artefact", "bodies"), "store-scope"),
    "objects-beyond-the-cap": (inserted(TALLIED, "content.store", STORED | {"octets": 4000}), "store-caps"),
    "account-too-small": (setting(CLOSE, "octets", 1999), "authorisation-account"),
    "account-beyond-the-cap": (setting(CLOSE, "octets", 5001), "authorisation-account"),
    "more-messages-than-authorised": (setting(CLOSE, "messages", 3), "authorisation-account"),
    "authorisation-closed-twice": (inserted(BEAT, "authorisation.close", CLOSED), "authorisation-unknown"),
    "output-under-no-policy": (inserted(LOAD, "output.commit", OUTPUT), "output-unruled"),
    "output-without-digest": (setting(COMMIT, "digest", ""), "entry-data"),
    "unknown-type": (setting(BEAT, "type", "person.search"), "type-unknown"),
    "unknown-key": (lambda entries: entries[BEAT].update(who="alice"), "entry-fields"),
    "key-missing": (lambda entries: entries[BEAT].pop("actor"), "entry-fields"),
    "another-version": (setting(BEAT, "v", 2), "entry-fields"),
    "version-is-true": (setting(BEAT, "v", True), "entry-fields"),
    "null": (setting(BEAT, "policy", None), "entry-fields"),
    "time-in-another-spelling": (setting(BEAT, "t", "2026-06-01T12:08:00Z"), "entry-fields"),
    "time-that-is-none": (setting(BEAT, "t", "2026-06-31T12:08:00.000Z"), "entry-fields"),
    "n-negative": (setting(BEAT, "n", -1), "entry-fields"),
    "unknown-data": (lambda entries: entries[BEAT]["data"].update(person="alice"), "entry-data"),
    "data-missing": (lambda entries: entries[COMMIT]["data"].pop("rows"), "entry-data"),
    "data-of-another-type": (setting(COMMIT, "rows", "7"), "entry-data"),
    "float": (setting(COMMIT, "rows", 7.5), "entry-data"),
    "negative-count": (setting(COMMIT, "rows", -7), "entry-data"),
    "number-too-great": (setting(COMMIT, "rows", 1 << 63), "entry-data"),
    "object-in-data": (setting(TALLIED, "dropped", [{}]), "entry-data"),
    "oversized-entry": (setting(BEAT, "actor", ["x" * 8192]), "entry-size"),
}  # fmt: skip

#: An entry spelled in another way than the one.
SPELLINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "keys-in-another-order": (lambda octets: json.dumps(dict(reversed(json.loads(octets).items())), separators=(",", ":")).encode(), "entry-canonical"),
    "spaces": (lambda octets: octets.replace(b'"n":', b'"n": '), "entry-canonical"),
    "a-space-behind": (lambda octets: octets + b" ", "entry-canonical"),
    "a-space-before": (lambda octets: b" " + octets, "entry-json"),
    "something-behind": (lambda octets: octets + b"{}", "entry-canonical"),
    "duplicate-keys": (lambda octets: octets.replace(b'"n":', b'"n":0,"n":'), "entry-canonical"),
    "duplicate-keys-in-data": (lambda octets: octets.replace(b'"rows":', b'"rows":0,"rows":'), "entry-canonical"),
    "letters-escaped": (lambda octets: octets.replace(b"north", rb"\u006eorth"), "entry-canonical"),
    "number-with-exponent": (lambda octets: octets.replace(b'"rows":7', b'"rows":7e0'), "entry-canonical"),
    "minus-zero": (lambda octets: octets.replace(b'"rows":7', b'"rows":-0'), "entry-canonical"),
    "not-a-number": (lambda octets: octets.replace(b'"rows":7', b'"rows":NaN'), "entry-canonical"),
    "half-a-surrogate": (lambda octets: octets.replace(b"office.sonde", rb"\ud800"), "entry-canonical"),
    "not-utf-8": (lambda octets: octets.replace(b"north", b"\xff"), "entry-json"),
    "no-json": (lambda octets: octets[:-1], "entry-json"),
    "empty": (lambda octets: b"", "entry-json"),
    "a-list": (lambda octets: b"[" + octets + b"]", "entry-json"),
    "very-deep": (lambda octets: b"[" * 8000, "entry-json"),
    "very-long-number": (lambda octets: octets.replace(b'"rows":7', b'"rows":' + b"7" * 5000), "entry-json"),
}  # fmt: skip


def flip(path: Path, at: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)


def again(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def signed_anew(folder: Path, size: int | None = None, **signed) -> None:
    entries = long()
    (folder / "checkpoint").write_bytes(note(size or len(entries), root_of(entries[:size]), **signed))


#: What happens to files; the log is that of `long`, with 600 entries.
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "bit-flipped-in-entry": (lambda log: flip(log / "tile/entries/001", 1000), "tile-differs"),
    "bit-flipped-in-length": (lambda log: flip(log / "tile/entries/001", 1), "entries-malformed"),
    "bit-flipped-in-tile": (lambda log: flip(log / "tile/0/000", 77), "tile-differs"),
    "bit-flipped-in-partial-tile": (lambda log: flip(log / "tile/0/002.p/88", 77), "tile-differs"),
    "bit-flipped-in-upper-tile": (lambda log: flip(log / "tile/1/000.p/2", 33), "tile-differs"),
    "bit-flipped-in-size": (lambda log: again(log / "checkpoint", lambda octets: octets.replace(b"\n600\n", b"\n601\n")), "checkpoint-signature"),
    "bit-flipped-in-signature": (lambda log: again(log / "checkpoint", lambda octets: octets[:-8] + (b"B" if octets[-8:-7] == b"A" else b"A") + octets[-7:]), "checkpoint-signature"),
    "checkpoint-missing": (lambda log: (log / "checkpoint").unlink(), "checkpoint-missing"),
    "checkpoint-empty": (lambda log: (log / "checkpoint").write_bytes(b""), "checkpoint-malformed"),
    "checkpoint-unsigned": (lambda log: again(log / "checkpoint", lambda octets: octets.split("\u2014".encode())[0]), "checkpoint-malformed"),
    "checkpoint-signed-by-another-key": (lambda log: signed_anew(log, key=OTHER), "checkpoint-signature"),
    "checkpoint-of-another-origin": (lambda log: signed_anew(log, origin="south/0123456789abcdef"), "checkpoint-origin"),
    "checkpoint-signed-under-another-name": (lambda log: signed_anew(log, name="south/0123456789abcdef"), "checkpoint-signature"),
    "checkpoint-size-with-zeros": (lambda log: (log / "checkpoint").write_bytes(note(0, bytes(32)).replace(b"\n0\n", b"\n00\n")), "checkpoint-signature"),
    "root-of-other-entries": (lambda log: (log / "checkpoint").write_bytes(note(600, bytes(32))), "root-differs"),
    "entry-deleted-from-bundle": (lambda log: again(log / "tile/entries/001", lambda octets: octets[2 + int.from_bytes(octets[:2]) :]), "entries-count"),
    "bundle-truncated": (lambda log: again(log / "tile/entries/001", lambda octets: octets[:-1]), "entries-malformed"),
    "bundle-missing": (lambda log: (log / "tile/entries/001").unlink(), "entries-missing"),
    "last-bundle-missing": (lambda log: (log / "tile/entries/002.p/88").unlink(), "entries-missing"),
    "bundles-exchanged": (lambda log: (log / "tile/entries/000").write_bytes((log / "tile/entries/001").read_bytes()), "tile-differs"),
    "tile-too-short": (lambda log: again(log / "tile/0/001", lambda octets: octets[:-32]), "tile-malformed"),
    "tile-torn": (lambda log: again(log / "tile/0/001", lambda octets: octets[:-1]), "tile-malformed"),
    "tile-too-long": (lambda log: again(log / "tile/0/001", lambda octets: octets + bytes(32)), "tile-malformed"),
    "tile-missing": (lambda log: (log / "tile/0/001").unlink(), "tile-missing"),
    "upper-tile-missing": (lambda log: (log / "tile/1/000.p/2").unlink(), "tile-missing"),
}  # fmt: skip


def make(folder: Path, name: str) -> str:
    """Make the log with this damage; give the fault that it is."""
    if name in STORIES:
        damage, fault = STORIES[name]
        entries = good()
        damage(entries)
        write_log(folder, [spelled(each) for each in entries])
    elif name in SPELLINGS:
        change, fault = SPELLINGS[name]
        octets = [spelled(each) for each in good()]
        octets[COMMIT] = change(octets[COMMIT])
        write_log(folder, octets)
    else:
        harm, fault = FILES[name]
        write_log(folder, long())
        harm(folder)
    return fault


NAMES = [*STORIES, *SPELLINGS, *FILES]


def key() -> str:
    return vkey(KEY)

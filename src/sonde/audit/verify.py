"""Verify a log as an auditor does: nothing is believed but the key that was given beforehand.

    verdict = verify(Path("audit"), read_verifier(key), since=[old], outputs=Path("datasets"))
    verdict.status                      # sound, violated, incomplete

A log rebuilt without one entry and signed again verifies by itself. What finds that is an older
checkpoint, kept by somebody else: `since` (ACCOUNTABILITY §5).
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonde.audit.entry import decode_entry
from sonde.audit.error import AuditError
from sonde.audit.folder import Fault, LackError, beyond, read_checkpoint_file, read_log
from sonde.audit.note import (
    Checkpoint,
    NoteError,
    Verifier,
    open_note,
    read_checkpoint,
    read_verifier,
    split_note,
    verified,
)
from sonde.audit.rules import Story
from sonde.audit.stamp import digest_folder
from sonde.audit.tree import WIDTH, consistency_proof, leaf_hash, tree_root

SOUND, VIOLATED, INCOMPLETE = "sound", "violated", "incomplete"
STATUS = {SOUND: 0, VIOLATED: 1, INCOMPLETE: 2}
MANIFEST = "manifest.json"


@dataclass
class Verdict:
    """What was found."""

    faults: list[Fault] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    story: Story | None = None
    outputs: int = 0
    beyond: int = 0

    @property
    def status(self) -> str:
        """Say sound, violated, or incomplete: nothing is wrong, and something could not be checked."""
        if not self.faults:
            return SOUND
        return INCOMPLETE if all(fault.is_lack for fault in self.faults) else VIOLATED

    def as_dict(self) -> dict[str, Any]:
        """Give what two verifiers must agree on."""
        checkpoint, story = self.checkpoint, self.story
        return {
            "status": self.status,
            "origin": checkpoint.origin if checkpoint else "",
            "size": checkpoint.size if checkpoint else 0,
            "root": checkpoint.root.hex() if checkpoint else "",
            "faults": [{"fault": each.name, "entry": each.entry} for each in self.faults],
            "types": dict(sorted(story.counts.items())) if story else {},
            "first": story.first if story else "",
            "last": story.last if story else "",
            "unclean_ends": story.unclean if story else 0,
            "outputs": self.outputs,
            "beyond": self.beyond,
        }


def verify(
    folder: Path,
    key: Verifier,
    *,
    since: Sequence[bytes] = (),
    witnesses: Sequence[Verifier] = (),
    outputs: Path | None = None,
) -> Verdict:
    """Check everything that a log lets be checked; AuditError where it cannot be read at all.

    `since` are older checkpoints, whole; each witness must have cosigned one of them or the
    present one. `outputs` is a dataset, or a folder of datasets.
    """
    verdict = Verdict()
    try:
        note = read_checkpoint_file(folder)
    except LackError as error:
        verdict.faults.append(Fault("checkpoint-missing", None, str(error), is_lack=True))
        return verdict
    checkpoint = _open(note, key, "checkpoint", verdict.faults)
    if checkpoint is None:
        return verdict
    verdict.checkpoint = checkpoint
    older = [found for each in since if (found := _open(each, key, "since", verdict.faults)) is not None]
    _check_witnesses([note, *since], witnesses, verdict.faults)
    found = read_log(folder, checkpoint.size, [each.size for each in older])
    verdict.faults += found.faults
    if found.edge.size == checkpoint.size and found.edge.root() != checkpoint.root:
        verdict.faults.append(Fault("root-differs", None, "the entries are not those that the checkpoint signs."))
    for each in older:
        if each.size > checkpoint.size:
            text = f"the log had {each.size} entries, and has {checkpoint.size}."
            verdict.faults.append(Fault("rolled-back", None, text))
        elif found.roots.get(each.size, each.root) != each.root:
            verdict.faults.append(Fault("forked", None, f"the first {each.size} entries are not those of then."))
    if verdict.faults:
        return verdict
    verdict.beyond = beyond(folder, checkpoint.size)[0]
    story = Story(checkpoint.origin, str(key))
    for number, octets in found.entries():
        story.take(number, octets)
    if not checkpoint.size:
        story.fault("genesis", 0, "the log is empty")
    verdict.story = story
    verdict.faults += story.faults
    if outputs is not None:
        _check_outputs(outputs, story, verdict)
    return verdict


def _open(note: bytes, key: Verifier, what: str, faults: list[Fault]) -> Checkpoint | None:
    """Open a checkpoint; what is wrong with it goes to the faults."""
    try:
        text, signatures = split_note(note)
        is_signed = verified(text, signatures, key) is not None
        checkpoint = read_checkpoint(text)
    except NoteError as error:
        faults.append(Fault(f"{what}-{'signature' if error.is_signature else 'malformed'}", None, f"{error}."))
        return None
    if checkpoint.origin != key.name:
        faults.append(Fault(f"{what}-origin", None, f"the checkpoint is of {checkpoint.origin[:100]!r}."))
        return None
    if not is_signed:
        faults.append(Fault(f"{what}-signature", None, "the checkpoint is not signed by this key."))
        return None
    return checkpoint


def _check_witnesses(notes: Iterable[bytes], witnesses: Sequence[Verifier], faults: list[Fault]) -> None:
    """See that each witness cosigned one of the checkpoints, and that no line of theirs is forged."""
    opened = []
    for note in notes:
        try:
            opened.append(split_note(note))
        except NoteError:
            continue  # told before
    for witness in witnesses:
        try:
            times = [verified(text, signatures, witness) for text, signatures in opened]
        except NoteError as error:
            faults.append(Fault("cosignature", None, f"{error}."))
            continue
        if all(time is None for time in times):
            text = f"{witness.name} cosigned none of the checkpoints."
            faults.append(Fault("cosignature-missing", None, text, is_lack=True))


def _check_outputs(place: Path, story: Story, verdict: Verdict) -> None:
    """Hold each dataset to its entry, and each entry to its dataset."""
    committed = {e["data"]["digest"]: (n, e["data"]) for n, e in story.entries if e["type"] == "output.commit"}
    deleted = {e["data"]["dataset"] for _, e in story.entries if e["type"] == "retention.delete"}
    names = {data["name"] for _, data in committed.values()}
    if not place.is_dir():
        raise AuditError(f"{place} is no folder; name a dataset, or a folder of datasets.")
    folders = [place] if (place / MANIFEST).is_file() else sorted(each for each in place.iterdir() if each.is_dir())
    met = set()
    for folder in folders:
        if (folder / MANIFEST).is_file():
            verdict.outputs += 1
            found = digest_folder(folder)
            if found.digest in committed:
                met.add(committed[found.digest][1]["name"])
                continue
            met.add(folder.name)
            what = "is not what was written" if folder.name in names else "is in no entry of the log"
            name = "output-altered" if folder.name in names else "output-unknown"
            verdict.faults.append(Fault(name, None, f"{folder} {what}."))
    for number, data in sorted(committed.values(), key=lambda each: each[0]):
        if data["name"] not in met and data["name"] not in deleted:
            text = f"the dataset {data['name']!r} is not in {place}."
            verdict.faults.append(Fault("output-missing", number, text, is_lack=True))


def own_key(folder: Path) -> Verifier:
    """Give the public key that a log says is its own: right for its operator, and no proof for anybody else."""
    try:
        note = read_checkpoint_file(folder)
    except LackError:
        raise AuditError(f"There is no audit log in {folder}; `sonde read --audit {folder}` begins one.") from None
    text, _ = split_note(note)
    checkpoint = read_checkpoint(text)
    found = read_log(folder, min(checkpoint.size, WIDTH))  # the first bundle; its tiles are looked at elsewhere
    if not found.bundles:
        raise AuditError(f"The audit log {folder} has no first entry, and so no key; it is incomplete.")
    key = read_verifier(str(decode_entry(found.bundles[0][0])["data"].get("key", "")))
    open_note(note, key)
    return key


def witness_request(folder: Path, key: Verifier, since: bytes | None = None) -> str:
    """Give the present checkpoint, or with an older one what a witness is sent (tlog-witness, add-checkpoint)."""
    note = read_checkpoint_file(folder)
    if since is None:
        return note.decode()
    old, new = read_checkpoint(open_note(since, key)), read_checkpoint(open_note(note, key))
    found = read_log(folder, new.size)
    leaves = [leaf_hash(entry) for _, entry in found.entries()]
    if found.faults or len(leaves) != new.size or not 0 < old.size <= new.size:
        raise AuditError(f"No proof can be made: {folder} is damaged, or the older checkpoint is newer; verify it.")
    if tree_root(leaves[: old.size]) != old.root or tree_root(leaves) != new.root:
        raise AuditError(f"No proof can be made: {folder} is not what was signed then; verify it.")
    proof = [base64.b64encode(each).decode() for each in consistency_proof(leaves, old.size)]
    return "\n".join([f"old {old.size}", *proof, "", note.decode()])


__all__ = ["INCOMPLETE", "SOUND", "STATUS", "VIOLATED", "Verdict", "own_key", "verify", "witness_request"]

"""`sonde.read`: captures in, a dataset out."""

import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sonde
from sonde.flow import Limits
from sonde.identify import Applications
from sonde.pipeline.account import accept_policy
from sonde.pipeline.apart import Apart, may_fork
from sonde.pipeline.batch import Yield
from sonde.pipeline.places import keys_folder
from sonde.pipeline.plan import MIB, Plan, PlanError, choose_tables, registry
from sonde.pipeline.run import Totals, carry_all, give_memory_back, take_all
from sonde.pipeline.whole import OutputError, whole
from sonde.policy import Gate, Keys, Policy
from sonde.policy.terms import KEEP
from sonde.sink import FORMATS, Behind, open_sink
from sonde.source import Source, SourceError, open_source
from sonde.table.packets import DROPS

if TYPE_CHECKING:
    from sonde.audit import AuditLog
    from sonde.pipeline.keeping import Keeper
    from sonde.pipeline.recorder import Recorder
    from sonde.pipeline.tally import Tally

CAPTURE_ENDINGS = (".pcap", ".pcapng", ".cap", ".dmp", ".ntar")
PACKINGS = ("", ".gz", ".zst", ".xz", ".bz2")


@dataclass
class Reading:
    """The result of a run: where the dataset is, and what was counted."""

    folder: Path
    manifest: dict[str, Any]
    totals: Totals
    tally: "Tally"
    plan: Plan
    seconds: float
    damaged: bool = field(default=False)


def find_captures(paths: Iterable[str]) -> list[str]:
    """Spell out globs and folders; SourceError where nothing is found."""
    found: list[str] = []
    for path in paths:
        if path == "-":
            found.append(path)
        elif Path(path).is_dir():
            inside = sorted(str(each) for each in Path(path).rglob("*") if is_capture(each))
            if not inside:
                raise SourceError(f"{path} is a folder without a capture in it.")
            found += inside
        elif any(mark in path for mark in "*?[") and not Path(path).exists():
            import glob  # noqa: PLC0415

            inside = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - the user's own pattern
            if not inside:
                raise SourceError(f"{path} matches no file.")
            found += inside
        else:
            found.append(path)
    return found


def is_capture(path: Path) -> bool:
    """Say whether a file is a capture by its name."""
    name = path.name.lower()
    return path.is_file() and any(name.endswith(end + packing) for end in CAPTURE_ENDINGS for packing in PACKINGS)


def seed_of(paths: list[str]) -> int:
    """Derive the seed of flow names from the inputs' first octets and sizes: the same for the same input."""
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        place = Path(path)
        if path != "-" and place.is_file():
            with place.open("rb") as file:
                digest.update(file.read(4096))
            digest.update(str(place.stat().st_size).encode())
        else:
            digest.update(os.urandom(8))
    return int.from_bytes(digest.digest(), "big") >> 1


def default_lanes() -> int:
    """Give the lanes that pay: one for each core but that of the writer, which is as busy as a lane."""
    return max(1, min((os.cpu_count() or 1) - 1, 4))


def default_seed() -> int:
    """Give a seed by chance, for an input that is never read again."""
    return int.from_bytes(os.urandom(8), "big") >> 1


def make_plan(  # noqa: PLR0913 - each by keyword: they are the options of `sonde read`
    tables: Iterable[str] | None = None,
    policy: str = "default",
    *,
    keys: Path | None = None,
    signers: Path | None = None,
    audit: "AuditLog | None" = None,
    check: Callable[[Policy], None] = lambda policy: None,
    lanes: int = 0,
    memory: int = 512 * MIB,
    checksums: str = "ignore",
    limits: Limits | None = None,
    overlap: str = "first",
    applications: Iterable[Path] = (),
    seed: int = 0,
) -> Plan:
    """Compile wishes into a plan; ValueError with a sentence for the user where that fails.

    `keys` is the folder of keys, the user's by default. With an audit log, a policy of a lower
    version than it has seen is refused, and it is told what is in force, what is refused, and
    which keys are made. `check` raises PolicyError for a policy that is unfit for what is to be done.
    """
    terms = accept_policy(policy, signers, audit, check)
    known = Applications.load(applications)
    _refuse_lists_that_tell_names(terms, known)
    return Plan(
        gate=Gate(terms, _keys(terms, keys, audit)),
        tables=choose_tables(tables) - terms.dropped_tables,
        lanes=lanes or default_lanes(),
        memory=memory,
        verify_checksums=checksums == "verify",
        limits=limits or Limits(),
        overlap_last=overlap == "last",
        applications=known,
        seed=seed,
    )


def _refuse_lists_that_tell_names(terms: Policy, applications: Applications) -> None:
    """Refuse a user's list where what it looks up is hidden: an entry for one host would tell whenever it is met."""
    kinds: dict[str, str] = {}
    if any(item.domains for item in applications.added):
        kinds |= {"host": "names", "certificate": "names"}
    if any(item.agents for item in applications.added):
        kinds["agent"] = "user agents"
    for table, fields in registry().items():
        for name, declared in fields.items():
            told = kinds.get(declared.names_application)
            if told and terms.technique(table, name, declared) != KEEP:
                raise PlanError(
                    f"A list of applications would tell {told}, and {terms.name} does not keep {table}.{name}; "
                    "leave --names away."
                )


def _keys(terms: Policy, folder: Path | None, audit: "AuditLog | None") -> Keys:
    """Give the keys of pseudonyms; the audit log hears which are made and destroyed."""
    place = folder or keys_folder()
    return Keys(terms.pseudonym, place) if audit is None else Keys(terms.pseudonym, place, told=audit.append)


def read_captures(
    paths: Iterable[str],
    plan: Plan,
    out: Path,
    *,
    form: str = "parquet",
    digest: bool = False,
    progress: Callable[[int, int], None] = lambda frames, offset: None,
    audit: "AuditLog | None" = None,
    keeper: "Keeper | None" = None,
) -> Reading:
    """Read captures and write a dataset to `out`, whole or not at all; the audit log hears of it before.

    Content of mail goes to a keeper, and without one nowhere.
    """
    if form not in FORMATS:
        raise OutputError(f"There is no format {form!r}; there are {', '.join(FORMATS)}.")
    began = time.monotonic()
    give_memory_back()
    captures = find_captures(paths)
    plan.gate.keys.destroy_expired()
    key = int.from_bytes(os.urandom(8), "big")
    with whole(out, audit) as prepared, _carrier(plan, captures, key) as carried:
        from sonde.pipeline.recorder import Recorder, schema_of  # noqa: PLC0415 - lanes are at work meanwhile

        schemas = {name: schema_of(plan, name) for name in sorted(plan.tables)}
        with Behind(open_sink(form, prepared.aside, schemas)) as sink:
            recorder = Recorder(plan, sink, keeper)

            def settle() -> None:
                recorder.settle()
                if audit is not None:
                    audit.beat()

            totals = Totals()
            take_all(carried.blocks(totals, progress), totals, recorder.consume, settle)
            recorder.finish()
            totals.bounds |= {"messages_given_up": recorder.mail.given_up, **recorder.losses.lost}
            totals.faults += sorted(recorder.losses.faults)
            files = sink.close()
        manifest = prepared.manifest = _manifest(plan, totals, recorder, files, captures, form, digest=digest)
        if keeper is not None:
            manifest["content"] = keeper.account()
    damaged = any(report.damage for report in totals.reports)
    return Reading(out, manifest, totals, recorder.tally, plan, time.monotonic() - began, damaged)


class _Here:
    """Carries captures in threads of this process; else as `Apart`."""

    def __init__(self, plan: Plan, captures: list[str], key: int) -> None:
        """Keep what to do; it begins when blocks are asked for."""
        self.plan, self.captures, self.key = plan, captures, key

    def blocks(self, totals: Totals, progress: Callable[[int, int], None]) -> Generator[list[Yield], None, None]:
        """Give what lanes made of each block."""
        rehearse = partial(_rehearse, self.plan)
        return carry_all(self.plan, self.captures, self.key, totals, progress, _opener(self.plan), rehearse)


@contextmanager
def _carrier(plan: Plan, captures: list[str], key: int) -> Iterator[Apart | _Here]:
    """Begin to carry captures, in a process of its own where one can be had."""
    apart = None
    if may_fork():
        with suppress(OSError):  # as many processes, or as much memory, as the system allows
            apart = Apart(plan, captures, key, _opener(plan), partial(_rehearse, plan))
    if apart is None:
        yield _Here(plan, captures, key)
        return
    with apart:
        yield apart


def _opener(plan: Plan) -> Callable[[str], Source]:
    """Give what opens an input for the lanes of a plan."""
    return partial(open_source, lanes=plan.lanes)


def _rehearse(plan: Plan) -> None:
    """Have the kernels compiled with which records are built; in a process for this."""
    from sonde.pipeline.recorder import rehearse_records  # noqa: PLC0415 - most runs need it not

    rehearse_records(plan)


def _manifest(
    plan: Plan,
    totals: Totals,
    recorder: "Recorder",
    files: dict[str, list[str]],
    captures: list[str],
    form: str,
    *,
    digest: bool,
) -> dict[str, Any]:
    recorded = totals.frames - int(totals.drops[1:].sum())
    inputs = []
    for path, report in zip(captures, totals.reports, strict=True):
        entry: dict[str, Any] = {
            "name": Path(path).name if path != "-" else "-",
            "kind": report.kind,
            "octets": report.octets,
            "frames": report.frames,
            "comments": report.comments,
        }
        place = Path(path)
        if path != "-" and place.is_file():
            entry["modified_ns"] = cut_time(plan, place.stat().st_mtime_ns)
            if digest:
                with place.open("rb") as file:
                    entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        entry["damage"] = [{"offset": each.offset, "reason": each.reason} for each in report.damage]
        inputs.append(entry)
    drops = {name: int(totals.drops[number]) for number, name in enumerate(DROPS) if number and totals.drops[number]}
    return {
        "schema": 1,
        "sonde": sonde.__version__,
        "format": form,
        "inputs": inputs,
        "policy": policy_told(plan),
        "packets": {"in": totals.frames, "recorded": recorded, "dropped": drops},
        "first_ns": cut_time(plan, totals.first_ns),
        "last_ns": cut_time(plan, totals.last_ns),
        "tables": {
            name: {"rows": int(recorder.tally.rows[name]), "files": files.get(name, [])}
            for name in sorted(plan.tables | set(files))
        },
        "bounds": {name: count for name, count in totals.bounds.items() if name != "flows_begun" and count},
        "internal_errors": sorted(set(totals.faults))[:20],
    }


def cut_time(plan: Plan, time_ns: int) -> int:
    """Cut a time as the policy cuts those of records."""
    return time_ns - time_ns % (plan.gate.policy.truncation.times_ns or 1)


def policy_told(plan: Plan) -> dict[str, Any]:
    """Say under which policy a dataset was made, and what was applied to each column."""
    policy, gate = plan.gate.policy, plan.gate
    told: dict[str, Any] = {
        "name": policy.name,
        "digest": policy.digest,
        "techniques": dict(sorted(gate.applied.items())),
        "notice": policy.notice,
    }
    if not policy.is_built_in:
        told |= {
            "version": policy.version,
            "operator": policy.operator,
            "purpose": policy.purpose,
            "signed_by": list(policy.signed_by),
            "tables_dropped": sorted(policy.dropped_tables),
            "epochs": len(gate.keys),
        }
    return told


__all__ = ["Reading", "find_captures", "make_plan", "read_captures", "seed_of"]

"""How a probe starts: everything that can fail is done before the first frame is let in.

    with started(Options(interfaces=["eth0"], policy="office.toml", output=Path("office"), ...)) as probe:
        probe.run()

In this order: rings are opened, which alone needs rights; those are given up; the audit log, then the signed policy;
the filter; the place of the output; kernels are compiled. Then `run` lets frames in.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.flow import Limits
from sonde.pipeline.account import accounted, folder_of_log
from sonde.pipeline.filters import check_filter
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.live import LiveInput, Probe, Terms, check_live, tell_outlet
from sonde.pipeline.parts import FORMATS, Parts, Warn
from sonde.pipeline.places import keys_folder
from sonde.pipeline.plan import MIB, Plan
from sonde.pipeline.privilege import become, choose_user, confine, own_folders
from sonde.pipeline.read import default_seed, make_plan
from sonde.pipeline.state import State
from sonde.pipeline.watch import Watcher
from sonde.pipeline.whole import OutputError
from sonde.pipeline.wires import PipeInput, RingInput
from sonde.policy import PolicyError, load_policy
from sonde.policy.terms import SECOND_NS
from sonde.sink import load_sinks
from sonde.sink.outlet import Bounded
from sonde.source import open_source
from sonde.source.bpf import compile_filter
from sonde.source.paced import Paced
from sonde.source.ring import RING_OCTETS, open_rings
from sonde.wire import cache_folder

if TYPE_CHECKING:
    from sonde.audit import AuditLog
    from sonde.pipeline.keeping import Keeper

STDIN = "-"
CACHES = ("SONDE_CACHE", "XDG_CACHE_HOME")  # where machine code is kept, if said
#: Makes an outlet once rights are given up; gets the state to show counters of its own in.
Maker = Callable[[State], Bounded]


@dataclass
class Options:
    """Everything that can be chosen of a probe; see `sonde live --help`."""

    interfaces: Sequence[str]
    policy: str
    signers: Path | None = None
    output: Path | None = None
    form: str = "parquet"
    tables: Sequence[str] | None = None
    keys: Path | None = None
    audit: Path | None = None
    probe: str = ""
    user: str | None = None
    filter: str = ""
    lanes: int = 0
    memory: int = 512 * MIB
    interim_s: float = 300.0
    checksums: str = "ignore"
    overlap: str = "first"
    applications: Sequence[Path] = ()
    ring_octets: int = RING_OCTETS
    rings_each: int = 1
    hardware_stamps: bool = False
    roll_s: float = 60.0
    roll_octets: int = 256 * MIB
    keep_free: float = 0.1
    outlets: Sequence[Maker] = field(default_factory=tuple)
    authorisation: Path | None = None
    vault: Path | None = None
    #: Is told what a person should know while the probe works.
    warn: Warn = lambda text: None
    state: State = field(default_factory=State)
    #: Whether this process gives up rights; a library leaves those of its caller alone.
    confines: bool = True


@contextmanager
def started(options: Options) -> Iterator[Probe]:
    """Give a probe that is ready to run; afterwards say in the log that it ended, and let all go.

    Raises ValueError of some kind with a sentence for the user where anything lacks.
    """
    if options.form not in FORMATS:
        raise OutputError(f"There is no live output as {options.form!r}; there are {', '.join(FORMATS)}.")
    keys = options.keys or keys_folder()
    log = folder_of_log(options.audit, options.policy)
    if log is None:
        load_policy(options.policy)  # a file that cannot be read is the better thing to tell
        raise PolicyError("A probe on the wire has an audit log; name its folder with --audit DIR.")
    source = _open(options)
    try:
        state = options.state
        folders = [each for each in (options.output, log, keys, options.vault) if each is not None]
        if options.confines:
            user = choose_user(options.user, options.output or log)
            kept = [Path(place) for name in CACHES if (place := os.environ.get(name))]
            own_folders([*folders, *kept], user)
            load_late()
            become(user)  # before the folder of machine code is made, which is to be the user's
            state.confinement.update(confine([*folders, cache_folder()]))
        ledger = _open_log(options, log, keys)
        reason = "failed"
        try:
            with _probe(options, source, ledger, state) as probe:
                yield probe
            reason = "done"
        except KeyboardInterrupt:
            reason = "interrupted"
            raise
        finally:
            ledger.close(reason)
    finally:
        source.leave()


def load_late() -> None:
    """Import what comes when it is first needed otherwise: once rights are given up, its files may be out of reach."""
    import sonde.pipeline.signing  # noqa: PLC0415
    import sonde.policy.persons  # noqa: PLC0415
    import sonde.policy.sshsig  # noqa: F401, PLC0415

    load_sinks()


@contextmanager
def watching(folder: Path, options: Options, quiet_s: float) -> Iterator[Watcher]:
    """Give a watcher of a folder, that is ready to run under a signed policy that declares networks."""
    if options.output is None:
        raise OutputError("Say where to write with -o DIR.")
    keys = options.keys or keys_folder()
    log = folder_of_log(options.audit, options.policy)
    if log is None:
        load_policy(options.policy)
        raise PolicyError("Who watches a folder keeps an audit log; name its folder with --audit DIR.")
    user = choose_user(options.user, options.output)
    own_folders([options.output, log, keys], user)
    load_late()
    become(user)
    confine([options.output, log, keys, cache_folder()])
    with accounted(log, options.policy, keys, options.probe) as audit:
        assert audit is not None  # noqa: S101 - a folder is named
        watcher = Watcher(
            folder,
            options.output,
            lambda: _plan(options, audit),
            audit,
            form=options.form,
            keep_free=options.keep_free,
            quiet_s=quiet_s,
            warn=options.warn,
        )
        try:
            yield watcher
        finally:
            watcher.close()


def _open(options: Options) -> LiveInput:
    """Open what frames come from."""
    names = [name.strip() for name in options.interfaces]
    if names == [STDIN]:
        return PipeInput(Paced(open_source(STDIN)))
    rings = open_rings(
        names,
        ring_octets=options.ring_octets,
        rings_each=options.rings_each,
        hardware_stamps=options.hardware_stamps,
    )
    return RingInput(rings)


def _open_log(options: Options, log: Path, keys: Path) -> Ledger:
    try:
        heartbeat_s = load_policy(options.policy).audit.heartbeat_ns // SECOND_NS
    except PolicyError:  # told, and logged, where the plan is made
        heartbeat_s = 600
    return Ledger(log, keys, probe=options.probe, heartbeat_s=heartbeat_s, warn=options.warn)


@contextmanager
def _probe(options: Options, source: LiveInput, ledger: Ledger, state: State) -> Iterator[Probe]:
    parts, keeper = None, None
    outlets: list[Bounded] = []
    if ledger.log is not None and ledger.log.was_cut:
        options.warn("the run before did not end itself: its open part, and what flows had not told yet, are lost.")
    terms = Terms(
        lambda: _plan(options, ledger.log),
        options.policy,
        options.signers,
        options.roll_s,
        options.roll_octets,
        options.keep_free,
    )
    try:
        plan = terms.make()
        if options.filter:
            text = check_filter(options.filter, plan.gate.policy.networks)
            source.choose(lambda link: compile_filter(text, link))
        if options.output is not None:
            parts = Parts(options.output, options.form, ledger, state)
            if parts.removed:
                told = f"{parts.removed} unfinished parts of the run before were removed"
                options.warn(f"{told}: what they held is lost.")
                ledger.append("degraded", {"what": "output", "reason": told})
        keeper = _keeper(options, plan, ledger)
        probe = Probe(source, terms, plan, ledger, state=state, parts=parts, outlets=outlets, warn=options.warn)
        probe.keeper = keeper
        probe.prepare()
        outlets += [make(state) for make in options.outlets]  # their threads begin when nothing is forked any more
        state.started_ns = time.time_ns()
        yield probe
    finally:
        for outlet in outlets:
            outlet.close()
            tell_outlet(state, outlet)  # what it still sent meanwhile
        if keeper is not None and not keeper.ended:
            keeper.close()
        if parts is not None:
            parts.close()


def _keeper(options: Options, plan: Plan, ledger: Ledger) -> "Keeper | None":
    """Open the vault, if content is authorised; where it fails later, records go on without."""
    if options.authorisation is None or options.vault is None:
        return None
    from sonde.pipeline.keeping import Wanted, open_keeper  # noqa: PLC0415 - ciphers take time to import

    wanted = Wanted(options.authorisation, options.vault, options.signers)
    return open_keeper(wanted, plan, ledger.log, [], options.warn)


def _plan(options: Options, audit: "AuditLog | None") -> Plan:
    return make_plan(
        options.tables,
        options.policy,
        keys=options.keys or keys_folder(),
        signers=options.signers,
        audit=audit,
        check=check_live,
        lanes=options.lanes,
        memory=options.memory,
        checksums=options.checksums,
        limits=Limits(interim_s=options.interim_s),
        overlap=options.overlap,
        applications=options.applications,
        seed=default_seed(),
    )


__all__ = ["Options", "started", "watching"]

"""A probe on the wire: the stages of a run, for months, with its output in parts and its account at any moment.

    probe = Probe(source, terms, terms.make(), ledger, state=state, parts=parts)
    probe.run()                              # until `stop`, from a signal handler or another thread

Theory of operation. A run of the stages (`run.read_all`) goes on as long as nothing has to change. What changes the
ground under it, another policy or a clock set back, cuts it: the source ends, all flows are recorded as they stand,
the part is committed under the old policy, and another run begins on the same rings, which
fill meanwhile. The caller's thread does all that is not per packet, between blocks; an empty block comes ten times a
second, so that time passes when the wire is silent.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sonde.pipeline.account import tell_policy
from sonde.pipeline.batch import Yield
from sonde.pipeline.lane import Lane
from sonde.pipeline.ledger import Ledger
from sonde.pipeline.parts import Account, Parts, Warn
from sonde.pipeline.places import parts_of
from sonde.pipeline.plan import Plan
from sonde.pipeline.policies import live_obstacles, open_policy
from sonde.pipeline.recorder import Recorder
from sonde.pipeline.retention import clear_parts, free_share
from sonde.pipeline.run import Input, compile_all, read_all
from sonde.pipeline.state import UNKNOWN, Seen, State
from sonde.policy import Policy, PolicyError
from sonde.policy.terms import KEEP
from sonde.record import FlowRecord
from sonde.sink.outlet import Bounded
from sonde.source import SourceError
from sonde.table.flows import LACK_OF_RESOURCES
from sonde.table.packets import DROPS, OUT_OF_SCOPE
from sonde.table.permitted import Permitted

if TYPE_CHECKING:
    from sonde.pipeline.keeping import Keeper
    from sonde.wire import Ints

ROLL_S, ROLL_OCTETS = 60.0, 256 << 20  # after which a part is committed
FLUSH_S = 2.0  # after which records leave, however few they are
LOOK_S = 1.0  # between looks at what is not counted by itself
CLEAR_S = 30.0  # between looks for parts and keys whose time is over
JUMP_NS = 2_000_000_000  # a clock set back by more cuts all flows
MIB = 1 << 20


class LiveInput(Input, Protocol):
    """An input that goes on until it is stopped."""

    #: What manifests call it.
    kind: str

    @property
    def is_gone(self) -> bool:
        """Say whether nothing can come any more, though nobody stopped it."""

    def stop(self) -> None:
        """Take nothing further in; `blocks` ends when all is read."""

    def cut(self) -> None:
        """Have `blocks` end now; it can be called again."""

    def watch(self, state: State) -> None:
        """Write what is known of interfaces and rings into the state."""

    def choose(self, compiled: Callable[[int], bytes]) -> None:
        """Take only frames that a filter chooses, which is compiled for a link type; before the first block."""

    def leave(self) -> None:
        """Let the input go, for good."""


class ExpiredError(PolicyError):
    """The policy's time is over; nothing more is captured."""


@dataclass
class Terms:
    """Under which terms a probe works, and how to come by them anew."""

    #: Makes the plan from the policy's file, and says so in the log; PolicyError where that is unfit.
    make: Callable[[], Plan]
    policy: str
    signers: Path | None
    roll_s: float = ROLL_S
    roll_octets: int = ROLL_OCTETS
    keep_free: float = 0.1


class Tee:
    """A sink for the recorder: hands batches to the parts and to the outlets."""

    tables_apart = True

    def __init__(self, parts: Parts | None, outlets: Sequence[Bounded], ledger: Ledger) -> None:
        """Take who is to have batches."""
        self.parts, self.outlets, self.ledger = parts, outlets, ledger

    def write(self, permitted: Permitted) -> None:
        """Hand a batch on; nobody holds us up, and what fails is counted there."""
        if self.parts is not None:
            self.parts.write(permitted)
        if permitted.batch.num_rows and not self.ledger.is_silent:
            for outlet in self.outlets:
                outlet.write(permitted)

    def close(self) -> dict[str, list[str]]:
        """Do nothing: parts and outlets end by themselves."""
        return {}


@dataclass
class _Clock:
    """Finds out when the clock was set back."""

    offset_ns: int = field(default_factory=lambda: time.time_ns() - time.monotonic_ns())

    def set_back_ns(self) -> int:
        """Say by how much it was since the last time; 0 where that is little."""
        before, self.offset_ns = self.offset_ns, time.time_ns() - time.monotonic_ns()
        back_ns = before - self.offset_ns
        return back_ns if back_ns > JUMP_NS else 0


class Probe:
    """One probe at work. `run` in the main thread; `stop`, `reload` and `state` from anywhere."""

    def __init__(
        self,
        source: LiveInput,
        terms: Terms,
        plan: Plan,
        ledger: Ledger,
        *,
        state: State,
        parts: Parts | None = None,
        outlets: Sequence[Bounded] = (),
        warn: Warn = lambda text: None,
    ) -> None:
        """Begin with a plan that `terms` made."""
        self.source, self.terms, self.ledger, self.state = source, terms, ledger, state
        self.parts, self.outlets, self.warn = parts, outlets, warn
        #: Keeps content of mail, where that is authorised.
        self.keeper: Keeper | None = None
        self.plan = plan
        self.account = Account()
        self.lanes: list[Lane] = []
        self.recorder: Recorder | None = None
        self.clock = _Clock()
        self.is_stopping = self._reload = self._reloading = False
        self._flushed = self._looked = self._cleared = time.monotonic()
        self._bounds_before: dict[str, int] = {}
        self._inputs_before: dict[str, tuple[int, int]] = {}
        self._tallied: tuple[Ints, Ints] = (np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))
        self._expired = self._gone = False
        #: Called once, when frames are let in.
        self.begun: Callable[[], None] = lambda: None
        ledger.reopened = lambda log: tell_policy(log, self.plan.gate.policy)
        self._tell_terms()

    def prepare(self) -> None:
        """Compile what a run needs, before the first frame is let in."""
        recorder = Recorder(self.plan, self._sink())
        compile_all(self.plan, [self.source.rehearse, recorder.rehearse, recorder.rehearse_rest])

    def stop(self) -> None:
        """End clean: what is in the rings is recorded, the last part committed."""
        self.is_stopping = True
        self.source.stop()

    def reload(self) -> None:
        """Look at the policy's file again, soon."""
        self._reload = True

    def run(self) -> None:
        """Work until `stop`, the end of the input, or the end of the policy (then: ExpiredError)."""
        while True:
            self._run_once()
            if self._gone:
                self.state.phase = "stopped"
                raise SourceError(
                    f"{self.source.report.path}: no such interface is left; start again when one is back."
                )
            if self._expired:
                self.state.phase = "stopped"
                raise ExpiredError(f"{self.plan.gate.policy.name} is not valid any more; nothing further is captured.")
            if self.is_stopping or not self._reloading:
                break
            self._take_policy()
        self.state.phase = "stopped"

    def _sink(self) -> Tee:
        return Tee(self.parts, self.outlets, self.ledger)

    def _run_once(self) -> None:
        """Carry frames until the source ends: for good, or because it was cut."""
        self._reloading = False
        recorder = self.recorder = Recorder(self.plan, self._sink(), self.keeper)
        self._tallied = (recorder.tally.sums.protocols.copy(), recorder.tally.sums.applications.copy())
        self._bounds_before = {}
        if self.parts is not None:
            self.parts.begin(self.plan)
        key = int.from_bytes(os.urandom(8), "big")
        read_all(
            self.plan,
            [self.source.report.path],
            key,
            self._consume,
            self._settle,
            open_input=lambda _: self.source,
            rehearse=recorder.rehearse,
            started=self._begin_lanes,
            prompt=True,
        )
        self.state.phase = "stopping" if self.is_stopping else self.state.phase
        self._guarded(recorder.finish)
        self._look()
        self._commit()

    def _begin_lanes(self, lanes: list[Lane]) -> None:
        self.lanes = lanes
        self.state.most_flows = sum(len(lane.shard.flows.rows) for lane in lanes)

    def _consume(self, made: Yield) -> None:
        """Take what a lane made of a block, and count it."""
        state, account = self.state, self.account
        if made.drops.any():
            for number in np.flatnonzero(made.drops).tolist():
                count = int(made.drops[number])
                account.drops[DROPS[number]] += count
                if number == OUT_OF_SCOPE:
                    state.out_of_scope += count
                else:
                    state.dropped[DROPS[number]] = state.dropped.get(DROPS[number], 0) + count
        if made.faults:
            state.faults += len(made.faults)
            account.faults = (account.faults + made.faults)[:20]
        if made.lane == 0 and made.frames:
            state.frames_in += made.frames
            state.octets_in += made.octets
            state.last_packet_ns = made.last_ns
            account.frames += made.frames
            account.octets += made.octets
            account.first_ns = account.first_ns or made.last_ns
            account.last_ns = made.last_ns
        for batch in made.batches:
            if batch.record is FlowRecord:
                state.evictions += int((batch.rows["end_reason"] == LACK_OF_RESOURCES).sum())
        assert self.recorder is not None  # noqa: S101 - runs
        self.recorder.consume(made)

    def _settle(self) -> None:
        """Do what is due between blocks."""
        assert self.recorder is not None  # noqa: S101 - runs
        state, now = self.state, time.monotonic()
        if state.phase == "starting":  # the first block: frames are let in from now on
            state.phase, state.started_ns = "running", time.time_ns()
            self.begun()
        state.recorded = state.frames_in - state.out_of_scope - sum(state.dropped.values())
        self._guarded(self.recorder.settle)
        if now - self._flushed >= FLUSH_S:
            self._flushed = now
            self._guarded(self.recorder.flush_all)
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()
        parts = self.parts
        if parts is not None and (parts.age_s >= self.terms.roll_s or parts.octets >= self.terms.roll_octets):
            self._guarded(self.recorder.flush_all)
            self.recorder.forget_written()
            self._commit()
        elif parts is None and now - self._cleared >= self.terms.roll_s:
            self._commit()
        if now - self._cleared >= CLEAR_S:
            self._cleared = now
            self._clear()
        if self._reload:
            self._reload = False
            self._consider_policy()

    def _guarded(self, act: Callable[[], object]) -> None:
        """Do something with records that may fail for want of disk or keys: rows are lost and counted, and we go on."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a probe outlives a defect; only the kind of error is told
            self.state.sink("gate").failed += 1
            self.state.sink("gate").state = "failing"
            self.state.faults += 1
            self.warn(f"records were lost on their way out ({type(error).__name__}).")
            self.ledger.append("degraded", {"what": "records", "reason": f"lost: {type(error).__name__}"})

    def _look(self) -> None:
        """Take stock of what is not counted by itself, and of what time it is."""
        state = self.state
        self.source.watch(state)
        state.flows = sum(lane.flows_now for lane in self.lanes)
        state.memory_octets = memory_octets()
        bounds: dict[str, int] = {}
        for lane in self.lanes:
            for name, count in lane.tally().items():
                bounds[name] = bounds.get(name, 0) + count
        before, self._bounds_before = self._bounds_before, bounds
        for name, count in bounds.items():
            more = count - before.get(name, 0)
            if name == "flows_begun":
                state.flows_begun += more
            elif more:
                state.bounds[name] = state.bounds.get(name, 0) + more
                self.account.bounds[name] = self.account.bounds.get(name, 0) + more
        self._look_at_flows()
        for outlet in self.outlets:
            tell_outlet(state, outlet)
        state.audit_entries = self.ledger.size or state.audit_entries
        state.queues["records"] = self.recorder.waiting if self.recorder is not None else 0
        self.ledger.beat()
        back_ns = self.clock.set_back_ns()
        if back_ns:
            self.ledger.append("clock.jump", {"back_ms": back_ns // 1_000_000})
            self.warn("the clock was set back: all flows are recorded as they stand, and begin anew.")
            self._reloading = not self.is_stopping
            self.source.cut()
        if self.source.is_gone and not self._gone:
            self._gone = True
            self.ledger.append("degraded", {"what": "input", "reason": "no interface is left"})
            self.source.stop()
        until = self.plan.gate.policy.valid_until
        if until is not None and until <= datetime.now(UTC) and not self._expired:
            self._expired = True
            self.ledger.append("policy.refuse", {"reason": "policy", "digest": self.plan.gate.policy.digest})
            self.source.stop()

    def _look_at_flows(self) -> None:
        """Add the flows recorded since the last look to those by protocol and application."""
        assert self.recorder is not None  # noqa: S101 - runs
        sums = self.recorder.tally.sums
        for now, before, names, told, column in (
            (sums.protocols, self._tallied[0], self.plan.protocol_names, self.state.protocols, "protocol"),
            (sums.applications, self._tallied[1], self.recorder.titles, self.state.applications, "application"),
        ):
            kept = self._keeps_name(column)
            changed = np.flatnonzero(now[:, 0] != before[:, 0])
            for place in changed.tolist():
                name = names[place - 1] if place and kept else None
                seen = told.setdefault(name or UNKNOWN, Seen())
                seen.flows += int(now[place, 0] - before[place, 0])
                seen.octets += int(now[place, 1] - before[place, 1])
            before[changed] = now[changed]

    def _keeps_name(self, column: str) -> bool:
        """Say whether the policy keeps a column of flows as it is."""
        from sonde.pipeline.plan import registry  # noqa: PLC0415 - a name of this module means the plan

        return self.plan.gate.policy.technique("flows", column, registry()["flows"][column]) == KEEP

    def _commit(self) -> None:
        """Let what is written so far appear, with its account."""
        self._account_inputs()
        self._count_losses()
        if self.parts is not None:
            self.parts.commit(self.account)
        elif self.account.frames or any(each["received"] for each in self.account.inputs):
            dropped = [f"{name}: {count}" for name, count in sorted(self.account.drops.items())]
            lost = sum(each["kernel_drops"] for each in self.account.inputs)
            recorded = self.account.frames - self.account.drops.total()
            tally = {
                "frames": self.account.frames,
                "recorded": recorded,
                "out_of_scope": self.account.drops["out_of_scope"],
                "dropped": dropped + ([f"kernel: {lost}"] if lost else []),
                "bounds": [f"{name}: {count}" for name, count in sorted(self.account.bounds.items())],
                "faults": len(self.account.faults),
            }
            self.ledger.append("tally", tally)
        self.account = Account()

    def _count_losses(self) -> None:
        """Say what defects cost since the last part."""
        if self.recorder is not None:
            self.recorder.losses.tell(self.state, self.account, self.ledger)

    def _account_inputs(self) -> None:
        """Say what each interface gave since the last part."""
        self.source.watch(self.state)
        for name, each in self.state.interfaces.items():
            received, dropped = self._inputs_before.get(name, (0, 0))
            self._inputs_before[name] = (each.received, each.kernel_drops)
            self.account.inputs.append(
                {
                    "name": name,
                    "kind": self.source.kind,
                    "received": each.received - received,
                    "kernel_drops": each.kernel_drops - dropped,
                }
            )

    def _clear(self) -> None:
        """Delete what the policy no longer lets be kept, and what a full disk leaves no room for."""
        self._guarded(self.plan.gate.keys.destroy_expired)
        if self.parts is not None:
            self._guarded(self._clear_parts)

    def _clear_parts(self) -> None:
        assert self.parts is not None  # noqa: S101 - asked for
        done = clear_parts(
            parts_of(self.parts.folder),
            self.plan.gate.policy,
            time.time_ns(),
            keep_free=self.terms.keep_free,
            told=self.ledger.append,
        )
        self.state.retention_deletions += done.over
        self.state.space_deletions += done.for_space
        if done.for_space:
            share = free_share(self.parts.folder)
            self.warn(f"the disk is nearly full ({share:.0%} free): {done.for_space} of the oldest parts were deleted.")

    def _consider_policy(self) -> None:
        """Look at the policy's file before anything is cut for it; a bad one is refused, and the old goes on."""
        least = self.ledger.log.highest_policy_version if self.ledger.log is not None else 0
        try:
            check_live(open_policy(self.terms.policy, signers=self.terms.signers, least_version=least))
        except (PolicyError, OSError) as error:
            self._refuse(error)
            return
        self._reloading = True
        self.source.cut()

    def _take_policy(self) -> None:
        """Make another plan; what is unfit is refused, and the old goes on."""
        try:
            self.plan = self.terms.make()
        except (PolicyError, ValueError, OSError) as error:
            self._refuse(error)
            return
        if self.keeper is not None:
            self.keeper.end(
                "Another policy is in force, under which nothing is authorised; no content is kept any more."
            )
            self.keeper = None
        self.state.policy_reloads += 1
        self._tell_terms()
        self.warn(f"version {self.state.version} of {self.state.policy} is in force.")

    def _refuse(self, error: Exception) -> None:
        self.state.policy_refusals += 1
        self.ledger.append("policy.refuse", {"reason": "policy"})
        told = str(error) if isinstance(error, PolicyError) else "The policy cannot be read."
        self.warn(f"{told} The policy that was in force goes on.")

    def _tell_terms(self) -> None:
        policy = self.plan.gate.policy
        self.state.policy, self.state.version = Path(policy.name).name, policy.version
        until = policy.valid_until
        self.state.policy_until_ns = int(until.timestamp()) * 1_000_000_000 if until is not None else 0


def check_live(policy: Policy) -> None:
    """Refuse a policy that is not fit for live capture (ACCOUNTABILITY §2)."""
    obstacles = live_obstacles(policy)
    if obstacles:
        raise PolicyError(f"{policy.name} is not fit for live capture: {'; '.join(obstacles)}.")


def memory_octets() -> int:
    """Give the octets of memory that this process has resident; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def tell_outlet(state: State, outlet: Bounded) -> None:
    """Write what became of an outlet's rows into the state."""
    told: dict[str, Any] = dict(outlet.tally())
    sink = state.sink(outlet.name)
    sink.written, sink.dropped, sink.failed = (int(told.pop(name)) for name in ("written", "dropped", "failed"))
    sink.state, sink.more = outlet.state, told
    state.queues[outlet.name] = int(told["waiting_batches"])


__all__ = ["ExpiredError", "LiveInput", "Probe", "Terms", "check_live", "tell_outlet"]

"""What a probe at work counts, and what everything that watches it reads: `sonde top`, metrics, SIGUSR1.

    state = State(policy="office.toml", version=3)
    state.frames_in += 100
    state.snapshot()["frames"]["in"]            # plain JSON values

Numbers only ever rise, but for those named as of now (`flows`, `memory_octets`, queues). One thread writes
each; readers may see one a moment before another, and the account adds up when the probe is at rest:

    sum of received = frames in + sum of kernel drops
    frames in = recorded + out of scope + dropped by reason

Nothing of the wire stands here but names of protocols and applications, where the policy keeps
them. Names of interfaces and sinks are the operator's own.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

UNKNOWN = "unknown"  # a flow of no known protocol; also how all are called where the policy drops their names


@dataclass
class InterfaceState:
    """What one interface (or file, or pipe) gave."""

    name: str
    #: Frames that the kernel had for us, those it dropped included (tp_packets of PACKET_STATISTICS).
    received: int = 0
    #: Of these, dropped by the kernel because our ring was full (tp_drops).
    kernel_drops: int = 0
    #: How often our ring was full (tp_freeze_q_cnt).
    freezes: int = 0
    #: Octets of frames that we took, as they were on the link.
    octets: int = 0
    is_up: bool = True


@dataclass
class SinkState:
    """What became of rows handed to one sink or outlet."""

    name: str
    written: int = 0
    dropped: int = 0
    failed: int = 0
    #: idle, up, failing or closed.
    state: str = "idle"
    #: Counters of its own.
    more: dict[str, int] = field(default_factory=dict)


@dataclass
class Seen:
    """Flows that ended and their octets (of IP packets)."""

    flows: int = 0
    octets: int = 0


@dataclass
class State:
    """Every counter of a probe at work."""

    policy: str = ""
    version: int = 0
    #: When the policy ends, ns since 1970; 0: never.
    policy_until_ns: int = 0
    policy_reloads: int = 0
    policy_refusals: int = 0
    #: ns since 1970.
    started_ns: int = field(default_factory=time.time_ns)
    #: starting, running, stopping or stopped.
    phase: str = "starting"
    interfaces: dict[str, InterfaceState] = field(default_factory=dict)

    frames_in: int = 0
    recorded: int = 0
    out_of_scope: int = 0
    #: Frames not recorded for another reason, by reason (table/packets.py, DROPS).
    dropped: dict[str, int] = field(default_factory=dict)
    octets_in: int = 0
    last_packet_ns: int = 0

    flows: int = 0
    flows_begun: int = 0
    most_flows: int = 0
    evictions: int = 0
    #: What bounds cost so far, by name.
    bounds: dict[str, int] = field(default_factory=dict)
    faults: int = 0

    rows: dict[str, int] = field(default_factory=dict)
    protocols: dict[str, Seen] = field(default_factory=dict)
    applications: dict[str, Seen] = field(default_factory=dict)

    memory_octets: int = 0
    #: Entries that wait now, by queue.
    queues: dict[str, int] = field(default_factory=dict)
    #: Octets of all rings, and of those blocks of them that we have not given back.
    ring_octets: int = 0
    ring_used_octets: int = 0

    parts_committed: int = 0
    parts_failed: int = 0
    output_octets: int = 0
    last_commit_ns: int = 0
    #: Parts deleted because their time was over, and because the disk was nearly full.
    retention_deletions: int = 0
    space_deletions: int = 0
    audit_entries: int = 0
    sinks: dict[str, SinkState] = field(default_factory=dict)
    #: What confines this process: user, no_new_privs, landlock ...
    confinement: dict[str, str] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """Give the frames that the kernel had for us on all interfaces."""
        return sum(each.received for each in self.interfaces.values())

    @property
    def kernel_drops(self) -> int:
        """Give the frames that the kernel dropped on all interfaces."""
        return sum(each.kernel_drops for each in self.interfaces.values())

    @property
    def unaccounted(self) -> int:
        """Give the frames received that are under no other heading yet: in rings and queues; 0 at rest."""
        known = self.recorded + self.out_of_scope + sum(self.dropped.values()) + self.kernel_drops
        return self.received - known

    def interface(self, name: str) -> InterfaceState:
        """Give the counters of an interface, begun where there are none."""
        return self.interfaces.setdefault(name, InterfaceState(name))

    def sink(self, name: str) -> SinkState:
        """Give the counters of a sink, begun where there are none."""
        return self.sinks.setdefault(name, SinkState(name))

    def snapshot(self) -> dict[str, Any]:
        """Give everything as plain JSON values."""
        return {
            "now_ns": time.time_ns(),
            "started_ns": self.started_ns,
            "phase": self.phase,
            "policy": {
                "name": self.policy,
                "version": self.version,
                "until_ns": self.policy_until_ns,
                "reloads": self.policy_reloads,
                "refusals": self.policy_refusals,
            },
            "interfaces": {name: asdict(each) for name, each in dict(self.interfaces).items()},
            "frames": {
                "received": self.received,
                "kernel_drops": self.kernel_drops,
                "in": self.frames_in,
                "recorded": self.recorded,
                "out_of_scope": self.out_of_scope,
                "dropped": dict(self.dropped),
                "unaccounted": self.unaccounted,
                "octets": self.octets_in,
                "last_ns": self.last_packet_ns,
            },
            "flows": {
                "now": self.flows,
                "begun": self.flows_begun,
                "most": self.most_flows,
                "evictions": self.evictions,
            },
            "bounds": dict(self.bounds),
            "faults": self.faults,
            "rows": dict(self.rows),
            "protocols": _seen(self.protocols),
            "applications": _seen(self.applications),
            "memory_octets": self.memory_octets,
            "queues": dict(self.queues),
            "ring": {"octets": self.ring_octets, "used_octets": self.ring_used_octets},
            "output": {
                "parts": self.parts_committed,
                "failed": self.parts_failed,
                "octets": self.output_octets,
                "last_ns": self.last_commit_ns,
                "retention_deletions": self.retention_deletions,
                "space_deletions": self.space_deletions,
            },
            "audit_entries": self.audit_entries,
            "sinks": {name: asdict(each) for name, each in dict(self.sinks).items()},
            "confinement": dict(self.confinement),
        }


def _seen(found: Mapping[str, Seen]) -> dict[str, dict[str, int]]:
    return {name: asdict(each) for name, each in dict(found).items()}


__all__ = ["UNKNOWN", "InterfaceState", "Seen", "SinkState", "State"]

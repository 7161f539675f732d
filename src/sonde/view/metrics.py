"""The state of a probe at work in Prometheus' text format 0.0.4, and whether it is well.

    text = metrics(state.snapshot())         # sonde_frames_total{outcome="recorded"} 1200 ...
    why = complaints(state.snapshot())       # empty: all is well

What is told are counters, and names of protocols where the policy keeps them; never an address. The base
unit is the byte, as Prometheus has it, and counters end in `_total`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sonde

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECOND_NS = 1_000_000_000
Snapshot = Mapping[str, Any]
Samples = Iterable[tuple[Mapping[str, str], float]]


class Metric(NamedTuple):
    """One metric: its name, kind and meaning, and its samples with their labels."""

    name: str
    kind: str
    says: str
    samples: Samples


def one(value: float) -> Samples:
    """Give a single sample without labels."""
    return [({}, value)]


def each(label: str, values: Mapping[str, float]) -> Samples:
    """Give a sample for each name."""
    return [({label: name}, value) for name, value in values.items()]


def metrics(snapshot: Snapshot) -> str:
    """Spell everything that a snapshot counts."""
    lines: list[str] = []
    for metric in _all(snapshot):
        lines += [f"# HELP {metric.name} {metric.says}", f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def _all(snapshot: Snapshot) -> Iterator[Metric]:
    yield from _frames(snapshot)
    yield from _flows(snapshot)
    yield from _process(snapshot)
    yield from _output(snapshot)


def _frames(snapshot: Snapshot) -> Iterator[Metric]:
    frames, interfaces = snapshot["frames"], snapshot["interfaces"].values()
    outcomes = {
        "recorded": frames["recorded"],
        "out_of_scope": frames["out_of_scope"],
        "kernel_dropped": frames["kernel_drops"],
        **frames["dropped"],
    }
    yield Metric(
        "sonde_received_frames_total", "counter", "Frames that the kernel had for us.", one(frames["received"])
    )
    says = "What became of them; with the unaccounted, these add up to those received."
    yield Metric("sonde_frames_total", "counter", says, each("outcome", outcomes))
    says = "Frames received that have no outcome yet: in rings and queues."
    yield Metric("sonde_unaccounted_frames", "gauge", says, one(frames["unaccounted"]))
    yield Metric("sonde_received_bytes_total", "counter", "Octets of frames taken.", one(frames["octets"]))
    for name, key, says in (
        ("received_frames", "received", "Frames that the kernel had for us, by interface."),
        ("kernel_dropped_frames", "kernel_drops", "Frames dropped because our ring was full."),
        ("ring_full", "freezes", "How often our ring was full."),
        ("received_bytes", "octets", "Octets of frames taken, by interface."),
    ):
        values = {item["name"]: item[key] for item in interfaces}
        yield Metric(f"sonde_interface_{name}_total", "counter", says, each("interface", values))
    up = {item["name"]: int(item["is_up"]) for item in interfaces}
    yield Metric("sonde_interface_up", "gauge", "Whether the interface is up.", each("interface", up))
    says = "Time of the newest packet."
    yield Metric("sonde_last_packet_timestamp_seconds", "gauge", says, one(frames["last_ns"] / SECOND_NS))


def _flows(snapshot: Snapshot) -> Iterator[Metric]:
    flows = snapshot["flows"]
    yield Metric("sonde_flows", "gauge", "Flows in the table now.", one(flows["now"]))
    yield Metric("sonde_most_flows", "gauge", "Most flows that were in the table.", one(flows["most"]))
    yield Metric("sonde_begun_flows_total", "counter", "Flows begun.", one(flows["begun"]))
    yield Metric("sonde_evicted_flows_total", "counter", "Flows ended for lack of room.", one(flows["evictions"]))
    yield Metric("sonde_bounds_total", "counter", "What bounds cost, by bound.", each("bound", snapshot["bounds"]))
    yield Metric("sonde_records_total", "counter", "Records made, by table.", each("table", snapshot["rows"]))
    for kind in ("protocol", "application"):
        seen = snapshot[f"{kind}s"]
        for unit, key in (("flows", "flows"), ("bytes", "octets")):
            values = {name: counts[key] for name, counts in seen.items()}
            says = f"{unit.capitalize()} of flows that ended, by {kind}."
            yield Metric(f"sonde_{kind}_{unit}_total", "counter", says, each(kind, values))


def _process(snapshot: Snapshot) -> Iterator[Metric]:
    policy, ring = snapshot["policy"], snapshot["ring"]
    labels = {"version": sonde.__version__, "policy": policy["name"], "policy_version": str(policy["version"])}
    yield Metric("sonde_build_info", "gauge", "Version at work, and its policy.", [(labels, 1)])
    yield Metric("sonde_phase", "gauge", "starting, running, stopping or stopped.", [({"phase": snapshot["phase"]}, 1)])
    says = "When the policy ends; 0: never."
    yield Metric("sonde_policy_end_timestamp_seconds", "gauge", says, one(policy["until_ns"] / SECOND_NS))
    yield Metric("sonde_policy_reloads_total", "counter", "Policies read anew.", one(policy["reloads"]))
    yield Metric("sonde_policy_refusals_total", "counter", "Policies read anew and refused.", one(policy["refusals"]))
    says = "Start of the process."
    yield Metric("process_start_time_seconds", "gauge", says, one(snapshot["started_ns"] / SECOND_NS))
    yield Metric("process_resident_memory_bytes", "gauge", "Resident memory.", one(snapshot["memory_octets"]))
    yield Metric("sonde_ring_bytes", "gauge", "Memory of all rings.", one(ring["octets"]))
    yield Metric("sonde_ring_used_bytes", "gauge", "Of that, not given back.", one(ring["used_octets"]))
    yield Metric("sonde_faults_total", "counter", "Internal errors.", one(snapshot["faults"]))
    yield Metric("sonde_queue_entries", "gauge", "What waits, by queue.", each("queue", snapshot["queues"]))
    yield Metric("sonde_audit_entries_total", "counter", "Entries in the audit log.", one(snapshot["audit_entries"]))


def _output(snapshot: Snapshot) -> Iterator[Metric]:
    output, sinks = snapshot["output"], snapshot["sinks"]
    yield Metric("sonde_output_parts_total", "counter", "Parts committed.", one(output["parts"]))
    yield Metric("sonde_output_failed_parts_total", "counter", "Parts that could not be.", one(output["failed"]))
    yield Metric("sonde_output_bytes_total", "counter", "Octets of parts committed.", one(output["octets"]))
    says = "Time of the last commit."
    yield Metric("sonde_last_commit_timestamp_seconds", "gauge", says, one(output["last_ns"] / SECOND_NS))
    deleted = {"age": output["retention_deletions"], "space": output["space_deletions"]}
    yield Metric("sonde_deleted_parts_total", "counter", "Parts deleted, by reason.", each("reason", deleted))
    rows = [
        ({"sink": name, "outcome": outcome}, sink[outcome])
        for name, sink in sinks.items()
        for outcome in ("written", "dropped", "failed")
    ]
    yield Metric("sonde_sink_rows_total", "counter", "Rows handed to a sink, by outcome.", rows)
    up = {name: int(sink["state"] != "failing") for name, sink in sinks.items()}
    yield Metric("sonde_sink_up", "gauge", "Whether the last write to the sink went well.", each("sink", up))
    more = [
        ({"sink": name, "what": what}, count) for name, sink in sinks.items() for what, count in sink["more"].items()
    ]
    yield Metric("sonde_sink_more", "untyped", "Counters of a sink's own.", more)


def complaints(snapshot: Snapshot) -> list[str]:
    """Say what is wrong with a probe now, a sentence each; nothing: it is well."""
    found = []
    if snapshot["phase"] != "running":
        found.append(f"The probe is {snapshot['phase']}.")
    until_ns = snapshot["policy"]["until_ns"]
    if until_ns and snapshot["now_ns"] >= until_ns:
        found.append("The policy has ended; sign a new one.")
    found += [f"Interface {name} is down." for name, item in snapshot["interfaces"].items() if not item["is_up"]]
    found += [
        f"Sink {name} cannot be written to." for name, item in snapshot["sinks"].items() if item["state"] == "failing"
    ]
    return found


__all__ = ["CONTENT_TYPE", "Metric", "complaints", "metrics"]

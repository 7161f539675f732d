"""What a probe counts, as lines that a person reads: on SIGUSR1, and when it ends."""

import sys
import time
from collections.abc import Mapping
from typing import IO

from sonde.pipeline.state import State

MIB = 1 << 20
MOST_NAMES = 12


def print_state(state: State, to: IO[str] | None = None) -> None:
    """Print one block of lines, on standard error by default."""
    print("\n".join(state_lines(state)), file=to or sys.stderr, flush=True)


def state_lines(state: State) -> list[str]:
    """Give the lines."""
    seconds = max(time.time_ns() - state.started_ns, 0) / 1e9
    reloads = f"{state.policy_reloads} reloads, {state.policy_refusals} refused"
    lines = [
        f"sonde: {state.phase}, {_span(seconds)}, policy {state.policy} version {state.version} ({reloads})",
        _pair("frames", f"{state.received:,} received by the kernel"),
        _pair("", f"{state.recorded:,} recorded, {state.out_of_scope:,} out of scope"),
        _pair("", f"{_listed(state.dropped)} not recorded"),
        _pair("", f"{state.kernel_drops:,} dropped by the kernel, {state.unaccounted:,} on their way"),
    ]
    lines += [
        _pair(
            "interface" if place == 0 else "",
            f"{each.name} {'up' if each.is_up else 'DOWN'}: {each.received:,} frames, {each.octets / MIB:,.1f} MiB, "
            f"{each.kernel_drops:,} dropped by the kernel, ring full {each.freezes:,} times",
        )
        for place, each in enumerate(state.interfaces.values())
    ]
    ring = (
        f", ring {state.ring_used_octets / MIB:,.0f} of {state.ring_octets / MIB:,.0f} MiB" if state.ring_octets else ""
    )
    lines += [
        _pair("flows", f"{state.flows:,} now, {state.flows_begun:,} begun, {state.evictions:,} evicted"),
        _pair("memory", f"{state.memory_octets / MIB:,.0f} MiB{ring}"),
        _pair("rows", _listed(state.rows)),
        _pair(
            "output",
            f"{state.parts_committed:,} parts, {state.output_octets / MIB:,.1f} MiB, {state.parts_failed:,} failed; "
            f"deleted {state.retention_deletions:,} over time, {state.space_deletions:,} for space",
        ),
    ]
    if state.bounds:
        lines.append(_pair("bounds hit", _listed(state.bounds)))
    if state.faults:
        lines.append(_pair("internal", f"{state.faults:,} errors"))
    lines += [
        _pair(
            "sink", f"{each.name} {each.state}: {each.written:,} rows, {each.dropped:,} dropped, {each.failed:,} failed"
        )
        for each in state.sinks.values()
    ]
    if state.confinement:
        lines.append(_pair("confined", ", ".join(f"{name} {what}" for name, what in state.confinement.items())))
    return lines


def _pair(name: str, text: str) -> str:
    return f"  {name:<12}{text}"


def _listed(counts: Mapping[str, int]) -> str:
    named = sorted(dict(counts).items(), key=lambda each: -each[1])[:MOST_NAMES]
    return ", ".join(f"{name} {count:,}" for name, count in named if count) or "0"


def _span(seconds: float) -> str:
    whole = int(seconds)
    days, rest = divmod(whole, 86_400)
    return (f"{days} d " if days else "") + f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


__all__ = ["print_state", "state_lines"]

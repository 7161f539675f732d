"""Fragments and segments -> ordered streams; gaps and overlaps reported."""

from sonde.reassemble.fragments import count_pending, gather_fragments, new_fragments
from sonde.reassemble.segments import (
    MOST_AHEAD_OCTETS,
    Arrivals,
    close_ended,
    flush_ended,
    forget_early,
    order_segments,
    release_turns,
)

__all__ = [
    "MOST_AHEAD_OCTETS",
    "Arrivals",
    "close_ended",
    "count_pending",
    "flush_ended",
    "forget_early",
    "gather_fragments",
    "new_fragments",
    "order_segments",
    "release_turns",
]

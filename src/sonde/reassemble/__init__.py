"""Fragments and segments -> ordered streams; gaps and overlaps reported."""

from sonde.reassemble.fragments import MOST as LARGEST_DATAGRAM
from sonde.reassemble.fragments import OVERLAPPED, Fragments, add_fragment, count_pending, new_fragments
from sonde.reassemble.segments import (
    MOST_AHEAD_OCTETS,
    PROGRESS,
    TURNS,
    Arrivals,
    close_ended,
    flush_ended,
    forget_early,
    order_packet,
    order_segments,
    release_turns,
)

__all__ = [
    "LARGEST_DATAGRAM",
    "MOST_AHEAD_OCTETS",
    "OVERLAPPED",
    "PROGRESS",
    "TURNS",
    "Arrivals",
    "Fragments",
    "add_fragment",
    "close_ended",
    "count_pending",
    "flush_ended",
    "forget_early",
    "new_fragments",
    "order_packet",
    "order_segments",
    "release_turns",
]

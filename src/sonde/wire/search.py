"""Searches of octets, sixteen at a time."""

from sonde.wire.jit import kernel
from sonde.wire.read import Int, Wire


@kernel(emit="find_like")
def find_like(wire: Wire, at: Int, end: Int, wanted: Int, mask: Int) -> Int:
    """Give where an octet first is as wanted under a mask, in wire[at:end], or a place not before `end`."""
    while at < end and int(wire[at]) & mask != wanted:
        at += 1
    return at


@kernel
def find_octet(wire: Wire, at: Int, end: Int, octet: Int) -> Int:
    """Give where an octet first stands in wire[at:end], or a place not before `end`."""
    return find_like(wire, at, end, octet, 255)


@kernel
def find(wire: Wire, at: Int, end: Int, octet: Int) -> Int:
    """Give where an octet first stands in wire[at:end], or -1."""
    place = find_like(wire, at, end, octet, 255)
    return place if place < end else -1

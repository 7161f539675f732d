"""Closed rows leave their tables, whatever their record, and their names tell applications.

A lane does so after each block for every table that has closed rows, so one kernel does
all of it, on rows as memory: five calls a table would each have waited for the interpreter.
"""

from sonde.identify import Names, match_agent, match_certificate, match_host
from sonde.table.fieldwise import Room, Views, take_fields
from sonde.table.flows import (
    FLOW_SIZE,
    TOLD_BY_AGENT,
    TOLD_BY_CERTIFICATE,
    TOLD_BY_NAME,
    Flows,
    could_name,
    name_application,
    take_key,
)
from sonde.table.out import DONE, FLOW_WORD, WORD, Layout, Pool, put_back
from sonde.wire import Ints, Rows, Wire, copy, kernel


@kernel
def gather(pool: Pool, layout: Layout, names: Names, flows: Flows, keyed: Views, slots: Ints, room: Room) -> None:
    """Take closed rows field by field, with the keys of their flows, whose rows are given once more as memory.

    `slots` has place for a number of each row. Where the room has no fields, rows tell names and are given back.
    """
    width, done = layout.size[0], pool.count[DONE]
    tell_names(pool, layout, names, flows)
    for place in range(done):
        slots[place] = pool.rows.eight[pool.done[place] * width + FLOW_WORD]
    take_fields(pool.rows, WORD * width, room.fields, pool.done, done, room)
    take_fields(keyed, FLOW_SIZE, room.keys, slots, done, room)
    room.filled[0] += done
    put_back(pool)


@kernel
def gather_whole(pool: Pool, layout: Layout, flows: Flows, taken: Wire, keys: Rows) -> None:
    """Copy closed rows as they are to `taken` and the keys of their flows to `keys`; their names tell nothing."""
    width = layout.size[0]
    octets = WORD * width
    for place in range(pool.count[DONE]):
        row = pool.done[place]
        copy(pool.rows.one, row * octets, (row + 1) * octets, taken, place * octets)
        take_key(flows, pool.rows.eight[row * width + FLOW_WORD], keys[place])
    put_back(pool)


@kernel
def tell_names(pool: Pool, layout: Layout, names: Names, flows: Flows) -> None:
    """Have names in closed rows tell the applications of their flows."""
    if len(layout.hosts) + len(layout.certificates) + len(layout.agents) == 0:
        return
    width = layout.size[0]
    for place in range(pool.count[DONE]):
        row = pool.done[place]
        slot = pool.rows.eight[row * width + FLOW_WORD]
        for word in layout.hosts:
            told = match_host(names, pool.text, pool.rows.eight[row * width + word])
            name_application(flows, slot, told, TOLD_BY_NAME)
        for word in layout.certificates:
            told = match_certificate(names, pool.text, pool.rows.eight[row * width + word])
            name_application(flows, slot, told, TOLD_BY_CERTIFICATE)
        for word in layout.agents:
            if could_name(flows, slot, TOLD_BY_AGENT):  # a host of this row was asked before
                told = match_agent(names.agents, pool.text, pool.rows.eight[row * width + word])
                name_application(flows, slot, told, TOLD_BY_AGENT)


__all__ = ["gather", "gather_whole"]

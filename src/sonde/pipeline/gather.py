"""Closed rows leave their tables, whatever their record, and their names tell applications.

A lane does so after each block for every table that has closed rows, so one kernel does
all of it, on rows as octets: five calls a table would each have waited for the interpreter.
"""

from sonde.identify import Names, match_agent, match_certificate, match_host
from sonde.table.flows import (
    TOLD_BY_AGENT,
    TOLD_BY_CERTIFICATE,
    TOLD_BY_NAME,
    Flows,
    could_name,
    name_application,
    take_key,
)
from sonde.table.out import DONE, FLOW_WORD, WORD, Layout, Pool, put_back
from sonde.wire import Rows, Wire, copy, kernel


@kernel
def gather(pool: Pool, layout: Layout, names: Names, flows: Flows, taken: Wire, keys: Rows) -> None:
    """Copy closed rows to `taken` and the keys of their flows to `keys`, unless both are empty; free the rows."""
    width = layout.size[0]
    octets, wanted = WORD * width, len(keys) > 0
    for place in range(pool.count[DONE]):
        row = pool.done[place]
        slot = pool.words[row * width + FLOW_WORD]
        for word in layout.hosts:
            told = match_host(names, pool.text, pool.words[row * width + word])
            name_application(flows, slot, told, TOLD_BY_NAME)
        for word in layout.certificates:
            told = match_certificate(names, pool.text, pool.words[row * width + word])
            name_application(flows, slot, told, TOLD_BY_CERTIFICATE)
        for word in layout.agents:
            if could_name(flows, slot, TOLD_BY_AGENT):  # a host of this row was asked before
                told = match_agent(names.agents, pool.text, pool.words[row * width + word])
                name_application(flows, slot, told, TOLD_BY_AGENT)
        if wanted:
            copy(pool.raw, row * octets, (row + 1) * octets, taken, place * octets)
            take_key(flows, slot, keys[place])
    put_back(pool)


__all__ = ["gather"]

"""Which turns and which ended flows go to which dissector, in order."""

import numpy as np

from sonde.identify import ROUTED, Results
from sonde.table.flows import ENDED, Flows
from sonde.table.streams import Streams
from sonde.wire import Ints, kernel


@kernel
def group_turns(results: Results, starts: Ints, octets: Ints, order: Ints) -> None:
    """List the turns that were routed to each protocol: order[starts[p]:starts[p + 1]]; add up their octets.

    Those that are to be identified again are of none.
    """
    routed = results.turns[: results.count[ROUTED]]
    for protocol in range(len(starts)):
        starts[protocol] = 0
    for protocol in range(len(octets)):
        octets[protocol] = 0
    for number in range(len(routed)):
        protocol = np.int64(routed[number]["protocol"])
        if protocol >= 0:
            starts[protocol + 1] += 1
            octets[protocol] += routed[number]["length"]
    for protocol in range(len(octets)):
        starts[protocol + 1] += starts[protocol]
    # The beginnings serve as places to write to, and so end as the next one's beginnings.
    for number in range(len(routed)):
        protocol = np.int64(routed[number]["protocol"])
        if protocol >= 0:
            order[starts[protocol]] = number
            starts[protocol] += 1
    shift_back(starts)


@kernel
def group_ended(flows: Flows, streams: Streams, starts: Ints, order: Ints) -> None:
    """List the streams of ended flows that a dissector has state of, by protocol as above."""
    for protocol in range(len(starts)):
        starts[protocol] = 0
    for step in range(2):
        for place in range(flows.count[ENDED]):
            stream = np.int64(flows.rows[flows.ended[place]]["stream"])
            if stream < 0 or streams.rows[stream]["conn"] < 0:
                continue
            protocol = np.int64(streams.rows[stream]["protocol"])
            if step == 0:
                starts[protocol + 1] += 1
            else:
                order[starts[protocol]] = stream
                starts[protocol] += 1
        if step == 0:
            for protocol in range(len(starts) - 1):
                starts[protocol + 1] += starts[protocol]
    shift_back(starts)


@kernel
def shift_back(starts: Ints) -> None:
    """Undo the advance of beginnings that served as places to write to."""
    for protocol in range(len(starts) - 1, 0, -1):
        starts[protocol] = starts[protocol - 1]
    starts[0] = 0


def new_starts(protocols: int) -> Ints:
    """Make room for the beginnings of so many protocols."""
    return np.zeros(protocols + 1, np.int64)


__all__ = ["group_ended", "group_turns", "new_starts"]

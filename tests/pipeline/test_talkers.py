"""The table of talkers when far more hosts come than it holds, all alike, as in a flood from made-up sources."""

import numpy as np
import pytest

from sonde.pipeline.tally import MOST_HOSTS, Tally, new_sums
from sonde.table.fieldwise import Fieldwise
from sonde.table.flows import FLOW

FLOWS = 10_000
HOSTS = 8 * MOST_HOSTS
RUN = 1500  # at three quarters full, chance makes runs of some 300 places


def fieldwise(rows: np.ndarray) -> Fieldwise:
    """Lay rows out field by field."""
    return Fieldwise({name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}, len(rows))


@pytest.mark.compiled
def test_hosts_that_are_alike_leave_no_long_runs_of_places() -> None:
    tally = Tally(new_sums(1, 1))
    longest = 0
    for first in range(0, HOSTS, 2 * FLOWS):
        rows = np.zeros(FLOWS, FLOW)
        rows["protocol"] = rows["application"] = -1
        rows["octets"][:, 0] = 40
        rows["orig_low"] = np.arange(first, first + FLOWS) + 0xFFFF_0A00_0000
        rows["resp_low"] = np.arange(first + FLOWS, first + 2 * FLOWS) + 0xFFFF_0A00_0000
        tally.add(fieldwise(rows))
        free = np.flatnonzero(tally.sums.hosts["used"] == 0)
        longest = max(longest, int(np.diff(free).max()))
    assert tally.octets == 40 * tally.flows
    assert longest < RUN


@pytest.mark.compiled
def test_the_heaviest_stays_whatever_comes() -> None:
    tally = Tally(new_sums(1, 1))
    for first in range(0, HOSTS, FLOWS):
        rows = np.zeros(FLOWS, FLOW)
        rows["protocol"] = rows["application"] = -1
        rows["octets"][:, 0] = 40
        rows["orig_low"] = np.arange(first, first + FLOWS) + 0xFFFF_0A00_0000
        rows["resp_low"] = 0xFFFF_C000_0201
        tally.add(fieldwise(rows))
    assert tally.hosts[0, 0xFFFF_C000_0201] == [40 * tally.flows]

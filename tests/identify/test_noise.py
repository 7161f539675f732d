"""Whole flows of noise, read as a capture is: what several payloads, or both sides, might seem to agree on."""

import pytest

from bench.noise import measure
from sonde.wire import INTERPRETED

PAYLOADS = 1_000 if INTERPRETED else 30_000


@pytest.mark.parametrize("kind", ["octets", "text"])
def test_flows_of_noise_stay_unknown(kind: str) -> None:
    payloads, flows, named = measure(kind, PAYLOADS, seed=7)
    assert payloads >= PAYLOADS
    assert flows > PAYLOADS / 10
    assert named.total() <= max(payloads / 10_000, 1), named

"""The driver: what dissectors are shown, wherever it lies."""

from sonde.dissect.ntp import DISSECTOR as NTP
from sonde.dissect.ssh import DISSECTOR as SSH
from tests.bench import trial
from tests.dissect.test_ntp import SERVER
from tests.dissect.test_ssh import EXCHANGE


def test_a_datagram_that_came_in_fragments_reads_like_one_that_did_not() -> None:
    assert trial(NTP, [(1, SERVER)], stream=False, from_pool=True) == trial(NTP, [(1, SERVER)], stream=False)


def test_segments_that_came_early_read_like_others() -> None:
    small = [(side, octets[n : n + 50]) for side, octets in EXCHANGE for n in range(0, len(octets), 50)]
    assert trial(SSH, [*small], stream=True, from_pool=True) == trial(SSH, [*small], stream=True)

"""NTP: the client and server messages of a real exchange's layout, by hand."""

from sonde.dissect.ntp import DISSECTOR
from tests.bench import START_NS, Sample, trial

SERVER = bytes.fromhex(
    "24"  # leap 0, version 4, mode 4 (server)
    "02 06 e9"  # stratum 2, poll 2^6 s, precision 2^-23 s
    "00000c35"  # root delay 3125/65536 s
    "00000f4a"  # root dispersion
    "c0000201"  # upstream 192.0.2.1
    "e8f80d5e 80000000"  # reference
    "e8f80d60 00000000"  # origin
    "e8f80d60 40000000"  # received
    "e8f80d60 80000000"  # transmitted
)
UNIX_S = 0xE8F80D60 - 2_208_988_800


def test_server_message_yields_times_and_units() -> None:
    (row,) = trial(DISSECTOR, [(1, SERVER)], stream=False)["ntp"]
    assert (row["version"], row["mode"], row["stratum"], row["poll"], row["precision"]) == (4, 4, 2, 6, -23)
    assert row["reference_id"] == 0xC0000201
    assert row["root_delay"] == 3125 * 10**9 >> 16
    assert row["transmitted"] == UNIX_S * 10**9 + 500_000_000
    assert row["ts"] == 0
    assert START_NS > 0


def test_every_prefix_is_truncated() -> None:
    for length in range(len(SERVER)):
        (row,) = trial(DISSECTOR, [(1, SERVER[:length])], stream=False)["ntp"]
        assert row["status"] == 1
        assert row["stratum"] is None


def test_control_message_is_unsupported() -> None:
    (row,) = trial(DISSECTOR, [(0, b"\x16" + SERVER[1:])], stream=False)["ntp"]
    assert row["status"] == 3


SAMPLES = {"ntp": [Sample([(0, b"\x23" + SERVER[1:]), (1, SERVER)], ports=(40000, 123))]}

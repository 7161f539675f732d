"""Some of the real captures of ../shared/corpus, where they are: nothing trips, and packets add up.

They are no part of the repository. `SONDE_CORPUS_EVERY=1 make test` reads all of them.
"""

import json
import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sonde.cli.main import COULD_NOT, DAMAGED, DONE, main

CORPUS = Path(__file__).parents[3] / "shared/corpus"
ENDINGS = (".pcap", ".pcapng", ".cap", ".trace")
EVERY = int(os.environ.get("SONDE_CORPUS_EVERY", "10"))
CAPTURES = sorted(path for path in CORPUS.rglob("*") if path.suffix in ENDINGS and path.is_file())[::EVERY]
# The same connection with and without its tunnel is one flow, as in Zeek: tunnelled packets count in both.
BOTH_WAYS = {"tunnel-direct-bypass.pcap"}

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(
        not CAPTURES, reason="../shared/corpus is not there; its captures are no part of the repository"
    ),
]


@pytest.mark.parametrize("number", range(max(len(CAPTURES), 1)))
def test_a_real_capture_trips_nothing_and_adds_up(number: int, tmp_path: Path) -> None:
    status = main(["read", str(CAPTURES[number]), "-o", str(tmp_path / "out"), "--quiet", "--memory", "64M"])
    assert status in (DONE, COULD_NOT, DAMAGED)
    if status == COULD_NOT:  # no capture, whatever its name says
        assert not (tmp_path / "out").exists()
        return
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["internal_errors"] == []
    packets = manifest["packets"]
    assert packets["in"] == packets["recorded"] + sum(packets["dropped"].values())
    if CAPTURES[number].name not in BOTH_WAYS:
        assert outermost_packets(tmp_path / "out") == packets["recorded"]


def outermost_packets(folder: Path) -> int:
    """Sum the packets of all flows, those inside a tunnel aside: their packets are the tunnel's."""
    total = 0
    for part in (folder / "flows").glob("*.parquet"):
        table = pq.read_table(part, columns=["tunnel", "orig_packets", "resp_packets"])
        table = table.filter(pc.is_null(table["tunnel"]))
        total += sum(pc.sum(table[name]).as_py() or 0 for name in ("orig_packets", "resp_packets"))
    return total

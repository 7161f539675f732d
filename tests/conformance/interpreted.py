"""Read samples with a dissector; as a program: those of a file, into another, kernels interpreted."""

import pickle
import sys
from pathlib import Path
from typing import Any

from tests.bench import Sample, trial
from tests.conformance.samples import dissector_of

Rows = dict[str, list[dict[str, Any]]]


def read(name: str, sample: Sample, **wishes: Any) -> Rows:
    """Show a sample to the dissector of a protocol; give its rows by table."""
    return trial(dissector_of(name), sample.messages, stream=sample.stream, ports=sample.ports, **wishes)


if __name__ == "__main__":
    wanted, samples = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([read(wanted, sample) for sample in samples]))

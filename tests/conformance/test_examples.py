"""The examples in the docstrings of stages and of the library run as they stand there."""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard

import sonde
from sonde.decode import settings
from sonde.dissect import all_dissectors
from sonde.dissect.ntp import NtpRecord
from sonde.flow import Limits
from sonde.identify import all_protocols, build_matcher, new_results
from sonde.schema import Field, Privacy, null_row
from sonde.table import packets as packets_table
from sonde.table.flows import FLOW, new_flows
from sonde.table.frames import FRAME, Block
from sonde.table.packets import DROPS, PACKET
from sonde.table.streams import new_streams
from sonde.table.turns import TURN
from tests.maker import conversation, ethernet, pcap, udp

FRAMES = conversation([(0, b"hello")], stream=True)
WIRE = np.frombuffer(ethernet(udp(b"hello")), np.uint8)


def frame() -> np.ndarray:
    row = np.zeros(1, FRAME)
    row["length"], row["original"], row["link"] = len(WIRE), len(WIRE), 1
    return row


def for_flow() -> dict[str, Any]:
    return {
        "new_flows": new_flows, "packets": np.zeros(0, PACKET), "limits": Limits(), "ENDED": 1,
        "servers": np.zeros(65536, np.uint8), "drops": np.zeros(len(DROPS), np.int64),
    }  # fmt: skip


def for_identify() -> dict[str, Any]:
    protocols = all_protocols([each.protocol for each in all_dissectors()])
    return {
        "protocols": protocols, "wire": WIRE, "turns": np.zeros(0, TURN),
        "given": np.zeros(1, np.int64), "streams": new_streams(4, 1 << 16),
        "flows": new_flows(4), "matcher": build_matcher(protocols, set()), "results": new_results(4),
    }  # fmt: skip


EXAMPLES: dict[str, Callable[[], dict[str, Any]]] = {
    "sonde": dict,
    "sonde.view.dataset": lambda: {"sonde": sonde},
    "sonde.source.captures": dict,
    "sonde.decode.frames": lambda: {
        "block": Block(WIRE, frame(), 0),
        "settings": settings(verify=False, lanes=1, key=1),
        "packets_table": packets_table,
    },
    "sonde.flow.update": for_flow,
    "sonde.identify.route": for_identify,
    "sonde.identify.applications": lambda: {
        "text": np.frombuffer(b"www.example.org", np.uint8), "span": 15
    },
    "sonde.schema.field": dict,
    "sonde.schema.signature": dict,
    "sonde.record.build": lambda: {
        "NtpRecord": NtpRecord, "rows": null_row(NtpRecord), "text": np.zeros(1, np.uint8), "keys": np.zeros(1, FLOW)
    },
    "sonde.policy.gate": lambda: {
        "columns": {"host": pa.array(["www.example.org"])}, "fields": {"host": Field("Host", Privacy.ENDPOINT)}
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("office.pcap").write_bytes(pcap(FRAMES))
    Path("office.pcapng.zst").write_bytes(zstandard.compress(pcap(FRAMES)))
    module = importlib.import_module(name)
    document = ast.get_docstring(ast.parse(inspect.getsource(module)), clean=False) or ""
    lines = [line for line in document.splitlines() if line.startswith("    ")]
    assert lines, f"{name} shows no example"
    from typing import Annotated

    scope = {**vars(module), "Annotated": Annotated, **EXAMPLES[name]()}
    exec(compile(textwrap.dedent("\n".join(lines)), name, "exec"), scope)

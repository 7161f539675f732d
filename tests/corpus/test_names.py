"""The corpus as negatives: where a flow that another tool names gets another specific name here, it is explained.

Labels are nDPI's, where its payload inspection decided (../shared/corpus/README.md); what it guessed is left out.
"""

import csv
from collections import Counter, defaultdict
from ipaddress import ip_address
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sonde.dissect import all_dissectors
from sonde.identify import all_protocols
from sonde.pipeline.read import make_plan, read_captures

CORPUS = Path(__file__).parents[3] / "shared/corpus/ndpi"
MOST_WRONG = 0.01  # of flows
#: (what nDPI says, what is said here): why.
EXPLAINED = {
    ("i3D", "discord-voice"): "i3D is the owner of the addresses; the payload is Discord's own (docs/identify.md)",
    ("STUN", "rtp"): "a flow of media that STUN prepared is called by what it carries",
    ("ApplePush", "tls"): "the port alone tells it from TLS, and no port tells a name here",
    ("TLS", "rdp"): "RDP asks for TLS in its first packets; TLS is a layer inside it",
}

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.compiled,
    pytest.mark.skipif(
        not CORPUS.is_dir(), reason="../shared/corpus is not there; its captures are no part of the repository"
    ),
]
Key = tuple[str, frozenset[tuple[str, int]]]


def fold(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def address(text: str) -> str:
    try:
        return ip_address(text.strip("[]")).compressed
    except ValueError:
        return text


def key(transport: str, *ends: tuple[str, int]) -> Key:
    return transport.lower(), frozenset((address(host), port) for host, port in ends)


def expected() -> dict[str, list[tuple[Key, str]]]:
    """Give the flows of each capture, and what nDPI calls them."""
    found: dict[str, list[tuple[Key, str]]] = defaultdict(list)
    with (CORPUS / "flows.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["confidence"].startswith("DPI") and row["l4"] in ("TCP", "UDP") and row["master"] != "Unknown":
                ends = (row["src"], int(row["sport"] or 0)), (row["dst"], int(row["dport"] or 0))
                found[row["pcap"]].append((key(row["l4"], *ends), row["master"]))
    return found


def names() -> dict[str, set[str]]:
    """Give what each protocol is called by nDPI and here."""
    every = all_protocols([each.protocol for each in all_dissectors()])
    return {each.name: {fold(each.name), *map(fold, each.aliases.get("ndpi", ()))} for each in every}


def wrong_names(captures: list[str], folder: Path) -> tuple[Counter[tuple[str, str]], int]:
    """Count flows with another specific name, by both names; and how many flows were compared."""
    every, called, wrong, total = expected(), names(), Counter[tuple[str, str]](), 0
    for number, capture in enumerate(captures):
        out = folder / str(number)
        read_captures([str(CORPUS / "pcap" / capture)], make_plan(["flows"], "clear"), out)
        said: dict[Key, list[tuple[str | None, str | None]]] = defaultdict(list)
        for part in (out / "flows").glob("*.parquet"):
            for row in pq.read_table(part).to_pylist():
                ends = (row["orig_ip"], row["orig_port"]), (row["resp_ip"], row["resp_port"])
                said[key(row["transport"], *ends)].append((row["protocol"], row["application"]))
        for name, master in every[capture]:
            total += 1
            found = said.get(name, [])
            same = any(
                fold(master) in called.get(each, {fold(each)}) for pair in found for each in pair if each is not None
            )
            if found and not same and found[0][0] is not None:
                wrong[master, found[0][0]] += 1
    return wrong, total


def test_another_name_is_explained(tmp_path: Path) -> None:
    captures = sorted(expected())
    wrong, total = wrong_names(captures, tmp_path)
    assert {pair: count for pair, count in wrong.items() if pair not in EXPLAINED} == {}
    assert wrong.total() < MOST_WRONG * total

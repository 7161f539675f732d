"""Begin a dissector: `make dissector NAME=echo` writes its file and its tests, and patches nothing."""

import argparse
import keyword
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAKEN = {"api", "driver"}

MODULE = '''"""{title} (its reference).

One record for each message. Say here what is not read.
"""

from typing import Annotated

from sonde.dissect.api import Dissector, Out, state
from sonde.schema import OWN_PORT, PROTOCOL, U8, U16, Field, Protocol, Record, Verdict
from sonde.table.out import TRUNCATED, close_row, open_row
from sonde.wire import Int, Row, Wire, kernel, u8, u16

# Octet offsets in the header (the clause that draws it).
KIND, LENGTH, HEADER_END = 0, 2, 4


class {record}(Record):
    """One message."""

    kind: Annotated[U8, Field("What the message is", PROTOCOL)]
    length: Annotated[U16, Field("What follows the header", PROTOCOL, unit="octets")]


@kernel
def identify(octets: Wire, at: Int, end: Int, hint: Int) -> Verdict:
    """Accept messages whose length is right."""
    if end - at < HEADER_END or u16(octets, at + LENGTH) != end - at - HEADER_END:
        return Verdict.NO
    return Verdict.YES if hint & OWN_PORT else Verdict.MAYBE


@kernel
def receive(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Out) -> None:
    """Read octets[at:end] and nothing else: one message, one row."""
    row = open_row(out, turn)
    read_message(octets, at, end, conn, out.rows[row])
    close_row(out, row)


@kernel
def read_message(octets: Wire, at: Int, end: Int, conn: Row, record: Row) -> None:
    """Fill a record from a message; what was not read stays null."""
    if end - at < HEADER_END:
        record["status"] = TRUNCATED
        return
    record["kind"] = u8(octets, at + KIND)
    record["length"] = u16(octets, at + LENGTH)
    conn["confirmed"] = 1


@kernel
def finish(conn: Row, out: Out) -> None:
    """Nothing stays open between messages."""


DISSECTOR = Dissector(
    Protocol("{name}", "{title}", "its reference", udp_ports=(7,), identify=identify, transports=("udp",)),
    ({record},),
    state(),
    receive=receive,
    finish=finish,
)
'''

TESTS = '''"""{title}: messages laid out by hand."""

from sonde.dissect.{name} import DISSECTOR
from tests.bench import Sample, trial

MESSAGE = bytes.fromhex(
    "01 00"  # kind 1
    "0005"  # five octets follow
) + b"hello"


def test_a_message_is_one_row() -> None:
    (row,) = trial(DISSECTOR, [(0, MESSAGE)], stream=False)["{name}"]
    assert (row["kind"], row["length"], row["status"]) == (1, 5, 0)


def test_every_prefix_of_the_header_is_truncated() -> None:
    for length in range(4):
        (row,) = trial(DISSECTOR, [(0, MESSAGE[:length])], stream=False)["{name}"]
        assert (row["status"], row["kind"]) == (1, None)


SAMPLES = {{"{name}": [Sample([(0, MESSAGE)], ports=(40000, 7))]}}
'''


def main() -> int:
    """Write both files, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--root", type=Path, default=ROOT)
    args = parser.parse_args()
    name: str = args.name
    module = args.root / f"src/sonde/dissect/{name}.py"
    tests = args.root / f"tests/dissect/test_{name}.py"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name in TAKEN:
        print(f"{name!r} does not do as the name of a module: lower-case letters and digits.", file=sys.stderr)
        return 2
    if module.exists() or tests.exists():
        print(f"{name} exists already.", file=sys.stderr)
        return 2
    names = {"name": name, "title": name.upper(), "record": f"{name.title().replace('_', '')}Record"}
    for path, text in ((module, MODULE), (tests, TESTS)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**names), encoding="utf-8")
        print(f"wrote {path.relative_to(args.root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Whole runs over every dissector's samples: what the policy does not keep is in no output, of no format."""

import json
import re
from collections.abc import Iterator
from datetime import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sonde.cli.main import main
from sonde.pipeline.plan import all_records, table_columns
from sonde.pipeline.stored import stored, tables_of
from sonde.policy import BUILT_IN
from sonde.policy.document import NEEDED
from sonde.policy.domains import registrable
from sonde.schema import Privacy
from sonde.sink import FORMATS
from sonde.sink.ipfix import Exporter, Terms
from sonde.sink.stream import named_lines
from tests.conformance.samples import NAMES, capture_of_all, samples_of
from tests.maker import write_pcap
from tests.reference.ipfix import collected

#: Addresses that are their own prefix, or the same under any mask.
PREFIXES = {"0.0.0.0", "::"}
SHORTEST, WORD = 4, 8  # shorter values stand in outputs by chance, and as parts of longer words


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pcap(tmp_path_factory.mktemp("canaries") / "all.pcap", capture_of_all()[0])


@pytest.fixture(scope="module")
def clear(capture: Path) -> dict[str, list[dict[str, Any]]]:
    folder = capture.with_name("clear")
    assert main(["read", str(capture), "-o", str(folder), "--policy", "clear", "--quiet"]) == 0
    return {table: pq.read_table(folder / table).to_pylist() for table in all_records()}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str):
        yield value


def of_class(rows: dict[str, list[dict[str, Any]]], wanted: set[Privacy]) -> set[str]:
    """Collect the texts of columns of some classes."""
    return {
        text
        for table, found in rows.items()
        for name, (_, field) in table_columns(table).items()
        if field.privacy in wanted
        for row in found
        for text in texts(row.get(name))
    }


def everything(folder: Path) -> str:
    """Give all that a dataset holds as one text, Parquet spelled out."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            found.append("\n".join(text for row in pq.read_table(path).to_pylist() for text in spelled(row)))
        elif path.is_file():
            found.append(path.read_bytes().decode("latin-1"))
            found.append(path.read_text(encoding="utf-8"))
    return "\n".join(found)


def spelled(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        yield name
        yield from texts(value)


def leaked(canaries: set[str], out: str) -> list[str]:
    """Give the canaries that stand in a text; short ones only where they are words of their own."""
    return [
        canary
        for canary in sorted(canaries)
        if canary in out and (len(canary) >= WORD or re.search(rf"(?<!\w){re.escape(canary)}(?!\w)", out))
    ]


#: A policy file as strict as can be, and one that shortens: networks are those of `capture_of_all`.
FILE = """\
schema = 1
version = 1
operator = "Test"
contact = "abuse@example.org"
purpose = "research"
valid_until = 2999-01-01T00:00:00Z
[[network]]
cidr = "2001:db8::/48"
role = "clients"
[classes]
ENDPOINT = "{endpoint}"
PERSON = "{person}"
[truncate]
times = "1m"
[signatures]
policy = 0
"""
DROPPED = [
    f'"{table}.{name}" = "drop"\n' for table in all_records() for name in table_columns(table) if name not in NEEDED
]
FILES = {
    "bare": FILE.format(endpoint="drop", person="drop") + "[fields]\n" + "".join(DROPPED),
    "dropping": FILE.format(endpoint="drop", person="drop"),
    "shortening": FILE.format(endpoint="truncate", person="pseudonymise"),
    "mapping": FILE.format(endpoint="prefix-preserving", person="drop"),
}
POLICIES = [*BUILT_IN, *FILES]
NO_ENDPOINT = ["strict", *FILES]  # under which nothing of that class may be told as it was


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SONDE_KEYS", str(tmp_path / "keys"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_no_secret_is_in_any_output(capture: Path, capfd: pytest.CaptureFixture[str], form: str, policy: str) -> None:
    secrets = {secret.decode("latin-1") for name in NAMES for sample in samples_of(name) for secret in sample.secrets}
    assert secrets
    out = run(capture, capfd, form, policy)
    assert leaked(secrets, out) == []


@pytest.mark.parametrize("form", FORMATS)
def test_no_person_is_in_clear_by_default(
    capture: Path, clear: dict[str, list[dict[str, Any]]], capfd: pytest.CaptureFixture[str], form: str
) -> None:
    names = {name for table in clear for name in table_columns(table)}
    allowed = "\n".join([*of_class(clear, {Privacy.PROTOCOL, Privacy.ENDPOINT}), *names])
    canaries = {text for text in of_class(clear, {Privacy.PERSON}) if len(text) >= SHORTEST and text not in allowed}
    assert canaries
    out = run(capture, capfd, form, "default")
    assert leaked(canaries, out) == []


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("policy", NO_ENDPOINT)
def test_nothing_that_the_policy_does_not_keep_is_in_any_output(
    capture: Path, clear: dict[str, list[dict[str, Any]]], capfd: pytest.CaptureFixture[str], form: str, policy: str
) -> None:
    """Registered domains may stand where names are shortened; addresses may not, nor anything of a person."""
    headings = {name for table in all_records() for name in table_columns(table)}  # of columns: "host"
    allowed = "\n".join(of_class(clear, {Privacy.PROTOCOL}) | headings)
    if policy == "shortening":
        allowed += "\n".join(registrable(text) for text in of_class(clear, {Privacy.ENDPOINT}))
    texts = of_class(clear, {Privacy.ENDPOINT, Privacy.PERSON})
    canaries = {text for text in texts if len(text) >= SHORTEST and text not in allowed}
    assert len(canaries) > 80
    out = run(capture, capfd, form, policy)
    assert leaked(canaries - PREFIXES, out) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_every_technique_stands_in_the_manifest_and_holds(
    capture: Path, clear: dict[str, list[dict[str, Any]]], capfd: pytest.CaptureFixture[str], policy: str
) -> None:
    """What the manifest says was done to a column is seen in the column, against what `clear` recorded."""
    run(capture, capfd, "parquet", policy)
    folder = capture.with_name(f"parquet-{policy}")
    applied = json.loads((folder / "manifest.json").read_text())["policy"]["techniques"]
    for table, techniques in applied.items():
        found = pq.read_table(folder / table)
        for name, technique in techniques.items():
            assert (name in found.schema.names) == (technique != "drop")
            if technique == "pseudonymise" and found.schema.field(name).type == "string":
                assert all(each is None or each.startswith("p:") for each in found[name].to_pylist()), name
            before = [each for row in clear[table] for each in texts(row.get(name))]
            if technique in ("truncate", "prefix-preserving") and before and not isinstance(clear[table][0][name], dt):
                after = [each for value in found[name].to_pylist() for each in texts(value)]
                assert not set(before) & set(after) - PREFIXES - {registrable(each) for each in before}, name


def test_what_was_applied_to_each_column_stands_in_the_manifest(capture: Path, tmp_path: Path) -> None:
    assert main(["read", str(capture), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    applied = json.loads((tmp_path / "out/manifest.json").read_text())["policy"]["techniques"]
    for table, techniques in applied.items():
        classes = {name: field.privacy for name, (_, field) in table_columns(table).items()}
        for name, technique in techniques.items():
            expected = {Privacy.PERSON: "pseudonymise", Privacy.CONTENT: "drop", Privacy.SECRET: "drop"}
            assert technique == expected.get(classes[name], "keep"), f"{table}.{name}"


def test_every_protocol_with_a_dissector_is_identified(clear: dict[str, list[dict[str, Any]]]) -> None:
    clients = capture_of_all()[1]
    found = {clients[row["orig_ip"]] for row in clear["flows"] if row["protocol"] == clients.get(row["orig_ip"])}
    assert set(NAMES) - found == set()


def run(capture: Path, capfd: pytest.CaptureFixture[str], form: str, policy: str) -> str:
    """Read the capture; give files, standard output and standard error as one text, and what outlets would send."""
    folder = capture.with_name(f"{form}-{policy}")
    if not folder.exists():
        capfd.readouterr()
        if policy in FILES:
            capture.with_name(f"{policy}.toml").write_text(FILES[policy])
        name = str(capture.with_name(f"{policy}.toml")) if policy in FILES else policy
        assert main(["read", str(capture), "-o", str(folder), "--format", form, "--policy", name]) == 0
        shown = capfd.readouterr()
        sent = outlets(folder) if form == "parquet" else ""
        folder.with_suffix(".shown").write_text(shown.out + shown.err + sent, encoding="utf-8")
    return everything(folder) + folder.with_suffix(".shown").read_text(encoding="utf-8")


def outlets(dataset: Path) -> str:
    """Give what sockets and Kafka get of a dataset, and what a collector of IPFIX does, addresses spelled out."""
    batches = list(stored(dataset, tables_of(dataset, None)))
    flows = [permitted.batch for permitted in batches if permitted.table == "flows"]
    exporter = Exporter(Terms(65_535))
    collector = collected(message for batch in flows for message in exporter.messages(batch, 0.0))
    assert len(collector.records) == sum(batch.num_rows for batch in flows) > 0
    return "\n".join([*(line for each in batches for line in named_lines(each)), *map(str, collector.records)])

"""What every record must declare, and that nothing undeclared can be emitted."""

import re

import pyarrow as pa
import pytest

from sonde.dissect import all_dissectors
from sonde.dissect.api import CONN_FIELDS
from sonde.pipeline.plan import all_records, table_columns
from sonde.policy import BUILT_IN, Gate, PolicyError, load_policy
from sonde.record import catalogue, declared
from sonde.schema import Field, Privacy, columns, row_dtype
from sonde.table.out import OWN_ANOMALY
from tests.conformance.samples import NAMES, dissector_of

each_table = pytest.mark.parametrize("table", list(all_records()))
each_dissector = pytest.mark.parametrize("name", NAMES)


@each_table
def test_every_column_says_what_it_is_and_has_a_class(table: str) -> None:
    for name, (_, field) in catalogue(all_records()[table], is_flows=table == "flows").items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert isinstance(field, Field)
        assert isinstance(field.privacy, Privacy)
        assert 0 < len(field.doc) <= 60, f"{table}.{name}"
        assert not field.doc.endswith("."), f"{table}.{name}: a noun phrase, not a sentence"


@each_table
def test_every_table_says_what_a_row_is(table: str) -> None:
    document = all_records()[table].__doc__
    assert document
    assert document.splitlines()[0].endswith(".")


@each_table
def test_columns_of_one_name_mean_one_thing(table: str) -> None:
    head = ["ts", "uid", "orig_ip", "orig_port", "resp_ip", "resp_port"]
    if table != "flows":
        assert list(table_columns(table))[:6] == head


@each_table
def test_no_secret_is_declared_as_a_column_with_content(table: str) -> None:
    for column in columns(all_records()[table]):
        assert column.field.privacy != Privacy.SECRET or column.kind.name == "bool", (
            f"{table}.{column.name}: of a SECRET only the fact that it was seen may leave the parser"
        )


@each_dissector
def test_a_dissector_is_complete(name: str) -> None:
    dissector = dissector_of(name)
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert dissector.protocol.title
    assert dissector.protocol.reference
    assert dissector.advance is not None or dissector.receive is not None
    assert dissector.finish is not None
    assert len(dissector.anomalies) <= 64 - OWN_ANOMALY
    assert set(dissector.state.names or ()) >= {field[0] for field in CONN_FIELDS}
    assert dissector.protocol.signatures or dissector.protocol.identify, "nothing tells it from others"


def test_no_table_has_two_declarations() -> None:
    declared: dict[str, type] = {}
    for dissector in all_dissectors():
        for record in dissector.records:
            assert declared.setdefault(record.__name__, record) is record
            assert row_dtype(record).itemsize < 4096


def test_a_column_without_class_cannot_be_emitted() -> None:
    gate = Gate(load_policy("clear"))
    with pytest.raises(PolicyError, match="no privacy class"):
        gate.permit("http", {"unknown": pa.array(["x"])}, declared(all_records()["http"]))
    with pytest.raises(PolicyError, match="no privacy class"):
        gate.permit("http", {"host": pa.array(["x"])}, {"host": None})  # type: ignore[dict-item]


@pytest.mark.parametrize("policy", sorted(BUILT_IN))
def test_content_and_secrets_pass_under_no_policy(policy: str) -> None:
    gate = Gate(load_policy(policy))
    for privacy in (Privacy.CONTENT, Privacy.SECRET):
        fields = {"a": Field("Of a test", privacy), "b": Field("Of a test", Privacy.PROTOCOL)}
        assert not gate.keeps("t", "a", fields["a"])
        permitted = gate.permit("t", {"a": pa.array(["x"]), "b": pa.array([1])}, fields)
        assert permitted.batch.schema.names == ["b"]

"""The egress gate: what it lets pass, what it puts in place of a person, and that it fails closed."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.policy import BUILT_IN, Gate, Policy, PolicyError, load_policy
from sonde.schema import Field, Privacy
from sonde.sink.files import JsonlSink
from sonde.table.permitted import Permitted, take_seal

PSEUDONYM = re.compile(r"p:[0-9a-f]{32}")


def permitted(gate: Gate, column: pa.Array, privacy: Privacy = Privacy.PERSON, name: str = "user") -> list[object]:
    batch = gate.permit("t", {name: column}, {name: Field("Of a test", privacy)}).batch
    return batch[name].to_pylist() if name in batch.schema.names else []


def test_equal_values_stay_equal_within_a_run_and_only_there() -> None:
    names = pa.array(["alice", "bob", None, "alice"])
    first, second = permitted(Gate(load_policy("default")), names), permitted(Gate(load_policy("default")), names)
    assert first[0] == first[3] != first[1]
    assert first[2] is None
    assert not set(map(str, first[:2])) & set(map(str, second[:2]))
    assert all(PSEUDONYM.fullmatch(str(name)) for name in (first[0], first[1]))


def test_the_same_value_has_another_name_in_another_field() -> None:
    gate, column = Gate(load_policy("default")), pa.array(["alice"])
    assert permitted(gate, column) != permitted(gate, column, name="other")


def test_a_mail_address_keeps_its_domain() -> None:
    (found,) = permitted(Gate(load_policy("default")), pa.array(["alice@example.org"]))
    assert re.fullmatch(r"p:[0-9a-f]{32}@example\.org", str(found))


@pytest.mark.parametrize(
    "value",
    [
        "@example.org",
        "alice@",
        "a b@example.org",
        "alice@host",
        "x@y@example.org",
        "a@b/c.d",
        "alice@b.c?alice=1",
        "alice@b..c.",
        "alice@.b.c",
    ],
)
def test_what_is_no_mail_address_leaves_nothing_of_itself(value: str) -> None:
    (found,) = permitted(Gate(load_policy("default")), pa.array([value]))
    assert str(found).startswith("p:")
    assert "alice" not in str(found)
    assert " " not in str(found)


@given(st.lists(st.one_of(st.none(), st.lists(st.text(max_size=6), max_size=3)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_lists_keep_their_shape(lists: list[list[str] | None]) -> None:
    found = permitted(Gate(load_policy("default")), pa.array(lists, pa.list_(pa.string())))
    assert [None if each is None else len(each) for each in lists] == [
        None if each is None else len(each)
        for each in found  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([7, None]),
        pa.array([1.5]),
        pa.array([b"\xff\x00"]),
        pa.array([True, False]),
        pa.array(["x"]).dictionary_encode(),
    ],
)
def test_persons_of_any_type_are_pseudonyms_or_nothing(column: pa.Array) -> None:
    for value in permitted(Gate(load_policy("default")), column):
        assert value is None or PSEUDONYM.fullmatch(str(value))


def test_classes_are_kept_as_the_policy_says() -> None:
    column = pa.array(["x"])
    for name in BUILT_IN:
        gate = Gate(load_policy(name))
        assert permitted(gate, column, Privacy.PROTOCOL) == ["x"]
        assert (permitted(gate, column, Privacy.ENDPOINT) == ["x"]) == (name != "strict")
        assert permitted(gate, column, Privacy.CONTENT) == permitted(gate, column, Privacy.SECRET) == []
    assert permitted(Gate(load_policy("clear")), column) == ["x"]
    assert BUILT_IN["clear"].notice


def test_what_a_policy_does_not_name_is_dropped() -> None:
    gate = Gate(Policy("mine", {Privacy.PROTOCOL: "keep"}))
    assert permitted(gate, pa.array(["x"]), Privacy.ENDPOINT) == []
    assert permitted(gate, pa.array(["x"])) == []


def test_no_policy_lowers_the_floor() -> None:
    gate = Gate(Policy("mine", dict.fromkeys(Privacy, "keep")))
    assert permitted(gate, pa.array(["hunter2"]), Privacy.SECRET) == []
    assert permitted(gate, pa.array(["Dear Bob"]), Privacy.CONTENT) == []


def test_an_unknown_technique_is_an_error() -> None:
    with pytest.raises(PolicyError, match="unknown technique"):
        permitted(Gate(Policy("mine", {Privacy.PERSON: "kepp"})), pa.array(["x"]))


def test_records_leave_through_the_gate_only(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(TypeError, match="only through the egress gate"):
        Permitted("t", pa.RecordBatch.from_pydict({"a": ["x"]}), seal=object())
    with pytest.raises(TypeError, match="has it already"):
        take_seal()
    with pytest.raises(TypeError, match="egress gate"):
        JsonlSink(tmp_path, {}).write(pa.RecordBatch.from_pydict({"a": ["x"]}))  # type: ignore[arg-type]


def test_the_key_is_told_nowhere() -> None:
    gate = Gate(load_policy("default"))
    secret = gate.keys.of(0)._secret
    assert len(secret) == 32
    assert secret.hex() not in repr(gate) + repr(gate.keys.of(0))

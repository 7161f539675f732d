"""What is left of values: expected by hand from RFC 6235 and the Public Suffix List's own tests."""

import re
from dataclasses import replace

import pyarrow as pa
import pytest

from sonde.policy import BUILT_IN, Gate, Keys, Policy, PolicyError
from sonde.policy.domains import registrable
from sonde.policy.keys import Key
from sonde.policy.techniques import Task, transform
from sonde.policy.terms import HOUR_NS, SECOND_NS, Pseudonym, Truncation
from sonde.schema import ENDPOINT, PERSON, PROTOCOL, Field, Privacy

PSEUDONYM = re.compile(r"p:[0-9a-f]{32}")
# From tests/test_psl.txt of publicsuffix.org (public domain).
PSL = {
    "COM": "", "example.COM": "example.com", "WwW.example.COM": "example.com", "example": "",
    "b.example.example": "example.example", "biz": "", "b.domain.biz": "domain.biz", "uk.com": "",
    "b.example.uk.com": "example.uk.com", "c.mm": "", "a.b.c.mm": "b.c.mm", "ac.jp": "", "www.test.ac.jp": "test.ac.jp",
    "www.test.k12.ak.us": "test.k12.ak.us", "k12.ak.us": "", "www.ck": "www.ck", "www.www.ck": "www.ck",
    "a.b.example.co.uk": "example.co.uk",
}  # fmt: skip


@pytest.mark.parametrize(("name", "domain"), PSL.items())
def test_the_registrable_domain_is_that_of_the_list(name: str, domain: str) -> None:
    assert registrable(name) == domain


@pytest.mark.parametrize(
    "text", ["", ".", "a b.example.org", "index.html?user=a", "x" * 64 + ".org", "a..org", "-a.org"]
)
def test_what_is_no_host_name_has_no_domain(text: str) -> None:
    assert registrable(text) == ""


def under(technique: str, values: list[object], declared: Field, **terms: object) -> list[object]:
    """Give values of one field after a technique."""
    techniques = dict.fromkeys(Privacy, "keep") | {declared.privacy: technique}
    gate = Gate(replace(Policy("mine", techniques), **terms))
    batch = gate.permit("t", {"a": pa.array(values)}, {"a": declared}).batch
    return batch["a"].to_pylist() if batch.num_columns else []


ADDRESS = Field("Of a test", ENDPOINT, holds="address")
HOST = Field("Of a test", ENDPOINT, holds="host")


def test_addresses_are_cut_to_their_prefix() -> None:
    values = ["192.0.2.77", "2001:db8:1:2::3", None, "0.0.0.0"]
    assert under("truncate", values, ADDRESS) == ["192.0.2.0", "2001:db8:1::", None, "0.0.0.0"]
    terms = Truncation(ipv4=9, ipv6=33)
    assert under("truncate", ["10.255.1.2", "2001:db8:ffff::1"], ADDRESS, truncation=terms) == [
        "10.128.0.0",
        "2001:db8:8000::",
    ]


def test_names_are_cut_to_what_was_registered_and_literals_as_addresses() -> None:
    values = ["www.example.co.uk", "example.org:8080", "192.0.2.77:80", "[2001:db8:1:2::3]:443", "2001:db8:1:2::3"]
    expected = ["example.co.uk", "example.org", "192.0.2.0", "2001:db8:1::", "2001:db8:1::"]
    assert under("truncate", values, HOST) == expected


@pytest.mark.parametrize("technique", ["truncate", "prefix-preserving"])
def test_what_is_not_what_the_field_holds_gets_a_pseudonym(technique: str) -> None:
    odd = ["alice was here", "co.uk", "TXT 5 alice", "1.2.3", "1.2.3.4.5", "\x00", "fe80::1%eth0"]
    for declared in (ADDRESS, HOST):
        assert all(PSEUDONYM.fullmatch(str(each)) for each in under(technique, [*odd], declared)), declared
    assert all(
        PSEUDONYM.fullmatch(str(each)) for each in under(technique, ["Mozilla/5.0"], Field("Of a test", ENDPOINT))
    )


def test_mail_and_hardware_addresses_are_shortened() -> None:
    mail, mac = Field("Of a test", PERSON, holds="mail"), Field("Of a test", ENDPOINT, holds="mac")
    assert under("truncate", ["alice@mail.example.org"], mail) == ["example.org"]
    assert under("truncate", ["00:00:5e:00:53:01", None], mac) == ["00:00:5e:00:00:00", None]


def test_the_domain_of_a_mail_address_stays_only_where_machines_are_named() -> None:
    gate = Gate(Policy("mine", {Privacy.ENDPOINT: "pseudonymise", Privacy.PERSON: "pseudonymise"}))
    batch = gate.permit("t", {"a": pa.array(["alice@example.org"])}, {"a": Field("Of a test", PERSON)}).batch
    assert PSEUDONYM.fullmatch(batch["a"][0].as_py())


def test_times_are_cut_to_the_unit_and_null_stays_null() -> None:
    gate = Gate(Policy("mine", {Privacy.PROTOCOL: "keep"}, truncation=Truncation(times_ns=SECOND_NS)))
    column = pa.array([None, 1_999_999_999, -1, 5], pa.timestamp("ns", "UTC"))
    for sliced, expected in ((column, [None, 10**9, -(10**9), 0]), (column.slice(1, 2), [10**9, -(10**9)])):
        batch = gate.permit("t", {"ts": sliced}, {"ts": Field("Of a test", PROTOCOL, holds="time")}).batch
        assert batch["ts"].cast(pa.int64()).to_pylist() == expected
        assert gate.applied["t"]["ts"] == "truncate"


def test_an_epoch_ends_all_links() -> None:
    terms = Pseudonym(24 * HOUR_NS, 0)
    policy = Policy("mine", {Privacy.PROTOCOL: "keep", Privacy.PERSON: "pseudonymise"}, pseudonym=terms)
    keys = Keys(terms)
    day = 24 * HOUR_NS
    stamps = pa.array([0, 20_000 * day, 20_001 * day, 20_000 * day + 5, 20_001 * day - 1], pa.timestamp("ns", "UTC"))
    fields = {"ts": Field("When", PROTOCOL, holds="time"), "a": Field("Who", PERSON), "b": Field("Whom", PERSON)}
    lists = pa.array([["alice"], None, ["alice", "bob"], ["alice"], []])
    batch = Gate(policy, keys).permit("t", {"ts": stamps, "a": pa.array(["alice"] * 5), "b": lists}, fields).batch
    a, b = batch["a"].to_pylist(), batch["b"].to_pylist()
    assert a[1] == a[3] == a[4]
    assert len(set(a)) == len(keys) == 3
    assert b[1] is None
    assert [len(each) for each in (b[0], b[2], b[3], b[4])] == [1, 2, 1, 0]
    assert len({b[0][0], b[2][0], b[3][0]}) == 3
    # One epoch at a time says the same as all at once: the rows are put back where they were.
    one = Gate(policy, keys).permit("t", {"ts": stamps.slice(1, 1), "a": pa.array(["alice"])}, fields).batch
    assert one["a"].to_pylist() == [a[1]]


@pytest.mark.parametrize("technique", ["truncate", "prefix-preserving", "pseudonymise"])
@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.string()), pa.binary(), pa.int64(), pa.bool_()])
def test_a_batch_without_rows_passes(technique: str, kind: pa.DataType) -> None:
    gate = Gate(Policy("mine", {Privacy.ENDPOINT: technique}))
    batch = gate.permit("t", {"a": pa.array([], kind)}, {"a": HOST}).batch
    assert batch.schema == gate.schema("t", {"a": (kind, HOST)})


def test_an_unknown_technique_of_a_field_is_an_error() -> None:
    gate = Gate(Policy("mine", {Privacy.ENDPOINT: "keep"}, fields={"t.a": "hash"}))
    with pytest.raises(PolicyError, match="unknown technique"):
        gate.permit("t", {"a": pa.array(["x"])}, {"a": HOST})


@pytest.mark.parametrize("start", [0, 7])
def test_many_distinct_values_are_treated_as_few_are(start: int) -> None:
    """Where most values differ none is looked up; slices, and values that come again, have the same pseudonyms."""
    values = [f"user{number % 4900}" for number in range(5000)]
    column = pa.array(values)[start:]
    task = Task("http.username", Field("User", PERSON), BUILT_IN["default"])
    found = transform("pseudonymise", task, column, Key(bytes(32))).to_pylist()
    for row in (0, 1, 99, 4800, 4900):
        (expected,) = transform("pseudonymise", task, pa.array([values[start:][row]]), Key(bytes(32))).to_pylist()
        assert found[row] == expected
    assert found[0] == found[4900]
    assert len(set(found)) == 4900

"""The policy file: what the specification's example means, and that every broken one is refused with line and mend."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.pipeline.plan import registry
from sonde.pipeline.policies import open_policy
from sonde.policy import BUILT_IN, PolicyError, check_text, load_policy
from sonde.policy.lines import key_lines
from sonde.policy.terms import DAY_NS, HOUR_NS
from sonde.schema import Privacy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# The example of the specification, each table of it.
EXAMPLE = """\
schema = 1
version = 3
operator = "Example University"
contact = "abuse@example.org"
purpose = "network-defence"
valid_until = 2027-06-30T00:00:00Z

[[network]]
cidr = "10.20.0.0/16"
role = "clients"
[[network]]
cidr = "192.0.2.0/28"
role = "servers"
[[mail_domain]]
name = "example.org"

[classes]
ENDPOINT = "keep"
PERSON = "pseudonymise"
[fields]
"dns.query" = "truncate"
[tables]
ssh = "drop"
[truncate]
ipv4 = 16
times = "1s"
[pseudonym]
epoch = "24h"
keep_keys = "48h"
[retention]
records = "30d"
content = "72h"
[signatures]
policy = 1
authorisation = 2
[audit]
log = "audit"
heartbeat = "10m"
"""


def test_the_example_means_what_it_says() -> None:
    policy, faults = check_text(EXAMPLE.encode(), "office.toml", registry(), now=NOW)
    assert faults == []
    assert policy is not None
    assert policy.digest == hashlib.sha256(EXAMPLE.encode()).hexdigest()
    assert (policy.version, policy.operator, policy.contact) == (3, "Example University", "abuse@example.org")
    assert policy.valid_until == datetime(2027, 6, 30, tzinfo=UTC)
    assert [(str(each.cidr), each.role) for each in policy.networks] == [
        ("10.20.0.0/16", "clients"),
        ("192.0.2.0/28", "servers"),
    ]
    assert policy.mail_domains == ("example.org",)
    assert (policy.truncation.ipv4, policy.truncation.ipv6, policy.truncation.times_ns) == (16, 48, 10**9)
    assert (policy.pseudonym.epoch_ns, policy.pseudonym.keep_keys_ns) == (24 * HOUR_NS, 48 * HOUR_NS)
    assert (policy.retention.records_ns, policy.retention.content_ns) == (30 * DAY_NS, 72 * HOUR_NS)
    assert (policy.signatures.policy, policy.signatures.authorisation) == (1, 2)
    assert (policy.audit.log, policy.audit.heartbeat_ns) == ("audit", 600 * 10**9)
    assert policy.dropped_tables == {"ssh"}
    fields = registry()
    assert policy.technique("dns", "query", fields["dns"]["query"]) == "truncate"
    assert policy.technique("http", "host", fields["http"]["host"]) == "keep"
    assert policy.technique("http", "username", fields["http"]["username"]) == "pseudonymise"
    assert policy.technique("ssh", "client", fields["ssh"]["client"]) == "drop"


# (damage, what is replaced, by what, the line that is named, what the sentence says)
BROKEN = [
    ("key misspelt", "operator =", "opertor =", 3, "did you mean 'operator'"),
    ("key unknown", "schema = 1", "schema = 1\nbypass = true", 2, "there is no key 'bypass'"),
    ("table misspelt", "[retention]", "[retentoin]", 30, "did you mean 'retention'"),
    ("key of a table misspelt", 'keep_keys = "48h"', 'keepkeys = "48h"', 29, "did you mean 'keep_keys'"),
    ("key of a list misspelt", 'role = "servers"', 'roll = "servers"', 13, "did you mean 'role'"),
    ("class misspelt", "PERSON =", "PERSN =", 19, "did you mean 'PERSON'"),
    ("class in lower case", "PERSON =", "person =", 19, "did you mean 'PERSON'"),
    ("field misspelt", '"dns.query"', '"dns.qurey"', 21, "did you mean 'dns.query'"),
    ("field of no table", '"dns.query"', '"dsn.query"', 21, "there is no table 'dsn'"),
    ("field without table", '"dns.query"', '"query"', 21, "names no field"),
    ("field not in quotes", '"dns.query"', "dns.query", 21, "in quotes"),
    ("field of any table misspelt", '"dns.query"', '"*.orgi_ip"', 21, r"did you mean '\*.orig_ip'"),
    ("technique misspelt", '= "pseudonymise"', '= "pseudonymize"', 19, "did you mean 'pseudonymise'"),
    ("technique no text", 'ENDPOINT = "keep"', "ENDPOINT = true", 18, "no technique True"),
    ("field looser than its class", '"dns.query" = "truncate"', '"http.query" = "keep"', 21, "can only be stricter"),
    ("field cannot be shortened", '"dns.query"', '"http.user_agent"', 21, "cannot be 'truncate'"),
    ("time dropped", '"dns.query" = "truncate"', '"dns.ts" = "drop"', 21, "needed to order"),
    ("content kept", "[fields]", 'CONTENT = "keep"\n[fields]', 20, "unless an authorisation"),
    ("secret kept", "[fields]", 'SECRET = "pseudonymise"\n[fields]', 20, "never leaves the parser"),
    ("protocol dropped", "[fields]", 'PROTOCOL = "drop"\n[fields]', 20, "is kept"),
    ("table kept", 'ssh = "drop"', 'ssh = "keep"', 23, "can only be dropped"),
    ("table of no name", 'ssh = "drop"', 'shh = "drop"', 23, "did you mean 'ssh'"),
    ("expired", "2027-06-30", "2025-06-30", 6, "expired on 2025-06-30"),
    ("no zone", "2027-06-30T00:00:00Z", "2027-06-30T00:00:00", 6, "a zone"),
    ("date as text", "2027-06-30T00:00:00Z", '"2027-06-30"', 6, "without quotes"),
    ("one client", "10.20.0.0/16", "10.20.3.4/32", 9, 'narrower than /24.*"10.20.3.0/24"'),
    ("few IPv6 clients", "10.20.0.0/16", "2001:db8::/64", 9, "narrower than /56"),
    ("network with host bits", "10.20.0.0/16", "10.20.3.4/16", 9, 'write "10.20.0.0/16"'),
    ("network without length", "10.20.0.0/16", "10.20.3.4", 9, "write its length"),
    ("no network", "10.20.0.0/16", "10.20.0.0/33", 9, "no network"),
    ("the whole Internet", "192.0.2.0/28", "0.0.0.0/0", 12, "wider than /8"),
    ("the whole Internet as IPv6", "192.0.2.0/28", "2000::/7", 12, "wider than /16"),
    ("IPv4 of everybody as IPv6", "192.0.2.0/28", "::/8", 12, "wider than /16"),
    ("a client once more as IPv6", "192.0.2.0/28", "::ffff:a14:304/128", 12, "IPv4 addresses are spelled as IPv6"),
    ("a client once more by 6to4", "192.0.2.0/28", "2002:a14:304::/48", 12, "IPv4 addresses are spelled as IPv6"),
    ("a person's domain", 'name = "example.org"', 'name = "alice.smith.name"', 15, "the name of a person"),
    ("a telephone's domain", 'name = "example.org"', 'name = "442079460018.example.org"', 15, "has a telephone"),
    ("two roles", "192.0.2.0/28", "10.20.3.4/32", 12, "another role"),
    ("role unknown", '"servers"', '"suspects"', 13, "write one of clients, servers"),
    ("network without role", 'role = "servers"\n', "", 11, "lacks 'role'"),
    ("mail domains no list", "[[mail_domain]]", "[mail_domain]", 14, "list of tables"),
    ("everybody's domain", '"example.org"', '"co.uk"', 15, "anybody registers"),
    ("mailbox for a domain", '"example.org"', '"alice@example.org"', 15, "no domain"),
    ("purpose unknown", '"network-defence"', '"curiosity"', 5, "write one of network-defence"),
    ("version no number", "version = 3", 'version = "3"', 2, "whole number"),
    ("version true", "version = 3", "version = true", 2, "whole number"),
    ("version zero", "version = 3", "version = 0", 2, "from 1"),
    ("another schema", "schema = 1", "schema = 2", 1, "reads schema = 1"),
    ("schema true", "schema = 1", "schema = true", 1, "reads schema = 1"),
    ("schema a fraction", "schema = 1", "schema = 1.0", 1, "reads schema = 1"),
    ("brackets without end", "schema = 1", "schema = " + "[" * 9000, 1, "not TOML|nested too deeply"),
    ("a mistake behind an odd line end", "version = 3", "# \u2028\u2029\x85\nversion = true", 3, "whole number"),
    ("two lines of operator", '"Example University"', '"a\\nb"', 3, "one line"),
    ("length of time", '"24h"', '"1 day"', 28, 'such as "24h"'),
    ("length of time as number", '"24h"', "24", 28, 'such as "24h"'),
    ("epoch too short", '"24h"', '"1s"', 28, "from 10m to 31d"),
    ("content too long", '"72h"', '"15d"', 32, "to 14d"),
    ("nobody signs authorisations", "authorisation = 2", "authorisation = 0", 35, "from 1"),
    ("prefix too long", "ipv4 = 16", "ipv4 = 32", 25, "from 8 to 24"),
    ("not TOML", "[classes]", "[classes", 17, "not TOML"),
    ("key twice", "version = 3", "version = 3\nversion = 4", 3, "not TOML"),
    ("PERSON left open", 'PERSON = "pseudonymise"\n', "", 17, "must say what happens to PERSON"),
    ("operator left open", 'operator = "Example University"\n', "", 1, "'operator' is missing"),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_a_broken_policy_is_refused_with_line_and_mend(
    old: str, new: str, line: int, says: str, tmp_path: Path
) -> None:
    assert old in EXAMPLE
    text = EXAMPLE.replace(old, new, 1)
    policy, faults = check_text(text.encode(), "office.toml", registry(), now=NOW)
    assert policy is None
    assert any(each.line == line and re.search(says, each.text) for each in faults), faults
    path = tmp_path / "office.toml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=f"line {faults[0].line}: "):
        load_policy(path, registry(), now=NOW)


def test_all_faults_are_told_in_order() -> None:
    text = EXAMPLE.replace("operator =", "opertor =").replace("ipv4 = 16", "ipv4 = 99").replace('"24h"', '"24"')
    _, faults = check_text(text.encode(), "office.toml", registry(), now=NOW)
    assert [each.line for each in faults] == [1, 3, 25, 28]


def test_what_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    assert check_text(b"schema = 1\n\xff", "x", registry())[1][0].line == 2
    for name in ("nowhere.toml", "defualt"):
        with pytest.raises(PolicyError, match="no such file"):
            load_policy(name)
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path)
    (tmp_path / "big.toml").write_text("#" * 70_000)
    with pytest.raises(PolicyError, match="more than 65536 octets"):
        load_policy(tmp_path / "big.toml")


def test_a_policy_is_not_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text(EXAMPLE.replace("policy = 1", "policy = 0"))
    assert open_policy(str(path), least_version=3, now=NOW).version == 3
    with pytest.raises(PolicyError, match="version 4 was in force before"):
        open_policy(str(path), least_version=4, now=NOW)


def test_one_name_may_mean_a_field_of_every_table() -> None:
    text = EXAMPLE.replace('"dns.query" = "truncate"', '"*.orig_ip" = "prefix-preserving"')
    policy, faults = check_text(text.encode(), "x", registry(), now=NOW)
    assert faults == []
    assert policy is not None
    for table, fields in registry().items():
        if "orig_ip" in fields and table not in policy.dropped_tables:
            assert policy.technique(table, "orig_ip", fields["orig_ip"]) == "prefix-preserving"


def test_lines_are_found_however_they_are_written() -> None:
    text = (
        'a = """\nb = 1\n"""  # [x]\n[ t ]\n"c.d" = [\n  "[u]",\n]\ne . f = 1\n[[l]]\ng = \'#\'\n[[l]]\ng = {h = 1}\n'
    )
    lines = key_lines(text)
    assert lines[("a",)] == 1
    assert ("b",) not in lines
    assert (lines[("t",)], lines["t", "c.d"], lines["t", "e", "f"]) == (4, 5, 8)
    assert (lines["l", 0, "g"], lines["l", 1], lines["l", 1, "g"]) == (10, 11, 12)


def test_built_in_policies_have_digests_of_their_own() -> None:
    assert len({policy.digest for policy in BUILT_IN.values()}) == len(BUILT_IN)
    text = BUILT_IN["strict"].canonical_text
    assert BUILT_IN["strict"].digest == hashlib.sha256(text.encode()).hexdigest()
    assert {each.name: BUILT_IN["default"].of_class(each) for each in Privacy} == {
        "PROTOCOL": "keep",
        "ENDPOINT": "keep",
        "PERSON": "pseudonymise",
        "CONTENT": "drop",
        "SECRET": "drop",
    }


def test_all_networks_that_are_for_private_use_may_be_declared() -> None:
    for cidr in ("10.0.0.0/8", "fc00::/7", "2001:db8::/32"):
        _, faults = check_text(EXAMPLE.replace("10.20.0.0/16", cidr).encode(), "x", registry(), now=NOW)
        assert faults == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a b", "cidr"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def spelled(value: object) -> str:
    """Write a value as TOML does."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {spelled(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    if value is None:
        return "1979-05-27T07:32:00Z"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


@given(st.sampled_from([line for line in EXAMPLE.splitlines() if " = " in line]), VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_of_any_key_is_read_or_refused_in_a_sentence(line: str, value: object) -> None:
    text = EXAMPLE.replace(line, f"{line.partition(' = ')[0]} = {spelled(value)}", 1)
    policy, faults = check_text(text.encode("utf-8", "replace"), "x", registry(), now=NOW)
    assert (policy is None) == bool(faults)
    assert all(fault.text[-1] in ".?" for fault in faults)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_nothing_breaks(octets: bytes) -> None:
    policy, faults = check_text(octets, "x", registry(), now=NOW)
    assert policy is None
    assert faults

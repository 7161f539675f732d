"""The example capture, whole: record for record what was found before, and what its programs say they did."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sonde.cli.main import main

ROOT = Path(__file__).parents[2]
CAPTURE, EXPECTED = ROOT / "examples/first-look.pcapng", ROOT / "examples/first-look.expected.json"
GOLDEN = Path(__file__).parent / "first-look"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Read the capture as JSON lines; people in it are invented, so they may be in clear."""
    folder = tmp_path_factory.mktemp("golden") / "first-look"
    options = ["--format", "jsonl", "--policy", "clear", "--quiet"]
    assert main(["read", str(CAPTURE), "-o", str(folder), *options]) == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sonde"]
    del manifest["inputs"][0]["modified_ns"]
    del manifest["policy"]["techniques"]  # docs/records.md has them
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if request.config.getoption("--write-golden"):
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(folder, GOLDEN)
    return folder


def rows(folder: Path, table: str) -> list[Row]:
    return [json.loads(line) for line in (folder / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_the_tables_that_there_were(made: Path) -> None:
    assert sorted(each.name for each in made.iterdir()) == sorted(each.name for each in GOLDEN.iterdir())


@pytest.mark.parametrize("name", sorted(each.name for each in GOLDEN.glob("*.json*")))
def test_records_are_those_that_were_read_in_review(made: Path, name: str) -> None:
    """Where a change is meant: make golden, read the difference, commit it with the change."""
    found = (made / name).read_text(encoding="utf-8").splitlines()
    assert found == (GOLDEN / name).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def said() -> dict[str, list[Row]]:
    """What the programs in the capture logged or were asked to do."""
    found: dict[str, list[Row]] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found


def test_dns_is_what_bind_logged(made: Path, said: dict[str, list[Row]]) -> None:
    ours = Counter(
        (
            row["query"],
            row["qclass_name"][2:4],
            *(row[key] for key in ("qtype_name", "transport", "orig_ip", "resp_ip")),
        )
        for row in rows(made, "dns")
        if row["resp_port"] == 53
    )
    keys = ("query", "class", "type", "transport", "client", "server")
    assert ours == Counter(tuple(row[key] for key in keys) for row in said["dns"])


def test_a_lone_query_on_another_port_is_not_guessed_to_be_dns(made: Path, said: dict[str, list[Row]]) -> None:
    (unanswered,) = said["dns_unanswered"]
    (flow,) = [row for row in rows(made, "flows") if row["resp_port"] == unanswered["port"]]
    assert "protocol" not in flow
    assert flow["resp_packets"] == 0


def test_http_is_what_nginx_logged(made: Path, said: dict[str, list[Row]]) -> None:
    def uri(row: Row) -> str:
        return row["path"] + ("?" + row["query"] if "query" in row else "")

    ours = Counter(
        (row["method"], row.get("host", ""), uri(row), row["status_code"], row.get("user_agent", ""))
        for row in rows(made, "http")
    )
    keys = ("method", "host", "uri", "status", "user_agent")
    in_words = [row for row in said["http"] if row["version"] != "HTTP/2.0"]  # frames of HTTP/2 are not dissected
    assert ours == Counter(tuple(row[key] for key in keys) for row in in_words)


def test_tls_is_what_its_programs_did(made: Path, said: dict[str, list[Row]]) -> None:
    """On its own ports, and where it begins inside SMTP, IMAP, LDAP and PostgreSQL."""
    quic = {row["uid"] for row in rows(made, "quic")}
    ours = Counter(
        (row.get("server_name", ""), row.get("version", ""), row["established"], row["resumed"])
        for row in rows(made, "tls")
        if row["uid"] not in quic
    )
    expected = Counter(
        (
            row["server_name"],
            "" if "from server" in row["outcome"] else row["version"].replace(".", "").removesuffix("0"),
            "completed" in row["outcome"],
            "resumed" in row["outcome"],
        )
        for row in said["tls"]
    )
    assert ours == expected


def test_quic_is_what_its_client_did(made: Path, said: dict[str, list[Row]]) -> None:
    found = {
        (row["server_name"], row["resp_port"], row["zero_rtt_seen"])
        for row in rows(made, "quic")
        if "server_name" in row
    }
    expected = {(row["server_name"], row["port"], "0-RTT" in row["how"]) for row in said["quic"]}
    assert found == expected
    assert any(row["retry_seen"] for row in rows(made, "quic")) == any("Retry" in row["how"] for row in said["quic"])


def test_ssh_and_dhcp_are_what_their_clients_printed(made: Path, said: dict[str, list[Row]]) -> None:
    (ssh,), (login,) = rows(made, "ssh"), said["ssh"]
    assert (ssh["client"], ssh["server"], ssh["auth_success"]) == (login["client"], login["server"], True)
    (guest,) = said["dhcp"]
    assert guest["host_name"] in {row.get("host_name") for row in rows(made, "dhcp")}
    assert {row["client_mac"] for row in rows(made, "dhcp")} == {guest["mac"]}
    assert any(row["message"] == "RELEASE" for row in rows(made, "dhcp")) == guest["released"]


def test_the_time_servers_stratum_is_told(made: Path, said: dict[str, list[Row]]) -> None:
    assert {row["stratum"] for row in rows(made, "ntp") if row["mode"] == 4} == {row["stratum"] for row in said["ntp"]}


NAMED = (
    "smtp",
    "imap",
    "pop3",
    "postgresql",
    "mysql",
    "redis",
    "mqtt",
    "ldap",
    "ftp",
    "tftp",
    "snmp",
    "coap",
    "sip",
    "wireguard",
)


@pytest.mark.parametrize("protocol", NAMED)
def test_every_protocol_spoken_is_named(made: Path, protocol: str) -> None:
    found = {row.get("protocol") for row in rows(made, "flows")}
    assert any(name and name.startswith(protocol) for name in found), sorted(map(str, found))


def test_all_packets_are_recorded_or_counted(made: Path) -> None:
    packets = json.loads((made / "manifest.json").read_text())["packets"]
    assert packets["in"] == 2143
    assert packets["in"] == packets["recorded"] + sum(packets["dropped"].values())
    counted = [row["orig_packets"] + row["resp_packets"] for row in rows(made, "flows")]
    innermost = [count for count, row in zip(counted, rows(made, "flows"), strict=True) if "carries" not in row]
    # A tunnel's packet counts for its own flow and for the one inside, if that could be read.
    assert sum(innermost) <= packets["recorded"] <= sum(counted)

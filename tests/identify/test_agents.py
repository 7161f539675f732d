"""User-Agents to applications: products by RFC 9110 §10.1.5, what is no product, limits, lists, flows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sonde
from sonde.cli.main import main
from sonde.identify import ApplicationError, Applications, match_agent
from sonde.identify.agents import LETTERS, LONGEST_AGENT, MOST_OCTETS, MOST_PRODUCTS, NOBODYS, is_agent
from sonde.identify.applications import OWN_LIST, read_list
from sonde.table.out import LENGTH_BITS
from tests.maker import conversation, write_pcap

LIST = """
[talk]
agents = ["Talk", "Talk-Lite"]

[update]
agents = ["Some Update", "Some Update Service"]

[some]
domains = ["some.example.org"]
agents = ["Some"]
"""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Applications:
    path = tmp_path_factory.mktemp("lists") / "own.toml"
    path.write_text(LIST)
    return Applications.load([path])


def told(known: Applications, agent: str | bytes) -> str | None:
    octets = agent.encode() if isinstance(agent, str) else agent
    text = np.frombuffer(b"Talk" + octets + b"Talk", np.uint8)  # what stands around it does not count
    found = match_agent(known.names.agents, text, 4 << LENGTH_BITS | len(octets))
    return known.items[found].name if found >= 0 else None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Talk", "talk"),
        ("Talk/2.21.12", "talk"),
        ("tALK/2.21.12 A", "talk"),  # whatever its case
        ("Talk(Linux)", "talk"),  # many leave the blank out
        ("\t Talk/1", "talk"),
        ("Talk-Lite/1", "talk"),
        ("Mozilla/5.0 (Linux; x) AppleWebKit/537.36 (KHTML, like Gecko) Mobile/15E148 Talk/9 (x)", "talk"),
        ("Some/1 Talk/1", "some"),  # the first wins
        ("Talk/1 Some/1", "talk"),
        ("Other Talk/1", "talk"),  # by the letter of the RFC, two products
        ("Some Update/1.3;winhttp", "update"),
        ("Some Update Service", "update"),  # the longest
        ("Some Update Servicer/1", "update"),
        ("Some Updater/1", "some"),
        ("Some/1 Update/1", "some"),
        ("Some  Update/1", "some"),  # two blanks: two products
        ("Other/1/2: Talk/1", "talk"),
        ("Talk/", "talk"),
        ("", None),
        ("Talking/1", None),
        ("XTalk/1", None),
        ("Other/Talk", None),  # a version
        ("Talk, Talk/1;", "talk"),
        ("Talk,", None),  # no product
        ("Talk;1.0", None),
        ("[Talk/1;x]", None),
        ('"Talk"', None),
        ("Other (Talk/1; Some)", None),  # comments tell nothing
        ("Other (a (b) Talk/1) x", None),  # they nest
        ("Other (a (b) c) Talk/1", "talk"),
        (r"Other (a \) Talk/1) x", None),  # and quote
        (r"Other (a \( b) Talk/1", "talk"),
        ("Other (a Talk/1", None),  # one that never ends
        ("Other (a \\", None),
        (") Talk/1", "talk"),
        (b"\xff\x00\x80 Talk/1", "talk"),
        (b"Talk\xff/1", None),
        (b"Talk\x00", None),
        ("Tаlk/1", None),  # noqa: RUF001 - a Cyrillic letter
    ],
)
def test_the_first_known_product_tells_the_application(
    agent: str | bytes, name: str | None, known: Applications
) -> None:
    assert told(known, agent) == name


def test_so_many_products_are_looked_at_and_no_more(known: Applications) -> None:
    assert told(known, "x/1 " * (MOST_PRODUCTS - 1) + "Talk/1") == "talk"
    assert told(known, "x/1 " * MOST_PRODUCTS + "Talk/1") is None


def test_products_begin_in_so_many_octets_and_no_more(known: Applications) -> None:
    assert told(known, "x/".ljust(MOST_OCTETS - 2, "1") + " Talk/1") == "talk"
    assert told(known, "x/".ljust(MOST_OCTETS - 1, "1") + " Talk/1") is None
    assert told(known, "x/".ljust(MOST_OCTETS - 3, "1") + " Talking/1") is None  # not cut to what is known
    assert told(known, "(" * MOST_OCTETS + ")" * MOST_OCTETS + "Talk") is None


def test_the_longest_agent_is_found_and_no_beginning_of_a_longer(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'[long]\nagents = ["{"a" * LONGEST_AGENT}"]\n')
    known = Applications.load([path])
    assert told(known, "a" * LONGEST_AGENT) == "long"
    assert told(known, "a" * LONGEST_AGENT + "/1") == "long"
    assert told(known, "a" * LONGEST_AGENT + "a") is None


def twin(agents: dict[str, str], octets: bytes) -> str | None:
    """Look a User-Agent up as RFC 9110 §10.1.5 reads, with regular expressions."""
    text, at = octets.decode("latin-1"), 0
    token = f"[{re.escape(LETTERS.decode())}]+"
    for _ in range(MOST_PRODUCTS):
        depth = 0
        while at < len(text) and (depth or text[at] in " \t("):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 2 if depth and text[at] == "\\" else 1
        if at >= min(len(text), MOST_OCTETS):
            return None
        run = re.compile(f"{token}(?: {token}){{0,3}}").match(text, at)
        words = run.group().split(" ") if run else []
        for count in range(len(words), 0, -1):
            name = " ".join(words[:count])
            ended = text[at + len(name) : at + len(name) + 1] in ("", " ", "\t", "(", "/")
            if ended and name.lower() in agents:
                return agents[name.lower()]
        while at < len(text) and text[at] not in " \t(":
            at += 1
    return None


PARTS = st.sampled_from(
    [
        "Talk",
        "talk-lite",
        "Some",
        "Update",
        "Service",
        "Other",
        "/1",
        "/",
        " ",
        "  ",
        "\t",
        "(",
        ")",
        "\\",
        ";",
        ",",
        "\xff",
    ]
)


@given(st.lists(PARTS, max_size=30).map(lambda parts: "".join(parts).encode("latin-1")))
def test_the_kernel_agrees_with_its_twin(known: Applications, octets: bytes) -> None:
    agents = {agent.lower(): item.name for item in known.items for agent in item.agents}
    assert told(known, octets) == twin(agents, octets)


@given(st.binary(max_size=2 * LONGEST_AGENT))
def test_any_octets_are_read_and_nothing_behind_them(known: Applications, octets: bytes) -> None:
    agents = {agent.lower(): item.name for item in known.items for agent in item.agents}
    assert told(known, octets) == twin(agents, octets)


def test_our_own_agents_are_products_and_stand_once() -> None:
    items = read_list(OWN_LIST)
    agents = [agent for item in items for agent in item.agents]
    assert all(is_agent(agent) and agent.lower() not in NOBODYS for agent in agents)
    assert len({agent.lower() for agent in agents}) == len(agents)
    assert sum(bool(item.agents) for item in items) >= 40


def test_our_own_list_names_well_known_clients() -> None:
    known = Applications.load()
    asked = {
        "WhatsApp/2.21.12 A": "whatsapp",
        "Microsoft-Delivery-Optimization/10.0": "windows-update",
        "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.0": "windows-update",
        "Debian APT-HTTP/1.3 (2.2.4)": "apt",
        "urlgrabber/3.10 yum/3.4.3": "dnf",
        "Valve/Steam HTTP Client 1.0 (730)": "steam",
        "Google Update/1.3.36.112;winhttp;cup-ecdsa": "google",
        "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS9)": "sonos",
        "Software%20Update (unknown version) CFNetwork/1410.0.3 Darwin/22.6.0 (x86_64)": "apple-update",
        "curl/8.11.1": None,
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": None,
        "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/102.0.0.0 Safari/537.36": None,
    }
    assert {agent: told(known, agent) for agent in asked} == asked


def test_the_users_agents_win_over_our_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[ours]\nagents = ["whatsapp"]\n')
    known = Applications.load([path])
    assert (told(known, "WhatsApp/2"), told(known, "Spotify/8")) == ("ours", "spotify")
    assert [item.name for item in known.added] == ["ours"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a]\nagents = []\n", "[a]: agents must be a list of at least one text."),
        ('[a]\nagents = "x"\n', "[a]: agents must be a list of at least one text."),
        ("[a]\nagents = [1]\n", "[a]: agents must be a list of at least one text."),
        ('[a]\nagents = ["x"]\ndomains = "y"\n', "[a]: domains must be a list of at least one text."),
        ('[a]\nagents = ["x/1"]\n', "[a]: 'x/1' is no agent; write the product of a User-Agent without its version,"),
        ('[a]\nagents = ["x  y"]\n', "[a]: 'x  y' is no agent;"),
        ('[a]\nagents = [""]\n', "[a]: '' is no agent;"),
        ('[a]\nagents = ["a b c d e"]\n', "[a]: 'a b c d e' is no agent;"),
        ('[a]\nagents = ["ä"]\n', "[a]: 'ä' is no agent;"),
        (f'[a]\nagents = ["{"a" * 65}"]\n', "is no agent;"),
        ('[a]\nagents = ["Mozilla"]\n', "[a]: 'Mozilla' tells nobody; browsers of all kinds call themselves so."),
        ('[a]\nagents = ["x"]\n[b]\nagents = ["X"]\n', "'X' stands in [a] and in [b]."),
    ],
)
def test_agents_that_are_wrong_get_one_clear_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ApplicationError) as refused:
        Applications.load([path])
    said = str(refused.value)
    assert sentence in said
    assert said.startswith(str(path))
    assert said.endswith(".")
    assert "\n" not in said


def test_a_domain_may_be_spelt_like_an_agent(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[a]\nagents = ["example.org"]\n[b]\ndomains = ["example.org"]\n')
    assert len(read_list(path)) == 2


def request(host: str, agent: str, more: str = "") -> tuple[int, bytes]:
    return 0, f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{more}\r\n".encode()


ANSWER = 1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
UNKNOWN, CLIENT = "cache.example.org", "WhatsApp/2.21.12 A"


def application(folder: Path, requests: list[tuple[int, bytes]], *options: str) -> tuple[str | None, str | None]:
    messages = [each for request in requests for each in (request, ANSWER)]
    capture = write_pcap(folder / "agent.pcap", conversation(messages, stream=True))
    out = folder / "out"
    assert main(["read", str(capture), "-o", str(out), "--format", "jsonl", "--quiet", *options]) == 0
    (flow,) = [json.loads(line) for line in (out / "flows.jsonl").read_text().splitlines()]
    return flow.get("application"), flow.get("application_evidence")


SOAP = "SOAPAction: x\r\n"
HEADS = {
    "an unknown host": ([request(UNKNOWN, CLIENT)], ("whatsapp", "agent")),
    "a known host": ([request("www.spotify.com", CLIENT)], ("spotify", "name")),
    "a name in a later request": (
        [request(UNKNOWN, CLIENT), request("www.spotify.com", CLIENT)], ("spotify", "name"),
    ),
    "a client in a later request": ([request("www.spotify.com", "x"), request(UNKNOWN, CLIENT)], ("spotify", "name")),
    "two clients": ([request(UNKNOWN, CLIENT), request(UNKNOWN, "Spotify/8")], ("whatsapp", "agent")),
    "an unknown client": ([request(UNKNOWN, "curl/8")], (None, None)),
    "what is sent": ([request(UNKNOWN, "curl/8", SOAP)], ("soap", "signature")),
    "what is sent by a client": ([request(UNKNOWN, CLIENT, SOAP)], ("soap", "signature")),
    "an update in SOAP": ([request(UNKNOWN, "Windows-Update-Agent/10.0", SOAP)], ("windows-update", "signature")),
    "an update": ([request(UNKNOWN, "Microsoft-Delivery-Optimization/10.0")], ("windows-update", "agent")),
}  # fmt: skip


@pytest.mark.parametrize(("requests", "expected"), HEADS.values(), ids=HEADS)
def test_a_flow_is_told_by_its_client_where_nothing_better_tells_it(
    requests: list[tuple[int, bytes]], expected: tuple[str | None, str | None], tmp_path: Path
) -> None:
    assert application(tmp_path, requests) == expected


def test_a_client_is_told_where_only_flows_are_wanted(tmp_path: Path) -> None:
    assert application(tmp_path, [request(UNKNOWN, CLIENT)], "--tables", "flows") == ("whatsapp", "agent")


def test_explain_says_that_a_client_told_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = write_pcap(tmp_path / "agent.pcap", conversation([request(UNKNOWN, CLIENT), ANSWER], stream=True))
    out = tmp_path / "out"
    assert main(["read", str(capture), "-o", str(out), "--quiet"]) == 0
    (flow,) = sonde.open_dataset(out).flows.to_pylist()
    assert main(["explain", str(out), flow["uid"]]) == 0
    assert "whatsapp: told by an agent" in capsys.readouterr().out


@pytest.mark.parametrize("policy", ["default", "strict", "clear"])
def test_every_built_in_policy_lets_a_client_tell(policy: str, tmp_path: Path) -> None:
    assert application(tmp_path, [request(UNKNOWN, CLIENT)], "--policy", policy) == ("whatsapp", "agent")
    (row,) = [json.loads(line) for line in (tmp_path / "out" / "http.jsonl").read_text().splitlines()]
    assert (row["user_agent"] == CLIENT) is (policy != "strict")

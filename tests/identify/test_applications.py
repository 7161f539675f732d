"""Names to applications: which end or beginning wins, and what is said of lists that are wrong."""

from pathlib import Path

import numpy as np
import pytest

from sonde.identify import ApplicationError, Applications, match_certificate, match_host
from sonde.identify.applications import CATEGORIES, OWN_LIST, is_domain, read_list
from sonde.table.out import LENGTH_BITS

LIST = """
[search]
title = "Search"
category = "search"
domains = ["example.org", "example.net"]

[mail]
domains = ["mail.example.org", "*-relay.example.org"]
aliases.ndpi = ["Mail"]

[photos]
domains = ["photos-*.cdn.example.net", "photos.*"]
"""


@pytest.fixture
def names(tmp_path: Path) -> Applications:
    path = tmp_path / "own.toml"
    path.write_text(LIST)
    return Applications.load([path])


def named(names: Applications, *asked: str) -> list[str | None]:
    text, spans = bytearray(b"\0"), []
    for name in asked:
        spans.append(len(text) << LENGTH_BITS | len(name))
        text += name.encode()
    octets = np.frombuffer(bytes(text), np.uint8)
    found = [match_host(names.names, octets, span) for span in spans]
    return [names.items[number].name if number >= 0 else None for number in found]


def test_a_domain_covers_the_names_below_it_and_no_others(names: Applications) -> None:
    asked = ("example.org", "www.example.org", "a.b.c.example.org", "notexample.org", "example.org.evil", "org")
    assert named(names, *asked) == ["search", "search", "search", None, None, None]


def test_case_ports_and_a_final_dot_do_not_matter(names: Applications) -> None:
    assert named(names, "WWW.Example.ORG", "example.org:8443", "example.org.", "") == ["search"] * 3 + [None]


def test_the_longest_end_wins(names: Applications) -> None:
    assert named(names, "mail.example.org", "x.mail.example.org", "amail.example.org") == ["mail", "mail", "search"]


def test_a_star_stands_for_the_beginning_of_a_label(names: Applications) -> None:
    asked = ("eu-relay.example.org", "eu-1-relay.example.org", "relay.example.org", "x.eu-relay.example.org")
    assert named(names, *asked) == ["mail", "mail", "search", "mail"]


def test_a_star_stands_for_what_varies_in_the_middle(names: Applications) -> None:
    asked = ("photos-a-1.cdn.example.net", "photos-x.example.net", "photos.anybody.example", "photos-.cdn.example.net")
    assert named(names, *asked) == ["photos", "search", "photos", "search"]


def test_the_users_list_wins_over_our_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[intranet]\ndomains = ["wiki.google.com"]\n')
    names = Applications.load([path])
    assert named(names, "wiki.google.com", "www.google.com") == ["intranet", "google"]


def test_spans_of_nothing_stay_unknown(names: Applications) -> None:
    for span in (-1, 0):
        assert match_host(names.names, np.zeros(4, np.uint8), span) == -1
        assert match_certificate(names.names, np.zeros(4, np.uint8), span) == -1


def test_our_own_list_names_well_known_services() -> None:
    names = Applications.load()
    asked = {
        "www.youtube.com": "youtube",
        "r1---sn-4g5edn.googlevideo.com": "youtube",
        "upload.youtube.com": "youtube-upload",
        "p53-buy.itunes.apple.com": "app-store",
        "alt2-mtalk.google.com": "google-services",
        "2.dnscrypt-cert.resolver.example": "dnscrypt",
        "mmg.whatsapp.net": "whatsapp-files",
        "e1.whatsapp.net": "whatsapp",
        "dns.google": "encrypted-dns",
        "login.microsoftonline.com": "microsoft",
        "www.example.com": None,
    }
    assert named(names, *asked) == list(asked.values())


def test_our_own_list_is_large_and_well_kept() -> None:
    items = read_list(OWN_LIST)
    assert len(items) >= 400
    assert {item.category for item in items} <= set(CATEGORIES)
    assert all(item.owner and item.title for item in items)
    assert all(is_domain(domain) for item in items for domain in item.domains)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a\n", "is no TOML"),
        ("a = 1\n", "a is no table; begin each application with [a]."),
        (
            '[a]\ndomain = ["example.org"]\n',
            "[a] has an unknown key 'domain'; there are title, category, owner, domains, agents, told, aliases.",
        ),
        ("[a]\n", "[a]: domains must be a list of at least one text."),
        ("[a]\ndomains = []\n", "[a]: domains must be a list of at least one text."),
        ('[a]\ndomains = "example.org"\n', "[a]: domains must be a list of at least one text."),
        ("[a]\ndomains = [1]\n", "[a]: domains must be a list of at least one text."),
        ('[a]\ndomains = ["https://example.org/"]\n', "'https://example.org/' is no domain"),
        ('[a]\ndomains = ["a*b.example.org"]\n', "'a*b.example.org' is no domain"),
        ('[a]\ndomains = ["*"]\n', "'*' is no domain"),
        ('[a]\ntitle = 1\ndomains = ["example.org"]\n', "[a]: title must be text."),
        (
            '[a]\ncategory = "fun"\ndomains = ["example.org"]\n',
            "[a]: there is no category 'fun'; there are advertising,",
        ),
        ('[a]\naliases = "x"\ndomains = ["example.org"]\n', "[a]: aliases must be a table"),
        ('[a]\naliases.snort = ["x"]\ndomains = ["example.org"]\n', "[a]: aliases has an unknown key 'snort'"),
        ('[a]\naliases.ndpi = "x"\ndomains = ["example.org"]\n', "[a]: aliases.ndpi must be a list of texts."),
        ('[a]\ndomains = ["example.org"]\n[b]\ndomains = ["Example.org"]\n', "'Example.org' stands in [a] and in [b]."),
    ],
)
def test_a_list_that_is_wrong_gets_one_clear_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ApplicationError) as refused:
        Applications.load([path])
    said = str(refused.value)
    assert sentence in said
    assert said.startswith(str(path))
    assert said.endswith(".")
    assert "\n" not in said


def test_a_list_that_is_not_there_or_no_text_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="does not exist; check the spelling"):
        read_list(tmp_path / "absent.toml")
    (tmp_path / "octets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ApplicationError, match="is no TOML"):
        read_list(tmp_path / "octets.toml")


def test_the_hosts_of_a_certificate_name_it_too(names: Applications) -> None:
    def host(name: bytes) -> bytes:
        return bytes([0x82, len(name)]) + name  # RFC 5280 §4.2.1.6: [2] dNSName

    told = [
        host(b"unknown.example") + host(b"*.mail.example.org"),  # the star is left out
        bytes([0x81, 14]) + b"a@example.orgx" + host(b"example.net"),  # an address of mail is no host
        host(b"example.org")[:-1],  # cut
        b"\x82\x80",
    ]
    text, spans = b"\0", []
    for each in told:
        spans.append(len(text) << LENGTH_BITS | len(each))
        text += each
    found = [match_certificate(names.names, np.frombuffer(text, np.uint8), span) for span in [*spans, -1]]
    assert [names.items[n].name if n >= 0 else None for n in found] == ["mail", "search", None, None, None]

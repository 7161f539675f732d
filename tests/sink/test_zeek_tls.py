"""ssl.log and x509.log: names as Zeek spells them."""

import pytest

from sonde.sink.zeek_tls import spell


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        (None, None),
        ("CN=example.org", "CN=example.org"),
        ("O=Example\\, Inc.", "O=Example\\\\, Inc."),
        ("O=Gr\u00f6\u00dfe", "O=Gr\\\\C3\\\\B6\\\\C3\\\\9Fe"),
    ],
)
def test_names_are_spelt_in_ascii_with_double_backslashes(name: str | None, spelt: str | None) -> None:
    assert spell(name) == spelt

"""Addresses in bulk: the standard library's `ipaddress` is the twin."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.sink.addresses import parse_addresses
from sonde.table.arrow import texts_column

ODD = """
p:3f9c00112233 1.2.3 1.2.3.4.5 1.2.3.256 01.2.3.4 1..2.3 : ::: 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 ::1:: 1::2::3 12345:: g::
1: :1 :: ::1 1:: fe80::1%eth0 ::ffff:192.0.2.1 2001:DB8::8:800:200C:417A FF01::101 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8
1:2:3:4:5:6:192.0.2.1 ::192.0.2.1 1:2:3:4:5:6:7:192.0.2.1 192.0.2.1:80 ::192.0.2.1:1 1:2:3:4:5:6:7:8:: ::1:2:3:4:5:6:7:8
""".split()


def twin(text: str | None) -> tuple[bytes, int]:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return bytes(16), 0
    if "%" in str(address):
        return bytes(16), 0
    return address.packed.ljust(16, b"\0"), address.version


def assert_same(texts: list[str | None]) -> None:
    octets, form = parse_addresses(texts_column(texts))
    assert [(row.tobytes(), int(kind)) for row, kind in zip(octets, form, strict=True)] == [
        twin(text) for text in texts
    ]


def test_odd_spellings_are_told_from_addresses() -> None:
    assert_same([*ODD, "", "192.0.2.1 ", None])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.ip_addresses().map(str), st.text("0123456789abf:.", max_size=24), st.none()), max_size=20))
def test_addresses_are_read_as_the_standard_library_does(texts: list[str | None]) -> None:
    assert_same(texts)


def test_a_slice_of_a_column_is_read_from_its_place() -> None:
    octets, form = parse_addresses(texts_column(["192.0.2.1", "192.0.2.2", "2001:db8::1"]).slice(1))
    assert (octets[0, :4].tolist(), form.tolist()) == ([192, 0, 2, 2], [4, 6])

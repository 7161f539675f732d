"""What kernels and expressions read of a head is what plain Python and its library read."""

from datetime import datetime
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.content import Head, heads
from sonde.content.heads import Address, date_ns, in_charset
from sonde.content.index import ASK, NAMES
from sonde.content.trace import path_of

WORDS = (
    "from", "by", "x by y", "[192.0.2.1]", "192.0.2.255", "192.0.2.256", "01.2.3.4", "1.2.3.4.5", "x9.8.7.6",
    "9.8.7.6_", "Thu,07 Jan 2016 04:55:19 +0000", "\r\n ", "\n\t", "\r\n", "\n", "\r", " ", "\t", "\x0b", "\x1c", ":",
    "a",
    "IPv6:2001:db8::1", "::", "baby", "by-x", ";", "; ", "Thu, 07 Jan 2016 04:55:19 -0500",
    "31 Feb 2016 00:00:00 +0000", "\u00fc",
    "29 Feb 2000 23:59:59 +2359 (X)", "29 Feb 1900 00:00:00 +0000", "1 dec 2999 00:00:00 -0000", "7 Jan 16 1:2:3 GMT",
)  # fmt: skip
MAILBOXES = (
    "a@example.org", "<a@example.org>", "A B <a@example.org>", '"B, A" <a@example.org>', "a@example.org (A B)",
    "<a@example.org> (A)", '"" <a@example.org>', "A. B. <a.b@example.org>", "a@b@example.org", "A  B <a@example.org>",
    "G: a@example.org, b@example.org;", '"\\"" <a@example.org>', "<@r:a@example.org>", ".a@example.org", "a", "<", ",",
    "",
    "=?utf-8?q?=C3=BC?= <a@example.org>", "a@[192.0.2.1]", "(c) a@example.org", "A <a@.org.>", "a @example.org",
)  # fmt: skip


def texts(*letters: str) -> st.SearchStrategy[str]:
    """Compose texts of these, and of other letters."""
    return st.lists(st.sampled_from(letters) | st.text('aZ09 .:;,<>()"\\\r\n\t@=?-+', max_size=3)).map("".join)


def plainly(octets: bytes) -> Head:
    """Read a head without the kernel."""
    with mock.patch.object(heads, "MOST_INDEXED", -1):
        return Head(octets)


@settings(deadline=None)  # the kernel may be compiled first
@given(st.lists(st.tuples(st.sampled_from([*NAMES, "X-Other", "No Name", "", "Received ", "DATE"]), texts(*WORDS))))
def test_a_head_is_what_it_is_without_the_kernel(fields: list[tuple[str, str]]) -> None:
    octets = "\r\n".join(f"{name}: {value}" for name, value in fields).encode()
    head, plain = Head(octets), plainly(octets)
    assert (head.values, head.count, head.repeated, head.odd) == (plain.values, plain.count, plain.repeated, plain.odd)
    assert path_of(head) == path_of(plain)
    assert head.date() == plain.date()


@settings(deadline=None)  # the kernel may be compiled first
@given(st.binary())
def test_any_octets_are_a_head(octets: bytes) -> None:
    head, plain = Head(octets), plainly(octets)
    assert (head.values, head.count, head.odd) == (plain.values, plain.count, plain.odd)


@pytest.mark.parametrize("size", [126, 127, 128, 129, 130])
def test_a_name_has_at_most_128_letters(size: int) -> None:
    head = Head(b"a" * size + b": b\r\nSubject: c")
    assert head.count == 1 + (size <= 128)
    assert head.odd == (set() if size <= 128 else {"bad_header"})


def test_fields_are_bounded() -> None:
    head = Head(b"Received: by x; 7 Jan 2016 04:55:19 +0000\r\n" * 1001)
    assert len(head.hops) == head.count == 1000
    assert head.odd == {"headers_cut"}
    assert len(path_of(head)["received"]) == 100


@settings(deadline=None)  # the kernel may be compiled first
@given(
    st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31)),  # noqa: DTZ001 - the zone is written apart
    st.integers(-1439, 1439),
    st.sampled_from(["{:%a, %d %b %Y %H:%M:%S} {}", "{:%d %b %Y %H:%M:%S}  {} (Z)", "{:%a,  %d\t%b %Y %H:%M:%S} {} x"]),
)
def test_dates_in_the_usual_form_need_no_library(when: datetime, zone: int, form: str) -> None:
    hours, minutes = divmod(abs(zone), 60)
    date = form.format(when, f"{'-' if zone < 0 else '+'}{hours:02}{minutes:02}")
    head = Head(f"Date: {date}".encode())
    assert head.seconds != ASK
    assert head.date() == date_ns(date)


@settings(deadline=None)  # the kernel may be compiled first
@given(st.lists(st.sampled_from(MAILBOXES) | texts(*MAILBOXES)).map(", ".join))
def test_mailboxes_are_those_that_the_library_finds(value: str) -> None:
    head = Head(f"To: {value}".encode())
    found = head.addresses("to")
    with mock.patch.object(Head, "_mailboxes", Head._odd_mailboxes):
        assert found == head.addresses("to")


def test_nearly_all_mailboxes_need_no_library() -> None:
    with mock.patch.object(heads, "address_pairs", side_effect=AssertionError):
        head = Head(b'To: "B, A" <a@example.org>, A B <b@example.org>,\r\n c@example.org (C), <d@example.org>')
        assert head.addresses("to") == [
            Address("B, A", "a@example.org"),
            Address("A B", "b@example.org"),
            Address("C", "c@example.org"),
            Address("", "d@example.org"),
        ]


def test_hops_that_are_centuries_apart_tell_no_duration() -> None:
    head = Head(b"Received: by a; 1 Jan 2250 00:00:00 +0000\r\nReceived: by b; 1 Jan 1690 00:00:00 +0000")
    path = path_of(head)
    assert (path["hops"], path["transit"], path["longest_hop"]) == (2, None, None)


@pytest.mark.parametrize("octets", [b"+2AA-", b"\xc3\xa9+2AA-"])
def test_half_a_character_is_no_text_of_its_charset(octets: bytes) -> None:
    text, is_good = in_charset(octets, "utf-7")
    assert not is_good
    assert text.encode() == octets.decode("latin-1").encode()
    assert in_charset(b"+AOk-", "utf-7") == ("\u00e9", True)

"""The milter protocol as its documents have it, whole, in pieces, and broken."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.source import SourceError
from sonde.source import milter_server as server_module
from sonde.source.milter import Envelope, MilterError, MilterSession
from sonde.source.milter_server import MilterServer


class Heard:
    """What a session told."""

    def __init__(self) -> None:
        self.messages: list[tuple[Envelope, bytes, str]] = []
        self.session = MilterSession(self._begin, self._octets, lambda: self._over("whole"), lambda: self._over("cut"))

    def _begin(self, envelope: Envelope) -> None:
        self.envelope, self.octets = envelope, b""

    def _octets(self, octets: bytes) -> None:
        self.octets += octets

    def _over(self, how: str) -> None:
        self.messages.append((self.envelope, self.octets, how))


def packet(letter: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", 1 + len(data)) + letter + data


TALK = [
    packet(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF)),
    packet(b"C", b"mail.example.net\0" + b"6" + struct.pack(">H", 40000) + b"IPv6:2001:db8::7\0"),
    packet(b"H", b"mail.example.net\0"),
    packet(b"M", b"<alice@example.net>\0SIZE=1\0"),
    packet(b"R", b"<bob@example.org>\0"),
    packet(b"R", b"<carol@example.org>\0NOTIFY=NEVER\0"),
    packet(b"T"),
    packet(b"L", b"Subject\0 one\n two\0"),
    packet(b"N"),
    packet(b"B", b"body\r\n"),
    packet(b"E", b"rest\r\n"),
    packet(b"M", b"<>\0"),
    packet(b"L", b"X\0 y\0"),
    packet(b"A"),
    packet(b"Q"),
]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_messages_come_whole_however_the_octets_are_cut(sizes: list[int]) -> None:
    heard, octets, answers, at, place = Heard(), b"".join(TALK), b"", 0, 0
    while at < len(octets):
        size = sizes[place % len(sizes)]
        answers += heard.session.receive(octets[at : at + size])
        at, place = at + size, place + 1
    (envelope, message, how), (_, _, second) = heard.messages
    assert (envelope.sender, envelope.recipients) == ("alice@example.net", ["bob@example.org", "carol@example.org"])
    assert (envelope.peer.address, envelope.peer.port) == ("2001:db8::7", 40000)
    assert message == b"Subject: one\r\n two\r\n\r\nbody\r\nrest\r\n"
    assert (how, second) == ("whole", "cut")
    # Version 6, no right to change anything, no answers but to the end of the message.
    assert answers == packet(b"O", struct.pack(">III", 6, 0, 0x1FF080)) + packet(b"c")
    assert heard.session.is_over


def test_a_server_of_old_gets_an_answer_to_each_step() -> None:
    heard = Heard()
    answers = heard.session.receive(packet(b"O", struct.pack(">III", 2, 0x3F, 0x7F)) + b"".join(TALK[1:-1]))
    assert answers[:17] == packet(b"O", struct.pack(">III", 2, 0, 0))
    assert answers[17:] == packet(b"c") * 12
    assert heard.messages[0][1].startswith(b"Subject:  one\r\n two\r\n")  # it sends values without their blank


@pytest.mark.parametrize(
    "octets",
    [
        b"\0\0\0\0",
        b"\0\0\0\0x",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\xff" * 8,
        packet(b"O", b"short"),
        packet(b"?", b"x"),
        struct.pack(">I", 1 << 21) + b"B",
    ],
)
def test_what_is_no_milter_is_refused(octets: bytes) -> None:
    heard = Heard()
    with pytest.raises(MilterError):
        heard.session.receive(octets + b"\0" * 8)
    heard.session.close()
    assert heard.messages == []


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_taken_or_refused(octets: bytes) -> None:
    heard = Heard()
    try:
        heard.session.receive(octets)
    except MilterError:
        return


def test_connections_are_bounded_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(server_module, "MOST_SESSIONS", 1)
    server = MilterServer("inet:127.0.0.1:0", lambda: Heard().session)
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        server.serve(1)
        with socket.create_connection(("127.0.0.1", server.port)) as two:
            server.serve(1)
            two.settimeout(5)
            assert two.recv(1) == b""
        assert (server.refused, len(server.connections)) == (1, 1)
        one.sendall(b"GET / HTTP/1.0\r\n")
        server.serve(1)
        assert (server.broken, len(server.connections)) == (1, 0)
    server.close()


def test_who_is_silent_for_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    server = MilterServer("inet:127.0.0.1:0", lambda: Heard().session)
    with socket.create_connection(("127.0.0.1", server.port)):
        server.serve(1)
        assert len(server.connections) == 1
        monkeypatch.setattr(server_module, "IDLE_S", -1.0)
        server.serve(0)
        assert len(server.connections) == 0
    server.close()


@pytest.mark.parametrize("address", ["", "inet:", "inet:127.0.0.1:x", "unix:", "8899", "inet:127.0.0.1:99999"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    with pytest.raises(SourceError, match="address"):
        MilterServer(address, lambda: Heard().session)


def test_a_path_is_taken_over_from_one_that_is_gone_and_from_no_other(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'milter'}"
    first = MilterServer(address, lambda: Heard().session)
    with pytest.raises(SourceError, match="Another program listens"):
        MilterServer(address, lambda: Heard().session)
    first.socket.close()  # as a process that was killed leaves it
    first.selector.close()
    second = MilterServer(address, lambda: Heard().session)
    second.close()
    assert not (tmp_path / "milter").exists()

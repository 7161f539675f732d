"""TCP reassembly beside its twin: a dict of octets by place in the stream (RFC 9293 §3.4, §3.10.7.4)."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.maker import ACK, PSH, START_NS, SYN, ethernet, tcp
from tests.reference.carriage import Carriage

ISNS = st.sampled_from([0, 1, 1 << 31, (1 << 32) - 1, (1 << 32) - 20, (1 << 32) - 300, 123456])


class Piece(NamedTuple):
    """A segment of the originator's stream, or the responder's acknowledgment up to a place."""

    start: int
    octets: bytes
    acked: int | None = None


class Twin:
    """The stream as the receiver's side would see it, octet by octet."""

    def __init__(self, *, later_wins: bool, most_ahead: int) -> None:
        self.later_wins, self.most_ahead = later_wins, most_ahead
        self.next = 0  # place of the next octet to show
        self.ahead: dict[int, int] = {}
        self.shown: list[int | None] = []  # None: lost
        self.differed = False

    def take(self, start: int, octets: bytes) -> None:
        for place, octet in enumerate(octets, start):
            if place < self.next:
                continue
            if place in self.ahead:
                self.differed |= self.ahead[place] != octet
                if not self.later_wins:
                    continue
            self.ahead[place] = octet
        if start > self.next and len(self.ahead) > self.most_ahead:
            self.skip()
        self.show()

    def show(self) -> None:
        while self.next in self.ahead:
            self.shown.append(self.ahead.pop(self.next))
            self.next += 1

    def skip(self) -> None:
        """Give up the hole before what came early."""
        if self.ahead:
            first = min(self.ahead)
            self.shown += [None] * (first - self.next)
            self.next = first

    def acknowledge(self, place: int) -> None:
        """The receiver has everything before `place`; what we lack of it will not come."""
        while self.ahead and place > min(self.ahead):
            self.skip()
            self.show()

    def end(self) -> None:
        while self.ahead:
            self.skip()
            self.show()


def carried(pieces: list[Piece], isn: int, *, later_wins: bool, most_ahead: int, blocks: int) -> Carriage:
    """Carry a connection whose originator sends these pieces, in so many blocks."""
    packets = [
        tcp(flags=SYN, seq=isn),
        tcp(src="198.51.100.2", dst="192.0.2.1", ports=(80, 40000), flags=SYN | ACK, ack=isn + 1),
    ]
    for piece in pieces:
        if piece.acked is not None:
            back = {"src": "198.51.100.2", "dst": "192.0.2.1", "ports": (80, 40000)}
            packets.append(tcp(**back, flags=ACK, seq=1, ack=isn + 1 + piece.acked))  # type: ignore[arg-type]
        else:
            packets.append(tcp(piece.octets, flags=ACK | PSH, seq=isn + 1 + piece.start, ack=1))
    frames = [(START_NS + number * 1000, ethernet(packet)) for number, packet in enumerate(packets)]
    carriage = Carriage(later_wins=later_wins, most_ahead=most_ahead)
    size = max(len(frames) // blocks, 1)
    for first in range(0, len(frames), size):
        carriage.carry(frames[first : first + size])
    carriage.finish()
    return carriage


def flat(shown: list[bytes | int]) -> list[int | None]:
    found: list[int | None] = []
    for part in shown:
        found += [None] * part if isinstance(part, int) else list(part)
    return found


@st.composite
def pieces_of_one_stream(draw: st.DrawFn, *, honest: bool) -> list[Piece]:
    """Cut a stream up: pieces may overlap, repeat, come late or never; dishonest ones differ."""
    length = draw(st.integers(1, 120))
    stream = bytes(draw(st.lists(st.integers(0, 255), min_size=length, max_size=length)))
    found = []
    for _ in range(draw(st.integers(1, 12))):
        start = draw(st.integers(0, length - 1))
        size = draw(st.integers(1, 40))
        if draw(st.integers(0, 5)) == 0:
            found.append(Piece(0, b"", acked=start + size))
            continue
        octets = stream[start : start + size]
        if not honest and draw(st.booleans()):
            octets = bytes(octet ^ draw(st.sampled_from([0, 1])) for octet in octets)
        found.append(Piece(start, octets))
    return found


def compare(pieces: list[Piece], isn: int, *, later_wins: bool, most_ahead: int, blocks: int) -> None:
    twin = Twin(later_wins=later_wins, most_ahead=most_ahead)
    for piece in pieces:
        if piece.acked is None:
            twin.take(piece.start, piece.octets)
        else:
            twin.acknowledge(piece.acked)
    twin.end()
    carriage = carried(pieces, isn, later_wins=later_wins, most_ahead=most_ahead, blocks=blocks)
    assert flat(carriage.shown.get((0, 0), [])) == twin.shown
    (record,) = carriage.records
    assert bool(record["oddities"] & 1) == twin.differed  # overlap_differs


@given(pieces_of_one_stream(honest=True), ISNS, st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_an_honest_stream_is_shown_whole_and_in_order(pieces: list[Piece], isn: int, blocks: int) -> None:
    compare(pieces, isn, later_wins=False, most_ahead=1 << 18, blocks=blocks)


@given(pieces_of_one_stream(honest=False), ISNS, st.booleans(), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_overlaps_that_differ_are_told_and_decided_as_chosen(
    pieces: list[Piece], isn: int, later_wins: bool, blocks: int
) -> None:
    compare(pieces, isn, later_wins=later_wins, most_ahead=1 << 18, blocks=blocks)


@given(pieces_of_one_stream(honest=True), ISNS, st.integers(10, 60))
@settings(max_examples=200, deadline=None)
def test_beyond_the_budget_a_hole_is_given_up(pieces: list[Piece], isn: int, most_ahead: int) -> None:
    compare(pieces, isn, later_wins=False, most_ahead=most_ahead, blocks=1)

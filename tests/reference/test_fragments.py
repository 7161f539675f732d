"""IP reassembly beside its twin: a dict of octets for each datagram (RFC 791 §3.2, RFC 8200 §4.5, RFC 815)."""

import struct
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.maker import CLIENT, SERVER, START_NS, ethernet, ip
from tests.reference.carriage import Carriage

UDP, FRAGMENT = 17, 44
V6 = ("2001:db8::1", "2001:db8::2")


class Piece(NamedTuple):
    """A fragment of datagram `number`: octets of its payload from `start` on."""

    number: int
    start: int
    octets: bytes
    more: bool


class Twin:
    """Datagrams in the making, octet by octet. What contradicts itself is given up."""

    def __init__(self, *, later_wins: bool) -> None:
        self.later_wins = later_wins
        self.open: dict[int, dict[int, int]] = {}
        self.ends: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.whole: list[bytes] = []
        self.merged = self.bad = 0

    def take(self, piece: Piece) -> None:
        if not piece.octets or (piece.more and len(piece.octets) % 8):
            self.bad += 1
            return
        octets, end = self.open.setdefault(piece.number, {}), piece.start + len(piece.octets)
        self.taken[piece.number] = self.taken.get(piece.number, 0) + 1
        told = self.ends.get(piece.number)
        reach = max(octets, default=-1) + 1
        if not piece.more:
            contradicts = end < reach or (told is not None and told != end)
            self.ends[piece.number] = end
        else:
            contradicts = told is not None and end > told
        if contradicts:
            self.bad += self.taken[piece.number]
            self.forget(piece.number)
            return
        for place, octet in enumerate(piece.octets, piece.start):
            if self.later_wins or place not in octets:
                octets[place] = octet
        end = self.ends.get(piece.number, -1)
        if end >= 0 and all(place in octets for place in range(end)):
            self.whole.append(bytes(octets[place] for place in range(end)))
            self.merged += self.taken[piece.number] - 1
            self.forget(piece.number)

    def forget(self, number: int) -> None:
        for kept in (self.open, self.ends, self.taken):
            kept.pop(number, None)


def frame(piece: Piece, version: int) -> bytes:
    if version == 4:
        place = piece.start // 8 | (0x2000 if piece.more else 0)
        return ethernet(ip(CLIENT, SERVER, UDP, piece.octets, number=piece.number, place=place))
    head = struct.pack("!BBHI", UDP, 0, piece.start | piece.more, piece.number)
    return ethernet(ip(*V6, FRAGMENT, head + piece.octets))


@st.composite
def pieces_of_datagrams(draw: st.DrawFn, *, honest: bool) -> list[Piece]:
    """Cut datagrams up at multiples of 8; pieces repeat, overlap, change places, are missing, and lie."""
    found: list[Piece] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        length = draw(st.integers(9, 90))
        head = struct.pack("!HHHH", 40000, 53, 8 + length, 0)
        datagram = head + bytes(draw(st.integers(0, 255)) for _ in range(4)).ljust(length, bytes([number]))
        cuts = sorted({0, *draw(st.lists(st.integers(1, (len(datagram) - 1) // 8), max_size=5))})
        ends = [8 * cut for cut in cuts[1:]] + [len(datagram)]
        for start, end in zip([8 * cut for cut in cuts], ends, strict=True):
            octets = datagram[start:end]
            if not honest and draw(st.integers(0, 3)) == 0:
                octets = draw(st.sampled_from([octets + octets, octets[:8], octets[::-1], octets[:-1], b""]))
            found.append(Piece(number, start, octets, end < len(datagram)))
        again = draw(st.lists(st.sampled_from(found), max_size=3))
        found += (
            [piece._replace(more=(piece.more and honest) or draw(st.booleans())) for piece in again]
            if not honest
            else again
        )
    order = draw(st.permutations(found))
    return order[: draw(st.integers(1, len(order)))]


def compare(pieces: list[Piece], version: int, *, later_wins: bool) -> None:
    """A datagram of one piece is none of fragments; those that are whole come out once."""
    pieces = [piece for piece in pieces if piece.more or piece.start]
    twin = Twin(later_wins=later_wins)
    for piece in pieces:
        twin.take(piece)
    carriage = Carriage(later_wins=later_wins)
    carriage.carry([(START_NS + number, frame(piece, version)) for number, piece in enumerate(pieces)])
    carriage.finish()
    drops = carriage.drops()
    shown = [octets for parts in carriage.datagrams.values() for octets in parts]
    assert (
        sorted(map(bytes, shown))
        == sorted(  # type: ignore[arg-type]
            payload for whole in twin.whole if (payload := whole[8 : struct.unpack("!H", whole[4:6])[0]])
        )
    )
    assert drops.get("merged_fragment", 0) == twin.merged
    assert drops.get("fragment_bad", 0) == twin.bad
    assert drops.get("fragment_incomplete", 0) == sum(twin.taken.values())
    recorded = sum(sum(record["packets"]) for record in carriage.records)
    assert len(pieces) == recorded + sum(drops.values())


@given(pieces_of_datagrams(honest=True), st.sampled_from([4, 6]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_datagrams_come_out_whole_whatever_the_order(pieces: list[Piece], version: int, later_wins: bool) -> None:
    compare(pieces, version, later_wins=later_wins)


@given(pieces_of_datagrams(honest=False), st.sampled_from([4, 6]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_contradictions_are_given_up_and_counted(pieces: list[Piece], version: int, later_wins: bool) -> None:
    compare(pieces, version, later_wins=later_wins)

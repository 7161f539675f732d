"""What WebSocket carries behind an upgrade is a stream of its own (RFC 6455 §5), however its frames lie."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

import sonde
from sonde.pipeline.lane import Lane
from sonde.pipeline.read import make_plan
from sonde.source import open_source
from sonde.source.captures import Source
from sonde.table import streams as table
from sonde.table.pool import IN_USE
from sonde.table.wraps import FREE, MOST_WRAPS, REFUSED, new_wraps
from tests.maker import conversation, write_pcap

C, S = 0, 1
ASKS = b"GET /chat HTTP/1.1\r\nHost: outer.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
AGREES = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
GET = b"GET /inside HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Example/1.0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + b"x" * 300
BEGINNING = [(C, ASKS), (S, AGREES)]
LAST, PACKED = 0x80, 0x40
CONTINUES, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

Messages = list[tuple[int, bytes]]


@pytest.fixture(autouse=True, params=[0, 1], ids=["", "a frame a block"])
def in_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stream is must hold from block to block, and within one."""
    monkeypatch.setattr(Source.blocks, "__defaults__", (0, request.param))


def frame(side: int, payload: bytes, first: int = LAST | BINARY, *, masked: bool | None = None) -> bytes:
    """Lay a frame out as §5.2 draws it; clients mask, unless told otherwise."""
    masks = side == C if masked is None else masked
    length = len(payload)
    head = bytes([first, (0x80 if masks else 0) | (length if length < 126 else 126 if length < 1 << 16 else 127)])
    head += b"" if length < 126 else length.to_bytes(2 if length < 1 << 16 else 8, "big")
    mask = bytes.fromhex("37fa213d") if masks else bytes(4)
    return head + mask * masks + bytes(octet ^ mask[place & 3] for place, octet in enumerate(payload))


def read(messages: Messages, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give the one flow, and the rows of http but for the upgrade's."""
    capture = write_pcap(folder / "made.pcap", conversation(messages, stream=True))
    with sonde.read(capture, tables=["flows", "http", "socks"], policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
        outer, *inside = sorted(dataset.http.to_pylist(), key=lambda row: row["ts"])
        assert (outer["host"], outer["status_code"], outer["anomalies"]) == ("outer.example", 101, None)
        return flow, inside


def exchange(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    (row,) = rows
    return row["host"], row["user_agent"], row["status_code"], row["response_body_len"], row["anomalies"]


WHOLE = ("www.example.org", "Example/1.0", 200, 300, None)
INSIDE = ["http", "websocket", "http"]


@pytest.mark.parametrize(
    "messages",
    [
        [*BEGINNING, (C, frame(C, GET)), (S, frame(S, OK))],
        [(C, ASKS), (S, AGREES + frame(S, b"", LAST | PING)), (C, frame(C, GET)), (S, frame(S, OK))],
        [*BEGINNING, (C, frame(C, b"", LAST | PONG) + frame(C, GET)), (S, frame(S, OK) + frame(S, b"", LAST | CLOSE))],
        [*BEGINNING, (C, frame(C, GET[:9], TEXT)), (C, frame(C, b"hi", LAST | PING)),
         (C, frame(C, GET[9:], LAST | CONTINUES)), (S, frame(S, OK))],
        [*BEGINNING, (C, frame(C, GET, masked=False)), (S, frame(S, OK))],
        [*BEGINNING, (C, frame(C, GET)), (S, frame(S, OK, masked=True))],
        [*BEGINNING, (C, frame(C, GET)), *((S, frame(S, OK[at : at + 50])) for at in range(0, len(OK), 50))],
    ],
    ids=["a frame each", "with the answer", "between others", "in parts", "nobody masks", "all mask", "many frames"],
)  # fmt: skip
def test_http_inside_is_read(messages: Messages, tmp_path: Path) -> None:
    flow, rows = read(messages, tmp_path)
    assert exchange(rows) == WHOLE
    assert (flow["protocol"], flow["layers"][-3:], flow["confirmed"]) == ("http", INSIDE, True)


@pytest.mark.parametrize("seed", range(8))
def test_frames_and_segments_may_be_cut_anywhere(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)

    def apart(side: int, octets: bytes) -> Messages:
        places = sorted({0, len(octets), *(chance.randrange(len(octets)) for _ in range(6))})
        framed = b"".join(
            frame(side, b"12345"[: chance.randrange(6)], LAST | PING) * chance.randrange(2)
            + frame(side, octets[at:stop], (BINARY if at == 0 else CONTINUES) | (LAST if stop == len(octets) else 0))
            for at, stop in itertools.pairwise(places)
        )
        cuts = sorted({0, len(framed), *(chance.randrange(len(framed)) for _ in range(9))})
        return [(side, framed[at:stop]) for at, stop in itertools.pairwise(cuts)]

    hello = (C, frame(C, b"", LAST | PING))  # whole, so that they are known for frames
    flow, rows = read([*BEGINNING, hello, *apart(C, GET), *apart(S, OK)], tmp_path)
    assert exchange(rows) == WHOLE
    assert flow["layers"][-3:] == INSIDE


def test_flows_alone_tell_what_is_inside(tmp_path: Path) -> None:
    asks = ASKS.replace(b"Upgrade", b"User-Agent: Example/1.0\r\nUpgrade", 1)
    messages = [(C, asks), (S, AGREES), (C, frame(C, GET)), (S, frame(S, OK))]
    capture = write_pcap(tmp_path / "made.pcap", conversation(messages, stream=True))
    with sonde.read(capture, tables=["flows"], policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
    assert flow["layers"][-3:] == INSIDE


def test_another_switch_inside_is_followed(tmp_path: Path) -> None:
    asks, chosen = b"\5\1\0", b"\5\0"
    connects, granted = b"\5\1\0\1\xc6\x33\x64\1\0\x50", b"\5\0\0\1\0\0\0\0\0\0"
    spoken = [(C, asks), (S, chosen), (C, connects), (S, granted), (C, GET), (S, OK)]
    flow, rows = read([*BEGINNING, *((side, frame(side, each)) for side, each in spoken)], tmp_path)
    assert exchange(rows) == WHOLE
    assert flow["layers"][-1] == "http"


@pytest.mark.parametrize(
    ("messages", "remark"),
    [
        ([(S, frame(S, b"", LAST | PING)), (C, frame(C, GET, LAST | PACKED | TEXT)), (S, frame(S, OK))], "packed"),
        ([(S, frame(S, b"", LAST | PING)), (C, b"\x83\0" + frame(C, GET)), (S, frame(S, OK))], "no frame"),
        ([(S, frame(S, b"", LAST | PING)), (C, b"\x82\xff" + b"\xff" * 12 + GET), (S, frame(S, OK))], "no length"),
    ],
)
def test_what_cannot_be_followed_is_named_alone(messages: Messages, remark: str, tmp_path: Path) -> None:
    flow, rows = read([*BEGINNING, *messages], tmp_path)
    assert flow["layers"][-2:] == ["http", "websocket"], remark
    assert rows == []


def without(messages: Messages, lost: bytes, folder: Path) -> list[dict[str, Any]]:
    """Give the rows of http inside where the segment that ends with some octets is not in the capture."""
    made = conversation(messages, stream=True)
    (number,) = [number for number, (_, each) in enumerate(made) if each.endswith(lost)]
    capture = write_pcap(folder / "made.pcap", made[:number] + made[number + 1 :])
    with sonde.read(capture, tables=["flows", "http"], policy="clear") as dataset:
        (flow,), rows = dataset.flows.to_pylist(), dataset.http.to_pylist()
    assert flow["layers"][-3:] == INSIDE
    return sorted(rows, key=lambda row: row["ts"])[1:]


def test_octets_lost_within_a_frame_are_lost_of_what_is_inside(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20  # several segments
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5120\r\n\r\n" + body
    framed = frame(S, answer)
    messages = [*BEGINNING, (C, frame(C, GET)), (S, framed), (C, frame(C, GET)), (S, frame(S, OK))]
    first, second = without(messages, framed[1400:2800], tmp_path)
    assert (first["status_code"], first["response_body_len"]) == (200, 5120)
    assert exchange([second]) == WHOLE


def test_where_the_head_of_a_frame_is_lost_a_side_is_read_no_further(tmp_path: Path) -> None:
    lost = frame(S, OK.replace(b"x", b"y"))
    rows = without([*BEGINNING, (C, frame(C, GET)), (S, lost), (C, frame(C, GET)), (S, frame(S, OK))], lost, tmp_path)
    assert [(row["host"], row["status_code"]) for row in rows] == [("www.example.org", None)] * 2


def lane_of(capture: Path) -> Lane:
    """Carry a capture through a lane."""
    lane = Lane(make_plan(["flows", "http"], "clear"), 0, 1)
    for block in open_source(str(capture)).blocks():
        lane.take(block.wire, block.frames, block.first)
    list(lane.finish())
    return lane


def test_all_memory_is_given_back(tmp_path: Path) -> None:
    messages = [*BEGINNING, *[(C, frame(C, GET)), (S, frame(S, OK))] * 5]
    made = [each for port in range(20) for each in conversation(messages, stream=True, ports=(40000 + port, 80))]
    lane = lane_of(write_pcap(tmp_path / "made.pcap", made))
    streams = lane.shard.streams
    assert int(streams.pool.heads[IN_USE]) == 0
    assert streams.wraps.count.tolist() == [MOST_WRAPS, 0]


def test_streams_beyond_the_table_are_named_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "new_wraps", lambda: new_wraps(3))
    messages = [*BEGINNING, (C, frame(C, GET)), (S, frame(S, OK))]
    flows = [conversation(messages, stream=True, ports=(40000 + port, 80)) for port in range(5)]
    made = [each for turn in zip(*flows, strict=True) for each in turn]  # all at the same time
    lane = lane_of(write_pcap(tmp_path / "made.pcap", made))
    assert lane.tally()["wrap_table_full"] == 2
    wraps = lane.shard.streams.wraps
    assert (int(wraps.count[FREE]), int(wraps.count[REFUSED])) == (3, 2)

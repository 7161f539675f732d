"""Lead turns to a dissector: hold back what is incomplete, skip what nobody wants.

The driver's loop is made once for each dissector, around the dissector's own kernels
("loop in the file"): one call from Python serves all turns of a block.
"""

from typing import Any, NamedTuple

import numpy as np

from sonde.dissect.api import Dissector
from sonde.table.streams import (
    FINISHED,
    TOO_LONG,
    Streams,
    consume_held,
    hold,
    release_held,
    switch_stream,
)
from sonde.table.turns import AGAIN, DATAGRAM, FROM_WIRE, HELD, LOST
from sonde.wire import Int, Ints, Kernel, Row, Rows, Wire, kernel

# Places in Conns.count. Rows from FRESH on were never used: their memory is untouched.
FREE, WANTS_NAMES_ONLY, PROGRESS, REFUSED, FRESH = range(5)
AMPLE_CONNS = 1 << 15  # of a pool that grows: addresses, not memory, which is taken as rows are first used


class Conns(NamedTuple):
    """State rows of one dissector: a pool."""

    rows: Rows
    free: Ints
    count: Ints  # type: ignore[assignment] # tuple.count is not wanted
    blank: Rows


def new_conns(dissector: Dissector, capacity: int, *, names_only: bool = False) -> Conns:
    """Make room for the state of so many flows."""
    count = np.zeros(8, np.int64)
    count[WANTS_NAMES_ONLY] = names_only
    free = np.empty(capacity, np.int64)
    return Conns(np.zeros(capacity, dissector.state), free, count, np.zeros(1, dissector.state))


def grow_conns(conns: Conns, wanted: int, most: int) -> Conns:
    """See to it that so many rows are free, with at most `most` rows in all."""
    old, fresh, free = len(conns.rows), int(conns.count[FRESH]), int(conns.count[FREE])
    if free + old - fresh >= wanted or old >= most:
        return conns
    capacity = min(max(old * 2, fresh + wanted, AMPLE_CONNS), most)
    rows, larger = np.zeros(capacity, conns.rows.dtype), np.empty(capacity, np.int64)
    rows.view(np.uint8)[: fresh * rows.itemsize] = conns.rows[:fresh].view(np.uint8)  # not field by field
    larger[:free] = conns.free[:free]
    return Conns(rows, larger, conns.count, conns.blank)


class Drivers(NamedTuple):
    """The entry kernels of one dissector."""

    #: (wire, turns, order, conns, streams, out): read the turns numbered in `order`.
    read: Kernel[..., None]
    #: (ended, conns, streams, out): the flows of these stream rows ended.
    finish: Kernel[..., None]


@kernel
def conn_of(stream: Row, conns: Conns) -> Int:
    """Give the state row of a stream, made on first use; -1 where none is left."""
    if stream["conn"] >= 0:
        return np.int64(stream["conn"])
    if conns.count[FREE] > 0:
        conns.count[FREE] -= 1
        place = conns.free[conns.count[FREE]]
    elif conns.count[FRESH] < len(conns.rows):
        place = conns.count[FRESH]
        conns.count[FRESH] += 1
    else:
        conns.count[REFUSED] += 1
        return -1
    conns.rows[place] = conns.blank[0]
    conn = conns.rows[place]
    conn["flow"] = stream["flow"]
    conn["used"] = 1
    conn["names_only"] = conns.count[WANTS_NAMES_ONLY]
    stream["conn"] = place
    return place


@kernel
def release_conn(stream: Row, conns: Conns) -> None:
    """Give back the state row of a stream; its content stays readable until the next is taken."""
    row = np.int64(stream["conn"])
    stream["conn"] = -1
    conns.rows[row]["used"] = 0
    conns.free[conns.count[FREE]] = row
    conns.count[FREE] += 1


@kernel
def skip_some(conn: Row, side: Int, at: Int, end: Int) -> Int:
    """Pass over what the dissector asked to skip; give the new place."""
    skipped = min(conn["skip"][side], end - at)
    conn["skip"][side] -= skipped
    return at + skipped


@kernel
def keep_rest(streams: Streams, stream: Row, conn: Row, turn: Row, source: Wire, at: Int, end: Int, most: Int) -> None:
    """Hold back what an incomplete message left over."""
    side = np.int64(turn["side"])
    if end - at > most or not hold(streams, stream, side, source, at, end):
        streams.count[TOO_LONG] += 1
        conn["done"][side] = 1
        release_held(streams, stream, side)


@kernel
def show_rest(stream: Row, turn: Row) -> None:
    """Have what is left over where a stream switches identified at once: no other turn may come.

    What the other side has left came before; whoever routes a side's octets routes those first.
    """
    side = np.int64(turn["side"])
    if stream["held_length"][side] == 0:
        side = 1 - side
    if stream["held_length"][side] > 0:
        turn["protocol"], turn["kind"], turn["side"], turn["chunk_class"] = AGAIN, HELD, side, -1


def _advance_over(advance: Any) -> Any:  # noqa: ANN401
    """Make the loop that shows octets to `advance` until it needs more."""

    @kernel(name="advance_over")
    def advance_over(octets: Wire, at: Int, end: Int, conn: Row, turn: Row, out: Any) -> Int:  # noqa: ANN401
        side = np.int64(turn["side"])
        while at < end and conn["done"][side] == 0 and conn["switch"] == 0:
            used = advance(octets, at, end, conn, turn, out)
            if used <= 0:
                break
            at = min(at + used, end)
            if conn["skip"][side] > 0:
                at = skip_some(conn, side, at, end)
        return at

    return advance_over


def _feed(advance: Any, most: int) -> Any:  # noqa: ANN401
    """Make the kernel that brings one turn of a stream to `advance`."""
    advance_over = _advance_over(advance)

    @kernel(name="feed")
    def feed(octets: Wire, stream: Row, conn: Row, turn: Row, streams: Streams, out: Any) -> None:  # noqa: ANN401
        side = np.int64(turn["side"])
        at, end = turn["at"], turn["at"] + turn["length"]
        if conn["done"][side] == 1:
            release_held(streams, stream, side)
            return
        if turn["kind"] == LOST:
            covered = min(conn["skip"][side], turn["length"])
            conn["skip"][side] -= covered
            if covered < turn["length"]:
                conn["lost"][side] = 1
                conn["missing"][side] += turn["length"] - covered
                release_held(streams, stream, side)
            return
        if turn["kind"] != HELD:
            if conn["skip"][side] > 0:
                at = skip_some(conn, side, at, end)
            if stream["held_length"][side] == 0:
                at = advance_over(octets, at, end, conn, turn, out)
                if at < end and conn["done"][side] == 0:
                    keep_rest(streams, stream, conn, turn, octets, at, end, most)
                return
            if np.int64(stream["held_length"][side]) + end - at > most or not hold(
                streams, stream, side, octets, at, end
            ):
                streams.count[TOO_LONG] += 1
                conn["done"][side] = 1
                release_held(streams, stream, side)
                return
        held = stream["held_at"][side]
        if held < 0:
            return
        stop = held + np.int64(stream["held_length"][side])
        at = advance_over(streams.pool.octets, held, stop, conn, turn, out)
        if conn["done"][side] == 1:
            release_held(streams, stream, side)
        else:
            consume_held(streams, stream, side, at - held)

    return feed


def _step(dissector: Dissector) -> Any:  # noqa: ANN401
    """Make the kernel that brings one turn, of a stream or a datagram, to the dissector."""
    receive = dissector.receive
    if dissector.advance is None:

        @kernel(name="step")
        def step_datagram(octets: Wire, stream: Row, conn: Row, turn: Row, streams: Streams, out: Any) -> None:  # noqa: ANN401
            if turn["kind"] == DATAGRAM and conn["done"][np.int64(turn["side"])] == 0:
                receive(octets, turn["at"], turn["at"] + turn["length"], conn, turn, out)

        return step_datagram
    feed = _feed(dissector.advance, dissector.max_held)
    if receive is None:
        return feed

    @kernel(name="step")
    def step_both(octets: Wire, stream: Row, conn: Row, turn: Row, streams: Streams, out: Any) -> None:  # noqa: ANN401
        if turn["kind"] != DATAGRAM:
            feed(octets, stream, conn, turn, streams, out)
        elif conn["done"][np.int64(turn["side"])] == 0:
            receive(octets, turn["at"], turn["at"] + turn["length"], conn, turn, out)

    return step_both


def make_drivers(dissector: Dissector) -> Drivers:
    """Build the entry kernels around a dissector's own."""
    name = dissector.protocol.name
    step = _step(dissector)
    finish_conn = dissector.finish

    @kernel(name=f"read:{name}")
    def read(wire: Wire, turns: Rows, order: Ints, conns: Conns, streams: Streams, out: Any) -> None:  # noqa: ANN401
        # The place is kept, so that after a tripped bounds check the next turn is read.
        for place in range(conns.count[PROGRESS], len(order)):
            conns.count[PROGRESS] = place + 1
            turn = turns[order[place]]
            stream = streams.rows[turn["stream"]]
            if stream["protocol"] != turn["protocol"]:
                turn["protocol"] = AGAIN  # it switched just before
                continue
            row = np.int64(-1) if stream["state"] == FINISHED else conn_of(stream, conns)
            if row < 0:
                continue
            conn = conns.rows[row]
            octets = wire if turn["source"] == FROM_WIRE else streams.pool.octets
            step(octets, stream, conn, turn, streams, out)
            stream["confirmed"] = conn["confirmed"]
            if conn["switch"] == 1:
                switch_stream(stream)
                release_conn(stream, conns)
                finish_conn(conn, out)
                show_rest(stream, turn)
            elif conn["done"][0] == 1 and conn["done"][1] == 1:
                stream["violated"] = conn["violated"]
                stream["state"] = FINISHED
                release_held(streams, stream, 0)
                release_held(streams, stream, 1)
                release_conn(stream, conns)
                finish_conn(conn, out)
        conns.count[PROGRESS] = 0

    @kernel(name=f"finish:{name}")
    def finish(ended: Ints, conns: Conns, streams: Streams, out: Any) -> None:  # noqa: ANN401
        for place in range(conns.count[PROGRESS], len(ended)):
            conns.count[PROGRESS] = place + 1
            stream = streams.rows[ended[place]]
            row = np.int64(stream["conn"])
            if row < 0:
                continue
            stream["confirmed"] = conns.rows[row]["confirmed"]
            stream["violated"] = conns.rows[row]["violated"]
            release_conn(stream, conns)
            finish_conn(conns.rows[row], out)
        conns.count[PROGRESS] = 0

    return Drivers(read, finish)

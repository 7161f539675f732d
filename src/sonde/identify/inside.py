"""What frames carry: a protocol that wraps others (WebSocket) is taken off, and what is inside is a stream of its own.

Theory of operation. Once frames are known for what they are, all octets of their stream go through the wrapper's own
kernel, in a chunk of the pool, before anybody looks at them: identification and dissectors see the stream inside, as if
it stood alone. What cannot be followed (a gap in a head, frames that are packed) is looked at no further; the flow
keeps the wrapper's name.
"""

from collections.abc import Sequence

import numpy as np

from sonde.identify.choice import one_of
from sonde.identify.finish import give_up
from sonde.schema import Protocol
from sonde.table.pool import size_class, take
from sonde.table.streams import IDENTIFYING, Streams, hold, release_held, switch_stream
from sonde.table.turns import FROM_INSIDE, FROM_WIRE, HELD, LOST
from sonde.table.wraps import ASTRAY, take_wrap
from sonde.wire import Int, Kernel, Row, Wire, copy, kernel


@kernel
def go_astray(flow: Row, stream: Row, streams: Streams, wrap: Row, side: Int) -> None:
    """Follow the frames of a side no further; what a dissector was given before it will still read."""
    wrap["left"][side] = ASTRAY
    if stream["state"] == IDENTIFYING:
        give_up(flow, stream, streams)
    elif wrap["left"][1 - side] == ASTRAY:
        flow["inspect"] = 0


@kernel
def pass_lost(wrap: Row, side: Int, length: Int) -> bool:
    """Count octets that were never seen; say whether they are of what is inside."""
    if length > wrap["left"][side]:
        wrap["left"][side] = ASTRAY  # where the next frame begins is not known
        return True
    wrap["left"][side] -= length
    wrap["turned"][side] = (np.int64(wrap["turned"][side]) + length) & 3
    return bool(wrap["passed"][side] == 0)


def build_inside(protocols: Sequence[Protocol]) -> tuple[Kernel[..., None], Kernel[..., bool]]:
    """Make the kernels that begin with a stream inside another, and that unwrap a turn of it."""
    kernels = [protocol.unwrap for protocol in protocols if protocol.unwrap is not None]
    take_off = one_of("take_off", kernels, "octets, at, end, wrap, side", -1)

    @kernel(name="take_off_held")
    def take_off_held(streams: Streams, stream: Row, side: Int) -> bool:
        """Unwrap what is held back for a side; False where it cannot be followed."""
        held = stream["held_at"][side]
        if held < 0:
            return True
        wrap = streams.wraps.rows[np.int64(stream["wrap"])]
        stop = held + np.int64(stream["held_length"][side])
        end = take_off(np.int64(wrap["which"]), streams.pool.octets, held, stop, wrap, side)
        if end < 0:
            return False
        stream["held_length"][side] = end - held
        if end == held:
            release_held(streams, stream, side)
        return True

    @kernel(name="look_inside")
    def look_inside(octets: Wire, turn: Row, streams: Streams, flow: Row, which: Int) -> None:
        """Unwrap what came so far of a stream whose frames are known, this turn included, and begin anew with it."""
        stream, side = streams.rows[turn["stream"]], np.int64(turn["side"])
        at, end = turn["at"], turn["at"] + turn["length"]
        stream["wrap"] = take_wrap(streams.wraps, which)
        if stream["wrap"] < 0 or (
            turn["kind"] != HELD
            and stream["held_length"][side] == 0
            and not hold(streams, stream, side, octets, at, end)
        ):
            give_up(flow, stream, streams)
            return
        for each in range(2):
            if not take_off_held(streams, stream, each):
                give_up(flow, stream, streams)
                return
        switch_stream(stream)

    @kernel(name="unwrap_turn")
    def unwrap_turn(wire: Wire, turn: Row, streams: Streams, flow: Row) -> bool:
        """Have a turn be of the stream inside; False where it has nothing of it."""
        if turn["kind"] == HELD or turn["source"] == FROM_INSIDE:
            return True  # it was unwrapped before
        stream, side = streams.rows[turn["stream"]], np.int64(turn["side"])
        wrap, length, pool = streams.wraps.rows[np.int64(stream["wrap"])], turn["length"], streams.pool.octets
        if wrap["left"][side] == ASTRAY:
            return False
        if turn["kind"] == LOST:
            turn["source"] = FROM_INSIDE
            return pass_lost(wrap, side, length)
        if turn["chunk_class"] < 0:
            chunk_class = size_class(length)
            chunk = take(streams.pool, chunk_class)
            if chunk < 0:
                go_astray(flow, stream, streams, wrap, side)
                return False
            copy(wire if turn["source"] == FROM_WIRE else pool, turn["at"], turn["at"] + length, pool, chunk)
            turn["at"], turn["chunk"], turn["chunk_class"] = chunk, chunk, chunk_class
        turn["source"] = FROM_INSIDE
        end = take_off(np.int64(wrap["which"]), pool, turn["at"], turn["at"] + length, wrap, side)
        if end < 0:
            go_astray(flow, stream, streams, wrap, side)
            return False
        turn["length"] = end - turn["at"]
        return bool(end > turn["at"])

    return look_inside, unwrap_turn

"""From frames to turns in one pass: decode, fragments, flow, reassembly, frame by frame.

Theory of operation. A packet row is 136 octets. Kept for a whole block, the rows of all
frames would be written to memory and read back by each stage; here one frame's rows stay
in the processor's first cache while all stages see them. Each lane decodes every frame,
which is quick, and keeps to the packets of its own shard.
"""

from typing import NamedTuple

import numpy as np

from sonde.decode import CURSOR_SIZE, MOST_ROWS, decode_frame
from sonde.flow import update_flow
from sonde.policy import Scope, in_scope
from sonde.reassemble import (
    LARGEST_DATAGRAM,
    OVERLAPPED,
    PROGRESS,
    Arrivals,
    Fragments,
    add_fragment,
    order_packet,
)
from sonde.table.flows import FRAGMENT_OVERLAP, Flows
from sonde.table.frames import FRAME
from sonde.table.packets import DROPS, FRAGMENT_BAD, OUT_OF_SCOPE, PACKET
from sonde.table.streams import Streams
from sonde.wire import CACHE_LINE, Int, Ints, Row, Rows, Wire, kernel, prefetch

AHEAD_FRAMES = 16  # whose headers are fetched from memory meanwhile
RAW_IP = 101  # link type of a datagram put together from fragments


class Shard(NamedTuple):
    """What one lane carries frames with."""

    flows: Flows
    streams: Streams
    fragments: Fragments
    packets: Rows  # of one frame
    whole: Wire  # a datagram put together from fragments
    frame: Rows  # its frame
    cursor: Ints
    settings: Ints  # of decode
    limits: Ints  # of flow
    servers: Wire
    chosen: Ints  # of reassemble
    undecoded: Ints  # frames that decode dropped; the same in every lane
    drops: Ints  # what was dropped of this lane's own
    lane: Ints  # its number
    scope: Scope  # declared networks


def new_shard(
    flows: Flows, streams: Streams, fragments: Fragments, chosen: tuple[Ints, Ints, Wire, Ints, Scope], lane: int
) -> Shard:
    """Put a lane's tables together with what was chosen: settings, limits, servers, overlaps, scope."""
    settings, limits, servers, overlaps, scope = chosen
    return Shard(
        flows,
        streams,
        fragments,
        np.zeros(MOST_ROWS, PACKET),
        np.zeros(LARGEST_DATAGRAM, np.uint8),
        np.zeros(1, FRAME),
        np.zeros(CURSOR_SIZE, np.int64),
        settings,
        limits,
        servers,
        overlaps,
        np.zeros(len(DROPS), np.int64),
        np.zeros(len(DROPS), np.int64),
        np.array([lane], np.int64),
        scope,
    )


@kernel
def carry_frames(wire: Wire, frames: Rows, first: Int, some: Int, shard: Shard, turns: Rows) -> None:
    """Carry so many frames of a block through to turns, from the place on that chosen[PROGRESS] keeps."""
    begin = shard.chosen[PROGRESS]
    for number in range(begin, min(begin + some, len(frames))):
        shard.chosen[PROGRESS] = number + 1
        if number + AHEAD_FRAMES < len(frames):
            ahead = frames[number + AHEAD_FRAMES]["at"]
            prefetch(wire, ahead)
            prefetch(wire, ahead + CACHE_LINE)
        work = (shard.settings, shard.cursor)
        count = decode_frame(wire, frames[number], first + number, (shard.packets, 0), shard.undecoded, work)
        if len(shard.scope.high) and count > 0 and not in_scope(shard.packets, count, shard.scope):
            shard.undecoded[OUT_OF_SCOPE] += 1
            continue
        row, is_whole = np.int64(0), False
        while row < count:
            packet = shard.packets[row]
            row += 1
            if packet["fragment"] == 0:
                if packet["lane"] == shard.lane[0]:
                    carry_packet(wire, packet, shard, turns)
                    if is_whole and shard.fragments.choice[OVERLAPPED] and packet["flow"] >= 0:
                        shard.flows.rows[packet["flow"]]["oddities"] |= FRAGMENT_OVERLAP
            elif is_whole:
                if packet["outer"] == 0:
                    shard.undecoded[FRAGMENT_BAD] += 1  # fragments within a datagram that was one
            else:  # the last row of its frame; each lane puts all together: what a tunnel carries may be of any lane
                length = add_fragment(wire, packet, shard.fragments, shard.whole, shard.undecoded)
                if length > 0:
                    row, count, is_whole = np.int64(0), decode_whole(packet, length, shard), True


@kernel(inline=True)
def carry_packet(wire: Wire, packet: Row, shard: Shard, turns: Rows) -> None:
    """Carry one packet through flow and reassembly."""
    slot = update_flow(shard.flows, packet, shard.limits, shard.servers, shard.drops)
    if slot >= 0:
        arrivals = Arrivals(wire, shard.whole, shard.packets)
        order_packet(arrivals, packet, shard.flows, shard.streams, turns, shard.chosen)


@kernel
def decode_whole(fragment: Row, length: Int, shard: Shard) -> Int:
    """Decode a datagram that its last fragment made whole; give how many packets take that one's place."""
    frame = shard.frame[0]
    frame["ts"] = fragment["ts"]
    frame["at"] = 0
    frame["length"] = length
    frame["original"] = length
    frame["link"] = RAW_IP
    number, vlan, inner_vlan = fragment["frame"], fragment["vlan"], fragment["inner_vlan"]
    tunnels, tunnel_id = fragment["tunnels"], fragment["tunnel_id"]
    work = (shard.settings, shard.cursor)
    count = decode_frame(shard.whole, frame, number, (shard.packets, 0), shard.undecoded, work)
    for row in range(count):
        packet = shard.packets[row]
        packet["source"] = 1
        packet["vlan"] = vlan
        packet["inner_vlan"] = inner_vlan
        if tunnels and packet["tunnels"] == 0:
            packet["tunnels"] = tunnels
            packet["tunnel_id"] = tunnel_id
    return count

"""A workbench for the path from frames to turns and flow records, without identification.

carriage = Carriage()
carriage.carry(conversation([(0, b"hello")], stream=True))
carriage.finish()
carriage.shown[(1, 0)]      # what side 0 of the flow begun by frame 1 showed: octets, or a number lost
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sonde.decode import settings
from sonde.flow import Limits, end_flows, make_room, sweep_flows
from sonde.pipeline.carry import carry_frames, new_shard
from sonde.policy import Network, new_scope
from sonde.reassemble import (
    MOST_AHEAD_OCTETS,
    PROGRESS,
    TURNS,
    close_ended,
    count_pending,
    flush_ended,
    new_fragments,
    release_turns,
)
from sonde.table.flows import ENDED, FORCED_END, LATEST, free_ended, grow_buckets, new_flows, open_slots
from sonde.table.frames import FRAME
from sonde.table.packets import DROPS, PACKET
from sonde.table.streams import new_streams
from sonde.table.turns import DATAGRAM, FROM_POOL, LOST, TURN
from tests.maker import Frame

ETHERNET = 1
Shown = dict[tuple[int, int], list[bytes | int]]


class Carriage:
    """Carries blocks of frames and keeps what they showed."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        most_flows: int = 1 << 10,
        later_wins: bool = False,
        most_ahead: int = MOST_AHEAD_OCTETS,
        servers: set[int] | None = None,
        verify: bool = False,
        networks: Iterable[Network] = (),
    ) -> None:
        self.limits = (limits or Limits()).as_array()
        chosen = np.array([0, later_wins, most_ahead, 0], np.int64)
        ports = np.zeros(65536, np.uint8)
        for port in servers or ():
            ports[port] = 3
        self.shard = new_shard(
            new_flows(most_flows),
            new_streams(1 << 10, 1 << 22),
            new_fragments(later_wins=later_wins),
            (settings(verify=verify, lanes=1, key=7), self.limits, ports, chosen, new_scope(networks)),
            0,
        )
        self.turns = np.zeros(1 << 16, TURN)
        self.shown: Shown = {}
        self.datagrams: Shown = {}
        self.records: list[dict[str, Any]] = []
        self.frames = 0

    def carry(self, frames: list[Frame]) -> None:
        """Carry a block of frames."""
        wire = b"".join(octets for _, octets in frames) or b"\0"
        rows, at = np.zeros(len(frames), FRAME), 0
        for row, (ts, octets) in zip(rows, frames, strict=True):
            row["ts"], row["at"], row["link"] = ts, at, ETHERNET
            row["length"] = row["original"] = len(octets)
            at += len(octets)
        shard = self.shard
        shard.chosen[TURNS] = shard.chosen[PROGRESS] = 0
        carry_frames(np.frombuffer(wire, np.uint8), rows, self.frames, len(rows), shard, self.turns)
        self.frames += len(frames)
        make_room(shard.flows, len(frames))
        sweep_flows(shard.flows, 0, shard.limits)
        self.shard = shard._replace(flows=grow_buckets(shard.flows))
        self._settle(np.frombuffer(wire, np.uint8))

    def finish(self) -> None:
        """End every flow."""
        flows = self.shard.flows
        end_flows(flows, open_slots(flows), FORCED_END, int(flows.count[LATEST]), self.shard.limits)
        self.shard.chosen[TURNS] = 0
        self._settle(np.zeros(1, np.uint8))

    def drops(self) -> dict[str, int]:
        """Give what was dropped, by reason; fragments that never became whole among it."""
        counts = self.shard.undecoded + self.shard.drops
        counts[DROPS.index("fragment_incomplete")] += count_pending(self.shard.fragments)
        return {name: int(count) for name, count in zip(DROPS, counts, strict=True) if count}

    def _settle(self, wire: np.ndarray) -> None:
        flows, streams = self.shard.flows, self.shard.streams
        flush_ended(flows, streams, np.zeros(1, PACKET), self.turns, self.shard.chosen)
        turns = self.turns[: self.shard.chosen[TURNS]]
        for turn in turns:
            octets = streams.pool.octets if turn["source"] == FROM_POOL else wire
            whole = octets[turn["at"] : turn["at"] + turn["length"]].tobytes()
            kept = self.datagrams if turn["kind"] == DATAGRAM else self.shown
            first = int(flows.rows[turn["flow"]]["frame"])
            found = kept.setdefault((first, int(turn["side"])), [])
            found.append(int(turn["length"]) if turn["kind"] == LOST else whole)
        release_turns(streams, turns)
        close_ended(flows, streams)
        taken = flows.rows[flows.ended[: flows.count[ENDED]]]
        free_ended(flows)
        for row in taken:
            self.records.append({name: row[name].tolist() for name in row.dtype.names or ()})

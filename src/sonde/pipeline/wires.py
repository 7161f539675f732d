"""What a probe reads from, made alike: rings of interfaces, and a pipe; each tells the state what it knows."""

from collections.abc import Callable, Iterator

from sonde.pipeline.state import State
from sonde.source import SourceError
from sonde.source.paced import Paced
from sonde.source.ring import Rings
from sonde.table.frames import Block, SourceReport


class RingInput:
    """Interfaces."""

    kind = "interface"

    def __init__(self, rings: Rings) -> None:
        """Take rings on which nothing was let in yet."""
        self.rings = rings
        self.report: SourceReport = rings.report
        self.rehearse, self.release, self.close = rings.rehearse, rings.release, rings.close
        self.stop, self.cut, self.leave = rings.stop, rings.cut, rings.leave

    @property
    def is_gone(self) -> bool:
        """Say whether no interface that was opened is left; one that is made anew is another."""
        return not any(each.is_there for each in self.rings.counts.values())

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Give blocks of frames."""
        return self.rings.blocks(first)

    def choose(self, compiled: Callable[[int], bytes]) -> None:
        """Have only frames in that a filter chooses, compiled for each link type."""
        self.rings.choose({link: compiled(link) for link in {each.link for each in self.rings.sockets}})

    def watch(self, state: State) -> None:
        """Tell what interfaces gave and rings hold."""
        for name, counts in self.rings.counts.items():
            told = state.interface(name)
            told.received, told.kernel_drops, told.freezes = counts.received, counts.kernel_drops, counts.freezes
            told.octets, told.is_up = counts.octets, counts.is_up
        state.ring_octets, state.ring_used_octets = self.rings.octets, self.rings.used_octets


class PipeInput:
    """A capture from a pipe."""

    NAME = "standard input"
    kind = "pipe"

    def __init__(self, paced: Paced) -> None:
        """Take a pipe of which nothing was read."""
        self.paced = paced
        self.report: SourceReport = paced.report
        self.rehearse, self.release, self.close = paced.rehearse, paced.release, paced.close
        self.stop, self.cut = paced.stop, paced.cut

    @property
    def is_gone(self) -> bool:
        """Say no: a pipe ends by itself."""
        return False

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Give blocks of frames."""
        return self.paced.blocks(first)

    def choose(self, compiled: Callable[[int], bytes]) -> None:  # noqa: ARG002 - as every input is asked
        """Refuse: who writes into the pipe filters."""
        raise SourceError("A pipe is filtered by whoever writes to it; leave --filter away.")

    def leave(self) -> None:
        """Do nothing: standard input is our caller's."""

    def watch(self, state: State) -> None:
        """Tell what came; nothing is dropped on the way through a pipe."""
        told = state.interface(self.NAME)
        told.received, told.octets = self.paced.passed, self.paced.octets


__all__ = ["PipeInput", "RingInput"]

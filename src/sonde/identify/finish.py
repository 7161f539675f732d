"""The end of looking at a flow."""

from sonde.table.streams import FINISHED, Streams, release_held
from sonde.wire import Row, kernel


@kernel
def give_up(flow: Row, stream: Row, streams: Streams) -> None:
    """Look no further at a flow."""
    stream["state"] = FINISHED
    flow["inspect"] = 0
    release_held(streams, stream, 0)
    release_held(streams, stream, 1)

"""Turns: what the ordered streams and datagrams bring, one row for each arrival.

`reassemble` writes them, `identify` names their protocol, `dissect` reads them.
"""

import numpy as np

# kind of a turn
DATA = 0  # the next octets of a TCP stream
DATAGRAM = 1  # one UDP payload
LOST = 2  # `length` octets of a stream that were never seen
HELD = 3  # octets held back for this side wait to be read

TURN = np.dtype(
    [
        ("ts", "i8"),  # of the packet, ns
        ("flow", "i8"),  # slot in the flow table
        ("stream", "i8"),  # row of the flow's stream state
        ("frame", "i8"),  # number of the frame in the input
        ("at", "i8"),  # first octet, in the wire or in the pool
        ("length", "i8"),  # octets at hand
        ("chunk", "i8"),  # that chunk
        ("missing", "i8"),  # octets that the capture cut off after them
        ("orig_port", "i4"),
        ("resp_port", "i4"),
        ("protocol", "i2"),  # number in the catalogue; -1 unknown
        ("kind", "u1"),
        ("side", "u1"),  # 0 from the originator, 1 from the responder
        ("source", "u1"),  # 0 the wire, 1 the pool, 2 the pool, without the frames that were around it
        ("chunk_class", "i1"),  # of the pool chunk to give back afterwards; -1 none
        ("transport", "u1"),  # IP protocol number
        ("midstream", "u1"),  # the stream's beginning was not seen
    ],
    align=True,
)

FROM_WIRE, FROM_POOL, FROM_INSIDE = range(3)
AGAIN = -2  # as `protocol`: the stream turned into another protocol, which has to be identified

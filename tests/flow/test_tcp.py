"""TCP flows: conn_state and history as Zeek's reference describes them, for segments written by hand."""

from typing import Any

import numpy as np
import pytest

from sonde.flow import Limits, update_flows
from sonde.record.flow_record import STATES, states
from sonde.table.flows import new_flows
from sonde.table.packets import ACK, DROPS, FIN, PACKET, RST, SYN

CLIENT, SERVER, PORT, OWN_PORT = 0xFFFF_C0000207, 0xFFFF_C0000201, 80, 40000
MULTICAST, BROADCAST = 0xFFFF_E00000FB, 0xFFFF_FFFFFFFF
#: Sequence numbers at which the two sides begin; the second is about to wrap.
BEGIN = (1000, 0xFFFFFFF0)
Segment = tuple[Any, ...]


def segments(script: str) -> list[Segment]:
    """Read `> S`, `< S.`, `> 10`, `> 10-4` (10 octets, 4 captured), `> +10` (unseen), `> F.`, `< R 5` and so on.

    Octets are sent and acknowledged in order. A dot is ACK; a number behind R shifts its sequence number.
    """
    sent = list(BEGIN)
    found: list[Segment] = []
    for line in script.split(","):
        arrow, what, *rest = line.split()
        side = 0 if arrow == ">" else 1
        if what.startswith("+"):
            sent[side] += int(what[1:])
            continue
        flags = sum({"S": SYN, "F": FIN, "R": RST, ".": ACK}.get(letter, 0) for letter in what)
        length, seen = 0, 0
        if what[0].isdigit():
            flags, (length, seen) = ACK, (int(part) for part in (what.split("-") * 2)[:2])
        shift = int(rest[0]) if rest else 0
        found.append((side, flags, (sent[side] + shift) % 2**32, sent[1 - side] % 2**32, length, seen))
        sent[side] += length + (1 if flags & (SYN | FIN) else 0)
    return found


def flows_of(found: list[Segment], *, port: int = PORT, servers: tuple[int, ...] = ()) -> Any:
    packets = np.zeros(len(found), PACKET)
    for number, (side, flags, seq, ack, length, seen) in enumerate(found):
        packet = packets[number]
        packet["ts"], packet["frame"] = number * 1_000_000, number
        packet["src_low"], packet["dst_low"] = (CLIENT, SERVER) if side == 0 else (SERVER, CLIENT)
        packet["src_port"], packet["dst_port"] = (OWN_PORT, port) if side == 0 else (port, OWN_PORT)
        packet["transport"], packet["version"], packet["vlan"] = 6, 4, -1
        packet["tcp_flags"], packet["seq"], packet["ack"], packet["window"] = flags, seq, ack, 1000
        packet["payload_length"], packet["payload_wire"], packet["ip_octets"] = seen, length, 40 + length
    return update(packets, servers)


def update(packets: Any, servers: tuple[int, ...] = ()) -> Any:
    flows, known = new_flows(16), np.zeros(65536, np.uint8)
    known[list(servers)] = 3
    update_flows(flows, packets, Limits().as_array(), known, np.zeros(len(DROPS), np.int64))
    return flows.rows[flows.rows["used"] == 1]


def tell(script: str, **kwargs: Any) -> tuple[str, str, int]:
    rows = flows_of(segments(script), **kwargs)
    assert len(rows) == 1
    history = rows[0]["history"][: rows[0]["letters"]].tobytes().decode()
    return STATES[states(rows)[0]], history, int(rows[0]["missed"].sum())


OPEN = "> S, < S., > ."


@pytest.mark.parametrize(
    ("script", "state", "history"),
    [
        ("> S", "S0", "S"),
        ("> S, < R.", "REJ", "Sr"),
        (OPEN, "S1", "ShA"),
        (f"{OPEN}, > 10, < ., < 20, > F., < F., > .", "SF", "ShADadFf"),
        (f"{OPEN}, > F.", "S2", "ShAF"),
        (f"{OPEN}, < F.", "S3", "ShAf"),
        (f"{OPEN}, > 10, > R", "RSTO", "ShADR"),
        (f"{OPEN}, > 10, < R", "RSTR", "ShADr"),
        ("> S, > R", "RSTOS0", "SR"),
        ("> S, > F.", "SH", "SF"),
        ("> 10, < 20, > 5", "OTH", "Dd"),
        ("> R", "OTH", "R"),  # a lone reset: nothing is known of what it ended
        ("> 10, < R", "RSTRH", "Dr"),
        # Behind a side's own FIN its reset says nothing; where it takes the FIN back, it does.
        (f"{OPEN}, > F., > R, < F.", "SF", "ShAFRf"),
        (f"{OPEN}, < F., < R -1", "RSTR", "ShAfr"),
        (f"{OPEN}, > F., < F., > R -1", "SF", "ShAFfR"),
    ],
)
def test_states_and_histories(script: str, state: str, history: str) -> None:
    assert tell(script) == (state, history, 0)


@pytest.mark.parametrize(
    ("script", "history", "missed"),
    [
        (f"{OPEN}, > 10, > +7, < .", "ShADaG", 7),  # acknowledged, and never seen
        (f"{OPEN}, > 10, > +7, > 5", "ShAD", 0),  # it may still come
        (f"{OPEN}, > 10-4, < .", "ShADaG", 6),  # the capture kept four octets of ten
        (f"{OPEN}, < 30-0, > .", "ShAdg", 30),  # and here none
    ],
)
def test_what_the_receiver_has_and_we_have_not_is_missed(script: str, history: str, missed: int) -> None:
    assert tell(script)[1:] == (history, missed)


def test_who_answers_a_syn_is_the_responder() -> None:
    # The first segment seen is the SYN-ACK, from a port where servers are expected and to such a port.
    rows = flows_of([(1, SYN | ACK, 7, 1001, 0, 0)], port=8000, servers=(8000, OWN_PORT))
    assert (int(rows[0]["orig_low"]), rows[0]["history"][:2].tobytes()) == (CLIENT, b"^h")


@pytest.mark.parametrize(("group", "flipped"), [(SERVER, True), (MULTICAST, False), (BROADCAST, False)])
def test_a_group_is_no_originator(group: int, flipped: bool) -> None:
    packets = np.zeros(1, PACKET)
    packets["src_low"], packets["dst_low"] = CLIENT, group
    packets["src_port"], packets["dst_port"], packets["transport"] = 67, 68, 17
    rows = update(packets, servers=(67,))
    assert (int(rows[0]["orig_low"]) == group) == flipped

"""Who began a flow whose beginning was not seen: by ports, and where they are alike by what is said."""

from pathlib import Path

import pytest

import sonde
from tests.maker import CLIENT, SERVER, conversation, write_pcap

QUERY = bytes.fromhex("00070100000100000000000007 6578616d706c65 036f7267 00 00010001".replace(" ", ""))
ANSWER = QUERY[:2] + b"\x81\x80" + QUERY[4:]  # RFC 1035 §4.1.1: QR
ASKS, TELLS = b"\x23" + bytes(47), b"\x24\x01" + bytes(46)  # RFC 5905 §7.3: version 4, modes 3 and 4
C, S = 0, 1


@pytest.mark.parametrize(
    ("port", "messages", "first"),
    [
        (53, [(S, ANSWER), (C, QUERY)], CLIENT),
        (53, [(C, QUERY), (S, ANSWER)], CLIENT),
        (53, [(S, QUERY)], SERVER),
        (53, [(S, ANSWER[:11])], SERVER),
        (5353, [(S, ANSWER)], CLIENT),
        (123, [(S, TELLS), (C, ASKS)], CLIENT),
        (123, [(S, ASKS)], SERVER),
        (123, [(S, TELLS[:47])], SERVER),
        (5000, [(S, ANSWER)], SERVER),
    ],
)
def test_an_answer_comes_from_the_responder(
    port: int, messages: list[tuple[int, bytes]], first: str, tmp_path: Path
) -> None:
    capture = write_pcap(tmp_path / "made.pcap", conversation(messages, stream=False, ports=(port, port)))
    with sonde.read(capture, tables=["flows"], policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
    assert flow["orig_ip"] == first
    assert flow["history"].startswith("^") == (messages[0][0] == S and first == CLIENT)


def test_an_answer_to_a_group_is_its_sender_s_own(tmp_path: Path) -> None:
    made = conversation([(C, ANSWER)], stream=False, ports=(5353, 5353), hosts=(CLIENT, "224.0.0.251"))
    with sonde.read(write_pcap(tmp_path / "made.pcap", made), tables=["flows"], policy="clear") as dataset:
        (flow,) = dataset.flows.to_pylist()
    assert (flow["orig_ip"], flow["history"]) == (CLIENT, "D")

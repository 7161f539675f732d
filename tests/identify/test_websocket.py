"""WebSocket behind an upgrade: the frames of RFC 6455, section 5.7, and what is none."""

import numpy as np
import pytest

from sonde.identify.protocols.websocket import PROTOCOL, identify
from sonde.schema import FROM_RESP, INSIDE, STREAM, Verdict

HELLO, MASKED = "81 05 48656c6c6f", "81 85 37fa213d 7f9f4d5158"
PART, REST = "01 03 48656c", "80 02 6c6f"
PING, PONG = "89 05 48656c6c6f", "8a 85 37fa213d 7f9f4d5158"
BINARY, LONG = "82 7e 0100" + "00" * 256, "82 7f 0000000000010000"
CLIENT, SERVER = INSIDE | STREAM, INSIDE | STREAM | FROM_RESP


def verdict(text: str, hint: int) -> int:
    octets = np.frombuffer(bytes.fromhex(text.replace(" ", "")), np.uint8)
    behind = np.concatenate([octets, np.full(16, 0x81, np.uint8)])
    return int(identify(behind, np.int64(0), np.int64(len(octets)), np.int64(hint)))


@pytest.mark.parametrize("text", [HELLO, PING, BINARY, PART + REST, HELLO + PING, HELLO + BINARY[:200]])
def test_frames_of_a_server_are_known_behind_an_upgrade_alone(text: str) -> None:
    assert verdict(text, SERVER) == Verdict.YES
    assert verdict(text, STREAM | FROM_RESP) == verdict(text, INSIDE | FROM_RESP) == Verdict.NO
    assert verdict(text, CLIENT) == Verdict.NO  # §5.1: a client masks


@pytest.mark.parametrize("text", [MASKED, PONG, MASKED + PONG])
def test_frames_of_a_client_are_masked(text: str) -> None:
    assert (verdict(text, CLIENT), verdict(text, SERVER)) == (Verdict.YES, Verdict.NO)


@pytest.mark.parametrize("text", [LONG, BINARY[:30], "81", "82 7e", "82 7f 000000"])
def test_a_frame_that_goes_on_needs_the_other_side(text: str) -> None:
    assert verdict(text, SERVER) == Verdict.MAYBE


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (REST, "continues nothing"), ("91 01 00", "a reserved bit"), ("83 01 00", "no such kind"), ("8b 00", "nor"),
        ("09 00", "a ping in parts"), ("c9 00", "a ping that is compressed"), ("89 7e 0080", "a ping that is long"),
        ("82 7e 0005 0000000000", "a length that needs less"), ("82 7f 0000000000000100", "likewise"),
        ("82 7f ffffffffffffffff", "a length of which the highest bit is set"), (HELLO + "ff00", "no frame behind it"),
    ],
)  # fmt: skip
def test_what_is_no_frame(text: str, remark: str) -> None:
    assert verdict(text, SERVER) == Verdict.NO, remark


def test_others_are_not_asked() -> None:
    assert not {b"G"[0], b"S"[0], b"P"[0], 0x16} & set(PROTOCOL.first_octets)
